"""Scores of groups of classes, by hand and against scikit-learn's averages."""

import pathlib
import sys

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks"))

from papers.group_scores import group_scores  # noqa: E402

# Rows: truth. Class 0: 4 samples, 3 hit; class 1: 2, 1 hit; class 2: 1, missed.
Y_TRUE = [0, 0, 0, 0, 1, 1, 2]
Y_PRED = [0, 0, 0, 1, 1, 0, 1]


def test_group_scores_by_hand():
    scores = group_scores(Y_TRUE, Y_PRED, minority=[1, 2])
    assert scores["min_recall"] == pytest.approx((2 * 1 / 2 + 1 * 0) / 3)
    assert scores["min_recall_plain"] == pytest.approx(1 / 4)
    assert scores["min_precision"] == pytest.approx((2 * 1 / 3) / 3)
    assert scores["min_F1"] == pytest.approx((2 * 2 / 5) / 3)
    assert scores["min_F1_plain"] == pytest.approx(1 / 5)
    assert scores["maj_F1"] == scores["maj_F1_plain"] == pytest.approx(3 / 4)
    assert scores["all_F1"] == pytest.approx((3 / 4 + 2 / 5) / 3)
    assert scores["all_recall"] == pytest.approx((3 / 4 + 1 / 2) / 3)
    assert len(scores) == 15


def test_balanced_scores_by_hand():
    """Rows over their sums: 3/4 1/4 0, 1/2 1/2 0, 0 1 0; columns: 5/4, 7/4, 0."""
    scores = group_scores(Y_TRUE, Y_PRED, minority=[1, 2], balanced=True)
    assert scores["min_F1"] == pytest.approx(2 / 11)
    assert scores["min_F1_plain"] == pytest.approx(2 / 11)
    assert scores["min_precision"] == pytest.approx(1 / 7)
    assert scores["maj_precision"] == pytest.approx(3 / 5)
    assert scores["all_F1"] == pytest.approx((2 / 3 + 4 / 11) / 3)


def test_equal_supports_recombine_to_all():
    """What the Fashion-MNIST numbers of Fajardo et al. do."""
    true = np.repeat(np.arange(10), 20)
    pred = np.where(np.random.default_rng(0).random(200) < 0.7, true, 3)
    scores = group_scores(true, pred, minority=[3, 4, 5])
    expected = precision_recall_fscore_support(
        true, pred, average="macro", zero_division=0
    )
    for name, value in zip(("precision", "recall", "F1"), expected, strict=False):
        both = (3 * scores[f"min_{name}"] + 7 * scores[f"maj_{name}"]) / 10
        assert scores[f"all_{name}"] == pytest.approx(both) == pytest.approx(value)


def test_absent_classes_are_left_out_of_groups():
    scores = group_scores([0, 0, 1], [0, 0, 1], [1, 3])
    assert scores["min_F1_plain"] == scores["all_recall"] == 1.0


@pytest.mark.parametrize("minority", [[], [0, 1, 2], [3]])
def test_empty_groups_are_refused(minority):
    with pytest.raises(ValueError, match="Received: "):
        group_scores(Y_TRUE, Y_PRED, minority)
