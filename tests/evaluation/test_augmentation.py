"""Augmentation in the training graph: only there, saved, and as `augment` does it."""

import keras
import numpy as np
import pytest

from kerasos.callbacks import AtomicBackup
from kerasos.data import DataSpec, batches
from kerasos.evaluation import augmented, fajardo_mlp, gamo_classifier, strong_cnn
from kerasos.evaluation.augmentation import RandomAffine
from kerasos.over_sampling import AugmentOversampler

COUNTS = (14, 6, 4)
SPEC = DataSpec((8, 8, 1), "uint8", (0, 255), COUNTS)
Y = np.repeat(np.arange(3), COUNTS)
X = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1)).astype("uint8")


def layer_of(model):
    (layer,) = [part for part in model.layers if isinstance(part, RandomAffine)]
    return layer


def test_inference_is_that_of_the_model_and_weights_are_shared():
    model = strong_cnn(SPEC, seed=1)
    moving = augmented(model, seed=1)
    expected = model.predict(X, verbose=0)
    np.testing.assert_array_equal(moving.predict(X, verbose=0), expected)
    assert moving.count_params() == model.count_params() + 1  # the counter
    moving.fit(X, Y, batch_size=12, verbose=0)
    assert np.any(model.predict(X, verbose=0) != expected)
    assert int(layer_of(moving).training_calls.numpy()) == 2


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_training_moves_images_within_their_range(dtype):
    images = X if dtype == "uint8" else (X / 255).astype("float32")
    layer = RandomAffine(0.1, 15.0, 0.1, False, seed=0)
    first = layer(images, training=True).numpy()
    second = layer(images, training=True).numpy()
    assert first.dtype == images.dtype
    for a, b, source in zip(first, second, images, strict=True):
        assert np.any(a != b) and np.any(a != source)
        assert source.min() <= min(a.min(), b.min())
        assert max(a.max(), b.max()) <= source.max()
    np.testing.assert_array_equal(layer(images), images)


def test_half_precision_does_not_reach_the_pixels():
    layer = RandomAffine(0.1, 15.0, 0.1, False, dtype="mixed_bfloat16")
    images = (X / 255).astype("float32")
    expected = RandomAffine(0.1, 15.0, 0.1, False)(images, training=True)
    np.testing.assert_array_equal(layer(images, training=True), expected)


def test_settings_are_those_of_the_augment_method():
    model = strong_cnn(SPEC)
    options = AugmentOversampler.options
    defaults = {n: o.default for n, o in options.items() if n != "label_names"}
    assert layer_of(augmented(model)).settings == defaults
    changed = layer_of(augmented(model, rotation=5, flip=True)).settings
    assert (changed["rotation"], changed["flip"]) == (5.0, True)
    assert changed["shift"] == defaults["shift"]


def test_it_is_compiled_like_the_model():
    for model in (gamo_classifier(SPEC, loss="ls"), fajardo_mlp(SPEC)):
        moving = augmented(model)
        assert type(moving.optimizer) is type(model.optimizer)
        assert moving.optimizer is not model.optimizer
        assert moving.optimizer.get_config() == model.optimizer.get_config()
        assert moving.loss == model.loss or type(moving.loss) is type(model.loss)
        assert moving.jit_compile == model.jit_compile
        loss = moving.evaluate(X, Y, verbose=0)
        assert loss == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    assert not augmented(network).compiled


@pytest.mark.parametrize("kind", ["keras", "kerasos"])
def test_a_run_resumed_from_a_backup_ends_bit_for_bit_alike(tmp_path, kind):
    def trained(backed_up, crash_at=None):
        model = augmented(strong_cnn(SPEC, seed=2), seed=2, flip=True)
        data = batches(X, Y, 8, seed=2)

        def begin(epoch, logs=None):
            data.kerasos_epoch.assign(epoch)
            if epoch == crash_at:
                raise KeyboardInterrupt

        callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=begin)]
        if backed_up and kind == "keras":
            callbacks.append(keras.callbacks.BackupAndRestore(tmp_path / "backup"))
        elif backed_up:
            callbacks.append(AtomicBackup(tmp_path, data=data))
        model.fit(data, epochs=4, shuffle=False, verbose=0, callbacks=callbacks)
        return [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]

    unbroken = trained(False)
    with pytest.raises(KeyboardInterrupt):
        trained(True, crash_at=2)
    for a, b in zip(unbroken, trained(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_saved_models_go_on_moving_images_as_before(tmp_path):
    moving = augmented(strong_cnn(SPEC, seed=2), seed=2)
    moving.fit(X, Y, batch_size=8, verbose=0)
    moving.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    expected = moving.train_on_batch(X, Y)
    assert loaded.train_on_batch(X, Y) == expected
    for a, b in zip(moving.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_replicas_move_the_images_as_one_device(two_replicas):
    images = X.astype("float32")
    expected = RandomAffine(0.1, 15.0, 0.1, True, seed=5)(images, training=True)
    with two_replicas.scope():
        layer = RandomAffine(0.1, 15.0, 0.1, True, seed=5)

    def values(context):
        return images[12 * context.replica_id_in_sync_group :][:12]

    parts = two_replicas.experimental_distribute_values_from_function(values)
    moved = two_replicas.run(lambda part: layer(part, training=True), args=(parts,))
    moved = np.concatenate(two_replicas.experimental_local_results(moved))
    np.testing.assert_allclose(moved, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"flips": True}, TypeError, "Did you mean 'flip'"),
        ({"shift": 1.0}, ValueError, "Invalid `shift`"),
    ],
)
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        augmented(strong_cnn(SPEC), **options)


def test_tables_are_refused():
    table = DataSpec((4,), "float32", (0, 1), COUNTS)
    with pytest.raises(ValueError, match="moves images"):
        augmented(fajardo_mlp(table))
