import numpy as np
import pytest
import tensorflow as tf

from kerasos.losses.class_mmd import class_mmd
from kerasos.losses.mmd import imq_mmd

LABELS = np.array([0] * 9 + [1] * 3 + [2] * 6 + [4])
ONE_HOT = np.eye(5, dtype="float32")[LABELS]


def draw(n, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype("float32")


@pytest.mark.parametrize(("least", "counted"), [(2, (0, 1, 2)), (4, (0, 2)), (8, (0,))])
def test_it_is_the_mean_of_the_discrepancies_of_large_enough_classes(least, counted):
    latents, prior = draw(len(LABELS)) + LABELS[:, None], draw(12, seed=1)
    expected = np.mean([float(imq_mmd(latents[LABELS == k], prior)) for k in counted])
    found = class_mmd(latents, prior, ONE_HOT, least)
    assert found.dtype == tf.float32
    assert float(found) == pytest.approx(expected, rel=1e-4)
    options = {"scales": (0.5, 2.0), "sigma2": 3.0}
    expected = [float(imq_mmd(latents[LABELS == k], prior, **options)) for k in counted]
    found = float(class_mmd(latents, prior, ONE_HOT, least, **options))
    assert found == pytest.approx(np.mean(expected), rel=1e-4)


def test_without_a_large_class_it_is_zero_with_a_zero_gradient():
    latents = tf.constant(draw(len(LABELS)))
    with tf.GradientTape() as tape:
        tape.watch(latents)
        value = class_mmd(latents, draw(8, seed=1), ONE_HOT, least=10)
    assert float(value) == 0.0
    np.testing.assert_array_equal(tape.gradient(value, latents), 0.0)


def test_it_sees_classes_apart_where_all_together_are_the_prior():
    latents, prior = draw(400, d=2), draw(400, d=2, seed=1)
    halves = np.eye(2, dtype="float32")[(latents[:, 0] > 0).astype(int)]
    mixed = np.eye(2, dtype="float32")[np.arange(400) % 2]
    pooled = abs(float(imq_mmd(latents, prior)))
    assert pooled < 0.05
    assert abs(float(class_mmd(latents, prior, mixed))) < 0.05
    assert float(class_mmd(latents, prior, halves)) > 0.3
