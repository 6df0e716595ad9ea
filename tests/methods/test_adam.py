"""Adam in one operation: Keras's numbers, wherever Keras's would be used."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.methods.base import Adam

RATE = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5)


def run(optimizer, steps=7, jit_compile=False, sparse=False):
    """Returns two variables after gradients of many sizes, and the step's function."""
    source = np.random.default_rng(0)
    kernel = keras.Variable(source.standard_normal((5, 3)), dtype="float32")
    bias = keras.Variable(source.standard_normal(3), dtype="float32")
    optimizer.build([kernel, bias])

    @tf.function(jit_compile=jit_compile)
    def step(of_kernel, of_bias):
        if sparse:
            of_kernel = tf.IndexedSlices(of_kernel[:2], tf.constant([0, 3]), (5, 3))
        optimizer.apply([of_kernel, of_bias], [kernel, bias])

    for scale in np.logspace(-4, 2, steps):
        gradients = (scale * source.standard_normal(s) for s in ((5, 3), (3,)))
        step(*(tf.constant(g, tf.float32) for g in gradients))
    return (kernel.numpy(), bias.numpy()), step


OPTIONS = {
    "defaults": {},
    "of_gans": {"learning_rate": 2e-4, "beta_1": 0.5},
    "no_momentum": {"beta_1": 0.0, "epsilon": 1e-3},
    "decay": {"weight_decay": 0.1},
    "schedule": {"learning_rate": RATE},
    "clipped": {"global_clipnorm": 0.5},
    "mean_of_weights": {"use_ema": True, "ema_overwrite_frequency": 4},
    "amsgrad": {"amsgrad": True},
    "accumulated": {"gradient_accumulation_steps": 2},
}


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_numbers_are_those_of_keras(options, jit_compile):
    expected, _ = run(keras.optimizers.Adam(**options))
    result, _ = run(Adam(**options), 7, jit_compile)
    for got, wanted in zip(result, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-6, atol=2e-7)


def test_gradients_of_embeddings_go_as_in_keras():
    expected, _ = run(keras.optimizers.Adam(), sparse=True)
    for got, wanted in zip(run(Adam(), sparse=True)[0], expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-6, atol=2e-7)


def test_a_step_by_hand():
    """After one step every weight has gone by the rate, against the gradient's sign."""
    variable = keras.Variable([1.0, 2.0], dtype="float32")
    optimizer = Adam(0.1, epsilon=1e-12)
    optimizer.build([variable])
    optimizer.apply([tf.constant([0.3, -5.0])], [variable])
    np.testing.assert_allclose(variable.numpy(), [0.9, 2.1], rtol=1e-6)
    optimizer.apply([tf.constant([0.3, 0.0])], [variable])
    # m = .09 * -5, v = .000999 * 25; bias corrections 1 - .81 and 1 - .998001.
    mean, square = 0.09 * -5 / 0.19, 0.000999 * 25 / 0.001999
    expected = [0.8, 2.1 - 0.1 * mean / square**0.5]
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


def test_two_replicas_go_as_one_device(two_replicas):
    expected = run(Adam(), 1)[0]
    with two_replicas.scope():
        source = np.random.default_rng(0)
        variables = [
            keras.Variable(source.standard_normal(s), dtype="float32")
            for s in ((5, 3), (3,))
        ]
        optimizer = Adam()
        optimizer.build(variables)
    gradients = [
        tf.constant(1e-4 * source.standard_normal(s) / 2, tf.float32)
        for s in ((5, 3), (3,))
    ]

    @tf.function
    def step():
        # `identity`: a gradient that a replica has of its own is summed.
        two_replicas.run(
            lambda: optimizer.apply([tf.identity(g) for g in gradients], variables)
        )

    step()
    for v, wanted in zip(variables, expected, strict=True):
        for value in two_replicas.experimental_local_results(v.value):
            np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_half_precision_keeps_its_scaled_loss():
    variable = keras.Variable([1.0], dtype="float32")
    optimizer = keras.optimizers.LossScaleOptimizer(Adam(0.1))
    optimizer.build([variable])
    optimizer.apply([tf.constant([np.inf])], [variable])
    assert variable.numpy() == 1.0
    optimizer.apply([optimizer.scale_loss(tf.constant([3.0]))], [variable])
    np.testing.assert_allclose(variable.numpy(), 0.9, rtol=1e-5)


def test_it_comes_back_from_its_config():
    optimizer = Adam(RATE, beta_1=0.5, weight_decay=0.1)
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is Adam and again.get_config() == optimizer.get_config()


def test_a_variable_takes_a_few_operations():
    def operations(optimizer):
        step = run(optimizer, 1)[1]
        graph = step.get_concrete_function(
            tf.TensorSpec((5, 3)), tf.TensorSpec((3,))
        ).graph
        return len(graph.get_operations())

    # Of two variables.
    assert operations(Adam()) < operations(keras.optimizers.Adam()) - 2 * 20
