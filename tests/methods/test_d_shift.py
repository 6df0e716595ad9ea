"""`d_shift`: D sees moved images in training, and is else what it was."""

import keras
import numpy as np
import pytest
from contract_cases import images, rows

import kerasos
from kerasos.layers.counted_shift import CountedShift, shifted

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


def built(method, d_shift, seed=3):
    x, y = images()
    cls = kerasos.get_method(method)
    return cls.from_data(x, y, seed=seed, d_shift=d_shift, **METHODS[method])


def discriminator(model):
    return model.trunk if hasattr(model, "trunk") else model.discriminator


def shifts(model):
    return [x for x in discriminator(model).layers if isinstance(x, CountedShift)]


def features(model, x, training):
    network = discriminator(model)
    labels = np.eye(3, dtype="float32")[np.arange(len(x)) % 3]
    inputs = [x, labels] if len(network.inputs) == 2 else x
    return keras.ops.convert_to_numpy(network(inputs, training=training))


@pytest.mark.parametrize("method", METHODS)
def test_only_the_training_of_d_sees_moved_images(method):
    plain, moving = built(method, 0.0), built(method, 0.25)
    weights = [discriminator(model).trainable_variables for model in (plain, moving)]
    assert [w.shape for w in weights[0]] == [w.shape for w in weights[1]]
    shape = discriminator(plain).input_shape
    shape = shape[0] if isinstance(shape, list) else shape
    x = np.random.default_rng(0).uniform(0, 1, (6, *shape[1:])).astype("float32")
    np.testing.assert_array_equal(
        features(moving, x, training=False), features(plain, x, training=False)
    )
    assert not shifts(plain)
    (shift,) = shifts(moving)
    features(moving, x, training=True)
    assert int(shift.training_calls.numpy()) == 1


def test_the_network_gets_what_the_layer_gives():
    inputs = keras.Input((8, 6, 1))
    flat = keras.Model(inputs, keras.layers.Flatten()(inputs), name="d")
    moving = shifted(flat, 0.25, seed=7)
    layer = CountedShift(0.25, moving.get_layer("shift").seed)
    x = np.random.default_rng(0).normal(size=(9, 8, 6, 1)).astype("float32")
    expected = np.reshape(layer(x, training=True), (9, 48))
    assert np.any(expected != x.reshape(9, 48))
    np.testing.assert_array_equal(moving(x, training=True), expected)


def test_training_goes_on_after_loading_as_without_a_break(tmp_path):
    data = kerasos.data.batches(*images(), 8, seed=0, steps_per_epoch=2)
    model = built("acgan", 0.25)
    model.fit(data, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for one in (model, loaded):
        one.fit(data, epochs=2, initial_epoch=1, verbose=0)
    (shift,) = shifts(model)
    # Four steps: D's real and generated batch, G's, and two of the classifier.
    assert int(shift.training_calls.numpy()) == 4 * 5
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_with_moved_images_activegan_takes_the_rate_of_d_for_g():
    plain, moving = (
        kerasos.ActiveGAN.from_data(
            *images(), seed=0, d_shift=share, **METHODS["activegan"]
        )
        for share in (0.0, 0.125)
    )
    assert (plain.lr_g, plain.lr_d) == (1e-3, 2e-4)
    assert (moving.lr_g, moving.lr_d) == (2e-4, 2e-4)


def test_what_cannot_be_moved_is_refused():
    with pytest.raises(ValueError, match="moves images.*rows of 6 numbers"):
        kerasos.ACGAN.from_data(*rows(), d_shift=0.125)
    with pytest.raises(ValueError, match="moves images"):
        kerasos.CGAN.from_data(*images(), variant="gamo", d_shift=0.125)
    with pytest.raises(ValueError, match="Invalid `d_shift`"):
        kerasos.ACGAN.from_data(*images(), d_shift=2.0)
    with pytest.raises(TypeError, match="d_shift"):
        kerasos.CVAE.from_data(*images(), d_shift=0.125)
