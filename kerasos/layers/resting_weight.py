"""Weights that no gradient moves."""

import tensorflow as tf

from kerasos.workers import has_workers


def resting_weight(owner, name, shape=(), dtype=None, initializer="zeros", **options):
    """Adds a weight that is saved with a layer or model, and not trained.

    Args:
        owner: The `keras.Layer` or `keras.Model`.
        name, shape, dtype, initializer, **options: As in Keras's `add_weight`. Where
            several processes train, integers of one or two bytes become int32:
            TensorFlow cannot send them.
    """
    small = dtype is not None and tf.as_dtype(dtype).is_integer
    small = small and tf.as_dtype(dtype).size < 4
    if small and has_workers(tf.distribute.get_strategy()):
        dtype = "int32"
    return owner.add_weight(
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        trainable=False,
        name=name,
        **options,
    )
