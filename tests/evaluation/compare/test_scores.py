"""The scores of `compare`, by hand and by their formulas."""

import numpy as np
import pytest
from sklearn import metrics

from kerasos.evaluation.compare.scores import METRICS, score_all


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
