"""What `compare` evaluates: weights, thresholds, costs, mended probabilities."""

import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import BaseEstimator, ClassifierMixin, clone
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
from kerasos.evaluation.compare.checks import check_real_first
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


class Weighing(ClassifierMixin, BaseEstimator):
    """Keeps rows, labels and weights; says half for each of two classes."""

    fitted = []

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.fitted.append((X["a"].tolist(), y.tolist(), sample_weight))
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


class Adding(BaseEstimator):
    """Adds two rows of the rare class behind the others."""

    def fit_resample(self, X, y):
        new = pd.DataFrame({"a": [-1.0, -2.0]})
        rows = pd.concat([X, new], ignore_index=True)
        return rows, np.append(y, ["worn", "worn"])


FEW = pd.DataFrame({"a": np.arange(10.0)}), np.repeat(["good", "worn"], [8, 2])


@pytest.mark.parametrize("how", [None, "isotonic", "prior_corrected"])
def test_added_rows_have_their_weight_and_real_ones_1(how):
    Weighing.fitted = []
    model = Rebalanced(
        make_pipeline(Weighing()),
        sampler=Adding(),
        recalibration=how,
        synthetic_weight=0.25,
    )
    model.fit(*FEW)
    *inner, (rows, codes, weights) = Weighing.fitted
    assert rows == [*range(10), -1, -2] and codes == [0] * 8 + [1] * 4
    assert weights.tolist() == [1.0] * 10 + [0.25] * 2
    # 8 of the one class; 2 and two quarters of the other.
    np.testing.assert_allclose(model.trained_shares_, [8 / 10.5, 2.5 / 10.5])
    # Two folds, since two rows are worn; in each half of the rows, and the same two.
    assert len(inner) == (2 if how == "isotonic" else 0)
    for rows, codes, weights in inner:
        assert len(rows) == 7 and rows[5:] == [-1, -2] and codes[5:] == [1, 1]
        assert weights.tolist() == [1.0] * 5 + [0.25] * 2
    if how == "prior_corrected":
        # Odds of 1 to 1 where 8 to 2.5 was trained on are 2 to 2.5 where it is 8 to 2.
        p = model.predict_proba(FEW[0])
        np.testing.assert_allclose(p, np.tile([2.5 / 4.5, 2 / 4.5], (10, 1)))


def test_copies_of_a_weight_are_rows_of_more_weight(data):
    X, y, test, _ = data
    sampler = RandomOverSampler(random_state=0)
    sampler.fit_resample(X, y)
    copies = np.bincount(sampler.sample_indices_[len(y) :], minlength=len(y))
    assert copies.sum() > 400
    scaler, found = StandardScaler().fit(X), {}
    for weight in (None, 1.0, 0.1):
        model = fitted(data, sampler=sampler, synthetic_weight=weight)
        found[weight] = model.predict_proba(test)
        weights = 1 + (1.0 if weight is None else weight) * copies
        own = LogisticRegression().fit(scaler.transform(X), y, weights)
        expected = own.predict_proba(scaler.transform(test))
        np.testing.assert_allclose(found[weight], expected, atol=1e-3)
    np.testing.assert_array_equal(found[None], found[1.0])
    assert found[0.1][:, 1].mean() < found[1.0][:, 1].mean() - 0.1


class Rearranging(Adding):
    """Adds rows, but not behind the real ones as they were."""

    def __init__(self, how):
        self.how = how

    def fit_resample(self, X, y):
        X_res, y_res = super().fit_resample(X, y)
        if self.how == "in front":
            return X_res[::-1], y_res[::-1]
        if self.how == "fewer":
            return X_res[:5], y_res[:5]
        if self.how == "other labels":
            return X_res, np.roll(y_res, 1)
        return X_res.assign(a=X_res.a.replace(3.0, 3.5)), y_res


@pytest.mark.parametrize("how", ["in front", "fewer", "other labels", "other values"])
def test_weights_need_the_real_rows_in_front(how):
    model = Rebalanced(LOGISTIC, sampler=Rearranging(how))
    model.resample(*FEW)
    model.set_params(synthetic_weight=0.1)
    with pytest.raises(ValueError, match="the 10 real ones first, unchanged.*weight"):
        model.resample(*FEW)


def test_rows_of_any_columns_are_known_again_in_front():
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, 3.0, 4.0],
            "whole": pd.array([1, None, 3, 4], "Int64"),
            "kind": pd.Categorical(["x", None, "y", "x"]),
            "text": ["p", None, "q", "r"],
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04"]),
        }
    )
    y = np.array(["good", "worn", "good", "good"])
    sampler = RandomOverSampler()
    rows, labels = Rebalanced(LOGISTIC, sampler=sampler, synthetic_weight=2.0).resample(
        frame, y
    )
    assert len(rows) == len(labels) == 6
    check_real_first(frame, y, rows.astype(object), labels)  # as values, not as types
    rows.loc[1, "number"] = 0.0
    with pytest.raises(ValueError, match="Received: 6 which begin with others"):
        check_real_first(frame, y, rows, labels)


@pytest.mark.parametrize("classifier", [LOGISTIC, ExtraTreesClassifier()])
def test_dates_are_told_by_the_day_and_by_the_hour(classifier):
    rng = np.random.default_rng(0)
    day, hour = rng.integers(0, 100, 400), rng.integers(0, 24, 400)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(24 * day + hour, "h")
    known = rng.random(400) < 0.95
    X = pd.DataFrame({"when": pd.Series(when).where(known), "x": rng.normal(size=400)})
    X["zone"] = X.when.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    for y in (day > 60, hour > 15):
        model = Rebalanced(classifier).fit(X[:200], y[:200])
        found = (model.predict(X[200:]) == y[200:])[known[200:]]
        assert found.mean() > 0.85
    with pytest.raises(TypeError, match="'week' holds times alone or spans"):
        Rebalanced(classifier).fit(X.assign(week=X.when.dt.to_period("W")), y)


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
