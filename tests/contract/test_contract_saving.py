"""Every registered method, now or later, is held to the same promises: saving.

What a method must tell these tests is in `contract_cases.py`.
"""

import keras
import numpy as np
from contract_runs import (
    as_json,
    batches,
    each_full_network,
    each_network,
    epochs_of,
    optimizers,
    some_labels,
)
from resuming import assert_same_state, state


@each_network
def test_a_saved_model_comes_back_whole(case, runs):
    run = runs.unbroken(case)
    model = run["model"]
    loaded = keras.saving.load_model(run["path"])
    assert type(loaded) is type(model) and loaded.compiled
    assert as_json(loaded.get_config()) == as_json(model.get_config())
    assert_same_state(state(loaded), run["after"])
    for name, optimizer in optimizers(loaded).items():
        assert int(optimizer.iterations.numpy()) > 0, name
        assert any(
            np.any(v.numpy() != 0) for v in optimizer.variables if v.shape.rank
        ), f"{name} has lost its moments"
    labels = some_labels(model)
    np.testing.assert_array_equal(
        loaded.sample(labels, seed=5), model.sample(labels, seed=5)
    )
    if model.trains_classifier:
        x, _ = case.data()
        probabilities = loaded.classifier.predict(x, verbose=0)
        np.testing.assert_array_equal(
            probabilities, model.classifier.predict(x, verbose=0)
        )
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


@each_network
def test_the_config_makes_the_same_model_and_fits_into_json(case, runs):
    model = runs.unbroken(case)["model"]
    config = model.get_config()
    expected, given = as_json(config), as_json(config)
    again = type(model).from_config(given)
    assert given == expected, "`from_config` changes what it is given"
    assert as_json(again.get_config()) == expected
    assert again.spec == model.spec and again.seed == model.seed
    for name, value in case.options.items():
        # A network's entry is its config, whatever option it was built from.
        if name in config and not isinstance(config[name], dict | None):
            assert config[name] == value, name
    shapes = [(v.shape, v.dtype) for v in again.weights]
    assert shapes == [(v.shape, v.dtype) for v in model.weights]


@each_network
def test_a_resumed_run_equals_an_unbroken_one(case, runs):
    run = runs.unbroken(case)
    epochs, half = epochs_of(case)
    loaded = keras.saving.load_model(run["half"])
    loaded.fit(batches(case), initial_epoch=half, epochs=epochs, verbose=0)
    assert_same_state(state(loaded), run["after"])


@each_full_network
def test_a_run_that_crashed_goes_on_as_if_it_had_not(case, runs):
    run = runs.unbroken(case)
    epochs, _ = epochs_of(case)
    begun = []
    noted = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(epoch)
    )
    model = case.build()
    model.compile(jit_compile=False)
    backup = keras.callbacks.BackupAndRestore(str(run["crashed"]))
    model.fit(batches(case), epochs=epochs, verbose=0, callbacks=[backup, noted])
    assert begun == list(range(run["crash_epoch"], epochs))
    assert_same_state(state(model), run["after"])
