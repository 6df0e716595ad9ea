import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasos.methods.deepsmote.latent_smote import LatentSMOTE

COUNTS = (9, 1, 4)


def make(k=3, counts=COUNTS, width=4):
    points = np.random.default_rng(0).standard_normal((sum(counts), width))
    layer = LatentSMOTE(counts, width, k)
    layer.set_points(points.astype("float32"))
    return layer, points.astype("float32")


def draws(layer, label, n=400, seed=1):
    noise = np.random.default_rng(seed).standard_normal((n, 3)).astype("float32")
    return layer(noise, tf.fill([n], label)).numpy(), noise


def nearest(points, k):
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return np.argsort(distances, axis=1)[:, 1 : k + 1]


@pytest.mark.parametrize(("label", "k"), [(0, 3), (2, 3), (2, 5)])
def test_draws_lie_between_a_point_and_a_neighbour_of_its_class(label, k):
    layer, points = make(k)
    first = sum(COUNTS[:label])
    own = points[first : first + COUNTS[label]]
    near = nearest(own, min(k, len(own) - 1))
    pairs = [(i, j) for i, row in enumerate(near) for j in row]
    drawn, noise = draws(layer, label)
    found = set()
    for point, place in zip(drawn, stats.norm.cdf(noise[:, 2]), strict=True):
        residuals = []
        for i, j in pairs:
            step = own[j] - own[i]
            u = np.dot(point - own[i], step) / np.dot(step, step)  # least squares
            residual = np.linalg.norm(point - own[i] - u * step) + abs(u - place)
            residuals.append(residual)
        assert min(residuals) < 1e-4
        found.add(pairs[int(np.argmin(residuals))])
    assert found == set(pairs)  # each of them comes


def test_pairs_come_equally_often():
    layer, points = make(2, counts=(4, 3), width=2)
    own = points[:4]
    near = nearest(own, 2)
    drawn, noise = draws(layer, 0, n=8000)
    rows = np.minimum((stats.norm.cdf(noise[:, 0]) * 4).astype(int), 3)
    columns = np.minimum((stats.norm.cdf(noise[:, 1]) * 2).astype(int), 1)
    shares = np.bincount(2 * rows + columns, minlength=8) / 8000
    np.testing.assert_allclose(shares, 1 / 8, atol=0.02)
    place = stats.norm.cdf(noise[:, 2:])
    expected = own[rows] + place * (own[near[rows, columns]] - own[rows])
    np.testing.assert_allclose(drawn, expected, atol=1e-5)


def test_a_class_of_one_point_repeats_it():
    layer, points = make()
    drawn, _ = draws(layer, 1, n=5)
    np.testing.assert_array_equal(drawn, np.tile(points[9], (5, 1)))


def test_equal_points_are_neighbours_of_each_other():
    layer = LatentSMOTE((3,), 2, 2)
    layer.set_points(np.ones((3, 2), "float32"))
    assert all(i not in row for i, row in enumerate(layer.neighbors.numpy()))
    np.testing.assert_allclose(draws(layer, 0)[0], 1.0)


def test_it_is_not_trained_and_comes_back_from_its_config():
    layer, points = make()
    assert not layer.trainable_variables and len(layer.weights) == 2
    again = LatentSMOTE.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(draws(again, 0)[0], draws(layer, 0)[0])
    assert again.compute_output_shape((7, 3)) == (7, 4)
    assert keras.saving.get_registered_name(LatentSMOTE) == "kerasos>LatentSMOTE"
