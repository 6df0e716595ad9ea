"""The anchors of a class: a bounded, fixed and seeded part of its points."""

import numpy as np
import pytest

from kerasos.data import DataSpec
from kerasos.data.anchors import choose_anchors, farthest_points

COUNTS = (30, 9, 20, 30)


def make_data():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat(np.arange(4), COUNTS))
    x = (source.uniform(size=(len(y), 3)) + y[:, None]).astype("float32")
    return (
        x,
        y,
        DataSpec(shape=(3,), dtype="float32", value_range=(0, 4), class_counts=COUNTS),
    )


@pytest.mark.parametrize("bank", ["random", "kcenter"])
def test_anchors_are_distinct_rows_of_their_class_and_bounded(bank):
    x, y, spec = make_data()
    chosen = choose_anchors(x, y, spec, 12, bank, seed=0)
    # The majority and the class tied with it have none.
    assert set(chosen) == {1, 2}
    assert len(chosen[2]) == 12
    np.testing.assert_array_equal(chosen[1], np.flatnonzero(y == 1))
    for label, rows in chosen.items():
        assert np.all(y[rows] == label)
        assert np.all(np.diff(rows) > 0)


def test_classes_within_the_bound_keep_every_point():
    x, y, spec = make_data()
    chosen = choose_anchors(x, y, spec, 20, "random", seed=0)
    for label in (1, 2):
        np.testing.assert_array_equal(chosen[label], np.flatnonzero(y == label))


@pytest.mark.parametrize("bank", ["random", "kcenter"])
def test_the_choice_follows_the_seed_alone(bank):
    x, y, spec = make_data()
    first = choose_anchors(x, y, spec, 6, bank, seed=3)
    np.random.default_rng(9).uniform(size=5)
    second = choose_anchors(x, y, spec, 6, bank, seed=3)
    for label in (1, 2):
        np.testing.assert_array_equal(first[label], second[label])
    others = [choose_anchors(x, y, spec, 6, bank, seed=k)[2] for k in range(4, 8)]
    assert any(not np.array_equal(first[2], other) for other in others)


def test_random_anchors_cover_the_class_over_seeds():
    x, y, spec = make_data()
    drawn = [choose_anchors(x, y, spec, 5, "random", seed=k)[2] for k in range(200)]
    counts = np.bincount(np.concatenate(drawn), minlength=len(y))
    # 200 * 5 / 20 = 50 expected for each point.
    assert counts[y == 2].min() > 25 and counts[y == 2].max() < 80


def test_farthest_points_by_hand():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [0.0, 4.0], [9.0, 3.0]])
    # From (0, 0): (10, 0) at 10. Then the smaller distances are 1, 4 and sqrt(10)
    # for rows 1, 3 and 4: row 3. Then 1 and sqrt(10): row 4. Then row 1.
    np.testing.assert_array_equal(farthest_points(points, 5, 0), [0, 2, 3, 4, 1])


def test_farthest_points_are_greedy_by_brute_force():
    source = np.random.default_rng(0)
    points = source.uniform(0, 255, size=(40, 2, 3)).astype("uint8")
    chosen = farthest_points(points, 8, 5).tolist()
    flat = points.reshape(40, 6).astype("float64")
    distance = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    assert chosen[0] == 5
    for k in range(1, 8):
        nearest = distance[:, chosen[:k]].min(axis=1)
        assert nearest[chosen[k]] == pytest.approx(nearest.max())


def test_farthest_points_never_repeat_a_row_of_duplicates():
    points = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    chosen = farthest_points(points, 6, 3)
    assert len(set(chosen.tolist())) == 6


def test_bad_options_name_the_way_out():
    x, y, spec = make_data()
    with pytest.raises(ValueError, match="`max_anchors` must be at least 1"):
        choose_anchors(x, y, spec, 0, "random", seed=0)
    with pytest.raises(ValueError, match="kcenter"):
        choose_anchors(x, y, spec, 5, "kcentre", seed=0)
