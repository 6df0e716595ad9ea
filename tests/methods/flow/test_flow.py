"""Flow matching: its loss, the mean of the weights, the path, and what it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import rows
from files_entered import files_entered
from scipy import stats

import kerasos
from kerasos import FlowMatching
from kerasos.methods.flow.flow import heun, matching_loss
from kerasos.methods.flow.networks import TimeFeatures, velocity_mlp


def make_flow(**options):
    x, y = rows()
    options = {"width": 16, "blocks": 1, "draws": 2, "sampling_steps": 4, **options}
    model = FlowMatching.from_data(x, y, seed=0, **options)
    return model, (tf.constant(x[:8]), tf.constant(y[:8], tf.int32))


def test_the_loss_is_that_of_the_line_from_noise_to_row():
    noise, row = np.float32([[0, 2]]), np.float32([[4, -2]])
    time, label = np.float32([[0.25]]), np.float32([[0, 1]])
    met = []

    def velocity(points, time, one_hot):
        met.extend([points, time, one_hot])
        return np.float32([[1, -1]])

    # The line is at (1, 1) after a quarter, its velocity is (4, -4).
    assert float(matching_loss(velocity, row, noise, time, label)) == 9.0
    np.testing.assert_allclose(met[0], [[1.0, 1.0]])


def test_a_step_has_the_loss_by_hand():
    model, (x, y) = make_flow()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    kernel = model.network.get_layer("velocity_last").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    row = np.repeat((x - model.column_mean) / model.column_scale, 2, axis=0)
    noise = model.normal(16, 6, "train_noise").numpy()
    time = 1 / (1 + np.exp(-model.normal(16, 1, "train_time").numpy()))
    one_hot = np.repeat(np.eye(2)[y], 2, axis=0)
    velocity = model.network([(1 - time) * noise + time * row, time, one_hot]).numpy()
    expected = np.mean((velocity - (row - noise)) ** 2)
    assert float(model.train_step((x, y))["loss"]) == pytest.approx(expected, rel=1e-5)
    assert len(np.unique(time)) == 16 and stats.kstest(time, "uniform").pvalue > 1e-3


def test_samples_come_from_the_mean_of_the_weights():
    model, batch = make_flow()
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    means = None
    for step in range(1, 4):
        model.train_step(batch)
        weights = [v.numpy() for v in model.network.trainable_variables]
        kept = (1 - 1 / step) ** 8
        means = means or weights
        means = [kept * m + (1 - kept) * w for m, w in zip(means, weights, strict=True)]
    for average, mean in zip(model.averages, means, strict=True):
        np.testing.assert_allclose(average, mean, rtol=1e-5, atol=1e-7)
    sample = model.sample([1, 0], seed=3)
    for weight in model.network.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    np.testing.assert_array_equal(model.sample([1, 0], seed=3), sample)


def test_one_step_moves_the_network_and_its_mean():
    model, batch = make_flow()
    model.compile(run_eagerly=True)
    network = [*model.network.trainable_variables]
    model.train_step(batch)
    before = [v.numpy() for v in network]
    # The last layer starts as zero, so the others have a gradient from the second on.
    model.train_step(batch)
    for v, was, mean in zip(network, before, model.averages, strict=True):
        assert np.any(v.numpy() != was), v.path
        assert np.any(mean.numpy() != was), v.path
    assert int(model.g_optimizer.iterations.numpy()) == 2
    assert len(files_entered(lambda: model.train_step(batch))) <= 6


@pytest.mark.parametrize("steps, error", [(10, 2e-3), (40, 2e-4)])
def test_the_path_is_followed_to_second_order(steps, error):
    points = tf.constant([[1.0, 2.0], [0.0, -3.0]])
    # dx/dt = x has x(1) = e x(0); dx/dt = 2 t has x(1) = x(0) + 1.
    found = heun(lambda x, time: x, points, steps)
    np.testing.assert_allclose(found, np.e * points.numpy(), rtol=error)
    found = heun(lambda x, time: 2.0 * time * tf.ones_like(x), points, steps)
    np.testing.assert_allclose(found, points.numpy() + 1, rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_tells_the_times_of_two_steps_apart(policy):
    close = np.array([[0.5], [0.501]], "float32")
    expected = TimeFeatures(8)(close).numpy()
    keras.config.set_dtype_policy(policy)
    try:
        features = TimeFeatures(8)(close)
    finally:
        keras.config.set_dtype_policy("float32")
    assert features.dtype == "float32"
    np.testing.assert_array_equal(features, expected)
    angle = np.pi * np.arange(1, 9) * 0.501
    exact = np.concatenate([np.sin(angle), np.cos(angle)])
    np.testing.assert_allclose(features[1], exact, atol=1e-5)


def test_the_network_starts_as_no_motion_and_knows_time_and_label():
    network = velocity_mlp(3, 2, seed=0, width=8, blocks=2)
    row, label = np.ones((1, 3)), np.array([[1.0, 0.0]])
    assert not np.any(network([row, np.ones((1, 1)), label]))
    network.get_layer("velocity_last").kernel.assign(np.ones((8, 3)))
    one = network([row, 0.2 * np.ones((1, 1)), label])
    assert np.any(one != network([row, 0.7 * np.ones((1, 1)), label]))
    assert np.any(one != network([row, 0.2 * np.ones((1, 1)), 1 - label]))
    features = TimeFeatures(2)(np.array([[0.5]]))
    np.testing.assert_allclose(features, [[1, 0, 0, -1]], atol=1e-6)


def test_a_ring_and_a_line_are_learnt_by_class():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], [400, 100])
    turn = source.uniform(0, 2 * np.pi, 400)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    line = source.uniform(-1, 1, (100, 1)) * [[1, 1]]
    x = np.concatenate([ring, line]).astype("float32")
    model = FlowMatching.from_data(
        x, y, seed=0, width=64, blocks=2, value_range=(-1.5, 1.5), pre_oversample=True
    )
    model.steps_per_execution = 50
    data = kerasos.data.batches(x, y, 64, seed=0, steps_per_epoch=50)
    losses = model.fit(data, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    ring, line = np.split(model.sample([0] * 200 + [1] * 200, seed=1), 2)
    radius = np.hypot(*ring.T)
    assert np.median(np.abs(radius - 1)) < 0.1 and np.all(np.abs(ring.mean(0)) < 0.2)
    assert np.median(np.abs(line[:, 0] - line[:, 1])) < 0.12
    assert np.corrcoef(line.T)[0, 1] > 0.9 and line.std() > 0.45


def test_held_out_rows_have_a_loss():
    model, _ = make_flow()
    x, y = rows()
    history = model.fit(x, y, 8, validation_split=0.3, verbose=0).history
    assert set(history) == {"loss", "val_loss"} and np.isfinite(history["val_loss"][0])
