"""The SVM: what its search finds, its calibration, and small classes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split

from kerasos.methods.activegan.reward import margin
from kerasos.methods.activegan.svm import (
    calibrated_svm,
    search_svm,
    support_arrays,
    svm_settings,
    with_all_folds,
)

X, Y = load_digits(return_X_y=True)
X = X / 16


def test_the_margin_ranks_errors_on_held_out_samples():
    """What makes it a reward: the errors lie where the margin is small."""
    x, x_test, y, y_test = train_test_split(
        X, Y, train_size=100, stratify=Y, random_state=0
    )
    search = search_svm(x, y, standardize=False)
    settings = svm_settings(search)
    assert set(settings) - {"gamma"} == {"kernel", "C"}
    predicted = search.predict(x_test)
    assert f1_score(y_test, predicted, average="macro") > 0.85
    probs = calibrated_svm(x, y, settings, standardize=False).predict_proba(x_test)
    wrong = probs.argmax(axis=1) != y_test
    assert wrong.sum() > 20
    assert roc_auc_score(wrong, -margin(probs).numpy()) > 0.8


def test_a_seed_fixes_the_folds():
    x, y = X[:150], Y[:150]
    settings = {"kernel": "rbf", "C": 10.0}
    first, again, other = (
        support_arrays(calibrated_svm(x, y, settings, seed=seed)) for seed in (0, 0, 1)
    )
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert np.any(first["slope"] != other["slope"])


def test_small_classes_reach_every_fold():
    x, y = X[:40], np.repeat([0, 1, 2], [37, 2, 1])
    rows, labels = with_all_folds(x, y)
    np.testing.assert_array_equal(rows[:40], x)
    np.testing.assert_array_equal(np.bincount(labels), [37, 3, 3])
    np.testing.assert_array_equal(rows[40:], x[[37, 39, 39]])
    probs = calibrated_svm(x, y, {"kernel": "rbf", "C": 1.0}).predict_proba(x)
    assert probs.shape == (40, 3) and np.all(np.isfinite(probs))


def test_class_weights_raise_the_minority():
    source = np.random.default_rng(0)
    x = source.normal(np.repeat([[0.0], [1.0]], [180, 20], 0), 1.0, (200, 2))
    y = np.repeat([0, 1], [180, 20])
    settings = {"kernel": "linear", "C": 1.0}
    plain, balanced = (
        (_decision(calibrated_svm(x, y, settings, class_weight=w), x) > 0).sum()
        for w in (None, "balanced")
    )
    assert balanced > 2 * plain


def _decision(calibrated, x):
    return calibrated.calibrated_classifiers_[0].estimator.decision_function(x)


def test_another_kernel_is_refused():
    with pytest.raises(ValueError, match="Invalid `kernel`.*'poly'"):
        calibrated_svm(X[:60], Y[:60], {"kernel": "poly"})
