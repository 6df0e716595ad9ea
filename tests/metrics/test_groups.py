"""Scores of groups of classes, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support, recall_score
from sklearn.utils.class_weight import compute_sample_weight

from kerasos.metrics.groups import (
    class_scores,
    dgc_scores,
    group_scores,
    lift_percent,
)

# Rows: truth. Class 0: 4 samples, 3 hit; class 1: 2, 1 hit; class 2: 1, missed.
Y_TRUE = [0, 0, 0, 0, 1, 1, 2]
Y_PRED = [0, 0, 0, 1, 1, 0, 1]


def random_labels(seed=0, n=500, k=6):
    rng = np.random.default_rng(seed)
    true = rng.choice(k, n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))
    return true, np.where(rng.random(n) < 0.6, true, rng.integers(0, k, n))


def test_class_scores_by_hand():
    scores = class_scores(Y_TRUE, Y_PRED)
    np.testing.assert_allclose(scores["precision"], [3 / 4, 1 / 3, 0])
    np.testing.assert_allclose(scores["recall"], [3 / 4, 1 / 2, 0])
    np.testing.assert_allclose(scores["F1"], [3 / 4, 2 / 5, 0])
    np.testing.assert_allclose(scores["specificity"], [2 / 3, 3 / 5, 1])
    assert scores["support"].tolist() == [4, 2, 1]


def test_class_scores_are_those_of_scikit_learn():
    true, pred = random_labels()
    scores = class_scores(true, pred)
    expected = precision_recall_fscore_support(true, pred)
    for name, values in zip(("precision", "recall", "F1"), expected, strict=False):
        np.testing.assert_allclose(scores[name], values, rtol=1e-12)
    for label in range(6):
        specificity = recall_score(true != label, pred != label)
        assert scores["specificity"][label] == pytest.approx(specificity, rel=1e-12)


def test_absent_and_never_predicted_classes():
    scores = class_scores([0, 0, 1], [0, 2, 0], num_classes=4)
    np.testing.assert_array_equal(scores["recall"], [0.5, 0, np.nan, np.nan])
    np.testing.assert_array_equal(scores["precision"], [0.5, 0, 0, 0])
    np.testing.assert_array_equal(scores["F1"], [0.5, 0, np.nan, np.nan])
    only = class_scores([0, 0], [0, 0], num_classes=2)
    np.testing.assert_array_equal(only["specificity"], [np.nan, 1])


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


def test_balanced_scores_by_hand():
    """Rows over their sums: 3/4 1/4 0, 1/2 1/2 0, 0 1 0; columns: 5/4, 7/4, 0."""
    scores = class_scores(Y_TRUE, Y_PRED, num_classes=4, balanced=True)
    np.testing.assert_allclose(scores["precision"], [3 / 5, 2 / 7, 0, 0])
    np.testing.assert_allclose(scores["recall"], [3 / 4, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(scores["F1"], [2 / 3, 4 / 11, 0, np.nan])
    np.testing.assert_allclose(scores["specificity"], [3 / 4, 3 / 8, 1, 1])
    assert scores["support"].tolist() == [1, 1, 1, 0]
    groups = group_scores(Y_TRUE, Y_PRED, minority=[1, 2], balanced=True)
    assert groups["min_F1"] == groups["min_F1_plain"] == pytest.approx(2 / 11)
    assert groups["all_F1"] == pytest.approx((2 / 3 + 4 / 11) / 3)


def test_balanced_scores_are_those_of_scikit_learn_with_balanced_weights():
    true, pred = random_labels(seed=2)
    scores = class_scores(true, pred, balanced=True)
    weights = compute_sample_weight("balanced", true)
    expected = precision_recall_fscore_support(true, pred, sample_weight=weights)
    for name, values in zip(("precision", "recall", "F1"), expected, strict=False):
        np.testing.assert_allclose(scores[name], values, rtol=1e-12)


@pytest.mark.parametrize("minority", [(0, 1), (5,), (0, 2, 4)])
def test_group_scores_are_averages_of_scikit_learn(minority):
    true, pred = random_labels(seed=1)
    scores = group_scores(true, pred, minority)
    majority = [label for label in range(6) if label not in minority]
    groups = {"min": list(minority), "maj": majority}
    for group, labels in groups.items():
        for average, suffix in (("weighted", ""), ("macro", "_plain")):
            expected = precision_recall_fscore_support(
                true, pred, labels=labels, average=average
            )
            for name, value in zip(
                ("precision", "recall", "F1"), expected, strict=False
            ):
                found = scores[f"{group}_{name}{suffix}"]
                assert found == pytest.approx(value, rel=1e-12)
    expected = precision_recall_fscore_support(true, pred, average="macro")
    for name, value in zip(("precision", "recall", "F1"), expected, strict=False):
        assert scores[f"all_{name}"] == pytest.approx(value, rel=1e-12)
    assert len(scores) == 15


def test_equal_supports_recombine_to_all():
    """What the Fashion-MNIST numbers of Fajardo et al. do."""
    true = np.repeat(np.arange(10), 20)
    pred = np.where(np.random.default_rng(0).random(200) < 0.7, true, 3)
    scores = group_scores(true, pred, minority=[3, 4, 5])
    for name in ("precision", "recall", "F1"):
        both = (3 * scores[f"min_{name}"] + 7 * scores[f"maj_{name}"]) / 10
        assert scores[f"all_{name}"] == pytest.approx(both)


def test_absent_classes_are_left_out_of_groups():
    scores = group_scores([0, 0, 1], [0, 0, 1], [1, 3], num_classes=4)
    assert scores["min_F1_plain"] == scores["all_recall"] == 1.0


@pytest.mark.parametrize("minority", [[], [0, 1, 2], [3]])
def test_empty_groups_and_unknown_labels_are_refused(minority):
    with pytest.raises(ValueError, match="Received: "):
        group_scores(Y_TRUE, Y_PRED, minority)


def test_lift_of_published_numbers():
    # MNIST, minority {3, 4, 5}, ratio 80: 0.442 % implies .909 over SMOTE's .905.
    assert lift_percent(0.909, 0.905) == pytest.approx(0.442, abs=5e-4)
    assert lift_percent(0.5, 1.0) == -50.0
    with pytest.raises(ValueError, match="reference=0"):
        lift_percent(0.5, 0.0)


def test_dgc_scores_by_hand():
    scores = dgc_scores(Y_TRUE, Y_PRED, class_counts=[100, 10, 20])
    assert scores["RMI"] == 1 / 2
    assert scores["PMA"] == 3 / 4
    assert scores["F_macro"] == pytest.approx((3 / 4 + 2 / 5) / 3)
    g = (np.sqrt(3 / 4 * 2 / 3) + np.sqrt(1 / 2 * 3 / 5) + 0) / 3
    assert scores["G_macro"] == pytest.approx(g)


def test_dgc_scores_leave_absent_classes_out():
    scores = dgc_scores([0, 0, 1], [0, 0, 1], class_counts=[9, 5, 2])
    assert np.isnan(scores["RMI"])
    assert (scores["F_macro"], scores["G_macro"]) == (1.0, 1.0)
