"""The scores of `compare`, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from kerasos.evaluation.scores import METRICS, average_precision, brier, score_all


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
    assert average_precision(y, p, rare=0) == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_more_classes_are_scikit_learns():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 4, 60), rng.dirichlet(np.ones(4), 60)
    one_hot = np.eye(4)[y]
    assert average_precision(y, p, rare=0) == pytest.approx(
        metrics.average_precision_score(one_hot, p, average="macro")
    )
    assert brier(y, p) == pytest.approx(np.mean(np.sum((p - one_hot) ** 2, axis=1)))
    two = p[:, :2] / p[:, :2].sum(axis=1, keepdims=True)
    assert brier(y % 2, two) == pytest.approx(
        metrics.brier_score_loss(y % 2, two[:, 1])
    )
