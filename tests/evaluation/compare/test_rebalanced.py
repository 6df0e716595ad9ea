"""What `compare` evaluates: weights, thresholds, costs, mended probabilities."""

import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, confusion_matrix, f1_score
from sklearn.metrics import matthews_corrcoef as mcc
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasos.evaluation import compare
from kerasos.evaluation.compare.rebalanced import Rebalanced, best_threshold
from kerasos.over_sampling import prior_corrected

COSTS = np.array([[0.0, 1.0], [20.0, 0.0]])
LOGISTIC = LogisticRegression()


@pytest.fixture(scope="module")
def data():
    """600 rows with 60 positives, and 4,000 to test on."""
    rng = np.random.default_rng(0)

    def draw(rows):
        y = rng.random(rows) < 0.1
        x = rng.normal(size=(rows, 2)) + 1.2 * y[:, None]
        return pd.DataFrame(x, columns=["a", "b"]), np.where(y, "worn", "good")

    return *draw(600), *draw(4_000)


class WithLogOdds(ExtraTreesClassifier):
    """Platt's line is fitted to log odds, which scikit-learn takes where they are."""

    def decision_function(self, X):
        p = np.clip(self.predict_proba(X)[:, 1], 1e-6, 1 - 1e-6)
        return np.log(p / (1 - p))


def fitted(data, classifier=LOGISTIC, **options):
    return Rebalanced(classifier, **options).fit(*data[:2])


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1", "mcc", "cost"])
def test_the_threshold_is_the_best_one_for_the_objective(metric):
    """Against every other threshold, on the same rows left out."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    x = rng.normal(size=(100, 2)) + y[:, None]
    found = best_threshold(LOGISTIC, x, y, 3, metric, COSTS)
    cv = StratifiedKFold(5, shuffle=True, random_state=3)
    p = cross_val_predict(LOGISTIC, x, y, cv=cv, method="predict_proba")[:, 1]

    def score(threshold):
        said = p >= threshold
        table = confusion_matrix(y, said)
        return {
            "balanced_accuracy": lambda: (table.diagonal() / table.sum(1)).mean(),
            "macro_f1": lambda: f1_score(y, said, average="macro"),
            "mcc": lambda: mcc(y, said),
            "cost": lambda: -(table * COSTS).sum(),
        }[metric]()

    assert score(found) == pytest.approx(max(map(score, {*p, 2.0})))
    constant = best_threshold(DummyClassifier(), x, y, 3, metric, COSTS)
    # What is not seen is not missed: 80 false alarms cost less than 20 misses.
    assert constant == (0.0 if metric == "cost" else 0.5)


def test_decisions_of_least_expected_cost(data):
    plain, by_costs = fitted(data), fitted(data, costs=COSTS)
    test, y = data[2:]
    p = plain.predict_proba(test)
    np.testing.assert_array_equal(by_costs.predict_proba(test), p)
    # Elkan's threshold for two classes: c01 / (c01 + c10).
    np.testing.assert_array_equal(by_costs.predict(test) == "worn", p[:, 1] > 1 / 21)

    def cost(model):
        return (confusion_matrix(y, model.predict(test)) * COSTS).sum()

    weighted = fitted(data, kind="cost_weights", costs=COSTS)
    assert cost(by_costs) < 0.6 * cost(plain) and cost(weighted) < 0.6 * cost(plain)
    own = LogisticRegression(class_weight={"good": 1.0, "worn": 20.0})
    scaler = StandardScaler().fit(data[0])
    own.fit(scaler.transform(data[0]), data[1])
    found = weighted.predict_proba(test)
    # The weights' sum is that of the rows, so the regularisation differs a little.
    np.testing.assert_allclose(
        found, own.predict_proba(scaler.transform(test)), atol=0.02
    )
    shares = weighted.trained_shares_
    assert shares[1] / shares[0] == pytest.approx(
        20 * np.divide(*weighted.shares_[::-1])
    )


@pytest.mark.parametrize("how", ["prior_corrected", "isotonic", "platt"])
@pytest.mark.parametrize(
    "options", [{"kind": "class_weights"}, {"sampler": RandomOverSampler()}]
)
def test_mended_probabilities_are_as_good_as_those_of_the_plain_classifier(
    data, options, how
):
    test, y = data[2:]

    def brier(model):
        return brier_score_loss(y == "worn", model.predict_proba(test)[:, 1])

    raw, plain = brier(fitted(data, **options)), brier(fitted(data))
    mended = fitted(data, recalibration=how, **options)
    assert brier(mended) < plain + 0.1 * (raw - plain)
    largest = mended.classes_[mended.predict_proba(test).argmax(axis=1)]
    np.testing.assert_array_equal(mended.predict(test), largest)


def test_the_correction_is_that_of_the_package(data):
    model = fitted(data, kind="class_weights", recalibration="prior_corrected")
    raw = fitted(data, kind="class_weights")
    inner = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    expected = prior_corrected(inner.fit(*data[:2]), data[1]).predict_proba(data[2])
    np.testing.assert_allclose(model.predict_proba(data[2]), expected, atol=1e-3)
    np.testing.assert_array_equal(
        raw.corrected(raw.predict_proba(data[2])), model.predict_proba(data[2])
    )
    assert fitted(data).corrected(np.ones((1, 2))) is None


def test_recalibration_sees_real_rows_that_were_left_out(data):
    """As scikit-learn's own, around a classifier that learns its rows by heart."""
    memorizing = WithLogOdds(20)
    model = fitted(data, memorizing, recalibration="platt", random_state=4)
    cv = StratifiedKFold(5, shuffle=True, random_state=4)
    memorizing.set_params(random_state=4)
    own = CalibratedClassifierCV(memorizing, method="sigmoid", cv=cv, ensemble=False)
    expected = own.fit(*data[:2]).predict_proba(data[2])
    np.testing.assert_allclose(model.predict_proba(data[2]), expected, atol=1e-6)
    seen = []

    class Watching(RandomOverSampler):
        def fit_resample(self, X, y):
            seen.append(len(X))
            return super().fit_resample(X, y)

    fitted(data, sampler=Watching(), recalibration="isotonic")
    assert seen == [600, *[480] * 5]


def test_three_classes():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [300, 60, 30])
    X = pd.DataFrame(rng.normal(size=(390, 2)) + 2.0 * codes[:, None])
    costs = [[0, 1, 1], [5, 0, 5], [20, 20, 0]]
    for options in (
        {"kind": "class_weights", "recalibration": "platt"},
        {"kind": "threshold"},
        {"kind": "threshold", "costs": costs},
        {"kind": "cost_weights", "costs": costs},
        {"kind": "balanced_bagging", "recalibration": "isotonic"},
    ):
        model = Rebalanced(LOGISTIC, **options).fit(X, codes)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert np.mean(model.predict(X) == codes) > 0.7
        if options == {"kind": "threshold", "costs": costs}:
            least = (p @ np.array(costs)).argmin(axis=1)
            np.testing.assert_array_equal(model.predict(X), least)


def test_other_columns_are_refused_and_clones_are_whole(data):
    model = fitted(data)
    with pytest.raises(ValueError, match="columns of the training rows.*'a', 'b'"):
        model.predict(data[2][["b", "a"]])
    copy = clone(Rebalanced(LOGISTIC, costs=COSTS, sampler=RandomOverSampler()))
    assert isinstance(copy.sampler, RandomOverSampler) and (copy.costs == COSTS).all()


def test_from_a_comparison_to_what_is_shipped(data, tmp_path):
    """Recommended, fitted on all rows, kept, read again; as good as it was said."""
    X, y = data[0].assign(kind=np.where(data[0].a > 1, "x", None)), data[1]
    test = data[2].assign(kind=np.where(data[2].a > 1, "x", None))
    methods = ["threshold", "cost_weights", "under_sampling", "near_miss"]
    methods += ["edited_nearest_neighbours", "balanced_bagging", "random+platt"]
    objective = {"miss": 20, "false_alarm": 1}
    result = compare(
        X, y, methods, ["logistic_regression"], 3, objective=objective, verbose=0
    )
    added = result.rows.set_index("method").n_added
    assert added["near_miss"].iloc[0] == added["under_sampling"].iloc[0] < 0
    assert -200 < added["edited_nearest_neighbours"].iloc[0] < 0
    assert " by cost" in result.verdict
    model = result.estimator().fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.predict(test), model.predict(test))
    cost = (confusion_matrix(data[3], again.predict(test)) * COSTS).sum() / len(test)
    said = result.to_frame().cost[result.shipped]
    assert cost == pytest.approx(said, rel=0.35)
    plain = result.estimator("logistic_regression", "none")
    assert plain.fit(X, y).predict(test).tolist() != again.predict(test).tolist() or (
        result.shipped[1] == "none"
    )
    with pytest.raises(ValueError, match="no model of .*'mlp'.*Expected one of"):
        result.estimator("mlp")
