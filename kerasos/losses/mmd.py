"""How far two samples of latents are from one distribution."""

import tensorflow as tf

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def imq_mmd(a, b, scales=SCALES, sigma2=1.0):
    """Squared maximum mean discrepancy of two samples, inverse multiquadratics.

        mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean k(a_i, b_j)
        k(u, v) = sum_s C_s / (C_s + |u - v|^2),      C_s = 2 d sigma2 s

    The unbiased estimate (Gretton et al., 2012, lemma 6) with the kernel of
    Tolstikhin et al. (2018) at their seven scales. Its mean over samples of one
    distribution is 0, so it can be negative: take no square root.

    Args:
        a: Float tensor `(..., n, d)`; leading axes are separate problems, classes for
            instance.
        b: Float tensor `(..., m, d)`.
        scales: Positive floats s. Default: authors' code.
        sigma2: Float, variance of the prior in each of the d dimensions, 1 for a
            standard normal.

    Returns:
        Float32 tensor `(...)`. A sample of one row has no pairs; its mean is 0.

    Reference:
        Tolstikhin, Bousquet, Gelly, Schoelkopf. Wasserstein Auto-Encoders, ICLR 2018.
    """
    a, b = tf.cast(a, tf.float32), tf.cast(b, tf.float32)
    constants = kernel_constants(a, scales, sigma2)
    within = mean_of_pairs(kernel(a, a, constants))
    within += mean_of_pairs(kernel(b, b, constants))
    return within - 2.0 * tf.reduce_mean(kernel(a, b, constants), (-2, -1))


def class_mmd(latents, prior, one_hot, least=8, scales=SCALES, sigma2=1.0):
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
    constants = kernel_constants(latents, scales, sigma2)
    counts = tf.reduce_sum(one_hot, 0)
    own = kernel(latents, latents, constants)
    own *= 1.0 - tf.eye(tf.shape(latents)[0])
    pairs = tf.reduce_sum(one_hot * tf.matmul(own, one_hot), 0)
    within = pairs / tf.maximum(counts * (counts - 1.0), 1.0)
    nearness = tf.reduce_mean(kernel(latents, prior, constants), 1)
    across = tf.linalg.matvec(one_hot, nearness, transpose_a=True)
    across /= tf.maximum(counts, 1.0)
    draws = mean_of_pairs(kernel(prior, prior, constants))
    counted = tf.cast(counts >= least, tf.float32)
    total = tf.reduce_sum(counted * (within + draws - 2.0 * across))
    return total / tf.maximum(tf.reduce_sum(counted), 1.0)


def moments_loss(latents):
    """Squared distance of a sample's mean and covariance to those of N(0, I).

        mean_i m_i^2 + mean_{i, j} (S_ij - [i = j])^2

    What the encoder is brought near to before training (Tolstikhin et al., authors'
    code, where the standard normal is itself a sample; exact moments are less noisy).

    Args:
        latents: Float tensor `(n, d)`, n at least 2.

    Returns:
        Float32 scalar.
    """
    latents = tf.cast(latents, tf.float32)
    mean = tf.reduce_mean(latents, 0)
    centred = latents - mean
    freedom = tf.cast(tf.shape(latents)[0], tf.float32) - 1.0
    covariance = tf.matmul(centred, centred, transpose_a=True) / freedom
    excess = covariance - tf.eye(tf.shape(latents)[1])
    return tf.reduce_mean(tf.square(mean)) + tf.reduce_mean(tf.square(excess))


def kernel_constants(a, scales, sigma2):
    """The constants C_s for float32 samples of the width of `a`."""
    constants = 2.0 * sigma2 * tf.constant(scales, tf.float32)
    return constants * tf.cast(tf.shape(a)[-1], tf.float32)


def kernel(a, b, constants):
    """All k(a_i, b_j), `(..., n, m)`, for C_s in `constants`."""
    squares = [tf.reduce_sum(tf.square(x), -1, keepdims=True) for x in (a, b)]
    distances = squares[0] + tf.linalg.matrix_transpose(squares[1])
    distances -= 2.0 * tf.matmul(a, b, transpose_b=True)
    distances = tf.maximum(distances, 0.0)[..., None]  # rounding
    return tf.reduce_sum(constants / (constants + distances), -1)


def mean_of_pairs(values):
    """Mean of `(..., n, n)` off the diagonal."""
    rows = tf.shape(values)[-1]
    values *= 1.0 - tf.eye(rows)
    rows = tf.cast(rows, tf.float32)
    return tf.reduce_sum(values, (-2, -1)) / tf.maximum(rows * (rows - 1.0), 1.0)
