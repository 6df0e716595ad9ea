"""`compare`: what it trains and tests on, what it keeps, and what it refuses."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasos.evaluation import compare as exported
from kerasos.evaluation.compare import COLUMNS, ROWS_FILE, compare
from kerasos.evaluation.contenders import best_threshold
from kerasos.evaluation.result_rows import append_rows, read_rows
from kerasos.evaluation.scores import METRICS
from kerasos.metrics import acsa
from kerasos.over_sampling import DeepOverSampler

FOLDS = StratifiedKFold(3, shuffle=True, random_state=1)
LOGISTIC = ["logistic_regression"]


def table(n=90, rare=18, seed=0):
    """Numbers, strings and booleans; the first column names the row."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["no", "yes"], [n - rare, rare])
    frame = pd.DataFrame(
        {
            "row": rng.permutation(n).astype("float64"),
            "size": rng.normal(size=n) + 1.2 * (y == "yes"),
            "age": rng.integers(18, 90, n),
            "city": rng.choice(["Oslo", "Rome", "Kiel"], n),
            "member": rng.random(n) < 0.5,
        }
    )
    order = rng.permutation(n)
    return frame.iloc[order], y[order]


class Spy(BaseEstimator):
    """Doubles the rare class with rows that no table holds; keeps what it saw."""

    seen = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit_resample(self, X, y):
        self.seen.append((X.copy(), y.copy(), self.random_state))
        new = X[y == "yes"].assign(row=-1.0)
        return pd.concat([X, new]), np.concatenate([y, y[y == "yes"]])


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps the rows it is fitted on and asked about."""

    fitted, asked = [], []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fitted.append(X)
        return self

    def predict_proba(self, X):
        self.asked.append(X)
        return np.full((len(X), 2), 0.5)

    def predict(self, X):
        return np.zeros(len(X), int)


def test_what_is_resampled_never_reaches_the_test_fold():
    X, y = table()
    Spy.seen, Recorder.fitted, Recorder.asked = [], [], []
    # A pipeline gets the frame as it is, so rows can be told by their names.
    compare(
        X,
        y,
        {"spy": Spy(), "again": Spy()},
        {"recorder": make_pipeline(Recorder())},
        FOLDS,
        verbose=0,
    )
    folds = list(FOLDS.split(X, y))
    assert len(Spy.seen) == 6 and len(Recorder.fitted) == len(Recorder.asked) == 9
    seeds = []
    for number, (train, test) in enumerate(folds):
        for X_seen, y_seen, seed in Spy.seen[2 * number : 2 * number + 2]:
            pd.testing.assert_frame_equal(X_seen, X.iloc[train].reset_index(drop=True))
            np.testing.assert_array_equal(y_seen, y[train])
            seeds.append(seed)
        none, *others = Recorder.fitted[3 * number : 3 * number + 3]
        np.testing.assert_array_equal(none["row"], X["row"].iloc[train])
        for fitted in others:
            assert (fitted["row"].iloc[len(train) :] == -1).all()
            assert len(fitted) == len(train) + (y[train] == "yes").sum()
        for asked in Recorder.asked[3 * number : 3 * number + 3]:
            np.testing.assert_array_equal(asked["row"], X["row"].iloc[test])
    # The methods of a fold share its seed, and each fold has another.
    assert seeds[::2] == seeds[1::2] and len(set(seeds)) == 3


def test_encodings_know_the_training_rows_alone():
    """A category of test rows alone gets no column, and means are the training's."""
    X, y = table()
    X = X.reset_index(drop=True)
    (train, test), *_ = FOLDS.split(X, y)
    X.loc[test, "city"] = "Nome"
    X.loc[test, "size"] += 100.0
    Recorder.fitted, Recorder.asked = [], []
    compare(X, y, ["random"], {"recorder": Recorder()}, FOLDS, verbose=0)
    fitted, asked = Recorder.fitted[0], Recorder.asked[0]
    assert fitted.shape == (len(train), 3 + 3 + 2)
    np.testing.assert_allclose(fitted[:, :3].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(fitted[:, :3].std(axis=0), 1.0)
    assert (asked[:, 1] > 50).all() and not asked[:, 3:6].any()
    # Copies move the mean of what is fitted on, not the encoding.
    assert abs(Recorder.fitted[1][:, 1].mean()) > 0.02


@pytest.fixture(scope="module")
def result():
    X, y = table()
    return compare(
        X, y, ["class_weights", "threshold", "random", "smote"], LOGISTIC, verbose=0
    )


def test_rows_and_summary(result):
    assert exported is compare
    rows, summary = result.rows, result.summary
    assert list(rows) == COLUMNS and len(rows) == 10 * 5  # five times two folds
    assert set(rows.n_train) == {45} and set(rows.n_test) == {45}
    added = rows.set_index("method").n_added
    assert not added[["none", "class_weights", "threshold"]].any()
    assert (added[["random", "smote"]] == 36 - 9).all()
    for _, row in summary.iterrows():
        mine = rows[rows.method == row.method][row.metric]
        assert row["mean"] == pytest.approx(mine.mean())
        assert row["std"] == pytest.approx(mine.std())
    # Weights and threshold do what they are for; the others have their prices.
    main = summary[summary.metric == "balanced_accuracy"].set_index("method")
    assert main["mean"]["class_weights"] > main["mean"]["none"] + 0.03
    assert main["mean"]["threshold"] > main["mean"]["none"] + 0.03
    assert main.mean_rank.sum() == pytest.approx(15)
    assert result.mean_ranks() == pytest.approx(
        main.mean_rank.sort_values().to_dict()
    ) and list(result.mean_ranks())[-1] in ("none", "smote", "random")


def test_the_threshold_leaves_probabilities_as_they_are(result):
    wide = result.rows.pivot(index="fold", columns="method")
    for metric in ("average_precision", "brier"):
        np.testing.assert_allclose(wide[metric]["threshold"], wide[metric]["none"])
    assert (wide["brier"]["class_weights"] > wide["brier"]["none"]).mean() > 0.7


def test_the_threshold_is_the_best_one():
    """Against every other threshold, on the same rows left out."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    x = rng.normal(size=(100, 2)) + y[:, None]
    found = best_threshold(LogisticRegression(), x, y, seed=3)
    assert 0.05 < found < 0.4
    cv = StratifiedKFold(5, shuffle=True, random_state=3)
    p = cross_val_predict(LogisticRegression(), x, y, cv=cv, method="predict_proba")
    scores = [acsa(y, (p[:, 1] >= t).astype(int)) for t in np.linspace(0, 1, 500)]
    assert acsa(y, (p[:, 1] >= found).astype(int)) == pytest.approx(max(scores))
    constant = DummyClassifier(strategy="prior")
    assert best_threshold(constant, x, y, seed=3) == 0.5


def test_class_weights_are_the_weights_of_scikit_learn():
    X, y = table()
    numbers = X[["size", "age"]].to_numpy()
    both = compare(numbers, y, ["class_weights"], LOGISTIC, FOLDS, verbose=0)
    weighted = {"logistic_regression": LogisticRegression(class_weight="balanced")}
    own = compare(numbers, y, ["random"], weighted, FOLDS, verbose=0)
    np.testing.assert_allclose(
        both.rows[both.rows.method == "class_weights"][list(METRICS)],
        own.rows[own.rows.method == "none"][list(METRICS)],
        rtol=1e-6,
    )


def test_more_than_two_classes_and_missing_values():
    rng = np.random.default_rng(0)
    y = np.repeat([3, 1, 7], [60, 24, 12])
    X = rng.normal(size=(96, 3)) + y[:, None] / 4
    X[::7, 0] = np.nan
    result = compare(
        X,
        y,
        ["threshold", "class_weights", "random"],
        {"bayes": make_pipeline(_Zero(), StandardScaler(), GaussianNB())},
        FOLDS,
        metrics=["g_mean", "brier"],
        verbose=0,
    )
    assert result.metrics == ["g_mean", "brier"] and len(result.rows) == 12
    assert result.counts == {1: 24, 3: 60, 7: 12}
    means = result.summary.set_index(["metric", "method"])["mean"]
    assert means["g_mean", "threshold"] > means["g_mean", "none"]
    assert means["brier", "threshold"] == pytest.approx(means["brier", "none"])
    default = compare(X, y, ["random"], LOGISTIC, FOLDS, verbose=0)
    assert default.rows[list(METRICS)].notna().all().all()


class _Zero(BaseEstimator):
    """Puts 0 where a value is missing."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.fillna(0.0)

    def fit_transform(self, X, y=None):
        return self.transform(X)


def test_the_default_classifiers_take_everything():
    X, y = table(60, 20)
    result = compare(X, y, ["class_weights", "threshold"], cv=FOLDS, verbose=0)
    assert result.classifiers == ["logistic_regression", "gradient_boosting", "mlp"]
    assert len(result.rows) == 27


@pytest.mark.slow  # reason: traces a CVAE for each of three folds
def test_a_method_of_kerasos_and_a_sampler():
    X, y = table(60, 20)
    methods = {
        "cvae, one epoch": DeepOverSampler("cvae", epochs=1),
        "copies": RandomOverSampler(sampling_strategy={"yes": 30}),
    }
    result = compare(X, y, methods, LOGISTIC, FOLDS, verbose=0)
    added = result.rows.groupby("method").n_added.apply(list)
    # 40 and 20 rows, so 80 and 40 in all training parts, and 90 "yes" asked for.
    assert sum(added["cvae, one epoch"]) == 40 and sum(added["copies"]) == 50
    assert result.methods == ["none", "cvae, one epoch", "copies"]


# Going on.


def test_a_second_run_computes_nothing_and_says_the_same(tmp_path, monkeypatch):
    X, y = table()
    arguments = (X, y, ["random", "smote"], LOGISTIC, FOLDS)
    first = compare(*arguments, output_dir=tmp_path, verbose=0)
    monkeypatch.setattr(sys.modules[compare.__module__]._Plan, "_evaluate", None)
    second = compare(*arguments, output_dir=tmp_path, verbose=0)
    pd.testing.assert_frame_equal(first.rows, second.rows)
    assert second.verdict == first.verdict


def test_a_killed_run_loses_one_row_at_most(tmp_path):
    X, y = table()
    arguments = (X, y, ["random", "smote"], LOGISTIC, FOLDS)
    whole = compare(*arguments, verbose=0).rows

    class Killed(LogisticRegression):
        left = 4

        def fit(self, X, y, sample_weight=None):
            Killed.left -= 1
            if Killed.left < 0:
                raise KeyboardInterrupt
            return super().fit(X, y, sample_weight)

    killed = {"logistic_regression": Killed(max_iter=1000)}
    arguments = (X, y, ["random", "smote"], killed, FOLDS)
    with pytest.raises(KeyboardInterrupt):
        compare(*arguments, output_dir=tmp_path, verbose=0)
    path = tmp_path / ROWS_FILE
    assert len(read_rows(path, COLUMNS)) == 4
    with open(path, "a", encoding="utf-8") as file:
        file.write("2,random,logistic_re")  # cut off by a crash
    Killed.left = 5
    rest = compare(*arguments, output_dir=tmp_path, verbose=0)
    assert Killed.left == 0 and len(read_rows(path, COLUMNS)) == 9
    scores = [*METRICS, "fold", "method", "n_added"]
    pd.testing.assert_frame_equal(rest.rows[scores], whole[scores])


@pytest.mark.parametrize(
    "change",
    [
        {"X": table(seed=1)[0]},
        {"random_state": 1},
        {"cv": StratifiedKFold(3, shuffle=True, random_state=2)},
        {"classifiers": {"logistic_regression": LogisticRegression(C=0.1)}},
        {"methods": {"random": RandomOverSampler(shrinkage=0.5)}},
    ],
)
def test_other_settings_are_other_rows(tmp_path, change):
    X, y = table()
    X = X[["size", "age"]]
    arguments = {"X": X, "y": y, "methods": ["random"]}
    arguments |= {"classifiers": LOGISTIC, "cv": FOLDS, "random_state": 0}
    settings = {"output_dir": tmp_path, "verbose": 0}
    first = compare(**arguments, **settings)
    changed = {**arguments, **change}
    changed["X"] = changed["X"][["size", "age"]]
    second = compare(**changed, **settings)
    same = set(first.rows.config) & set(second.rows.config)
    # What `none` does depends on no sampler.
    assert len(same) == (3 if "methods" in change else 0)
    assert len(read_rows(tmp_path / ROWS_FILE, COLUMNS)) == 12 - len(same)


def test_a_file_of_another_table_is_refused(tmp_path):
    X, y = table()
    (tmp_path / ROWS_FILE).write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="Give another file"):
        compare(X, y, ["random"], LOGISTIC, FOLDS, output_dir=tmp_path, verbose=0)


def test_rows_of_text_survive_the_file(tmp_path):
    path = tmp_path / "deep" / "rows.csv"
    append_rows(path, ["a", "b"], [{"a": "x, y", "b": "two\nlines"}])
    append_rows(path, ["a", "b"], [{"a": json.dumps({"k": 1}), "b": ""}])
    found = read_rows(path, ["a", "b"])
    assert [row["b"] for row in found] == ["two\nlines", ""]
    assert json.loads(found[1]["a"]) == {"k": 1}
    assert read_rows(tmp_path / "none.csv", ["a"]) == []


def test_an_error_says_where_it_came_from():
    class Broken(Spy):
        def fit_resample(self, X, y):
            raise RuntimeError("no luck")

    X, y = table()
    with pytest.raises(RuntimeError, match="no luck") as caught:
        compare(X, y, {"broken": Broken()}, LOGISTIC, FOLDS, verbose=0)
    assert caught.value.__notes__ == ["In fold 0 of `compare`, method 'broken'."]


# What is refused before anything is trained.


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"methods": ["smoted"]}, ValueError, "Did you mean 'smote'"),
        ({"methods": []}, ValueError, "nothing to compare"),
        ({"methods": ["none"]}, ValueError, "nothing to compare"),
        ({"methods": [RandomOverSampler()]}, TypeError, "need a name"),
        ({"methods": {"a": 3}}, TypeError, "`fit_resample`. Received: int"),
        ({"methods": {"none": "random", "a": "smote"}}, ValueError, "Choose another"),
        ({"classifiers": ["logistic"]}, ValueError, "'logistic_regression'"),
        ({"classifiers": {}}, ValueError, "no classifier"),
        ({"classifiers": {"a": Spy()}}, TypeError, "must have `fit` and"),
        (
            {
                "classifiers": {"k": KNeighborsClassifier()},
                "methods": ["class_weights"],
            },
            TypeError,
            "takes `sample_weight`",
        ),
        ({"metrics": ["acuracy"]}, ValueError, "balanced_accuracy"),
        ({"metrics": []}, ValueError, "`metrics` is empty"),
        ({"cv": 1}, ValueError, "three folds at least"),
        ({"cv": 2}, ValueError, "three folds at least"),
        ({"cv": 19}, ValueError, "19 rows a class at least. Received: 18 of"),
        ({"cv": StratifiedShuffleSplit(2)}, ValueError, "three folds at least"),
        ({"cv": "five"}, TypeError, "splitters"),
        ({"random_state": None}, ValueError, "must be an integer"),
        ({"y": np.zeros(90)}, ValueError, "two classes at least"),
        ({"y": np.linspace(0, 1, 90)}, ValueError, "continuous target"),
        ({"y": np.zeros(89)}, ValueError, r"Expected shape \(90,\)"),
        ({"y": np.array([None] + ["a"] * 89)}, ValueError, "1 missing labels"),
        ({"X": np.zeros((90, 2, 2))}, ValueError, "must be a table"),
        ({"X": np.zeros((90, 0))}, ValueError, "must be a table"),
    ],
)
def test_bad_input_is_refused_before_training(change, error, words, monkeypatch):
    X, y = table()
    monkeypatch.setattr(sys.modules[compare.__module__]._Plan, "run", None)
    arguments = {"X": X, "y": y, "methods": ["random"], "classifiers": LOGISTIC}
    arguments |= {"cv": FOLDS, "verbose": 0}
    with pytest.raises(error, match=words):
        compare(**{**arguments, **change})


def test_a_fold_without_a_class_is_named():
    X, y = table()
    order = np.argsort(y)
    with pytest.raises(ValueError, match=r"fold 0, whose test rows.*\['yes'\]"):
        compare(X.iloc[order], y[order], ["random"], LOGISTIC, KFold(3), verbose=0)


def test_integer_folds_and_repeats():
    X, y = table()
    three = compare(X, y, ["random"], LOGISTIC, 3, verbose=0)
    assert three.rows.fold.nunique() == 3 and set(three.rows.n_test) == {30}
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    assert compare(X, y, ["random"], LOGISTIC, cv, verbose=0).rows.fold.nunique() == 4
