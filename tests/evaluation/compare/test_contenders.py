"""The contenders of `compare`: the threshold, and what names stand for."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from kerasos import list_methods
from kerasos.evaluation.compare.contenders import best_threshold, make_contenders


def test_the_threshold_is_the_best_one():
    """Against every other threshold, on the same rows left out."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    x = rng.normal(size=(100, 2)) + y[:, None]
    found = best_threshold(LogisticRegression(), x, y, seed=3)
    assert 0.05 < found < 0.4
    cv = StratifiedKFold(5, shuffle=True, random_state=3)
    p = cross_val_predict(LogisticRegression(), x, y, cv=cv, method="predict_proba")

    def balanced_accuracy(thresholds):
        said = p[:, 1:] >= np.array(thresholds)
        return (said[y == 1].mean(axis=0) + 1 - said[y == 0].mean(axis=0)) / 2

    best = balanced_accuracy(np.linspace(0, 1, 500)).max()
    assert balanced_accuracy([found]) == pytest.approx(best)
    constant = DummyClassifier(strategy="prior")
    assert best_threshold(constant, x, y, seed=3) == 0.5


def test_none_comes_first_and_every_other_method_is_a_sampler():
    names = list_methods()
    none, *others = make_contenders(names[::-1])
    assert (none.name, none.kind, none.sampler) == ("none", "none", None)
    assert [each.sampler.method for each in others] == [
        name for name in names[::-1] if name != "none"
    ]
