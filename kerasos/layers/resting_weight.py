"""Weights that no gradient moves."""


def resting_weight(owner, name, shape=(), dtype=None, initializer="zeros", **options):
    """Adds a weight that is saved with a layer or model, and not trained.

    Args:
        owner: The `keras.Layer` or `keras.Model`.
        name, shape, dtype, initializer, **options: As in Keras's `add_weight`.
    """
    return owner.add_weight(
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        trainable=False,
        name=name,
        **options,
    )
