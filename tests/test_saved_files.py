"""Models saved by an earlier layout of the package load and sample as they did.

Each `tests/data/saved/<method>.keras` holds small networks, trained for a few steps and
saved with their optimizers; the `.npz` beside it labels and the samples of seed 3.
"""

import pathlib

import keras
import numpy as np
import pytest
from contract_cases import images, rows

import kerasos

TRAINED = ("cvae", "gamo")  # of those that are slow to trace, two stand for all
SAVED = sorted((pathlib.Path(__file__).parent / "data" / "saved").glob("*.keras"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_model_loads_samples_and_trains_on(path):
    model = keras.saving.load_model(path)
    assert isinstance(model, kerasos.get_method(path.stem))
    with np.load(path.with_suffix(".npz")) as kept:
        labels, expected = kept["labels"], kept["samples"]
    samples = model.sample(labels, seed=3)
    assert (samples.shape, samples.dtype) == (expected.shape, expected.dtype)
    # To the last bit on the machine that saved them; processors sum in other orders.
    units = 1 if expected.dtype == "uint8" else 1e-5
    np.testing.assert_allclose(
        samples.astype("float64"), expected.astype("float64"), rtol=0, atol=units
    )
    if path.stem not in TRAINED:
        return
    x, y = rows() if len(model.spec.shape) == 1 else images((20, 8), size=7)
    steps = int(model.steps_done.numpy())
    assert steps > 0
    epochs = len(model.stages) + 1
    data = kerasos.data.batches(x, y, 8, seed=1, steps_per_epoch=1)
    model.jit_compile = False
    history = model.fit(data, epochs=epochs + 1, initial_epoch=epochs, verbose=0)
    assert int(model.steps_done.numpy()) == steps + 1
    assert all(np.isfinite(values).all() for values in history.history.values())
