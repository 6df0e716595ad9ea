"""Losses of a softmax classifier, and the ones' complement of GAMO.

Every function takes logits `(batch, num_classes)` and one-hot labels of the same
shape and returns `(batch,)` values in float32. `m` is `softmax(logits)`.
"""

import tensorflow as tf


def least_squares_loss(logits, one_hot):
    """Mean squared error of the softmax output.

        mean_k (m_k - y_k)^2                              (GAMO, eq. 4)

    Args:
        logits: Float tensor `(batch, num_classes)`.
        one_hot: Float tensor `(batch, num_classes)`.

    Returns:
        Float32 tensor `(batch,)`, in [0, 2 / num_classes].
    """
    probs = tf.nn.softmax(_float32(logits))
    return tf.reduce_mean(tf.math.squared_difference(probs, _float32(one_hot)), -1)


def cross_entropy_loss(logits, one_hot):
    """Categorical cross-entropy, `-log m_y`; in [0, inf)."""
    log_probs = tf.nn.log_softmax(_float32(logits))
    return -tf.reduce_sum(_float32(one_hot) * log_probs, -1)


def binary_cross_entropy_loss(logits, one_hot):
    """Cross-entropy of every softmax output against its own 0 or 1.

    -log m_y - sum_{k != y} log(1 - m_k)              (GAMO, eq. 2)
    """
    logits, one_hot = _float32(logits), _float32(one_hot)
    log_probs = tf.nn.log_softmax(logits)
    terms = one_hot * log_probs + (1.0 - one_hot) * log_one_minus_softmax(logits)
    return -tf.reduce_sum(terms, -1)


def least_squares_complement_loss(logits, one_hot):
    """Squared distance of the softmax output to the ones' complement of the label.

        mean_k (m_k - (1 - y_k))^2              (GAMO, Algorithm 1, line 13)

    Its optimum is `m_y = 0` and `m_k = 1 / (K - 1)` elsewhere, where it is
    `(K - 2)^2 / (K (K - 1))`: 0.7111 for ten classes, not 0.
    """
    probs, target = tf.nn.softmax(_float32(logits)), 1.0 - _float32(one_hot)
    return tf.reduce_mean(tf.math.squared_difference(probs, target), -1)


def cross_entropy_complement_loss(logits, one_hot):
    """Cross-entropy against the ones' complement as a soft target.

        -(1 / (K - 1)) sum_{k != y} log m_k      (GAMO, Algorithm 1, line 13)

    The same optimum as the least-squares form, with value `log(K - 1)`: 2.1972
    for ten classes.
    """
    one_hot = _float32(one_hot)
    log_probs = tf.nn.log_softmax(_float32(logits))
    others = tf.cast(one_hot.shape[-1] - 1, tf.float32)
    return -tf.reduce_sum((1.0 - one_hot) * log_probs, -1) / others


def minimax_complement_loss(logits, one_hot):
    """The literal generator term of GAMO's eq. 2, for study: it vanishes early.

    log m_y + sum_{k != y} log(1 - m_k)
    """
    return -binary_cross_entropy_loss(logits, one_hot)


def log_one_minus_softmax(logits):
    """`log(1 - softmax(logits))` without cancellation, any shape `(..., K)`.

    log(1 - m_k) = logsumexp_{j != k}(l_j) - logsumexp(l)
    """
    num_classes = logits.shape[-1]
    off_diagonal = tf.where(
        tf.eye(num_classes, dtype=tf.bool), -float("inf"), tf.zeros(())
    )
    others = tf.reduce_logsumexp(logits[..., None, :] + off_diagonal, -1)
    return others - tf.reduce_logsumexp(logits, -1, keepdims=True)


def _float32(tensor):
    # Softmax and log lose all meaning in half precision.
    return tf.cast(tensor, tf.float32)
