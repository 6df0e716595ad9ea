"""The controls that do not learn: copies of real points, and pairs of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasos.layers.copies import RandomCombination

COUNTS = (6, 0, 4)
POINTS = {
    0: np.arange(12, dtype="float32").reshape(6, 2) ** 2,
    2: -(np.arange(8, dtype="float32").reshape(4, 2) ** 2) - 5,
}


def make_generator(points=1):
    generator = RandomCombination(COUNTS, 2, points=points)
    for label, rows in POINTS.items():
        generator.set_anchors(label, rows)
    return generator


def draw(num, label, seed=0):
    noise = np.random.default_rng(seed).normal(size=(num, 3)).astype("float32")
    return noise, np.full(num, label, "int32")


@pytest.mark.parametrize("label", [0, 2])
def test_copies_are_rows_of_the_class_with_equal_frequencies(label):
    samples = make_generator()(*draw(3000, label)).numpy()
    distance = np.abs(samples[:, None] - POINTS[label][None]).max(axis=-1)
    assert np.all(distance.min(axis=1) == 0.0)
    counts = np.bincount(distance.argmin(axis=1), minlength=COUNTS[label])
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("label", [0, 2])
def test_pairs_lie_uniformly_on_segments_of_the_class(label):
    generator, rows = make_generator(points=2), POINTS[label]
    noise, labels = draw(3000, label)
    samples = generator(noise, labels).numpy()
    # The same draw in float64: index = floor(n * Phi(z)), share = Phi(z).
    uniform = stats.norm.cdf(noise.astype("float64"))
    first, second = (
        rows[np.minimum((uniform[:, k] * len(rows)).astype(int), len(rows) - 1)]
        for k in (0, 1)
    )
    share = uniform[:, 2:]
    expected = share * first + (1 - share) * second
    close = np.isclose(samples, expected, rtol=1e-4, atol=1e-3).all(axis=1)
    assert close.mean() > 0.998  # float32 may fall on the other side of a border
    assert stats.kstest(share[:, 0], "uniform").pvalue > 1e-4
    pairs = np.floor(uniform[:, :2] * len(rows)) @ [len(rows), 1]
    counts = np.bincount(pairs.astype(int), minlength=len(rows) ** 2)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_extreme_noise_stays_inside_the_class():
    noise = np.full((4, 3), 30.0, "float32")
    noise[2:] = -30.0
    for points in (1, 2):
        samples = make_generator(points)(noise, np.array([0, 2, 0, 2], "int32"))
        ends = [POINTS[0][-1], POINTS[2][-1], POINTS[0][0], POINTS[2][0]]
        np.testing.assert_array_equal(samples, ends)


@pytest.mark.parametrize("points", [1, 2])
def test_block_form_equals_per_class_form(points):
    generator = make_generator(points)
    noise, _ = draw(11, 0)
    labels = np.repeat([0, 2], [7, 4]).astype("int32")
    expected = generator(noise, labels)
    np.testing.assert_array_equal(generator.grouped(noise, (7, 0, 4)), expected)


def test_nothing_is_trained():
    generator = make_generator()
    assert generator.trainable_variables == []
    assert generator.class_variables(0) == []
    assert generator.labels == [0, 2] and generator.latent_dim == 3


def test_config_rebuilds_the_layer():
    generator = make_generator(points=2)
    config = keras.saving.serialize_keras_object(generator)
    copy = keras.saving.deserialize_keras_object(config)
    copy.set_weights(generator.get_weights())
    np.testing.assert_array_equal(copy(*draw(9, 2)), generator(*draw(9, 2)))


def test_copies_stay_exact_under_a_half_precision_policy():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        generator = make_generator()
    finally:
        keras.config.set_dtype_policy("float32")
    generator.set_anchors(0, POINTS[0] / 3)  # no half-precision numbers
    samples = generator(*draw(20, 0))
    assert samples.dtype == tf.float32
    assert {tuple(row) for row in samples.numpy()} <= {tuple(r) for r in POINTS[0] / 3}


def test_the_batch_may_have_any_size_in_a_graph():
    generator = make_generator()
    function = tf.function(
        lambda noise, labels: generator(noise, labels),
        input_signature=[tf.TensorSpec((None, 3)), tf.TensorSpec((None,), tf.int32)],
    )
    np.testing.assert_array_equal(function(*draw(5, 2)), generator(*draw(5, 2)))


def test_other_numbers_of_points_are_refused():
    with pytest.raises(ValueError, match="`points` must be 1 or 2. Received: points=3"):
        RandomCombination(COUNTS, 2, points=3)


def test_the_anchors_of_a_class_come_back():
    for label, rows in POINTS.items():
        np.testing.assert_array_equal(make_generator().get_anchors(label), rows)
