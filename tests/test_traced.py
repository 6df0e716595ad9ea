import logging

import numpy as np
import pytest
import tensorflow as tf

import kerasos
from kerasos.traced import traced, traced_by_rows

WARNED_FROM = 5  # traces by one code


@pytest.fixture
def warnings():
    """The messages of TensorFlow while a test runs."""
    found = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())
    logger = tf.get_logger()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def plus(number):
    return lambda x: x + number


def test_functions_of_one_code_are_no_retracing(warnings):
    x = np.arange(6, dtype="float32").reshape(3, 2)
    rows = tf.TensorSpec((None, 2), tf.float32)
    for number in range(2 * WARNED_FROM):
        np.testing.assert_array_equal(traced(plus(number), rows)(x), x + number)
        np.testing.assert_array_equal(traced_by_rows(plus(number))(x), x + number)
    assert not warnings
    for number in range(WARNED_FROM):  # what they are for
        tf.function(plus(number))(x)
    assert "retracing" in warnings[0]


def test_a_function_by_rows_is_traced_once_a_shape_and_dtype():
    seen = []

    def double(x):
        seen.append((x.shape.as_list(), x.dtype.name))
        return 2 * x

    call = traced_by_rows(double)
    for rows in (3, 1, 0, 5):
        x = np.ones((rows, 2), "float32")
        np.testing.assert_array_equal(call(x), 2 * x)
    call(np.ones((3, 2), "int32"))
    assert call(np.ones((3, 4), "float32")).shape == (3, 4)
    expected = [([None, 2], "float32"), ([None, 2], "int32"), ([None, 4], "float32")]
    assert seen == expected


def test_samples_of_many_models_are_no_retracing(warnings):
    x = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype("float32")
    y = np.arange(20) // 15
    for seed in range(WARNED_FROM + 1):
        model = kerasos.CVAE.from_data(x, y, seed=seed)
        model.allow_untrained = True
        assert model.sample([1, 1], seed=0, verbose=0).shape == (2, 3)
    assert not warnings
