"""Losses of a discriminator's score, real is 1 and generated is 0.

Every function takes logits `(batch, 1)` or `(batch,)` and targets in [0, 1] that
broadcast against `(batch,)`, and returns `(batch,)` values in float32. The same
function serves both players: the generator's target is 1.
"""

import tensorflow as tf


def least_squares_source_loss(logits, targets):
    """`(sigmoid(logit) - target)^2` (GAMO, eq. 5); in [0, 1]."""
    probs = tf.sigmoid(_flat(logits))
    return tf.math.squared_difference(probs, tf.cast(targets, tf.float32))


def cross_entropy_source_loss(logits, targets):
    """Binary cross-entropy with soft targets; with target 1 it is `-log D`."""
    logits = _flat(logits)
    targets = tf.broadcast_to(tf.cast(targets, tf.float32), tf.shape(logits))
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)


def _flat(logits):
    return tf.reshape(tf.cast(logits, tf.float32), [-1])
