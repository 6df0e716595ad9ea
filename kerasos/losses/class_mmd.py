"""How far the latents of each class are from the prior."""

import tensorflow as tf

from kerasos.losses import mmd


def class_mmd(latents, prior, one_hot, least=8, scales=mmd.SCALES, sigma2=1.0):
    """Mean over classes of the `imq_mmd` between a class's latents and the prior's.

        mean_k MMD({z_i: y_i = k}, {p_j}),      over classes of `least` rows or more

    The mixture of all classes may be N(0, I) while no single class is, and a sampler
    that draws z from N(0, I) and then asks for a class misses it. So each is matched.

    Args:
        latents: Float tensor `(n, d)`.
        prior: Float tensor `(m, d)`, draws of the prior; all of them for each class.
        one_hot: Float tensor `(n, num_classes)`, labels of the latents.
        least: Integer, at least 2: classes with fewer rows are left out, since their
            discrepancy is mostly noise. Default 8 (ours).
        scales, sigma2: As in `imq_mmd`.

    Returns:
        Float32 scalar; 0 if no class has `least` rows.
    """
    latents, prior = tf.cast(latents, tf.float32), tf.cast(prior, tf.float32)
    one_hot = tf.cast(one_hot, tf.float32)
    constants = mmd.kernel_constants(latents, scales, sigma2)
    counts = tf.reduce_sum(one_hot, 0)
    own = mmd.kernel(latents, latents, constants)
    own *= 1.0 - tf.eye(tf.shape(latents)[0])
    pairs = tf.reduce_sum(one_hot * tf.matmul(own, one_hot), 0)
    within = pairs / tf.maximum(counts * (counts - 1.0), 1.0)
    nearness = tf.reduce_mean(mmd.kernel(latents, prior, constants), 1)
    across = tf.linalg.matvec(one_hot, nearness, transpose_a=True)
    across /= tf.maximum(counts, 1.0)
    draws = mmd.mean_of_pairs(mmd.kernel(prior, prior, constants))
    counted = tf.cast(counts >= least, tf.float32)
    total = tf.reduce_sum(counted * (within + draws - 2.0 * across))
    return total / tf.maximum(tf.reduce_sum(counted), 1.0)
