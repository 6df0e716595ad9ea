import functools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
)
from imblearn.utils.estimator_checks import (
    estimator_checks_generator as imblearn_checks,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator

import kerasos
from kerasos.over_sampling import DeepOverSampler, deep, schedule

# The smallest configuration of each method that goes through every check.
FAST = {
    "gamo": {"latent_dim": 4, "discriminator": False, "g_update": "joint"},
    "flow": {"width": 8, "blocks": 1, "draws": 1, "sampling_steps": 2},
    "cvae": {"latent_dim": 2},
    "cgan": {"latent_dim": 2},
}
# Points between two rows of the class: GAMO's generator that needs no training.
PAIRS = {"generator": "pairs", "discriminator": False}


def fast(method, **params):
    settings = {"epochs": 1, "batch_size": 500, "random_state": 0}
    settings["method_params"] = FAST[method]
    return DeepOverSampler(method, **{**settings, **params})


def pairs(**params):
    settings = {"epochs": 1, "random_state": 0, "method_params": PAIRS}
    return DeepOverSampler("gamo", **{**settings, **params})


def rows(counts=(20, 8, 5), width=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return rng.normal(size=(len(y), width)) + 3.0 * y[:, None], y


def frame(n=60, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n).astype("int16"),
            "income": rng.lognormal(10, 1, n).astype("float32"),
            "smoker": rng.random(n) < 0.3,
            "city": pd.Categorical(
                rng.choice(["Oslo", "Rome"], n), ["Rome", "Oslo", "Nome"], ordered=True
            ),
            "visits": pd.array(
                np.where(rng.random(n) < 0.2, None, rng.integers(0, 9, n)), "Int64"
            ),
            "note": rng.choice(["a", "b", "c"], n).astype(object),
        },
        index=rng.permutation(n) + 1000,
    )
    target = pd.Series(np.where(np.arange(n) < 45, "no", "yes"), table.index, name="t")
    return table, target


# The checks of imbalanced-learn (15, and 2 for strings and missing values) and of
# scikit-learn (42, less the one that wants missing values to be refused).


def check_name(case):
    return getattr(case[1], "func", case[1]).__name__


CHECKS = {
    method: (
        list(imblearn_checks(fast(method))),
        list(estimator_checks_generator(fast(method))),
    )
    for method in FAST
}


@pytest.mark.parametrize("method", FAST)
def test_no_check_is_left_out(method):
    assert [len(checks) for checks in CHECKS[method]] == [17, 41]


@pytest.mark.parametrize(
    "estimator, check",
    [
        pytest.param(*case, id=f"{method}-{check_name(case)}-{index}")
        for method in FAST
        for index, case in enumerate(sum(CHECKS[method], []))
    ],
)
def test_estimator_checks(estimator, check):
    # A batch holds 500 of the 1,000 rows of most checks, or all where there are fewer.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        check(estimator)


@pytest.mark.parametrize("method", FAST)
@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
def test_imbalanced_learns_checks_of_its_own_samplers(method, check):
    check("DeepOverSampler", fast(method))


# Containers.


def test_a_frame_comes_back_as_it_was():
    X, y = frame()
    before = X.copy()
    sampler = pairs()
    X_res, y_res = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    assert X_res.index.equals(pd.RangeIndex(90)) and y_res.index.equals(X_res.index)
    pd.testing.assert_frame_equal(X_res[:60], X.reset_index(drop=True))
    pd.testing.assert_series_equal(y_res[:60], y.reset_index(drop=True))
    assert (y_res[60:] == "yes").all() and y_res.dtype == y.dtype
    new, own = X_res[60:], X[(y == "yes").to_numpy()]
    for column in ("age", "income", "visits"):
        slack = 1e-6 * X[column].max()
        assert own[column].min() - slack <= new[column].min()
        assert new[column].max() <= own[column].max() + slack
    for column in ("smoker", "city", "note"):
        assert set(new[column]) <= set(own[column])
    np.testing.assert_array_equal(sampler.sample_is_synthetic_, np.arange(90) >= 60)
    assert sampler.feature_names_in_.tolist() == list(X) and sampler.n_features_in_ == 6
    more = sampler.encoder_.inverse_transform(sampler.model_.sample([1] * 3, seed=0))
    assert more.shape == (3, 6) and sampler.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_matrices_come_back_sparse_with_their_zeros(make):
    X, y = rows()
    X[:, 2] = 0.0
    X[y == 2, 0] = 0.0
    result, y_res = pairs().fit_resample(make(X), y)
    assert type(result) is make and result.shape == (60, 4)
    table = result.toarray()
    np.testing.assert_array_equal(table[: len(X)], X)
    assert not table[:, 2].any() and not table[y_res == 2, 0].any()
    assert result.nnz < 3 * 60


@pytest.mark.parametrize("shape, dtype", [((6, 5), "uint8"), ((4, 6, 3), "float32")])
def test_image_stacks(shape, dtype):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [20, 6]))
    X = rng.random((26, *shape)) * (255 if dtype == "uint8" else 1)
    X = X.astype(dtype)
    sampler = pairs()
    X_res, y_res = sampler.fit_resample(X, y)
    assert X_res.shape == (40, *shape) and X_res.dtype == dtype
    np.testing.assert_array_equal(X_res[:26], X)
    new, own = X_res[26:], X[y == 1]
    slack = 1 if dtype == "uint8" else 1e-6
    assert (new >= own.min(axis=0) - slack).all()
    assert (new <= own.max(axis=0) + slack).all()
    assert sampler.encoder_ is None and np.bincount(y_res).tolist() == [20, 20]


def test_float_images_of_another_range_say_what_to_do():
    X, y = rows(width=12)
    X = 50 * X.reshape(-1, 4, 3)
    with pytest.raises(ValueError, match="value_range"):
        pairs().fit_resample(X, y)
    params = {**PAIRS, "value_range": (float(X.min()), float(X.max()))}
    X_res, _ = pairs(method_params=params).fit_resample(X, y)
    assert X_res.shape == (60, 4, 3) and X_res.max() <= X.max() + 1e-3


def test_objects_keep_numbers_as_numbers():
    X, y = rows((20, 8, 7))
    for sampler in (pairs(), DeepOverSampler("smote", random_state=0)):
        X_res, _ = sampler.fit_resample(X.astype(object), y)
        assert X_res.dtype == object and all(type(v) is float for v in X_res[-1])


# Labels and what is asked for.


@pytest.mark.parametrize("labels", [["b", "a", "c"], [7, -2, 40], [2.0, 1.0, 3.0]])
def test_labels_of_any_kind(labels):
    X, y = rows()
    y = np.array(labels)[y]
    sampler = pairs()
    _, y_res = sampler.fit_resample(X, y)
    assert y_res.dtype == y.dtype
    np.testing.assert_array_equal(y_res[: len(y)], y)
    assert set(zip(*np.unique(y_res, return_counts=True), strict=True)) == {
        (label, 20) for label in labels
    }
    assert sampler.sampling_strategy_ == {labels[1]: 12, labels[2]: 15}


def test_new_rows_belong_to_their_label():
    X, y = rows()
    X_res, y_res = pairs().fit_resample(X, y)
    for label in (1, 2):
        new = X_res[len(X) :][y_res[len(X) :] == label]
        assert (new >= X[y == label].min(axis=0) - 1e-5).all()
        assert (new <= X[y == label].max(axis=0) + 1e-5).all()


def test_samples_are_convex_combinations_in_the_units_of_the_table():
    X = np.array([[0, 1e6], [1, 3e6], [5, 0], [5.5, 9e6], [6, 4e6 + 0.5]])
    y = np.array([1, 1, 0, 0, 0])
    X_res, _ = pairs(sampling_strategy={1: 3}).fit_resample(X, y)
    share = X_res[-1, 0]
    assert 0.0 <= share <= 1.0
    assert X_res[-1, 1] == pytest.approx(1e6 + share * 2e6, rel=1e-5)


def test_balanced_data_come_back_without_training():
    X, y = rows(counts=(6, 6))
    sampler = pairs()
    X_res, y_res = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_res, X)
    np.testing.assert_array_equal(y_res, y)
    assert sampler.model_ is None and sampler.history_ == {}
    assert X_res is not X and not sampler.sample_is_synthetic_.any()


def test_a_class_that_cannot_be_generated_is_named_before_training(monkeypatch):
    X, y = rows()
    y = np.array(["many", "few", "rare"])[y]
    monkeypatch.setattr(kerasos.GAMO, "fit", None)
    with pytest.raises(ValueError, match="which asks for more of .*'many'"):
        pairs(sampling_strategy={"many": 30, "few": 9}).fit_resample(X, y)


def test_a_class_of_one_is_named_in_the_users_words():
    X, y = rows(counts=(9, 1))
    with pytest.warns(UserWarning, match=r"Classes \['rare'\] have one sample"):
        X_res, _ = pairs().fit_resample(X, np.array(["many", "rare"])[y])
    np.testing.assert_allclose(X_res[10:], np.repeat(X[y == 1], 8, 0), rtol=1e-5)


def test_repeated_rows_are_no_reason_to_warn():
    X, y = rows()
    X, y = np.concatenate([X, X]), np.concatenate([y, y])
    pairs().fit_resample(X, y)


@pytest.mark.parametrize("method", ["random", "smote", "none"])
def test_methods_without_a_network_take_frames(method):
    X, y = frame()
    sampler = DeepOverSampler(method, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    added = 0 if method == "none" else 30
    assert len(X_res) == len(y_res) == 60 + added
    assert sampler.sampling_strategy_ == {"yes": added}
    assert sampler.sample_is_synthetic_.sum() == added and sampler.history_ == {}
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    assert sampler.encoder_ is None


def test_warnings_speak_of_the_users_labels():
    X, y = rows(counts=(12, 4))
    sampler = DeepOverSampler("smote", random_state=0)
    with pytest.warns(UserWarning, match="Class few is too small for SMOTE"):
        sampler.fit_resample(X, np.array(["many", "few"])[y])


# What a method says of itself.


@pytest.mark.parametrize("method", ["cvae", "cgan"])
def test_tables_are_learnt_from_balanced_batches_unless_told_otherwise(method):
    X, y = rows()
    sampler = fast(method)
    sampler.fit_resample(X, y)
    assert sampler.model_.pre_oversample is True
    assert sampler.model_.batch_balance == "copies"
    told = fast(method, method_params={**FAST[method], "pre_oversample": False})
    told.fit_resample(X, y)
    assert told.model_.pre_oversample is False
    images = np.zeros((33, 8, 8), "uint8") + np.arange(33, dtype="uint8")[:, None, None]
    sampler.fit_resample(images, y)
    assert sampler.model_.pre_oversample is False


@pytest.mark.parametrize("method, numeric", [("gamo", "linear"), ("cvae", "normal")])
def test_the_method_says_how_it_wants_numbers(method, numeric):
    sampler = fast(method)
    sampler.fit_resample(*rows((20, 9)))
    assert sampler.encoder_.numeric == numeric
    other = {"linear": "quantile", "normal": "linear"}[numeric]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kerasos.get_method(method), "numeric", other)
        sampler.fit_resample(*rows((20, 9)))
    assert sampler.encoder_.numeric == other


# Randomness and parameters.


def test_the_seed_decides():
    X, y = rows()
    first = pairs().fit_resample(X, y)[0]
    state = np.random.RandomState(0)
    same, other = (
        pairs(random_state=state).fit_resample(X, y)[0] for state in (state, state)
    )
    np.testing.assert_array_equal(same, first)
    assert np.abs(other - first).max() > 1e-3
    fresh = pairs(random_state=None).fit_resample(X, y)[0]
    assert np.abs(fresh - first).max() > 1e-3


def test_the_history_holds_every_loss():
    X, y = rows()
    sampler = fast("gamo", epochs=2, batch_size=4)
    sampler.fit_resample(X, y)
    assert set(sampler.history_) == {"loss", "c_loss", "g_c_loss"}
    assert all(
        len(values) == 2 and type(values[0]) is float
        for values in sampler.history_.values()
    )
    assert sampler.model_.steps_done.numpy() == 2 * (33 // 4)
    copy = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(
        copy.model_.sample([1, 2], seed=3), sampler.model_.sample([1, 2], seed=3)
    )


def test_options_of_the_method_are_parameters():
    sampler = DeepOverSampler("gamo", method_params={"latent_dim": 8})
    assert sampler.get_params()["method_params__latent_dim"] == 8
    assert "method_params__latent_dim" not in sampler.get_params(deep=False)
    given = sampler.method_params
    sampler.set_params(method_params__latent_dim=5, method_params__loss="ce", epochs=3)
    assert sampler.method_params == {"latent_dim": 5, "loss": "ce"}
    assert given == {"latent_dim": 8} and sampler.epochs == 3
    copy = clone(sampler)
    assert copy.method_params == sampler.method_params
    assert DeepOverSampler().set_params(method_params__a=1).method_params == {"a": 1}
    with pytest.raises(ValueError, match="Invalid parameter"):
        sampler.set_params(latent_dim=5)
    sampler.set_params(encoder_params__max_categories=7)
    assert sampler.encoder_params == {"max_categories": 7}
    assert sampler.get_params()["encoder_params__max_categories"] == 7


def test_a_search_reaches_the_options():
    X, y = rows(counts=(24, 9))
    pipeline = make_pipeline(pairs(), DecisionTreeClassifier(random_state=0))
    name = "deepoversampler__method_params__loss"
    halves = [np.arange(0, 33, 2), np.arange(1, 33, 2)]
    search = GridSearchCV(pipeline, {name: ["ls", "ce"]}, cv=[halves], scoring="recall")
    search.fit(X, y)
    best = search.best_estimator_[0]
    assert best.model_.loss_name == search.best_params_[name]
    assert best.method_params["generator"] == "pairs"
    assert search.best_score_ > 0.8


@pytest.mark.parametrize(
    "params, error, words",
    [
        ({"method": "gammo"}, ValueError, "Did you mean 'gamo'"),
        ({"method_params": {"latent_dims": 3}}, TypeError, "'latent_dim'"),
        ({"method_params": {"seed": 3}}, TypeError, "Use `random_state`"),
        ({"method_params": {"latent_dim": 0}}, ValueError, "Invalid `latent_dim`"),
        ({"method_params": {"variant": "conv"}}, ValueError, "needs images"),
        ({"encoder_params": {"max_category": 3}}, TypeError, "'max_categories'"),
        ({"encoder_params": {"max_categories": 0}}, ValueError, "at least 1"),
        ({"epochs": 0}, ValueError, "'epochs' parameter"),
        ({"sampling_strategy": {0: 3}}, ValueError, "greater or equal"),
    ],
)
def test_wrong_parameters(params, error, words):
    X, y = rows()
    with pytest.raises(error, match=words):
        pairs().set_params(**params).fit_resample(X, y)


@pytest.mark.parametrize("params", [{"latent_dims": 3}, {"label_noise": float("nan")}])
def test_options_are_refused_before_any_work(params, monkeypatch):
    monkeypatch.setattr(deep, "TabularEncoder", None)
    with pytest.raises((TypeError, ValueError), match=f"{[*params][0]}"):
        pairs(method_params=params).fit_resample(*rows())


@pytest.mark.parametrize(
    "method, params, words",
    [
        ("cvae", {"latent_dim": 3}, r"go into `method_params=\{'latent_dim': 3\}`"),
        ("cvae", {"latentdim": 3}, r"go into `method_params=\{'latent_dim': 3\}`"),
        ("smote", {"k_neighbors": 3}, r"`method_params=\{'k_neighbors': 3\}`"),
        ("gamo", {"epoch": 3}, "Did you mean 'epochs'"),
        ("gamo", {"seed": 3}, "Did you mean 'random_state'"),
        ("gammo", {"zzz": 3}, r"Expected one of .*'epochs'.*method_params=\{'zzz'"),
    ],
)
def test_options_beside_the_parameters(method, params, words):
    with pytest.raises(TypeError, match=words):
        DeepOverSampler(method, **params)


def test_features_are_no_samples():
    X, y = rows(width=64)
    images = np.clip(X, 0, 9).reshape(-1, 8, 8) / 9
    with pytest.raises(ValueError, match="generates features"):
        pairs(method_params={"variant": "conv"}).fit_resample(images, y)


@pytest.mark.parametrize(
    "spoil, error, words",
    [
        (lambda X: X.assign(when=pd.Period("2024")), TypeError, "'when' holds times"),
        (lambda X: X.assign(income=np.inf), ValueError, "'income' must be finite"),
        (
            lambda X: X.assign(when=[f"{d % 28 + 1}.3.2024" for d in range(60)]),
            TypeError,
            "'when' holds dates or times as text",
        ),
        (
            lambda X: X.assign(key=[f"k{i}" for i in range(60)]),
            ValueError,
            r"DeepOverSampler\(..., encoder_params=\{'max_categories': 60\}\)",
        ),
        (lambda X: X[[]], ValueError, "frame is empty"),
        (lambda X: X.assign(age=1)[["age"]], ValueError, "columns are constant"),
    ],
)
def test_wrong_frames(spoil, error, words):
    X, y = frame()
    with pytest.raises(error, match=words):
        pairs(encoder_params={"max_categories": 50}).fit_resample(spoil(X), y)


def test_missing_labels_and_wrong_rank():
    X, y = frame()
    with pytest.raises(ValueError, match="label|NaN|mix"):
        pairs().fit_resample(X, y.where(y.index > y.index.min(), None))
    X, y = rows()
    with pytest.raises(ValueError, match="must be a table"):
        pairs().fit_resample(X.reshape(-1, 1, 2, 2, 1), y)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, pd.DataFrame])
def test_a_table_that_is_too_wide_is_refused_before_it_is_encoded(make, monkeypatch):
    X, y = rows(width=30)
    monkeypatch.setattr(deep, "MAX_WIDTH", 29)
    monkeypatch.setattr(deep, "TabularEncoder", None)
    with pytest.raises(ValueError, match="at most 29 columns.*: 30.*TruncatedSVD"):
        pairs().fit_resample(make(X), y)


def test_categories_count_among_the_columns(monkeypatch):
    X, y = frame()
    monkeypatch.setattr(deep, "MAX_WIDTH", len(X.columns))
    monkeypatch.setattr(deep.TabularEncoder, "transform", None)
    with pytest.raises(ValueError, match="one for each category"):
        pairs().fit_resample(X, y)


class Foreign:
    """Stands for frames of polars and tables of Arrow, which kerasos does not need."""

    __module__ = "polars.dataframe.frame"

    def to_pandas(self):
        return None


@pytest.mark.parametrize("method", ["random", "cvae"])
@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda s, X, y: s.fit_resample(Foreign(), y), TypeError, "polars's Foreign"),
        (
            lambda s, X, y: s.fit_resample(X, y, sample_weight=np.ones(60)),
            TypeError,
            "takes `X` and `y`. Received: `sample_weight`",
        ),
        (
            lambda s, X, y: s.fit_resample(X, np.array([1, "a"] * 30, object)),
            ValueError,
            "labels of one kind",
        ),
    ],
)
def test_what_is_not_taken_is_said_in_the_users_words(method, call, error, words):
    X, y = frame()
    with pytest.raises(error, match=words):
        call(DeepOverSampler(method), X, np.asarray(y))


def test_tables_without_an_encoder_take_no_parameters_of_one():
    X, y = frame()
    sampler = DeepOverSampler("smote", encoder_params={"max_categories": 3})
    with pytest.raises(TypeError, match="takes the table as it is"):
        sampler.fit_resample(X, y)


@pytest.mark.parametrize("method", ["gamo", "cvae", "random", "smote"])
@pytest.mark.parametrize("drop_first, dtype", [(False, bool), (True, "int8")])
def test_one_hot_columns_stay_one_hot(method, drop_first, dtype):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 25])
    table = pd.DataFrame(
        {"size": rng.normal(size=85), "kind": rng.choice(list("abc"), 85)}
    )
    X = pd.get_dummies(table, drop_first=drop_first, dtype=dtype)
    sampler = pairs() if method == "gamo" else DeepOverSampler(method, random_state=0)
    sampler.set_params(epochs=2)
    X_res, _ = sampler.fit_resample(X, y)
    assert (X_res.dtypes == X.dtypes).all()
    new = X_res[85:].filter(like="kind").to_numpy("int64").sum(axis=1)
    assert set(new) <= {0, 1} if drop_first else set(new) == {1}


@pytest.mark.parametrize("method", ["gamo", "random", "smote"])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1)])
def test_stacks_of_booleans(method, shape):
    rng = np.random.default_rng(0)
    X, y = rng.random((33, *shape)) < 0.5, np.repeat([0, 1], [20, 13])
    sampler = pairs() if method == "gamo" else DeepOverSampler(method, random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    assert X_res.shape == (40, *shape) and X_res.dtype == bool
    np.testing.assert_array_equal(X_res[:33], X)


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: pd.Categorical(np.array(["a", "b"])[y]),
        lambda y: pd.Series(np.array(["a", "b"])[y], dtype="category"),
        lambda y: y.astype(bool),
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pd.Series(np.array(["a", "b"])[y], dtype="string"),
        lambda y: pd.DataFrame({"target": y}),
        lambda y: y[:, None],
    ],
)
def test_labels_in_any_container(labels):
    X, y = rows((20, 9))
    given = labels(y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        _, y_res = DeepOverSampler("random", random_state=0).fit_resample(X, given)
    assert len(y_res) == 40
    if isinstance(given, pd.DataFrame | pd.Series):
        assert type(y_res) is type(given)
        np.testing.assert_array_equal(y_res[:29].to_numpy(), given.to_numpy())


# How long it trains.


@pytest.mark.parametrize(
    "n, batch_size, steps",
    [(20, 20, 1000), (100, 32, 1000), (1_000, 32, 1562), (20_000, 128, 7812)]
    + [(1_000_000, 512, 20_000)],
)
def test_the_rule_by_size(n, batch_size, steps):
    assert schedule.default_batch_size(n) == batch_size
    assert schedule.default_steps(n, batch_size) == steps


def test_the_rule_is_what_trains(monkeypatch):
    X, y = rows()
    monkeypatch.setattr(kerasos.GAMO, "default_steps", (25, 30))
    monkeypatch.setattr(deep, "STEPS_PER_EPOCH", 10)
    sampler = pairs(epochs=None)
    sampler.fit_resample(X, y)
    assert sampler.model_.steps_done.numpy() == 30
    assert len(sampler.history_["c_loss"]) == 3
    monkeypatch.setattr(kerasos.GAMO, "default_row_steps", (5, 20))
    sampler.fit_resample(X, y)
    assert sampler.model_.steps_done.numpy() == 20
    monkeypatch.setattr(kerasos.CVAE, "default_steps", (2, 3))
    images = np.zeros((33, 8, 8), "uint8") + np.arange(33, dtype="uint8")[:, None, None]
    sampler = DeepOverSampler("cvae", random_state=0, method_params={"latent_dim": 2})
    sampler.fit_resample(images, y)
    assert sampler.model_.steps_done.numpy() == 3


def test_steps_at_once_change_nothing(monkeypatch):
    X, y = rows()
    results = []
    for steps in (1, 5, 50):  # of 8 in an epoch
        monkeypatch.setattr(deep, "STEPS_AT_ONCE", steps)
        sampler = pairs(epochs=2, batch_size=4)
        results.append(sampler.fit_resample(X, y)[0])
        assert sampler.model_.steps_per_execution == steps
        assert sampler.model_.steps_done.numpy() == 16
        assert len(sampler.history_["c_loss"]) == 2
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_a_few_steps_need_no_graph(monkeypatch):
    X, y = rows()
    few = pairs(batch_size=4)  # 8 steps
    result = few.fit_resample(X, y)[0]
    assert not few.model_.run_eagerly
    few.model_.fit(few.encoder_.transform(X), y, batch_size=4, verbose=0)
    assert few.model_.steps_done.numpy() == 16
    monkeypatch.setattr(deep, "EAGER_STEPS", 0)
    np.testing.assert_allclose(pairs(batch_size=4).fit_resample(X, y)[0], result)


def test_earlier_stages_come_on_top():
    class Staged:
        stages = ("first", "last")

        def __init__(self, stage_at):
            self.stage_at = stage_at

    count = functools.partial(schedule.epochs_of, steps=450, steps_per_epoch=100)
    assert count(Staged(lambda epoch: "last")) == 5
    assert count(Staged(lambda epoch: "first" if epoch < 3 else "last")) == 8
    assert count(Staged(lambda epoch: ("first", "last")[epoch % 2])) == 10


@pytest.mark.parametrize("method", ["deepsmote", "two_stage_cvae", "cwae"])
def test_autoencoders_add_rows_to_a_table(method):
    X, y = rows((24, 12, 8))
    sampler = DeepOverSampler(method, epochs=2, batch_size=22, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_res[:44], X)
    np.testing.assert_array_equal(np.bincount(y_res), [24, 24, 24])
    assert np.all(np.isfinite(X_res))
    assert X_res.min() >= X.min() - 1e-6 and X_res.max() <= X.max() + 1e-6
    losses = {name: len(values) for name, values in sampler.history_.items()}
    assert losses["loss"] == 2
    if method == "two_stage_cvae":  # an epoch each
        assert losses["reconstruction_loss"] == losses["z_loss"] == 1


def test_stages_share_the_epochs_of_a_user():
    options = kerasos.TwoStageCVAE.stage_epochs
    assert options(10, given=False) == {"vae_epochs": 10, "latent_epochs": 10}
    assert options(7, given=True) == {"vae_epochs": 3, "latent_epochs": 4}
    assert options(1, given=True) == {"vae_epochs": 1, "latent_epochs": 1}
    assert kerasos.CVAE.stage_epochs(10, given=False) == {"kl_warmup_epochs": 5}
    assert kerasos.GAMO.stage_epochs(10, given=False) == {}


def test_the_default_is_flow_for_tables_and_cvae_for_images():
    X, y = rows()
    sampler = DeepOverSampler(epochs=1, random_state=0)
    sampler.fit_resample(X, y)
    assert sampler.method_ == "flow" == sampler.model_.method_name
    images = np.zeros((33, 8, 8), "uint8") + np.arange(33, dtype="uint8")[:, None, None]
    sampler.fit_resample(images, y)
    assert sampler.method_ == "cvae" and sampler.method is None
