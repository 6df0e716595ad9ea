"""The diagnostics in the logs of a run."""

import csv

import keras
import numpy as np
import pytest

from kerasos import BAGAN
from kerasos.callbacks import GeneratorDiagnostics
from kerasos.data import batches
from kerasos.evaluation import diagnose

NAMES = {"spread", "variety", "agreement", "conditioning", "nearest", "copies"}


@pytest.fixture(scope="module")
def data():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat([0, 1, 2], [40, 24, 16]))
    x = 0.05 * source.standard_normal((80, 4)) + (y[:, None] + 1) / 4
    return np.clip(x, 0, 1).astype("float32"), y


def fit(data, callbacks, epochs=4):
    model = BAGAN.from_data(*data, seed=0, ae_epochs=1, value_range=(0, 1))
    model.compile(jit_compile=False)
    history = model.fit(
        batches(*data, 16), epochs=epochs, verbose=0, callbacks=callbacks
    )
    return model, history.history


def test_the_numbers_of_the_report_reach_the_logs_and_later_callbacks(data, tmp_path):
    watch = GeneratorDiagnostics(*data, samples_per_class=30, seed=5)
    table = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model, history = fit(data, [watch, table])
    assert list(watch.reports) == [1, 2, 3, 4]
    for name in NAMES | {"findings"}:
        assert len(history[name]) == 4
    report = diagnose(model, *data, samples_per_class=30, seed=5)
    assert report == watch.reports[4]
    for name in NAMES:
        np.testing.assert_allclose(history[name][-1], report.means[name])
    assert history["findings"][-1] == len(report.findings)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose(float(rows[3]["spread"]), report.means["spread"])


def test_an_untrained_generator_is_reported_and_printed(data, capsys):
    watch = GeneratorDiagnostics(*data, every=2, verbose=1)
    _, history = fit(data, [watch])
    assert list(watch.reports) == [2, 4]
    assert len(history["spread"]) == 2
    assert history["findings"][0] > 0
    printed = capsys.readouterr().out
    assert "Epoch 2:" in printed and watch.reports[2].findings[0] in printed
    assert "Epoch 1:" not in printed and "Epoch 3:" not in printed


def test_watching_changes_nothing_of_the_training(data):
    watched, _ = fit(data, [GeneratorDiagnostics(*data)])
    alone, _ = fit(data, [])
    for a, b in zip(watched.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_bad_arguments_are_refused_at_once(data):
    with pytest.raises(ValueError, match="Invalid `every`"):
        GeneratorDiagnostics(*data, every=0)
    with pytest.raises(TypeError, match="samples_per_clas"):
        GeneratorDiagnostics(*data, samples_per_clas=3)
