"""Convex mixtures of rows of a class: their hull, their moments, and any container."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import linprog

import kerasos
from kerasos.over_sampling import DeepOverSampler, convex, mixed_rows


def rows(counts=(40, 6, 9), width=5, seed=0):
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    return source.normal(size=(len(y), width)) + 10 * y[:, None], y


def made(x, y, seed=0, **options):
    sampler = kerasos.get_method("convex").from_data(x, y, seed=seed, **options)
    x_res, y_res, is_new = sampler.oversample(x, y)
    return x_res[is_new], y_res[is_new]


def outside(point, points):
    """How far off a point is from the convex hull, in its worst coordinate.

    The linear program min t with w >= 0, sum w = 1 and |sum w_i p_i - point| <= t.
    """
    n, width = points.shape
    ones = -np.ones((width, 1))
    bounds = np.concatenate([point, -point])
    inequalities = np.block([[points.T, ones], [-points.T, ones]])
    sums = np.append(np.ones(n), 0)[None]
    found = linprog(
        np.append(np.zeros(n), 1),
        A_ub=inequalities,
        b_ub=bounds,
        A_eq=sums,
        b_eq=[1],
        bounds=(0, None),
    )
    return found.fun


@pytest.mark.parametrize("concentration", [0.1, 1.0])
def test_rows_lie_in_the_hull_of_their_class_and_not_on_its_edges(concentration):
    x, y = rows()
    new, labels = made(x, y, concentration=concentration)
    assert np.bincount(labels).tolist() == [0, 34, 31]
    for label in (1, 2):
        points = x[y == label]
        for row in new[labels == label]:
            assert outside(row, points) < 1e-7
    # More than two rows are mixed: many are off every segment between two.
    points = x[y == 1]
    a, b = np.triu_indices(len(points), 1)
    line = points[b] - points[a]
    away = []
    for row in new[labels == 1]:
        share = ((row - points[a]) * line).sum(1) / (line**2).sum(1)
        nearest = points[a] + np.clip(share, 0, 1)[:, None] * line
        away.append(np.linalg.norm(row - nearest, axis=1).min())
    assert np.mean(np.array(away) > 1e-4) > 0.4
    assert outside(points.max(axis=0) + 0.5, points) > 0.1  # the program sees it


@pytest.mark.parametrize("points, concentration", [(5, 0.1), (3, 1.0), (2, 4.0)])
def test_mean_and_covariance_are_those_of_the_formula(points, concentration):
    source = np.random.default_rng(1)
    x = source.normal(size=(30, 2)) @ [[2.0, 1.0], [0.0, 0.5]] + 3
    x = np.concatenate([x, source.normal(size=(40_030, 2))])
    y = np.repeat([1, 0], [30, 40_030])
    new, _ = made(x, y, points=points, concentration=concentration)
    real = x[:30]
    factor = (1 + concentration) / (1 + points * concentration)
    covariance = np.cov(real.T, bias=True)
    np.testing.assert_allclose(new.mean(axis=0), real.mean(axis=0), atol=0.04)
    np.testing.assert_allclose(np.cov(new.T), factor * covariance, rtol=0.04)


@pytest.mark.parametrize("concentration", [1e-4, 0.1, 1.0, 50.0])
def test_weights_are_of_the_dirichlet_distribution(concentration):
    k, size = 4, (60_000, 4)
    weights = convex.dirichlet(concentration, size, np.random.default_rng(0))
    assert np.isfinite(weights).all() and weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(weights.mean(axis=0), 1 / k, atol=0.008)
    variance = (k - 1) / k**2 / (k * concentration + 1)
    np.testing.assert_allclose(weights.var(axis=0), variance, rtol=0.03)
    product = concentration / (k * (k * concentration + 1))  # E w_1 w_2
    np.testing.assert_allclose(
        (weights[:, 0] * weights[:, 1]).mean(), product, rtol=0.05, atol=2e-5
    )


def test_one_point_makes_copies():
    x, y = rows()
    new, labels = made(x, y, points=1)
    for row, label in zip(new, labels, strict=True):
        assert (row == x[y == label]).all(axis=1).any()


@pytest.mark.filterwarnings("ignore:Labels")
def test_a_class_of_one_row_is_copied_and_of_two_is_a_segment():
    x, y = rows(counts=(9, 1, 2))
    new, labels = made(x, y)
    assert (new[labels == 1] == x[y == 1]).all()
    for row in new[labels == 2]:
        assert outside(row, x[y == 2]) < 1e-7


def test_images_are_mixed_in_their_own_dtype():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 4])
    x = source.integers(0, 256, (34, 4, 4, 1), dtype="uint8")
    x[:, 0, 0] = 255  # stays: no rounding below
    new, _ = made(x, y)
    exact, _ = made(x.astype("float64"), y)
    assert new.dtype == "uint8" and (new[:, 0, 0] == 255).all()
    np.testing.assert_allclose(new, np.rint(exact), atol=1)
    points = x[y == 1].reshape(4, -1).astype(float)
    for image in exact.reshape(len(exact), -1):
        assert outside(image, points) < 1e-6


def table(n=600, few=60):
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat([0, 1], [n - few, few]))
    kind = source.choice(["x", "y", "z"], n, p=[0.7, 0.2, 0.1])
    frame = pd.DataFrame(
        {
            "size": source.normal(size=n),
            "count": source.poisson(40, n),
            "price": source.uniform(1, 9, n).round(2),
            "kind": kind,
            "gaps": np.where(source.random(n) < 0.3, np.nan, source.normal(size=n)),
            "flag": source.random(n) < 0.2,
        }
    )
    one_hot = pd.get_dummies(pd.Series(kind)).add_prefix("is_")
    return pd.concat([frame, one_hot], axis=1), y


def test_columns_of_a_frame_come_back_as_they_were():
    x, y = table()
    x_res, y_res = DeepOverSampler("convex", random_state=0).fit_resample(x, y)
    pd.testing.assert_series_equal(x_res.dtypes, x.dtypes)
    pd.testing.assert_frame_equal(x_res[: len(x)], x)
    new, own = x_res[len(x) :], x[y == 1]
    assert len(new) == 480 and (y_res[len(x) :] == 1).all()
    assert ((new["price"] * 100 - (new["price"] * 100).round()).abs() < 1e-9).all()
    assert new["count"].between(own["count"].min(), own["count"].max()).all()
    # Of one row, the heaviest: kinds and their one-hot columns go together.
    for kind in "xyz":
        np.testing.assert_array_equal(new[f"is_{kind}"], new["kind"] == kind)
        share = (own["kind"] == kind).mean()
        assert abs((new["kind"] == kind).mean() - share) < 0.07
    assert abs(new["gaps"].isna().mean() - own["gaps"].isna().mean()) < 0.07
    assert abs(new["flag"].mean() - own["flag"].mean()) < 0.07
    assert not new["size"].isin(own["size"]).any()


def test_missing_values_leave_their_weight_to_the_others():
    weighted = convex.Weighted(
        np.array([[0, 1, 2]] * 2), np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), None
    )
    numbers = np.array([[1.0, 10.0], [np.nan, 20.0], [4.0, np.nan]])
    found = weighted.values(numbers, np.zeros(2, bool))
    first = [(0.5 * 1 + 0.2 * 4) / 0.7, (0.5 * 10 + 0.3 * 20) / 0.8]
    second = [(0.1 * 1 + 0.7 * 4) / 0.8, np.nan]  # the heaviest lacks it
    np.testing.assert_allclose(found, [first, second])
    paired = weighted.values(numbers, np.array([True, False]))
    np.testing.assert_allclose(paired, [[1.0, first[1]], [4.0, np.nan]])


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_sparse_stays_sparse_and_says_the_same(dtype):
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], [70, 20])
    x = np.rint(source.gamma(1, 20, (90, 7)) * (source.random((90, 7)) < 0.4))
    x[:, 4], x[:, 5] = source.random(90) < 0.5, -3 * (source.random(90) < 0.5)
    x[:, 6] = np.arange(90) % 3 - 1  # 0 is not stored, and is a value
    x = x.astype(dtype)
    sampler = DeepOverSampler("convex", random_state=0)
    found, _ = sampler.fit_resample(sparse.csr_matrix(x), y)
    dense, _ = sampler.fit_resample(x, y)
    assert type(found) is sparse.csr_matrix and found.dtype == dtype
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-12)
    assert set(np.unique(dense[:, 5])) == {-3, 0}
    paired = mixed_rows.paired_columns(sparse.csr_matrix(x))
    assert paired.tolist() == [mixed_rows.is_paired(column) for column in x.T]
    assert paired.tolist() == [*[False] * 4, True, True, False]


# Hulls that reach beyond few images.


@pytest.mark.parametrize("name", ["smote", "convex"])
def test_few_images_and_their_moved_copies_span_the_hull(name):
    """Dark images with one bright pixel: only moved copies have others bright."""
    y = np.repeat([0, 1], [40, 3])
    x = np.random.default_rng(0).integers(0, 256, (43, 8, 8, 1), dtype="uint8")
    x[40:] = 0
    x[40:, 3, [2, 3, 4]] = 240 * np.eye(3, dtype="uint8")[..., None]
    method = kerasos.get_method(name)
    options = {"min_anchors": 30, "seed": 0}
    options |= {"k_neighbors": 2} if name == "smote" else {}
    plain = options | {"min_anchors": 0}
    inside = x[40:].any(axis=0)

    def new(options):
        x_res, _, is_new = method.from_data(x, y, **options).oversample(x, y)
        np.testing.assert_array_equal(x_res[: len(x)], x)
        assert len(x_res) == 80 and x_res.dtype == x.dtype
        return x_res[is_new]

    assert not new(plain)[:, ~inside].any()
    extended = new(options)
    assert extended[:, ~inside].any(axis=1).mean() > 0.5
    np.testing.assert_array_equal(new(options), extended)
    assert (new(options | {"seed": 1}) != extended).any()


@pytest.mark.parametrize("name", ["smote", "convex"])
@pytest.mark.parametrize(
    "options, words",
    [
        ({"min_anchors": 5}, "`min_anchors` is for images .*samples of shape"),
        ({"min_anchors": -1}, "`min_anchors`: it must be an integer of at least 0"),
        ({"min_anchors": 2.5}, "`min_anchors`: it must be an integer"),
    ],
)
def test_anchors_that_cannot_be_made(name, options, words):
    with pytest.raises(ValueError, match=words):
        kerasos.get_method(name).from_data(*rows(), **options)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"points": 0}, "`points`: it must be an integer of at least 1"),
        ({"concentration": 0}, "`concentration`: it must be a finite number above 0"),
        ({"concentration": np.inf}, "`concentration`"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        kerasos.get_method("convex").from_data(*rows(), **options)
