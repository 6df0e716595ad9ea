"""What `random` and `smote` do with a user's own columns, beside imbalanced-learn."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from scipy import sparse

from kerasos.over_sampling import DeepOverSampler, smote
from kerasos.over_sampling.dates import refuse_dates_as_text

N, FEW = 90, 25
Y = np.repeat([0, 1], [N - FEW, FEW])
SPARSE = [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array]


def numbers(width=5):
    return np.random.default_rng(0).normal(size=(N, width)) + Y[:, None]


def columns():
    """Columns that have an answer for SMOTE, missing values among them."""
    rng = np.random.default_rng(1)
    gaps = rng.random(N) < 0.3
    return pd.DataFrame(
        {
            "id": rng.integers(10**11, 10**12, N),
            "stamp": rng.integers(16 * 10**14, 17 * 10**14, N),
            "byte": rng.integers(0, 255, N).astype("uint8"),
            "single": rng.normal(size=N).astype("float32"),
            "count": rng.integers(0, 9, N).astype(float),
            "half": rng.integers(0, 9, N) / 2,
            "cents": (rng.integers(0, 999, N) / 100).astype("float32"),
            "flag": rng.random(N) < 0.4,
            "text": [f"line {i}" for i in range(N)],
            "kind": pd.Categorical(rng.choice(list("abc"), N), list("zabc"), True),
            "gaps": np.where(gaps, np.nan, rng.normal(size=N)),
            "Int": pd.array(np.where(gaps, None, rng.integers(0, 9, N)), "Int64"),
            "boolean": pd.array(rng.choice([True, False, None], N), "boolean"),
            "string": pd.array(rng.choice(["x", "y", None], N), "string"),
            "sparse": pd.arrays.SparseArray(np.where(gaps, 1.5, 0.0)),
            "objects": pd.Series(rng.integers(0, 5, N).tolist(), dtype=object),
            "price": [decimal.Decimal(int(v)) / 100 for v in rng.integers(0, 999, N)],
            "empty": np.nan,
        }
    )


def odd_columns():
    """Columns that can be copied and nothing else."""
    days = pd.date_range("2024-01-01", periods=N)
    return pd.DataFrame(
        {
            "month": days.to_period("M"),
            "time": [datetime.time(i % 24, 30) for i in range(N)],
            "written": days.strftime("%d.%m.%Y"),
            "list": [[i, i] for i in range(N)],
            "complex": np.arange(N) + 1j,
            "interval": pd.interval_range(0, N),
        }
    )


# random


def test_copies_equal_real_rows_in_every_column():
    X = pd.concat([columns(), odd_columns()], axis=1)
    X.index = np.random.default_rng(0).permutation(N) + 7
    sampler = DeepOverSampler("random", random_state=0)
    X_res, _ = sampler.fit_resample(X, Y)
    pd.testing.assert_frame_equal(X_res[:N], X.reset_index(drop=True))
    rows = X_res.text[N:].str.removeprefix("line ").astype(int)
    assert (Y[rows] == 1).all() and len(rows) == N - 2 * FEW
    pd.testing.assert_frame_equal(
        X_res[N:].reset_index(drop=True), X.iloc[rows].reset_index(drop=True)
    )
    assert sampler.model_.sample([1, 0]).shape == (2, X.shape[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_copies_are_imbalanced_learns(bad):
    X = numbers()
    X[3, 2] = bad
    own = DeepOverSampler("random", random_state=0)
    X_res, _ = own.fit_resample(X, Y)
    seed = own.model_._seed(own.model_.seed)
    assert all((row == X[Y == 1]).all(axis=1).any() for row in X_res[N:])
    peer = RandomOverSampler(random_state=seed).fit_resample(X, Y)[0]
    assert len(peer) == len(X_res)


@pytest.mark.parametrize("dtype", ["datetime64[s]", "U3", object])
def test_arrays_of_any_dtype_are_copied(dtype):
    X = np.arange(2 * N).reshape(N, 2).astype(dtype)
    X_res, _ = DeepOverSampler("random", random_state=0).fit_resample(X, Y)
    assert X_res.dtype == X.dtype
    assert all((row == X[Y == 1]).all(axis=1).any() for row in X_res[N:])


# Sparse


@pytest.mark.parametrize("method", ["random", "smote", "convex", "none"])
@pytest.mark.parametrize("make", SPARSE)
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_sparse_stays_sparse(method, make, dtype, monkeypatch):
    X = np.rint(numbers() * (numbers() > 0.2) * 1e5).astype(dtype)
    matrix = make(X)
    monkeypatch.setattr(make, "toarray", None)
    result, _ = DeepOverSampler(method, random_state=0).fit_resample(matrix, Y)
    monkeypatch.undo()
    assert type(result) is make and result.dtype == dtype
    table = result.toarray()
    np.testing.assert_array_equal(table[:N], X)
    dense, _ = DeepOverSampler(method, random_state=0).fit_resample(X, Y)
    np.testing.assert_array_equal(table, dense)


# smote beside imbalanced-learn's


def between(new, start, end, rtol=1e-6):
    """Whether `new` lies on the segment, all coordinates at the same share of it."""
    line = end - start
    share = np.dot(new - start, line) / np.dot(line, line)
    return -1e-9 <= share <= 1 and np.allclose(new, start + share * line, rtol=rtol)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, pd.DataFrame])
def test_numbers_are_those_of_smote(make, monkeypatch):
    monkeypatch.setattr(smote, "derive_seed", lambda *parts: 5)
    X = numbers()
    own, _ = DeepOverSampler("smote", random_state=0).fit_resample(make(X), Y)
    peer, _ = SMOTE(random_state=5).fit_resample(X, Y)
    own = own.toarray() if sparse.issparse(own) else np.asarray(own)
    np.testing.assert_allclose(own, peer, rtol=1e-12)


def test_mixed_columns_are_those_of_smotenc(monkeypatch):
    monkeypatch.setattr(smote, "derive_seed", lambda *parts: 5)
    X = pd.DataFrame(numbers(4), columns=list("wxyz"))
    X["kind"] = np.random.default_rng(0).choice(list("ab"), N)
    own, _ = DeepOverSampler("smote", random_state=0).fit_resample(X, Y)
    peer, _ = SMOTENC(["kind"], random_state=5).fit_resample(X, Y)
    for name in "wxyz":
        np.testing.assert_allclose(own[name], peer[name].astype(float), rtol=1e-9)
    assert (own.kind == peer.kind).all()  # five neighbours, two kinds: no ties


def test_categories_alone_follow_smoten():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.choice(list("abc"), (N, 4)), columns=list("pqrs"))
    X.loc[Y == 1, "p"] = rng.choice(["a", "b"], FEW, p=[0.8, 0.2])
    own, _ = DeepOverSampler("smote", random_state=0).fit_resample(X, Y)
    peer, _ = SMOTEN(random_state=0).fit_resample(X.to_numpy(object), Y)
    for place, name in enumerate(X):
        shares = (
            pd.Series(made).value_counts(normalize=True)
            for made in (own[name][N:], peer[N:, place])
        )
        left, right = (share.reindex(list("abc"), fill_value=0) for share in shares)
        assert (left - right).abs().max() < 0.35
    assert set(own.p[N:]) <= {"a", "b"}


def test_every_dtype_comes_back_from_smote():
    X = columns()
    X_res, _ = DeepOverSampler("smote", random_state=0).fit_resample(X, Y)
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    pd.testing.assert_frame_equal(X_res[:N], X)
    new, own = X_res[N:], X[Y == 1]
    for name in ("id", "stamp", "byte", "count", "Int", "gaps", "single"):
        assert own[name].min() <= new[name].min() and new[name].max() <= own[name].max()
    for name in ("flag", "text", "kind", "objects"):
        assert set(new[name]) <= set(own[name].tolist()) | set(range(5))
    assert (new["count"] % 1 == 0).all() and (new.half % 0.5 == 0).all()
    assert (new.cents == (new.cents.round(2))).all() and new.id.nunique() > FEW
    assert {type(v) for v in new.objects} == {int}
    assert all(v.as_tuple().exponent == -2 for v in new.price)
    assert new["empty"].isna().all()


def test_missing_values_keep_their_rate():
    rng = np.random.default_rng(0)
    n, y = 2000, np.repeat([0, 1], [1700, 300])
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    X["word"] = rng.choice(["u", "v"], n)
    X = X.mask(rng.random(X.shape) < [0.35, 0, 0.1, 0, 0.3])
    X_res, _ = DeepOverSampler("smote", random_state=0).fit_resample(X, y)
    rates = X_res[n:].isna().mean() - X[y == 1].isna().mean()
    assert rates.abs().max() < 0.06
    array = X[list("abcd")].to_numpy()
    made = DeepOverSampler("smote", random_state=0).fit_resample(array, y)[0][n:]
    gaps = np.isnan(made).mean(axis=0) - np.isnan(array[y == 1]).mean(axis=0)
    assert np.abs(gaps).max() < 0.06


# Two hours, and where a day begins that tears neither from the other.
@pytest.mark.parametrize("hours, begin", [((2, 14), 0), ((2, 22), 12)])
@pytest.mark.parametrize("method", ["smote", "convex"])
def test_dates_are_mixed_as_days_and_times_of_day(method, hours, begin):
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 60, N), "D")
    hours = np.where(rng.random(N) < 0.5, *hours) + rng.integers(0, 60, N) / 60
    X = pd.DataFrame(
        {
            "when": days + pd.to_timedelta(hours, "h"),
            "zone": days.tz_localize("Europe/Oslo"),
            "span": days - days[0],
            "born": [datetime.date(1990, 1, 1 + i % 28) for i in range(N)],
            "gap": pd.Series(days).where(rng.random(N) < 0.7),
            "x": 100 * ((hours - begin) % 24) + rng.normal(0, 0.1, N),
            "none": pd.Series([pd.NaT] * N),
        }
    )
    X_res, _ = DeepOverSampler(method, random_state=0).fit_resample(X, Y)
    assert (X_res.dtypes == X.dtypes).all()
    pd.testing.assert_frame_equal(X_res[:N], X)
    made, own = X_res[N:], X[Y == 1]
    for name in ("when", "zone", "span", "born"):
        assert made[name].between(own[name].min(), own[name].max()).all(), name
    assert (made.zone.dt.hour == 0).all() and made.none.isna().all()
    assert all(isinstance(day, datetime.date) for day in made.born)
    assert 0 < made.gap.isna().sum() < len(made)
    # A new row's time of day lies between its parents', as `x` does, whatever the days.
    hour = (made.when - made.when.dt.normalize()) / pd.Timedelta(hours=1)
    line = 100 * ((hour - begin) % 24)
    np.testing.assert_allclose(made.x, line, atol=2)  # a minute is 1.7
    assert len(made.when.dt.date.unique()) > 20


def test_an_array_of_dates_stays_one():
    days = np.datetime64("2024-01-01", "D") + np.arange(2 * N).reshape(N, 2) % 50
    X = days.astype("datetime64[s]")
    made, _ = DeepOverSampler("smote", random_state=0).fit_resample(X, Y)
    assert made.dtype == X.dtype and len(made) > N
    assert (made[N:] >= X[Y == 1].min()).all() and (made[N:] <= X[Y == 1].max()).all()


@pytest.mark.parametrize("name", odd_columns())
def test_what_has_no_place_between_is_refused_by_smote(name):
    X = odd_columns()[[name]].assign(x=numbers()[:, 0])
    with pytest.raises(TypeError, match=f"Column '{name}' holds .*`random`"):
        DeepOverSampler("smote").fit_resample(X, Y)


@pytest.mark.parametrize(
    "X, words",
    [
        (np.where(numbers() > 3, np.inf, numbers()), "must be finite"),
        (pd.DataFrame({"a": np.where(Y, np.inf, 0), "b": ["x"] * N}), "'a' must be"),
        (sparse.csr_matrix(np.where(Y[:, None], np.nan, 1.0)), "no missing value"),
    ],
    ids=["array", "frame", "sparse"],
)
def test_numbers_that_smote_cannot_use(X, words):
    with pytest.raises(ValueError, match=words):
        DeepOverSampler("smote").fit_resample(X, Y)


@pytest.mark.parametrize("method", ["random", "smote"])
@pytest.mark.parametrize(
    "names", [range(5), pd.MultiIndex.from_product([["u"], range(5)])]
)
def test_columns_of_any_names(method, names):
    X = pd.DataFrame(numbers()).set_axis(names, axis=1)
    X_res, _ = DeepOverSampler(method, random_state=0).fit_resample(X, Y)
    assert X_res.columns.equals(X.columns) and len(X_res) == 2 * (N - FEW)


def test_names_that_come_twice():
    X = pd.DataFrame(numbers(), columns=list("aabcd"))
    with pytest.raises(ValueError, match=r"Received twice: \['a'\]"):
        DeepOverSampler("random").fit_resample(X, Y)


@pytest.mark.parametrize(
    "values",
    [
        ["2024-03-01", "2024-03-02T08:15:00Z", "2024-12-31 23:59:59.123"],
        ["1.3.2024", "31.12.1999"],
        ["3/31/2024", "12/1/2023 8:30 PM"],
        ["01/03/24", "02/03/24"],
        ["20240301", "20231231"],
        ["1 Mar 2024", "12 December 2023"],
        ["March 1, 2024", "Fri, Dec 5 2025"],
        ["08:30", "23:59:59"],
    ],
)
@pytest.mark.parametrize("dtype", [object, "str", "string"])
def test_text_that_is_dates(values, dtype):
    series = pd.Series([*values, None], dtype=dtype)
    with pytest.raises(TypeError, match="'when' holds dates.*to_datetime.*`random`"):
        refuse_dates_as_text(series, "when")
    refuse_dates_as_text(series.astype("category"), "when")
    refuse_dates_as_text(pd.Series([*values, "soon"], dtype=dtype), "when")


@pytest.mark.parametrize(
    "values",
    [
        ["Mar", "May"],
        ["1.2.3", "1.10.24"],
        ["12", "13"],
        ["2024", "2023"],
        ["99999999", "12345678"],
        ["10-20", "20-30"],
        ["2024-03-01", "2024-03-01"],
        [datetime.date(2024, 1, 1), 3],
        [[1], [2]],
        [],
    ],
)
def test_text_that_is_no_date(values):
    refuse_dates_as_text(pd.Series(values, dtype=object), "when")


@pytest.mark.parametrize("sparse_too", [False, True])
def test_smote_finds_neighbours_of_numbers_whose_squares_are_infinite(sparse_too):
    x = numbers()
    expected, y = DeepOverSampler("smote", random_state=0).fit_resample(x, Y)
    unit = 2.0**1000
    large = sparse.csr_array(x * unit) if sparse_too else x * unit
    found, y_large = DeepOverSampler("smote", random_state=0).fit_resample(large, Y)
    found = found.toarray() if sparse_too else found
    np.testing.assert_allclose(found / unit, expected, rtol=1e-12)
    np.testing.assert_array_equal(y_large, y)
