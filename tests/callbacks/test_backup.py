import os

import keras
import numpy as np
import pytest
from resuming import Crash

import kerasos
from kerasos.callbacks import AtomicBackup


def build():
    x = np.random.default_rng(0).uniform(size=(64, 5)).astype("float32")
    y = np.arange(64) % 2
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(
                2, "softmax", kernel_initializer=keras.initializers.GlorotUniform(0)
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    return model, kerasos.data.batches(x, y, 16, seed=0)


def train(epochs, directory=None, *others, seconds=0.0):
    model, data = build()
    backup = [AtomicBackup(directory, seconds, data)] if directory else []
    history = model.fit(
        data, epochs=epochs, verbose=0, shuffle=False, callbacks=[*backup, *others]
    )
    return model, history.epoch


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.fixture
def unbroken(tmp_path):
    return weights(train(6, tmp_path / "unbroken")[0])


# Killed after the backup of an epoch, and before it.
@pytest.mark.parametrize("seconds, begins", [(0, 4), (3600, 0)])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    tmp_path, unbroken, seconds, begins
):
    with pytest.raises(KeyboardInterrupt):
        train(6, tmp_path / "a", Crash(3), seconds=seconds)
    model, epochs = train(6, tmp_path / "a")
    assert epochs == list(range(begins, 6))
    np.testing.assert_array_equal(weights(model), unbroken)


def test_only_the_newest_backup_stays(tmp_path):
    train(3, tmp_path)
    assert os.listdir(tmp_path) == ["epoch_000003.weights.h5"]


def test_a_file_cut_off_while_it_was_written_is_left_aside(tmp_path):
    train(2, tmp_path)
    (tmp_path / "draft_1.weights.h5").write_bytes(b"half of a")
    assert train(3, tmp_path)[1] == [2]


def test_a_finished_run_trains_no_further(tmp_path):
    assert train(2, tmp_path)[1] == [0, 1]
    model, epochs = train(2, tmp_path)
    assert epochs == []
    # The next `fit` of the same model is a run of its own.
    data = build()[1]
    assert model.fit(data, epochs=1, verbose=0, shuffle=False).epoch == [0]


def test_backups_keep_their_distance_and_the_last_epoch_is_saved(tmp_path):
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: seen.append(os.listdir(tmp_path))
    )
    train(3, tmp_path, watch, seconds=3600)
    assert seen == [[], [], ["epoch_000003.weights.h5"]]
