"""How uncertain a classifier is of a sample, as a reward (Kong et al. 2019).

Every function takes class probabilities `(batch, num_classes)`, rows summing to 1, and
returns `(batch,)` values in float32.
"""

import math

import tensorflow as tf

ENTROPIES = ("paper", "normalised")


def margin(probs):
    """Difference of the two largest probabilities, `u_m = p_1 - p_2`; in [0, 1]."""
    largest = tf.math.top_k(tf.cast(probs, tf.float32), 2).values
    return largest[:, 0] - largest[:, 1]


def entropy(probs):
    """`u_le = -sum_k p_k log p_k` with 0 log 0 = 0; in [0, log num_classes]."""
    probs = tf.cast(probs, tf.float32)
    return -tf.reduce_sum(tf.math.xlogy(probs, probs), axis=-1)


def uncertainty_reward(probs, alpha=0.5, eps=0.2, kind="paper"):
    """Reward of a sample that a classifier finds hard.

        r   = alpha r_m + (1 - alpha) r_e                            (eq. 9)
        r_m = exp(-u_m) if u_m <= eps, else 0                        (eq. 8)
        r_e = exp(u_le), in [1, num_classes]

    Args:
        probs: Float tensor `(batch, num_classes)`.
        alpha: Float in [0, 1], share of the margin's reward. Default .5 (paper).
        eps: Float in [0, 1], margin above which its reward is 0. Default .2 (paper).
            0 leaves exact ties, 1 truncates nothing.
        kind: "paper", or "normalised" (ours): the entropy is scaled to that of ten
            classes, `u_le log 10 / log num_classes`, so that r_e does not swamp
            r_m where there are many.

    Returns:
        Float32 tensor `(batch,)`, not negative.

    Reference:
        Kong et al. Active Generative Adversarial Network for Image Classification,
        AAAI 2019.
    """
    difference, nats = margin(probs), entropy(probs)
    if kind == "normalised":
        nats *= math.log(10.0) / math.log(probs.shape[-1])
    of_margin = tf.where(difference <= eps, tf.exp(-difference), 0.0)
    return alpha * of_margin + (1.0 - alpha) * tf.exp(nats)
