"""The contenders of `compare`: the threshold, and what names stand for."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from kerasos import get_method, list_methods
from kerasos.evaluation import compare
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


def test_what_balances_by_itself_goes_by_name():
    """Under-sampling and the balanced ensembles find a rare class that others miss."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [270, 30])
    X = pd.DataFrame(rng.normal(size=(300, 3)) + 0.9 * y[:, None], columns=list("abc"))
    X["d"] = np.where(rng.random(300) < 0.1, None, rng.choice(["x", "y"], 300))
    X.loc[::9, "a"] = np.nan
    ensembles = ["balanced_random_forest", "easy_ensemble", "rus_boost"]
    result = compare(
        X, y, ["under_sampling"], ["logistic_regression", *ensembles], 3, verbose=0
    )
    recall = result.to_frame().balanced_accuracy
    plain = recall["logistic_regression", "none"]
    assert recall["logistic_regression", "under_sampling"] > plain + 0.1
    assert recall["balanced_random_forest", "none"] > plain + 0.1
    assert recall["easy_ensemble", "none"] > plain + 0.1
    added = result.rows.set_index("method").n_added
    assert set(added["under_sampling"]) == {20 - 180}


def test_none_comes_first_and_every_other_method_is_a_sampler():
    names = [name for name in list_methods() if "tables" in get_method(name).makes]
    none, *others = make_contenders(names[::-1])
    assert (none.name, none.kind, none.sampler) == ("none", "none", None)
    assert [each.sampler.method for each in others] == [
        name for name in names[::-1] if name != "none"
    ]
