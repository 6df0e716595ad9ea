import os
import pathlib
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from scipy.stats import ks_2samp

from kerasos.data import TabularEncoder
from kerasos.tables.encoder import Block

N = 200
both_ways = pytest.mark.parametrize("numeric", ["quantile", "linear"])
# A folder of CSV files whose last column is `target`.
TABLES = os.environ.get("KERASOS_TABLES")


def gaps(values, seed=0):
    """The values as objects, a tenth of them None."""
    values = np.array(values, dtype=object)
    values[np.random.default_rng(seed).random(len(values)) < 0.1] = None
    return values


def columns():
    """A column of every kind."""
    rng = np.random.default_rng(1)
    small, words = rng.integers(0, 9, N), rng.choice(["x", "y", "zz"], N)
    normal, flags = rng.normal(size=N), rng.random(N) < 0.4
    zeros = np.where(rng.random(N) < 0.8, 0.0, normal)
    return {
        "int8": small.astype("int8") - 4,
        "uint64": rng.integers(0, 2**40, N).astype("uint64"),
        "float16": normal.astype("float16"),
        "float32": np.exp(3 * normal).astype("float32"),
        "float64": normal * 1e200,
        "missing float": np.where(rng.random(N) < 0.1, np.nan, normal),
        "missing count": np.where(rng.random(N) < 0.1, np.nan, small),
        "bool": flags,
        "ordered": pd.Categorical(words, ["zz", "unused", "y", "x"], ordered=True),
        "numbered": pd.Categorical(gaps(small)),
        "Int64": pd.array(gaps(small), dtype="Int64"),
        "UInt8": pd.array(gaps(small), dtype="UInt8"),
        "Float32": pd.array(gaps(normal), dtype="Float32"),
        "boolean": pd.array(gaps(flags), dtype="boolean"),
        "string": pd.array(gaps(words), dtype="string"),
        "str": pd.Series(words).astype("str"),
        "object": pd.Series(words, dtype=object),
        "object with None": pd.Series(gaps(words), dtype=object),
        "object integers": pd.Series(gaps(small), dtype=object),
        "object floats": pd.Series(gaps(normal), dtype=object),
        "object booleans": pd.Series(gaps(flags), dtype=object),
        "object mixture": pd.Series([1, "a", 2.5, "b"] * (N // 4), dtype=object),
        "sparse": pd.arrays.SparseArray(zeros, fill_value=0.0),
        "constant": np.full(N, 3, "int16"),
        "constant text": pd.Series(["q"] * N, dtype=object),
        "constant with gaps": np.where(rng.random(N) < 0.1, np.nan, 7.5),
        "all missing": np.full(N, np.nan),
        "all None": pd.Series([None] * N, dtype=object),
        "all missing Int64": pd.array([None] * N, dtype="Int64"),
    }


def table():
    return pd.DataFrame(columns())


def assert_returned(back, frame):
    """Equal in everything; numbers up to float32's rounding of their range."""
    assert list(back) == list(frame)
    for name in frame:
        atol, values = 0.0, frame[name].dropna()
        numbers = pd.api.types.is_numeric_dtype(values) or "floats" in name
        if numbers and len(values) and not pd.api.types.is_bool_dtype(values):
            atol = 2e-5 * float(np.ptp(values.astype("float64")))
        pd.testing.assert_series_equal(back[name], frame[name], rtol=1e-9, atol=atol)


@both_ways
@pytest.mark.parametrize("name", list(columns()))
def test_a_column_of_any_kind_comes_back(name, numeric):
    frame = table()[[name]]
    encoder = TabularEncoder(numeric=numeric)
    matrix = encoder.fit_transform(frame)
    assert matrix.dtype == "float32" and matrix.shape == (N, encoder.width_)
    assert np.abs(matrix).max(initial=0) <= 1
    back = encoder.inverse_transform(matrix)
    assert_returned(back, frame)
    noise = np.random.default_rng(0).normal(size=matrix.shape)
    for wild in (matrix + 0.3 * noise, 100 * noise, matrix[:0]):
        made = encoder.inverse_transform(wild)
        assert made[name].dtype == frame[name].dtype
        observed, new = frame[name].dropna(), made[name].dropna()
        if pd.api.types.is_numeric_dtype(observed) and len(new):
            assert observed.min() <= new.min() and new.max() <= observed.max()
        elif not pd.api.types.is_numeric_dtype(observed):
            if name not in ("object integers", "object floats"):
                assert set(new) <= set(observed)


@both_ways
def test_a_whole_table_comes_back(numeric):
    frame = table().set_axis(np.arange(N) * 3, axis=0)
    encoder = TabularEncoder(numeric=numeric).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame), index=frame.index)
    assert_returned(back, frame)
    copy = pickle.loads(pickle.dumps(encoder))
    pd.testing.assert_frame_equal(
        copy.inverse_transform(copy.transform(frame)), back.reset_index(drop=True)
    )
    assert encoder.feature_names_in_.tolist() == list(frame)
    assert encoder.inverse_transform(encoder.transform(frame)).index.equals(
        pd.RangeIndex(N)
    )


def test_arrow_columns_come_back():
    pytest.importorskip("pyarrow", reason="Arrow columns need pyarrow")
    source = columns()
    frame = pd.DataFrame(
        {
            "int": pd.Series(source["Int64"]).astype("int64[pyarrow]"),
            "float": pd.Series(source["missing float"]).astype("double[pyarrow]"),
            "text": pd.Series(source["object with None"]).astype("string[pyarrow]"),
            "bool": pd.Series(source["boolean"]).astype("bool[pyarrow]"),
        }
    )
    encoder = TabularEncoder().fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    assert_returned(back, frame)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64", "bool", "U2"])
def test_arrays_come_back_in_their_dtype(dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5 if dtype != "bool" else 2, (50, 3)).astype(dtype)
    encoder = TabularEncoder()
    back = encoder.inverse_transform(encoder.fit_transform(x))
    assert type(back) is np.ndarray and back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)


# What the matrix holds.


def test_blocks_by_hand():
    frame = pd.DataFrame(
        {
            "a": [0.0, 4.0, 1.0, np.nan],
            "k": [5, 5, 5, 5],
            "b": ["u", "w", "u", "v"],
            "c": [True, False, False, True],
        }
    )
    encoder = TabularEncoder(numeric="linear").fit(frame)
    assert encoder.blocks_ == (
        Block("a", "numeric", 0, 1),
        Block("a", "missing", 1, 3),
        Block("b", "categorical", 3, 6),
        Block("c", "categorical", 6, 8),
    )
    assert encoder.blocks_[2].slice == slice(3, 6) and encoder.blocks_[2].width == 3
    np.testing.assert_array_equal(
        encoder.transform(frame),
        [
            [-1.0, 1, -1, 1, -1, -1, -1, 1],
            [1.0, 1, -1, -1, -1, 1, 1, -1],
            [-0.5, 1, -1, 1, -1, -1, 1, -1],
            [0.0, -1, 1, -1, 1, -1, -1, 1],
        ],
    )
    assert encoder.get_feature_names_out().tolist() == (
        ["a", "a present", "a missing", "b=u", "b=v", "b=w", "c=False", "c=True"]
    )


def test_quantiles_by_hand():
    # Ranks 0 to 4 of 5 values; the two equal ones share the ranks 1 and 2.
    x = np.array([[10.0], [0.0], [3.0], [3.0], [1e6]])
    encoder = TabularEncoder().fit(x)
    np.testing.assert_allclose(
        encoder.transform(x)[:, 0], [0.5, -1.0, -0.25, -0.25, 1.0], atol=1e-6
    )
    # All of the plateau from -.5 to 0 means 3; .2 lies 2/5 of the way from 3 to 10.
    made = encoder.inverse_transform([[-0.5], [-0.1], [0.0], [0.2], [-3.0]])
    np.testing.assert_allclose(made[:, 0], [3, 3, 3, 6, 0])


def test_linear_keeps_convex_combinations():
    x = np.array([[0.5, -7.25], [2.5, 1000.0], [1.0, 3.5]])
    encoder = TabularEncoder(numeric="linear")
    z = encoder.fit_transform(x)
    weights = np.array([[0.2, 0.3, 0.5], [0.0, 0.9, 0.1]])
    made = encoder.inverse_transform(weights @ z)
    np.testing.assert_allclose(made, weights @ x, rtol=1e-6)


def test_a_mixture_gets_the_category_with_most_weight():
    frame = pd.DataFrame({"k": ["a", "b", "c"]})
    encoder = TabularEncoder(numeric="linear")
    z = encoder.fit_transform(frame)
    made = encoder.inverse_transform(np.array([[0.3, 0.3, 0.4], [0.5, 0.4, 0.1]]) @ z)
    assert made["k"].tolist() == ["c", "a"]


def test_linear_keeps_frequent_values_through_float32():
    x = np.array([[0.0], [0.0], [-3.0], [11.1]])
    encoder = TabularEncoder(numeric="linear")
    z = encoder.fit_transform(x)
    assert encoder.inverse_transform(z + 2e-7)[:2].tolist() == [[0.0], [0.0]]
    assert encoder.inverse_transform(z + 1e-3)[0, 0] != 0.0


def test_noise_moves_quantiles_less_than_a_line():
    """The reason for the default: a skewed column with outliers and many zeros."""
    rng = np.random.default_rng(0)
    x = np.exp(2 * rng.normal(size=(2000, 1)))
    x[:800] = 0.0
    distance = {}
    for numeric in ("quantile", "linear"):
        encoder = TabularEncoder(numeric=numeric)
        z = encoder.fit_transform(x) + rng.normal(scale=0.1, size=x.shape)
        distance[numeric] = ks_2samp(x[:, 0], encoder.inverse_transform(z)[:, 0])[0]
    assert distance["quantile"] < 0.05 < 0.3 < distance["linear"]


def test_values_are_missing_as_often_as_observed():
    rng = np.random.default_rng(0)
    x = np.where(rng.random((2000, 1)) < 0.3, np.nan, rng.normal(size=(2000, 1)))
    encoder = TabularEncoder(numeric="linear")
    z = encoder.fit_transform(x)
    first, second = rng.integers(2000, size=(2, 4000))
    share = rng.random((4000, 1))
    made = encoder.inverse_transform(share * z[first] + (1 - share) * z[second])
    assert np.isnan(made).mean() == pytest.approx(np.isnan(x).mean(), abs=0.03)


def test_codes_can_be_called_categories():
    frame = pd.DataFrame({"zip": [100, 900, 500, 100], "age": [1, 2, 3, 4]})
    encoder = TabularEncoder(categorical=["zip"]).fit(frame)
    assert [block.kind for block in encoder.blocks_] == ["categorical", "numeric"]
    z = encoder.transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
    made = encoder.inverse_transform(z + 0.3)
    assert set(made["zip"]) <= {100, 500, 900}


def test_rows_are_decoded_one_by_one():
    frame = table()
    encoder = TabularEncoder()
    z = encoder.fit_transform(frame)
    z += np.random.default_rng(0).normal(scale=0.2, size=z.shape)
    whole = encoder.inverse_transform(z)
    part = encoder.inverse_transform(z[7:9], index=[7, 8])
    pd.testing.assert_frame_equal(part, whole[7:9])


# Errors.


@pytest.mark.parametrize(
    "values, error, words",
    [
        (pd.period_range("2020", periods=3), TypeError, "spans of time.*start_time"),
        ([pd.Timestamp(0).time()] * 3, TypeError, "times alone.*the hour"),
        ([1j, 2j, 3j], TypeError, "complex"),
        ([[1], [2], [3]], TypeError, "list"),
        ([1.0, np.inf, 2.0], ValueError, "infinity in row 1"),
    ],
)
def test_columns_that_cannot_be_encoded(values, error, words):
    with pytest.raises(error, match=f"'when'.*{words}"):
        TabularEncoder().fit(pd.DataFrame({"ok": [1, 2, 3], "when": values}))


def test_missing_values_can_be_refused():
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"]})
    with pytest.raises(ValueError, match="'a' has missing values.*1 of 2"):
        TabularEncoder(missing="error").fit(frame)
    for column, gap in (("a", np.nan), ("b", None)):
        encoder = TabularEncoder().fit(frame.fillna(2.0))
        with pytest.raises(ValueError, match=f"'{column}' had no missing value"):
            encoder.transform(frame.fillna(2.0).assign(**{column: [gap] * 2}))


@pytest.mark.parametrize(
    "params, words",
    [
        ({"numeric": "log"}, "'quantile', 'normal', 'linear'"),
        ({"missing": "drop"}, "'keep', 'error'"),
        ({"categorical": ["c"]}, "must name columns"),
        ({"max_categories": 0}, "Invalid `max_categories`"),
        ({"max_categories": 2}, "'b' has too many categories.*Received: 3"),
    ],
)
def test_wrong_parameters(params, words):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    with pytest.raises(ValueError, match=words):
        TabularEncoder(**params).fit(frame)


def test_wrong_tables():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    encoder = TabularEncoder().fit(frame)
    with pytest.raises(ValueError, match="in their order"):
        encoder.transform(frame[["b", "a"]])
    with pytest.raises(ValueError, match="'b'.*not seen.*'z'"):
        encoder.transform(frame.assign(b="z"))
    with pytest.raises(ValueError, match=r"Expected shape \(n, 3\)"):
        encoder.inverse_transform(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="NaN or infinity in row 1.*diverged"):
        encoder.inverse_transform([[0, 0, 0], [0, np.nan, 0]])
    with pytest.raises(ValueError, match=r"Received twice: \['a'\]"):
        TabularEncoder().fit(frame.set_axis(["a", "a"], axis=1))
    with pytest.raises(ValueError, match="rank 2"):
        TabularEncoder().fit(np.zeros(3))
    with pytest.raises(ValueError, match="empty"):
        TabularEncoder().fit(frame[:0])
    with pytest.raises(ValueError, match="not fitted"):
        TabularEncoder().transform(frame)


# Real tables.


@both_ways
def test_real_tables_come_back(numeric):
    if not TABLES:
        pytest.skip("needs a folder of real tables: set KERASOS_TABLES to it")
    paths = sorted(pathlib.Path(TABLES).glob("*.csv"))
    assert paths, f"no CSV files in {TABLES}"
    for path in paths:
        frame = pd.read_csv(path).drop(columns="target")
        encoder = TabularEncoder(numeric=numeric)
        back = encoder.inverse_transform(encoder.fit_transform(frame))
        assert_returned(back, frame)


@pytest.mark.parametrize("numeric", ["quantile", "normal", "linear"])
@pytest.mark.parametrize(
    "values, decimals, step",
    [
        (np.arange(40) ** 2 / 100, 2, 0.01),
        (np.arange(40) * 2.5, 1, 2.5),
        (np.arange(40) * 5 + 3, 0, 5),
        (np.float32(np.arange(40) / 10), 1, 0.1),
        (np.float32(np.arange(40) * 3e5), 0, 3e5),  # whole, beyond a decimal's rounding
        (1.7e15 + np.arange(40.0) * 60e6, 0, 60e6),  # microseconds
    ],
)
def test_values_come_back_on_the_grid_of_their_column(numeric, values, decimals, step):
    encoder = TabularEncoder(numeric=numeric).fit(values[:, None])
    codes = np.random.default_rng(0).uniform(-1, 1, (300, 1))
    made = encoder.inverse_transform(codes)[:, 0].astype("float64")
    count = (made - float(values[0])) / step
    np.testing.assert_allclose(count, np.rint(count), atol=1e-4)
    assert len(np.unique(np.rint(count))) > 20
    if values.dtype == "float64":
        np.testing.assert_array_equal(made, np.round(made, decimals))
    assert made.min() >= values.min() and made.max() <= values.max()


@pytest.mark.parametrize("numeric", ["quantile", "normal", "linear"])
def test_no_grid_is_seen_where_there_is_none(numeric):
    values = np.random.default_rng(0).normal(size=(50, 1))
    encoder = TabularEncoder(numeric=numeric).fit(values)
    made = encoder.inverse_transform(np.linspace(-0.9, 0.9, 40)[:, None])
    assert not np.isin(np.round(made, 6), made).any()


def test_normal_scores_keep_ties_ends_and_real_values():
    source = np.random.default_rng(0)
    values = np.where(source.random(2000) < 0.6, 0.0, source.gamma(2.0, size=2000))
    values[0] = 1e9
    encoder = TabularEncoder(numeric="normal").fit(values[:, None])
    z = encoder.transform(values[:, None])
    np.testing.assert_array_equal(encoder.inverse_transform(z)[:, 0], values)
    np.testing.assert_array_equal(encoder.transform(values[:, None]), z)
    scores = z[:, 0] * special.ndtri(1 - 0.5 / 2000)
    assert stats.kstest(scores, "norm").pvalue > 0.01
    made = encoder.inverse_transform(source.normal(size=(5000, 1)) / 3.48)[:, 0]
    assert np.mean(made == 0) == pytest.approx(np.mean(values == 0), abs=0.03)
    assert np.mean(made == values.max()) < 0.01
    assert np.median(made[made > 0]) == pytest.approx(1.68, abs=0.2)


def test_normal_codes_of_categories_and_gaps_keep_their_sign():
    frame = pd.DataFrame({"a": list("xyz") * 20, "b": [1.0, 2.0, np.nan] * 20})
    encoder = TabularEncoder(numeric="normal", random_state=3).fit(frame)
    z = encoder.transform(frame)
    pd.testing.assert_frame_equal(encoder.inverse_transform(z), frame)
    marks = np.abs(z[:, [0, 1, 2, 4, 5]])
    assert marks.min() >= 0.2 and marks.max() <= 1 and marks.std() > 0.1
    missing = z[frame.b.isna(), 3]
    assert missing.std() > 0.1  # draws, not a spike
    other = TabularEncoder(numeric="normal", random_state=4).fit_transform(frame)
    assert np.any(other != z)


def test_one_far_value_leaves_the_others_apart():
    values = np.append(np.linspace(0, 1, 99), 1e9)[:, None]
    encoder = TabularEncoder(numeric="linear").fit(values)
    z = encoder.transform(values)
    assert len(np.unique(z)) == 100
    np.testing.assert_allclose(
        encoder.inverse_transform(z), values, rtol=1e-4, atol=1e-4
    )
