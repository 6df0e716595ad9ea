"""Drawn shapes: geometry, factors, counts, and that draws are what was asked for."""

import numpy as np
import pytest
from scipy import ndimage

from kerasos.data import draw_shapes, load, shapes
from kerasos.data.shapes import FACTORS, SHAPES, SIZES

MIDDLE = {"x": 1, "y": 1}
FULL = 5  # the largest scale


def area(images):
    return images.sum(axis=(1, 2, 3)) / 255.0


def centres(images):
    return np.array([ndimage.center_of_mass(image[..., 0]) for image in images])


# One image.


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("orientation", [0, 3, 17])
def test_areas_are_those_of_the_geometry(size, orientation):
    factors = [[kind, FULL, orientation, 16, 16] for kind in range(3)]
    radius = 0.22 * size
    # The heart: a square of side s and two half discs on two of its edges.
    side = 1.12132
    heart = side**2 + np.pi * (side / 2) ** 2
    expected = np.array([2.0, np.pi / 2, heart]) * radius**2
    np.testing.assert_allclose(area(draw_shapes(factors, size)), expected, rtol=0.02)


def test_the_heart_touches_the_circle_around_it():
    image = draw_shapes([[2, 0, 0, 0, 0]], 400, {**MIDDLE, "scale": 1})[0, ..., 0]
    place = np.argwhere(image > 127) + 0.5 - 200
    distance = np.hypot(*place.T)
    assert distance.max() == pytest.approx(0.22 * 400, abs=1.0)
    lowest = place[place[:, 0].argmax()]
    np.testing.assert_allclose(lowest, [88, 0], atol=1.5)
    # Upright, with two humps and a notch above the middle.
    assert image[200 - 60, 200] == 0 and image[200 - 60, [165, 235]].all()
    np.testing.assert_array_equal(image, image[:, ::-1])


def test_scale_grows_evenly_from_half_to_full():
    factors = [[0, scale, 0, 16, 16] for scale in range(6)]
    sides = np.sqrt(area(draw_shapes(factors)))
    np.testing.assert_allclose(sides / sides[-1], np.linspace(0.5, 1, 6), atol=0.01)


def test_places_are_even_and_x_goes_right_and_y_down():
    factors = [[0, 2, 0, x, y] for x, y in ((0, 0), (31, 0), (0, 31), (1, 0))]
    found = centres(draw_shapes(factors)) + 0.5
    expected = np.array([[16, 16], [16, 48], [48, 16], [16, 16 + 32 / 31]])
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_orientation_turns_counter_clockwise():
    turned = draw_shapes([[1, FULL, o, 0, 0] for o in (0, 5, 10, 20)], 64, MIDDLE)
    wide, slant, tall, again = turned[..., 0].astype(float)
    assert np.ptp(np.argwhere(wide)[:, 1]) > 1.5 * np.ptp(np.argwhere(wide)[:, 0])
    np.testing.assert_allclose(tall, np.rot90(wide), atol=1)
    np.testing.assert_allclose(again, wide, atol=1)
    rows, columns = np.argwhere(slant > 127).T
    assert np.corrcoef(rows, columns)[0, 1] < -0.5  # from lower left to upper right
    upright, quarter = draw_shapes([[2, FULL, o, 0, 0] for o in (0, 10)], 64, MIDDLE)
    np.testing.assert_allclose(
        quarter[..., 0].astype(float), np.rot90(upright[..., 0]), atol=1
    )


def test_edges_are_smooth_and_images_whole():
    x, _, _ = shapes(60, size=32)
    assert x.dtype == np.uint8 and x.shape == (180, 32, 32, 1)
    assert np.all(x.max(axis=(1, 2, 3)) == 255)
    border = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]])
    assert border.max() == 0
    grey = np.mean((x > 0) & (x < 255), axis=(1, 2, 3))
    assert 0 < grey.mean() < 0.06
    # A disc's worth of levels, not black, white and one grey.
    assert len(np.unique(x)) > 100


# Factors.


def test_factors_are_what_the_images_show():
    x, y, factors = shapes(40, seed=3)
    assert factors.shape == (120, 5) and factors.dtype == y.dtype == np.int64
    np.testing.assert_array_equal(draw_shapes(factors), x)
    np.testing.assert_array_equal(y, factors[:, 0])
    squares_and_ellipses = y < 2  # the heart's centre of mass is not its centre
    found = (centres(x[squares_and_ellipses]) + 0.5 - 16) * 31 / 32
    expected = factors[squares_and_ellipses][:, [4, 3]]
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_every_combination_comes_once():
    sizes = {"scale": 2, "orientation": 2, "x": 3, "y": 2}
    x, y, factors = shapes(24, size=32, sizes=sizes)
    assert len(np.unique(factors, axis=0)) == len(x) == 72
    np.testing.assert_array_equal(factors.max(axis=0), [2, 1, 1, 2, 1])
    # Half a turn hides nothing of a heart, but all of a square and of an ellipse.
    distinct = [len(np.unique(x[y == k], axis=0)) for k in range(3)]
    assert distinct == [12, 12, 24]


def test_a_factor_can_be_fixed_or_be_the_class():
    sizes = {"shape": 1, "orientation": 1, "scale": 1}
    x, y, factors = shapes(5, size=32, sizes=sizes, label="x")
    np.testing.assert_array_equal(y, factors[:, 3])
    np.testing.assert_array_equal(np.bincount(y), np.full(32, 5))
    assert not factors[:, :3].any()
    np.testing.assert_allclose(area(x), area(x)[0], rtol=0.01)
    assert [*SIZES] == [*FACTORS] and SIZES["shape"] == len(SHAPES)


# Draws.


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (None, [60, 60, 60]),
        ([70, 5, 1], [70, 5, 1]),
        ({1: 7}, [60, 7, 60]),
        (100, [60, 6, 1]),
    ],
)
def test_counts_of_classes(counts, expected):
    _, y, _ = shapes(60, counts, size=8)
    assert np.bincount(y).tolist() == expected
    assert (
        y[: min(expected)].tolist() != sorted(y)[: min(expected)] or min(expected) < 5
    )


def test_a_seed_fixes_the_images_and_a_smaller_class_is_part_of_a_larger():
    x, y, factors = shapes(30, size=16, seed=1)
    for again, first in zip(shapes(30, size=16, seed=1), (x, y, factors), strict=True):
        np.testing.assert_array_equal(again, first)
    _, _, others = shapes(30, size=16, seed=2)
    assert len({*map(tuple, factors)} & {*map(tuple, others)}) < 5
    _, _, fewer = shapes(30, {2: 4}, size=16, seed=1)
    assert {*map(tuple, fewer)} < {*map(tuple, factors)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": {"scales": 2}}, "Did you mean 'scale'"),
        ({"sizes": {"scale": 0}}, r"Invalid `sizes\['scale'\]`: it must be an int"),
        ({"sizes": {"shape": 4}}, "There are 3 shapes"),
        ({"label": "colour"}, "Invalid `label`"),
        ({"size": 0}, "Invalid `size`: it must be an integer"),
        ({"per_class": 2.5}, "Invalid `per_class`: it must be an integer"),
        ({"class_counts": [1, 2]}, "one count per class"),
        ({"class_counts": {3: 1}}, "must be labels"),
        ({"class_counts": [245_761, 1, 1]}, "must not exceed"),
        ({"class_counts": 0.5}, "imbalance ratio"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        shapes(**{"per_class": 3, "size": 8, **options})


@pytest.mark.parametrize(
    "factors", [[[0, 0, 0, 0]], [[0, 0, 0, 0, 32]], [[-1, 0, 0, 0, 0]], [[0.5] * 5]]
)
def test_factors_out_of_range_are_refused(factors):
    with pytest.raises(ValueError, match="`factors` must"):
        draw_shapes(factors, 8)


def test_load_gives_shapes_as_any_data_set(monkeypatch):
    monkeypatch.setattr("kerasos.data.datasets._SHAPES_PER_CLASS", (40, 10))
    (x, y), (x_test, y_test) = load("shapes")
    assert x.shape == (120, 64, 64, 1) and x_test.shape == (30, 64, 64, 1)
    assert np.bincount(y_test).tolist() == [10, 10, 10]
    trained = {image.tobytes() for image in x}
    assert np.mean([image.tobytes() in trained for image in x_test]) < 0.1
    (few, labels), (again, _), index = load("shapes", 10, seed=1, return_indices=True)
    assert np.bincount(labels).tolist() == [40, 13, 4]
    np.testing.assert_array_equal(few, x[index])
    np.testing.assert_array_equal(again, x_test)
