"""`d_augment`: D sees changed images in training, and is else what it was."""

import keras
import numpy as np
import pytest
from contract_cases import images, rows

import kerasos
from kerasos.layers.diff_augment import POLICY
from kerasos.randomness.counted_layers import CountedNoise

METHODS = {
    "cgan": {},
    "cdcgan": {},
    "acgan": {},
    "infogan": {},
    "imsic": {},
    "activegan": {
        "lam": 0.0,
        "features": "pixels",
        "svm": {"kernel": "linear", "C": 1.0},
    },
}


def built(method, d_augment, seed=3):
    x, y = images()
    cls = kerasos.get_method(method)
    return cls.from_data(x, y, seed=seed, d_augment=d_augment, **METHODS[method])


def discriminator(model):
    return model.trunk if hasattr(model, "trunk") else model.discriminator


def changes(model):
    layers = discriminator(model).layers
    return [x for x in layers if isinstance(x, CountedNoise) and x.name in POLICY]


def features(model, x, training):
    network = discriminator(model)
    labels = np.eye(3, dtype="float32")[np.arange(len(x)) % 3]
    inputs = [x, labels] if len(network.inputs) == 2 else x
    return keras.ops.convert_to_numpy(network(inputs, training=training))


@pytest.mark.parametrize("method", METHODS)
def test_only_the_training_of_d_sees_changed_images(method):
    plain, changed = built(method, ()), built(method, ("cutout", "color"))
    weights = [discriminator(model).trainable_variables for model in (plain, changed)]
    assert [w.shape for w in weights[0]] == [w.shape for w in weights[1]]
    shape = discriminator(plain).input_shape
    shape = shape[0] if isinstance(shape, list) else shape
    x = np.random.default_rng(0).uniform(0, 1, (6, *shape[1:])).astype("float32")
    np.testing.assert_array_equal(
        features(changed, x, training=False), features(plain, x, training=False)
    )
    assert not changes(plain)
    color, cutout = changes(changed)
    low, high = changed.model_range
    assert (color.width, cutout.fill) == ((high - low) / 2, (high + low) / 2)
    features(changed, x, training=True)
    assert int(color.training_calls.numpy()) == int(cutout.training_calls.numpy()) == 1


def test_training_goes_on_after_loading_as_without_a_break(tmp_path):
    data = kerasos.data.batches(*images(), 8, seed=0, steps_per_epoch=2)
    model = built("acgan", POLICY)
    model.fit(data, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for one in (model, loaded):
        one.fit(data, epochs=2, initial_epoch=1, verbose=0)
    for change in changes(model):
        # Four steps: D's real and generated batch, G's, and two of the classifier.
        assert int(change.training_calls.numpy()) == 4 * 5
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_with_changed_images_activegan_takes_the_rate_of_d_for_g():
    plain, moving = (
        kerasos.ActiveGAN.from_data(
            *images(), seed=0, d_augment=policy, **METHODS["activegan"]
        )
        for policy in ((), ("translation",))
    )
    assert (plain.lr_g, plain.lr_d) == (1e-3, 2e-4)
    assert (moving.lr_g, moving.lr_d) == (2e-4, 2e-4)


def test_what_cannot_be_changed_is_refused():
    policy = ("translation",)
    with pytest.raises(ValueError, match="changes images.*rows of 6 numbers"):
        kerasos.ACGAN.from_data(*rows(), d_augment=policy)
    with pytest.raises(ValueError, match="changes images"):
        kerasos.CGAN.from_data(*images(), variant="gamo", d_augment=policy)
    with pytest.raises(ValueError, match="Invalid `d_augment`"):
        kerasos.ACGAN.from_data(*images(), d_augment=("colour",))
    with pytest.raises(ValueError, match="Invalid `d_augment`"):
        kerasos.ACGAN.from_data(*images(), d_augment="color")
    with pytest.raises(TypeError, match="d_augment"):
        kerasos.CVAE.from_data(*images(), d_augment=policy)
