"""Functions as graphs, traced once for each model without a word from TensorFlow.

TensorFlow counts the traces of `tf.function` by the code of a function, over all models
of a process: where each of several models makes one and calls it a few times, as in a
comparison, it warns of retracing. A concrete function is not counted.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def traced(function: Callable[..., Any], *signature: tf.TensorSpec) -> Any:
    """Returns the concrete function of `function` for a signature."""
    function = tf.function(function, input_signature=signature, autograph=False)
    return function.get_concrete_function()


def traced_by_rows(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns `function`, of a batch, as a graph for any number of rows.

    It is traced with the first batch of a dtype and of a shape of rows.
    """
    known: dict[Any, Any] = {}

    def call(x):
        x = tf.convert_to_tensor(x)
        kind = tuple(x.shape[1:]), x.dtype
        if kind not in known:
            known[kind] = traced(function, tf.TensorSpec((None, *kind[0]), x.dtype))
        return known[kind](x)

    return call
