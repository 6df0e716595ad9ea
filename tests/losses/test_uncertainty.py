"""Rewards of uncertain samples, against values worked by hand."""

import numpy as np
import pytest

from kerasos.losses.uncertainty import entropy, margin, uncertainty_reward

SURE = [[1.0, 0.0, 0.0]]
UNIFORM = [[1 / 3, 1 / 3, 1 / 3]]


@pytest.mark.parametrize(
    ("probs", "of_margin", "of_entropy"),
    [(SURE, 0.0, 1.0), (UNIFORM, 1.0, 3.0), ([[0.5, 0.0, 0.5]], 1.0, 2.0)],
)
def test_rewards_at_the_corners(probs, of_margin, of_entropy):
    """(1, 0, 0): r_m 0 and r_e 1; uniform over K: r_m 1 and r_e K."""
    np.testing.assert_allclose(uncertainty_reward(probs, alpha=1.0), of_margin)
    np.testing.assert_allclose(
        uncertainty_reward(probs, alpha=0.0), of_entropy, rtol=1e-6
    )
    np.testing.assert_allclose(
        uncertainty_reward(probs), (of_margin + of_entropy) / 2, rtol=1e-6
    )


def test_a_margin_counts_up_to_eps():
    """Margins of .19 and .21 around eps = .2."""
    probs = np.array([[0.595, 0.405, 0.0], [0.605, 0.395, 0.0]], "float32")
    np.testing.assert_allclose(margin(probs), [0.19, 0.21], atol=1e-6)
    found = uncertainty_reward(probs, alpha=1.0)
    np.testing.assert_allclose(found, [np.exp(-0.19), 0.0], rtol=1e-5)
    found = uncertainty_reward(probs, alpha=1.0, eps=1.0)
    np.testing.assert_allclose(found, np.exp([-0.19, -0.21]), rtol=1e-5)
    # eps = 0 leaves exact ties.
    probs = np.array([[0.5, 0.5, 0.0], [0.52, 0.48, 0.0]], "float32")
    np.testing.assert_array_equal(uncertainty_reward(probs, 1.0, eps=0.0), [1.0, 0.0])


def test_entropy_in_nats_by_hand():
    probs = [[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]]
    expected = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))
    np.testing.assert_allclose(entropy(probs), [expected, 0.0], rtol=1e-6)
    found = uncertainty_reward(probs, alpha=0.5, eps=0.2)
    np.testing.assert_allclose(found[0], 0.5 * np.exp(expected), rtol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 10, 200])
def test_normalised_entropy_reaches_ten_whatever_the_classes(num_classes):
    uniform = np.full((1, num_classes), 1.0 / num_classes, "float32")
    kinds = {"paper": num_classes, "normalised": 10.0}
    for kind, largest in kinds.items():
        found = uncertainty_reward(uniform, alpha=0.0, kind=kind)
        np.testing.assert_allclose(found, largest, rtol=1e-4)
    sure = np.eye(num_classes, dtype="float32")[:1]
    found = uncertainty_reward(sure, alpha=0.0, kind="normalised")
    np.testing.assert_allclose(found, 1.0)
