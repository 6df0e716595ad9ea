import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from kerasos.evaluation.neighbours import nearest_distances, pairwise_distances

POINTS = np.random.default_rng(0).standard_normal((23, 3))
QUERIES = np.random.default_rng(1).standard_normal((7, 3))


@pytest.mark.parametrize("size", [1, 5, 23])
def test_parts_give_the_nearest_of_all_points(size):
    parts = [POINTS[i : i + size] for i in range(0, 23, size)]
    found = nearest_distances(QUERIES, parts)
    np.testing.assert_allclose(found, cdist(QUERIES, POINTS).min(axis=1))
    found = nearest_distances(POINTS[4:9], parts, own=True)
    distances = cdist(POINTS[4:9], POINTS)
    np.testing.assert_allclose(found, np.sort(distances, axis=1)[:, 1], atol=1e-7)


def test_a_duplicate_is_at_distance_zero_and_nobody_at_infinity():
    twice = np.concatenate([POINTS[:2], POINTS[:1]])
    found = nearest_distances(twice, [twice], own=True)
    np.testing.assert_allclose(found[[0, 2]], 0.0, atol=1e-7)
    assert found[1] > 0.1
    assert np.all(np.isinf(nearest_distances(QUERIES, [])))


def test_pairs_are_those_of_scipy():
    np.testing.assert_allclose(pairwise_distances(POINTS), pdist(POINTS))
