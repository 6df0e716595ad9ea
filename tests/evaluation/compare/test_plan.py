"""`compare`: what it trains and tests on, what it keeps, and what it refuses."""

import importlib
import json
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from joblib._parallel_backends import ThreadingBackend
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import kerasos
from kerasos.evaluation import compare
from kerasos.evaluation.compare.plan import COLUMNS, ROWS_FILE
from kerasos.evaluation.compare.result_rows import append_rows, read_rows
from kerasos.evaluation.compare.scores import METRICS
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


def numbers(seed=0):
    """The table's numbers alone."""
    X, y = table(seed=seed)
    return X[["size", "age"]], y


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


class Limited(LogisticRegression):
    """Is stopped, as by Ctrl-C, where it is fitted more than `left` times."""

    left = 0

    def fit(self, X, y, sample_weight=None):
        Limited.left -= 1
        if Limited.left < 0:
            raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


SCALED = make_sampling_pipeline(StandardScaler(), SMOTE())
LIMITED = {"logistic_regression": Limited(max_iter=1000)}


def run(methods, classifiers=LOGISTIC, cv=FOLDS, data=None, **options):
    """`compare` on the table, unless there are other data."""
    X, y = table() if data is None else data
    return compare(X, y, methods, classifiers, cv, verbose=0, **options)


@pytest.fixture
def recorder():
    """A classifier that gets the frame as it is, so rows can be told by their names."""
    Recorder.fitted, Recorder.asked = [], []
    return {"recorder": make_pipeline(Recorder())}


def test_the_name_is_the_function_though_a_package_is_called_so():
    plan = importlib.import_module("kerasos.evaluation.compare.plan")
    assert kerasos.evaluation.compare is compare is plan.compare
    assert importlib.import_module("kerasos.evaluation.compare").compare is compare


def test_what_is_resampled_never_reaches_the_test_fold(recorder):
    X, y = table()
    Spy.seen = []
    run({"spy": Spy(), "again": Spy()}, recorder)
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


@pytest.mark.parametrize("name", ["random", "smote"])
def test_a_name_is_the_method_of_the_registry_and_of_deep_over_sampler(name, recorder):
    X, y = table()
    X.loc[X.index[::9], "size"] = np.nan
    result = run([name], recorder, data=(X, y))
    for fold, (train, _) in enumerate(FOLDS.split(X, y)):
        sampler = DeepOverSampler(name, random_state=result.rows.seed[2 * fold])
        expected, _ = sampler.fit_resample(X.iloc[train], y[train])
        pd.testing.assert_frame_equal(Recorder.fitted[2 * fold + 1], expected)
        assert type(sampler.model_) is kerasos.get_method(name)


def test_a_target_of_one_column_is_its_labels(recorder):
    X, y = table()
    runs = [
        run(["random"], recorder, data=(X, target)).rows
        for target in (y, y[:, None], pd.DataFrame({"target": y}))
    ]
    timed = ["resample_seconds", "fit_seconds"]
    for rows in runs[1:]:
        pd.testing.assert_frame_equal(
            rows.drop(columns=timed), runs[0].drop(columns=timed)
        )


def test_encodings_know_the_training_rows_alone(recorder):
    """A category of test rows alone gets no column, and means are the training's."""
    X, y = table()
    X = X.reset_index(drop=True)
    (train, test), *_ = FOLDS.split(X, y)
    X.loc[test, "city"] = "Nome"
    X.loc[test, "size"] += 100.0
    run(["random"], {"recorder": Recorder()}, data=(X, y))
    fitted, asked = Recorder.fitted[0], Recorder.asked[0]
    assert fitted.shape == (len(train), 3 + 3 + 2)
    np.testing.assert_allclose(fitted[:, :3].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(fitted[:, :3].std(axis=0), 1.0)
    assert (asked[:, 1] > 50).all() and not asked[:, 3:6].any()
    # Copies move the mean of what is fitted on, not the encoding.
    assert abs(Recorder.fitted[1][:, 1].mean()) > 0.02


@pytest.fixture(scope="module")
def result():
    return run(["class_weights", "threshold", "random", "smote"], cv=None)


def test_rows_and_summary(result):
    rows, summary = result.rows, result.summary
    assert list(rows) == [name for name in COLUMNS if name != "others"]
    assert len(rows) == 25 * 5  # five times five folds
    assert set(rows.n_train) == {72} and set(rows.n_test) == {18}
    added = rows.set_index("method").n_added
    assert not added[["none", "class_weights", "threshold"]].any()
    assert set(added[["random", "smote"]]) <= {58 - 14, 57 - 15}
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


def test_class_weights_are_the_weights_of_scikit_learn():
    weighted = {"logistic_regression": LogisticRegression(class_weight="balanced")}
    both, own = run(["class_weights"]), run(["random"], weighted)
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
    zero = FunctionTransformer(lambda frame: frame.fillna(0.0))
    result = run(
        ["threshold", "class_weights", "random"],
        {"bayes": make_pipeline(zero, StandardScaler(), GaussianNB())},
        data=(X, y),
        metrics=["g_mean", "brier"],
    )
    assert result.metrics == ["g_mean", "brier"] and len(result.rows) == 12
    assert result.counts == {1: 24, 3: 60, 7: 12}
    means = result.summary.set_index(["metric", "method"])["mean"]
    assert means["g_mean", "threshold"] > means["g_mean", "none"]
    assert means["brier", "threshold"] == pytest.approx(means["brier", "none"])
    default = run(["random"], data=(X, y))
    assert default.rows[list(METRICS)].notna().all().all()


def test_the_default_classifiers_take_everything():
    result = run(["class_weights", "threshold"], None, data=table(60, 20))
    assert result.classifiers == ["logistic_regression", "gradient_boosting", "mlp"]
    assert len(result.rows) == 27


@pytest.mark.slow  # reason: traces a CVAE for each of three folds
def test_a_method_of_kerasos_and_a_sampler():
    methods = {
        "cvae, one epoch": DeepOverSampler("cvae", epochs=1),
        "copies": RandomOverSampler(sampling_strategy={"yes": 30}),
    }
    result = run(methods, data=table(60, 20))
    added = result.rows.groupby("method").n_added.apply(list)
    # 40 and 20 rows, so 80 and 40 in all training parts, and 90 "yes" asked for.
    assert sum(added["cvae, one epoch"]) == 40 and sum(added["copies"]) == 50
    assert result.methods == ["none", "cvae, one epoch", "copies"]


# Going on.


class Counted(RandomOverSampler):
    """Copies; the lengths of what it was asked to resample."""

    asked: list = []

    def fit_resample(self, X, y):
        self.asked.append(len(X))
        time.sleep(0.05)
        return super().fit_resample(X, y)


def test_methods_with_one_sampler_resample_once(monkeypatch, tmp_path):
    """Whatever is made of the rows; each is told to have taken the time."""
    monkeypatch.setattr(Counted, "asked", [])
    methods = {
        "copies": Counted(),
        "corrected": "copies+prior_corrected",
        "platt": "copies+platt",
        "tenth": "copies+weight=0.1",
        "mended": "copies+weight=0.1+isotonic",
        "other": Counted(),
    }
    found = run(methods, output_dir=tmp_path)
    whole = [len(train) for train, _ in FOLDS.split(*table())]
    inner = [size for size in Counted.asked if size not in whole]
    assert Counted.asked.count(60) == 2 * len(whole) and len(inner) == 5 * len(whole)
    alone = []
    for name in list(methods)[1:5]:
        alone.append(run({"copies": Counted(), name: methods[name]}).rows)
    alone = pd.concat(alone).drop_duplicates(["method", "fold"])
    scores = ["method", "fold", *METRICS, "n_added", "reliability"]
    both = [rows[scores].set_index(["method", "fold"]) for rows in (found.rows, alone)]
    pd.testing.assert_frame_equal(both[0].loc[both[1].index], both[1])
    seconds = found.rows.groupby("method").resample_seconds.min()
    assert (seconds[["copies", "corrected", "tenth", "other"]] >= 0.05).all()
    assert (seconds[["platt", "mended"]] >= 6 * 0.05).all()
    # The rows that a killed run lacks are the same.
    path = tmp_path / ROWS_FILE
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if ",platt," not in line]
    assert len(lines) - len(kept) == len(whole)
    path.write_text("".join(kept))
    again = run(methods, output_dir=tmp_path).rows
    timed = ["resample_seconds", "fit_seconds"]
    pd.testing.assert_frame_equal(
        again.drop(columns=timed), found.rows.drop(columns=timed)
    )


def test_a_second_run_computes_nothing_and_says_the_same(tmp_path):
    Limited.left = 9
    first, second = (
        run(["random", "smote"], LIMITED, output_dir=tmp_path) for _ in range(2)
    )
    pd.testing.assert_frame_equal(first.rows, second.rows)
    assert second.verdict == first.verdict


def test_a_killed_run_loses_one_row_at_most(tmp_path):
    whole = run(["random", "smote"]).rows
    Limited.left = 4
    with pytest.raises(KeyboardInterrupt):
        run(["random", "smote"], LIMITED, output_dir=tmp_path)
    path = tmp_path / ROWS_FILE
    assert len(read_rows(path, COLUMNS)) == 4
    with open(path, "a", encoding="utf-8") as file:
        file.write("2,random,logistic_re")  # cut off by a crash
    Limited.left = 5
    rest = run(["random", "smote"], LIMITED, output_dir=tmp_path)
    assert Limited.left == 0 and len(read_rows(path, COLUMNS)) == 9
    scores = [*METRICS, "fold", "method", "n_added"]
    pd.testing.assert_frame_equal(rest.rows[scores], whole[scores])


@pytest.mark.parametrize(
    "change",
    [
        {"data": numbers(seed=1)},
        {"random_state": 1},
        {"cv": StratifiedKFold(3, shuffle=True, random_state=2)},
        {"classifiers": {"logistic_regression": LogisticRegression(C=0.1)}},
        {"methods": {"random": RandomOverSampler(shrinkage=0.5)}},
    ],
)
def test_other_settings_are_other_rows(tmp_path, change):
    settings = {"data": numbers(), "methods": ["random"], "output_dir": tmp_path}
    first, second = run(**settings), run(**settings | change)
    same = set(first.rows.config) & set(second.rows.config)
    # What `none` does depends on no sampler.
    assert len(same) == (3 if "methods" in change else 0)
    assert len(read_rows(tmp_path / ROWS_FILE, COLUMNS)) == 12 - len(same)


def test_another_weight_is_other_rows_and_a_weight_of_1_is_no_weight(tmp_path):
    """Resumed under the same name; what is shipped trains with the weight."""
    settings = {"data": numbers(), "output_dir": tmp_path}
    results = [
        run({"plain": "random", "a": f"random+weight={weight}"}, **settings)
        for weight in ("0.1", "0.1", "1", "0.3")
    ]
    first, same, one, other = (result.rows.set_index("method") for result in results)
    pd.testing.assert_frame_equal(first, same)
    config = [rows.config["a"].tolist() for rows in (first, one, other)]
    assert len(set(sum(config, []))) == 9
    assert (one.config["plain"] == first.config["plain"]).all()
    assert len(read_rows(tmp_path / ROWS_FILE, COLUMNS)) == 6 + 9
    scores = [*METRICS, "n_added"]
    plain = one.loc["plain", scores]
    np.testing.assert_array_equal(one.loc["a", scores], plain)
    assert (first.log_loss["a"] != one.log_loss["a"]).all()
    assert (first.log_loss["a"] != other.log_loss["a"]).all()
    # As trained, and for the shares that the weighted rows have.
    assert (first.reliability_corrected["a"] != "").all()
    model = results[0].estimator("logistic_regression", "a")
    assert model.synthetic_weight == 0.1
    X, y = numbers()
    counts = np.array([72, 18 + 0.1 * 54])
    np.testing.assert_allclose(model.fit(X, y).trained_shares_, counts / counts.sum())


def test_a_file_of_another_table_is_refused(tmp_path):
    (tmp_path / ROWS_FILE).write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="Give another file"):
        run(["random"], output_dir=tmp_path)


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

    with pytest.raises(RuntimeError, match="no luck") as caught:
        run({"broken": Broken()})
    assert caught.value.__notes__ == ["In fold 0 of `compare`, method 'broken'."]


def test_a_sampler_must_give_back_the_columns():
    """Scaled rows beside rows to test on that are not would be scored in silence."""
    with pytest.raises(TypeError, match="Scaling and encoding go into the") as caught:
        run({"scaled": SCALED}, data=numbers())
    assert "Received: ndarray" in str(caught.value)


def test_a_classifier_that_fails_is_named():
    class Silent(Recorder):
        def predict_proba(self, X):
            raise RuntimeError("no luck")

    with pytest.raises(RuntimeError) as caught:
        run(["random"], {"silent": make_pipeline(Silent())})
    assert caught.value.__notes__ == [
        "In fold 0 of `compare`, method 'none', classifier 'silent'."
    ]


# What is refused before anything is trained.


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"methods": ["smoted"]}, ValueError, "Did you mean 'smote'"),
        ({"methods": ["smote+weight=0"]}, ValueError, "0 is `none`"),
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
        ({"random_state": None}, ValueError, "`random_state`.* an integer"),
        ({"y": np.zeros(90)}, ValueError, "two classes at least"),
        ({"y": np.linspace(0, 1, 90)}, ValueError, "continuous target"),
        ({"y": np.zeros(89)}, ValueError, r"Expected shape \(90,\)"),
        ({"y": np.array([None] + ["a"] * 89)}, ValueError, "1 missing labels"),
        ({"methods": {"a": RandomOverSampler}}, TypeError, r"`RandomOverSampler\(\)`"),
        ({"classifiers": {"a": GaussianNB}}, TypeError, r"Make one, `GaussianNB\(\)`"),
        ({"classifiers": [GaussianNB()]}, TypeError, "Classifiers need a name"),
        (
            {"X": table()[0].replace({"age": {18: np.inf}}).assign(size=np.inf)},
            ValueError,
            "inf in column 'size'",
        ),
        ({"X": table()[0].assign(age=1e300)}, ValueError, r"1e\+300 in column 'age'"),
        ({"cv": np.inf}, TypeError, "list of pairs"),
        ({"cv": []}, ValueError, "three folds at least"),
        ({"cv": [([0, 1], [])]}, ValueError, "rows to test on, of shape"),
        ({"cv": [([0, 1.5], [3])]}, TypeError, "of dtype float64"),
        ({"cv": list(FOLDS.split(*table())) * 2}, ValueError, "folds 0 and 3"),
        ({"cv": GroupKFold(3)}, ValueError, "GroupKFold needs to know the group"),
        ({"cv": [([0], [1]), ([1], [2], [3])]}, TypeError, "list of pairs"),
        ({"cv": [([0, 1], [1, 2])]}, ValueError, "rows are both, such as row 1"),
        ({"cv": [([0, 1], [90])]}, ValueError, r"must lie in 0\.\.89"),
        ({"groups": np.zeros(89)}, ValueError, r"array of shape \(90,\)"),
        ({"groups": [None] + ["a"] * 89}, ValueError, "1 missing"),
        ({"groups": np.zeros(90), "cv": None}, ValueError, "group of rows of each"),
        ({"groups": np.arange(90) // 2}, ValueError, "groups are on both sides"),
        ({"smallest_gain": -0.1}, ValueError, "smallest_gain"),
        ({"X": table()[0].assign(day=pd.Period("2020"))}, TypeError, "'day'"),
        ({"X": table()[0].assign(x=[[1]] * 90)}, TypeError, "cannot take column 'x'"),
        (
            {
                "X": table()[0].assign(day=[f"{i % 28 + 1}.3.2024" for i in range(90)]),
                "methods": ["random", "smote"],
            },
            TypeError,
            "^Column 'day' holds dates or times as text.*28 unrelated",
        ),
        ({"X": table()[0].rename(columns={"row": 1, "size": "1"})}, ValueError, "'1'"),
        ({"X": sparse.csr_matrix((90, 2))}, TypeError, "Use `X.toarray\\(\\)`"),
        ({"X": np.zeros((90, 2, 2, 2, 2))}, ValueError, "must be a table"),
        ({"X": np.zeros((90, 2, 2))}, TypeError, "for tables a frame or an array"),
        ({"X": np.zeros((90, 0))}, ValueError, "must be a table"),
    ],
)
def test_bad_input_is_refused_before_training(change, error, words):
    X, y = table()
    Limited.left = 0
    arguments = {"X": X, "y": y, "methods": ["random"], "classifiers": LIMITED}
    arguments |= {"cv": FOLDS, "verbose": 0}
    with pytest.raises(error, match=words):
        compare(**{**arguments, **change})


def test_a_fold_without_a_class_is_named():
    X, y = table()
    order = np.argsort(y)
    with pytest.raises(ValueError, match=r"fold 0, whose test rows.*\['yes'\]"):
        run(["random"], cv=KFold(3), data=(X.iloc[order], y[order]))


def test_integer_folds_and_repeats():
    three = run(["random"], cv=3)
    assert three.rows.fold.nunique() == 3 and set(three.rows.n_test) == {30}
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    assert run(["random"], cv=cv).rows.fold.nunique() == 4


@pytest.mark.parametrize("seed", range(2))
def test_noise_names_no_winner_by_g_mean(seed):
    """A constant decision has a G-mean of 0, decisions at random one of .4."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(160, 4)), rng.permutation(np.repeat([0, 1], [136, 24]))
    methods = ["class_weights", "threshold", "random"]
    result = run(methods, cv=None, data=data, metrics=["g_mean", "macro_f1"])
    means = result.summary.set_index(["metric", "method"])["mean"]["g_mean"]
    assert means["class_weights"] > means["none"] + 0.2  # what chance alone makes
    assert not (result.summary.outcome == "better").any()
    assert result.shipped[1] == "none"


# Columns and parameters of any name.


def test_names_of_columns_change_nothing():
    """`ColumnTransformer` reads integers as places."""
    X, y = table()
    timed = ["resample_seconds", "fit_seconds", "config"]
    expected = run(["smote"], data=(X, y)).rows.drop(columns=timed)
    for names in ([4, 3, 2, 1, 0], [7, 8, "a", "b", 9]):
        found = run(["smote"], data=(X.set_axis(names, axis=1), y)).rows
        pd.testing.assert_frame_equal(found.drop(columns=timed), expected)


def test_a_parameter_named_steps_is_no_pipeline():
    class Stepping(Spy):
        def __init__(self, steps=3, random_state=None):
            self.steps, self.random_state = steps, random_state

    assert len(run({"stepping": Stepping()}).rows) == 6


# Rows that belong together.


def test_rows_with_the_same_values_stay_in_one_fold(recorder):
    """Random labels on rows that come twice: what remembers rows would score 1."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc"))
    X.loc[3, "b"] = np.nan
    X = pd.concat([X, X], ignore_index=True)
    y = np.tile(rng.random(80) < 0.3, 2)
    nearest = {"nearest": make_pipeline(FILL, KNeighborsClassifier(1))}
    result = run(["random"], nearest, cv=None, data=(X, y))
    assert result.to_frame().balanced_accuracy.max() < 0.65
    assert "160 rows have the same values as another; equal rows stay in one fold." in (
        result.verdict
    )
    # The leak, planted: the same rows in folds that do not look at them.
    planted = run(["random"], nearest, data=(X, y))
    assert planted.to_frame().balanced_accuracy.min() > 0.75
    assert "have the same values as one to train on" in planted.verdict


FILL = FunctionTransformer(lambda frame: frame.fillna(0.0))


def test_groups_stay_in_one_fold_with_equal_rows(recorder):
    X, y = table(120, 40)
    groups = np.arange(120) // 2
    X.iloc[7] = X.iloc[100]  # so that two groups belong together
    X["group"] = groups
    same = X.drop(columns="group").duplicated(keep=False).to_numpy()
    assert same.sum() == 2
    asked = X.drop(columns="group")
    result = run(["random"], recorder, cv=4, data=(asked, y), groups=groups)
    by_row = dict(zip(X["row"], groups, strict=True))
    for fitted, tested in zip(Recorder.fitted, Recorder.asked, strict=True):
        train = {by_row[row] for row in fitted["row"]}
        test = {by_row[row] for row in tested["row"]}
        assert not train & test
        assert ({groups[7], groups[100]} <= train) or ({groups[7], groups[100]} <= test)
    assert (
        "Rows are of 60 groups; each stays in one fold. 2 rows have" in result.verdict
    )
    splitter = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    rows = run(["random"], cv=splitter, data=(X, y), groups=groups).rows
    assert rows.fold.nunique() == 3


def test_tables_of_few_values_are_not_kept_together():
    """Two columns of two values: four rows, each of which comes many times."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 2, (90, 2)), columns=["a", "b"])
    result = run(["random"], cv=None, data=(X, table()[1]))
    assert result.rows.fold.nunique() == 25
    assert "are not kept together, since too few would be left" in result.verdict


def test_folds_may_be_given_as_rows():
    X, y = table()
    pairs = list(FOLDS.split(X, y))
    expected, given = run(["random"]), run(["random"], cv=pairs)
    assert list(given.rows.config) == list(expected.rows.config)
    masks = [tuple(np.isin(np.arange(90), part) for part in pair) for pair in pairs]
    assert list(run(["random"], cv=masks).rows.config) == list(expected.rows.config)


def test_small_classes_get_fewer_folds():
    result = run(["random"], cv=None, data=table(60, 3))
    assert result.rows.fold.nunique() == 15 and set(result.rows.n_test) == {20}


# At once.


@pytest.mark.slow  # reason: two processes load scikit-learn and TensorFlow
def test_jobs_give_the_rows_of_one(tmp_path):
    one = run(["smote", "random"]).rows
    two = run(["smote", "random"], n_jobs=2, output_dir=tmp_path).rows
    timed = ["resample_seconds", "fit_seconds"]
    pd.testing.assert_frame_equal(two.drop(columns=timed), one.drop(columns=timed))
    assert len(read_rows(tmp_path / ROWS_FILE, COLUMNS)) == 9
    # And a backend that gives its results back together, as some do.
    with joblib.parallel_config("threading", n_jobs=2):
        again = run(["smote", "random"]).rows
    pd.testing.assert_frame_equal(again.drop(columns=timed), one.drop(columns=timed))


def test_a_backend_without_a_generator_runs_some_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(ThreadingBackend, "supports_return_generator", False)
    one = run(["smote", "random"]).rows
    with joblib.parallel_config("threading", n_jobs=2):
        rows = run(["smote", "random"], output_dir=tmp_path).rows
    assert list(rows.config) == list(one.config)
    np.testing.assert_array_equal(rows[list(METRICS)], one[list(METRICS)])
