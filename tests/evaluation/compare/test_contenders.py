"""The contenders of `compare`: what names stand for."""

import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import TomekLinks
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from kerasos import get_method, list_methods
from kerasos.evaluation import compare
from kerasos.evaluation.compare.contenders import make_classifiers, make_contenders
from kerasos.evaluation.compare.rebalanced import Rebalanced


def test_what_balances_by_itself_goes_by_name():
    """Under-sampling and the balanced ensembles find a rare class that others miss."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [270, 30])
    X = pd.DataFrame(rng.normal(size=(300, 3)) + 0.9 * y[:, None], columns=list("abc"))
    X["d"] = np.where(rng.random(300) < 0.1, None, rng.choice(["x", "y"], 300))
    X.loc[::9, "a"] = np.nan
    classifiers = ["logistic_regression", "balanced_random_forest"]
    result = compare(X, y, ["under_sampling"], classifiers, 3, verbose=0)
    recall = result.to_frame().balanced_accuracy
    plain = recall["logistic_regression", "none"]
    assert recall["logistic_regression", "under_sampling"] > plain + 0.1
    assert recall["balanced_random_forest", "none"] > plain + 0.1
    added = result.rows.set_index("method").n_added
    assert set(added["under_sampling"]) == {20 - 180}
    # Hundreds of trees: once is enough.
    train = np.arange(len(y)) % 3 > 0
    for name, least in (("easy_ensemble", 0.1), ("rus_boost", -0.05)):
        model = Rebalanced(make_classifiers([name], [])[name]).fit(X[train], y[train])
        found = balanced_accuracy_score(y[~train], model.predict(X[~train]))
        assert found > plain + least, name


def test_none_comes_first_and_every_other_method_is_a_sampler():
    names = [name for name in list_methods() if "tables" in get_method(name).makes]
    none, *others = make_contenders(names[::-1])
    assert (none.name, none.kind, none.sampler) == ("none", "none", None)
    assert [each.sampler.method for each in others] == [
        name for name in names[::-1] if name != "none"
    ]


def test_names_with_a_plus_mend_probabilities():
    own = {"fit_resample": lambda self, X, y: None, "__len__": lambda self: 0}
    mine = object.__new__(type("Mine", (), own))
    methods = {"a": mine, "b": "a+isotonic", "c": "smote+platt"}
    _, a, b, c = make_contenders(methods)
    assert (a.recalibration, b.recalibration, c.recalibration) == (
        *(None, "isotonic"),
        "platt",
    )
    assert b.sampler is mine and c.sampler.method == "smote"
    _, _, mended = make_contenders({"a": mine, "b": "a+prior_corrected"})
    assert mended.sampler is mine and mended.recalibration == "prior_corrected"
    _, ours = make_contenders({"smote": "smote+platt"})  # under its own name
    assert (ours.name, ours.sampler.method) == ("smote", "smote")
    assert ours.recalibration == "platt"
    (_, weights) = make_contenders(["class_weights+prior_corrected"])
    assert (weights.kind, weights.recalibration) == ("class_weights", "prior_corrected")


def test_names_with_a_plus_weigh_added_rows():
    mine = type("Mine", (), {"fit_resample": lambda self, X, y: None})()
    methods = {"a": mine, "b": "a+weight=.25", "c": "b+isotonic", "smote": "smote"}
    methods |= {"d": "smote+weight=0.1+platt", "random": "random+weight=2"}
    _, a, b, c, smote, d, random = make_contenders(methods)
    weights = [each.synthetic_weight for each in (a, b, c, smote, d, random)]
    assert weights == [None, 0.25, 0.25, None, 0.1, 2.0]
    assert [each.recalibration for each in (b, c, d)] == [None, "isotonic", "platt"]
    assert a.sampler is b.sampler is c.sampler is mine
    assert (d.sampler.method, random.sampler.method) == ("smote", "random")
    _, ours = make_contenders({"smote": "smote+weight=0.1+platt"})
    assert (ours.sampler.method, ours.synthetic_weight) == ("smote", 0.1)
    listed = ["flow+weight=0.1+prior_corrected", "flow", "flow+weight=0.1"]
    _, mended, plain, weighed = make_contenders(listed)
    assert [each.name for each in (mended, plain, weighed)] == listed
    assert mended.recalibration == "prior_corrected" and weighed.recalibration is None
    assert mended.synthetic_weight == weighed.synthetic_weight == 0.1
    assert {each.sampler.method for each in (mended, plain, weighed)} == {"flow"}


@pytest.mark.parametrize(
    "methods, words",
    [
        (["smot"], "Unknown method 'smot'.*Did you mean 'smote'.*[+]isotonic"),
        (["smote+iso"], "`recalibration`.*'isotonic'.*'iso'"),
        (["smot+isotonic"], "Unknown method 'smot'"),
        (["none+prior_corrected"], "nothing to correct.*'none[+]isotonic'"),
        (["threshold+prior_corrected"], "nothing to correct"),
        (["smote+platt+isotonic"], "recalibrated once"),
        ({"a": "smote+platt", "b": "a+platt"}, "recalibrated once"),
        (["smote+platt+weight=0.1"], "weighed once, and then .*recalibrated once"),
        (["smote+weight=0.1+weight=0.1"], "weighed once"),
        ({"a": "b+weight=0.1", "b": "a+weight=0.1"}, "weighed once"),
        ({"a": "b+platt", "b": "a+weight=0.1"}, "Unknown method 'a'"),
        (["smote+weight=0"], "finite number above 0.*'smote[+]weight=0'.*`none`"),
        (["smote+weight=-0.1"], "finite number above 0.*-0.1"),
        (["smote+weight=nan"], "finite number above 0"),
        (["smote+weight=inf+platt"], "finite number above 0"),
        (["smote+weight=a"], "finite number above 0.*'smote[+]weight=a'"),
        (["smote+weight="], "finite number above 0"),
        (["smote+weigth=0.1"], "weigth=0.1'. Did you mean 'weight=W'"),
        (["smot+weight=0.1"], "Unknown method 'smot'.*Did you mean 'smote'"),
        (["none+weight=0.1"], "'none' adds no rows.*Leave '[+]weight=0.1' out"),
        (["class_weights+weight=0.1"], "'class_weights' adds no rows"),
        (["threshold+weight=0.1+platt"], "'threshold' adds no rows"),
        (["balanced_bagging+weight=1"], "'balanced_bagging' adds no rows"),
        (["under_sampling+weight=0.1"], "'under_sampling' adds no rows.*'smote'"),
        (["near_miss+weight=0.1"], "'near_miss' adds no rows"),
        ({"a": TomekLinks(), "b": "a+weight=0.1"}, "'a' adds no rows"),
        (["cost_weights"], "needs costs.*'miss': 100"),
        (["cost_weights+platt"], "needs costs"),
    ],
)
def test_names_that_mean_nothing_are_refused(methods, words):
    with pytest.raises(ValueError, match=words):
        make_contenders(methods)


def test_recalibration_needs_two_rows_of_a_class():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)))
    y = np.repeat([0, 1], [38, 2])
    cv = [(np.arange(k, 39), np.r_[np.arange(k), 39]) for k in (5, 6, 7)]
    with pytest.raises(ValueError, match="'random[+]platt'.*two training rows.*: 1"):
        compare(X, y, ["random+platt"], ["logistic_regression"], cv, verbose=0)


def test_bags_take_no_pipeline():
    pipeline = make_pipeline(LogisticRegression())
    contenders = make_contenders(["balanced_bagging"])
    with pytest.raises(TypeError, match="'balanced_bagging'.*'mine', a Pipeline"):
        make_classifiers({"mine": pipeline}, contenders)


def test_a_weight_needs_classifiers_that_take_one():
    contenders = make_contenders(["smote+weight=0.1"])
    with pytest.raises(TypeError, match="'smote[+]weight=0.1' needs .*: 'k', a KNeigh"):
        make_classifiers({"k": make_pipeline(KNeighborsClassifier())}, contenders)
