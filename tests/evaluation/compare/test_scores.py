"""The scores of `compare`, by hand and by their formulas."""

import numpy as np
import pytest
from sklearn import metrics

from kerasos.evaluation.compare.scores import (
    METRICS,
    calibration_error,
    calibration_line,
    one_against_rest,
    reliability,
    score_all,
)


def test_two_classes_by_hand():
    y = np.array([0, 0, 0, 1])
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    scores = score_all(y, p.argmax(axis=1), p, rare=1)
    assert list(scores) == list(METRICS)
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["g_mean"] == pytest.approx(np.sqrt(2 / 3))
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    # The rare row comes second: precision 1/2 at recall 1.
    assert scores["average_precision"] == pytest.approx(0.5)
    assert scores["brier"] == pytest.approx((0.01 + 0.16 + 0.64 + 0.09) / 4)
    assert scores["mcc"] == pytest.approx((2 * 1 - 1 * 0) / np.sqrt(2 * 1 * 3 * 2))
    assert scores["roc_auc"] == pytest.approx(2 / 3)
    assert scores["log_loss"] == pytest.approx(
        -np.mean(np.log([0.9, 0.6, 0.2, 0.7])), rel=1e-9
    )
    # Each row a bin of its own: the errors' sizes.
    assert scores["calibration_error"] == pytest.approx((0.1 + 0.4 + 0.8 + 0.3) / 4)
    # The common class is of interest if it is the one asked for.
    other = score_all(y, p.argmax(axis=1), p, rare=0)["average_precision"]
    assert other == pytest.approx((1 + 1 + 3 / 4) / 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_more_classes_by_their_formulas(dtype):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 4, 60), rng.dirichlet(np.ones(4), 60).astype(dtype)
    p[:, 3] = 0  # never decided for: the mean of the recalls has a 0
    p /= p.sum(axis=1, keepdims=True)
    one_hot = np.eye(4)[y]
    scores = score_all(y, p.argmax(axis=1), p, rare=0)
    assert scores["average_precision"] == pytest.approx(
        metrics.average_precision_score(one_hot, p, average="macro")
    )
    brier = np.mean(np.sum((p - one_hot) ** 2, axis=1))
    assert scores["brier"] == pytest.approx(brier, rel=1e-6)
    recalls = [np.mean(p.argmax(axis=1)[y == k] == k) for k in range(4)]
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert scores["g_mean"] == 0.0
    assert scores["mcc"] == pytest.approx(metrics.matthews_corrcoef(y, p.argmax(1)))
    aucs = [metrics.roc_auc_score(y == k, p[:, k]) for k in range(4)]
    assert scores["roc_auc"] == pytest.approx(np.mean(aucs))
    whole = np.clip(p[np.arange(60), y].astype("float64"), np.finfo("float64").eps, 1)
    assert scores["log_loss"] == pytest.approx(-np.log(whole).mean(), rel=1e-4)


def test_the_calibration_error_is_the_distance_from_frequencies():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 20, 200_000)  # a rare class: most probabilities below .1
    y = rng.random(len(p)) < p
    assert calibration_error(y, p) < 0.003
    assert calibration_error(y, np.clip(p + 0.1, 0, 1)) == pytest.approx(0.1, abs=0.003)
    assert calibration_error(y, np.full(len(p), y.mean())) == pytest.approx(0, abs=1e-9)
    # Ties share a bin, in whatever order they come.
    half = np.repeat([0, 1], 50)
    assert calibration_error(half, np.full(100, 0.5)) == 0.0
    # Two groups by hand: .2 where none is positive, .9 where half are.
    p, y = np.repeat([0.2, 0.9], [60, 40]), np.repeat([0, 1], [80, 20])
    assert calibration_error(y, p) == pytest.approx(0.6 * 0.2 + 0.4 * 0.4)


def test_the_calibration_line_is_that_of_the_logits():
    """Probabilities made too extreme, and too large, by known amounts."""
    rng = np.random.default_rng(0)
    true = rng.normal(-2, 1.5, 200_000)
    y = rng.random(len(true)) < 1 / (1 + np.exp(-true))
    for slope, shift in ((1, 0), (2, 0), (0.5, 1)):
        p = 1 / (1 + np.exp(-(slope * true + shift)))
        found = calibration_line(y, p)
        assert found == pytest.approx((1 / slope, -shift / slope), abs=0.05)
    apart = np.repeat([0.0, 1.0], 20)
    assert np.isfinite(calibration_line(apart > 0.5, apart)).all()


def test_bins_are_kept_as_text():
    y = np.array([0, 0, 1, 1, 0, 1])
    p = np.array([0.2, 0.2, 0.2, 0.7, 0.7, 0.7])
    two = np.stack([1 - p, p], axis=1)
    assert reliability(y, two, rare=1) == "3 0.2 0.3333;3 0.7 0.6667"
    assert reliability(y, two, rare=0) == "3 0.3 0.3333;3 0.8 0.6667"
    three = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    truth, found = one_against_rest(np.array([0, 2]), three, rare=1)
    assert truth.tolist() == [True, False, False, False, False, True]
    assert found.tolist() == [0.5, 0.1, 0.3, 0.6, 0.2, 0.3]
