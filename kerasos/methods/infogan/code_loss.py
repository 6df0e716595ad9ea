"""Losses that tie the latent codes of a batch to a graph (IMSIC), or to one another.

Unlike the other losses these are statistics of a batch and return one number, since
a correlation has no value a sample. Under a strategy the moments are those of the
batch of all replicas, with gradients to every row, so two replicas equal one device
in the loss, which each of them returns whole, and in the step.

He, Lin, Yuan and Tzeng, "Interpretable Minority Synthesis for Imbalanced
Classification", IJCAI 2021. Departures: its eq. 6 takes squared errors between means
over the batch and subtracts those of all non-parents. Such means say nothing about
codes of mean 0, such a loss has no lower bound, and a non-parent may be an ancestor.
Here errors are of samples, and what is held off is bounded and consistent with the
graph. Its authors' code is 0, with gradient 0, as long as codes are small; it is here
as `structure="repo"` for reference only.
"""

import tensorflow as tf

from kerasos.checks import check_choice
from kerasos.randomness.draws import mean_over_replicas

STRUCTURES = ("eq6", "likelihood", "repo")
NEGATIVES = ("correlation", "margin")
# Added to variances under a root. A correlation grows steep as a code shrinks: with
# 1e-6, Adam leaves a code that starts with the wrong sign beside 0 for good, in about
# half of the runs of a linear model, and with 1e-4 and more in none. The likelihood
# knows no wrong sign.
_EPSILON, _LIKELIHOOD_EPSILON = 1e-3, 1e-6
_RIDGE, _FLOOR = 1e-3, 0.01


def structure_loss(
    codes, latents, graph, structure="eq6", beta=1.0, negative="correlation"
):
    """How far the latent codes of a batch are from following a graph.

    With parents Pa(i) and independent variables Neg(i) of latent code l_i, means over
    the batch, and rho the batch's correlation (IMSIC, eq. 6, ours in form):

        sum_i [ 1/|Pa(i)| sum_{p in Pa(i)} mean (l_i - p)^2
                + beta / |Neg(i)| sum_{q in Neg(i)} rho(l_i, q)^2 ]

    Latent codes among p and q are constants: what follows them does not move them.
    An empty Neg(i) adds 0. Codes that are independent have a rho^2 of 1 / (m - 1)
    on average in a batch of m, so the loss does not reach 0. To the variances in rho,
    0.001 is added (ours; codes in [-1, 1] have 1/3), so that a code can pass 0.

    Args:
        codes: Float tensor `(batch, d)`, observed codes.
        latents: Float tensor `(batch, d)`, latent codes.
        graph: A `kerasos.CodeGraph` of d codes.
        structure: The first term.
            `"eq6"`: as above. Default, ours.
            `"likelihood"`: `sum_i 0.5 log(s_i^2 + 0.01)`, s_i^2 what is left of
                the variance of l_i, brought to 1, by ridge regression (0.001) on its
                parents (eq. 3 to 5, each batch fitted anew as in Beyazit et al.;
                floor and ridge ours). Sign and scale of latent codes are free.
            `"repo"`: the authors' code, without the second term: squared errors on
                the graph's edges from observed codes less those on other such pairs
                and on all pairs (l_i, c_j), i <= j, or 0 if that is negative. It is
                a constant 0 at first; no method.
        beta: Float, weight of the second term. Default 1, ours.
        negative: The second term: `"correlation"`, as above, or `"margin"`,
            `max(0, var l_i + var q - mean (l_i - q)^2)` for rho^2, which sees
            positive correlations only and so leaves codes slightly anticorrelated.
            Default `"correlation"`, ours.

    Returns:
        Float32 scalar.

    Raises:
        ValueError: If shapes do not fit the graph, an option is unknown, or, for
            `"likelihood"`, the batch is too small to regress on a code's parents.

    Example:

    >>> codes = tf.random.stateless_uniform((64, 2), [0, 0], -1, 1)
    >>> graph = kerasos.CodeGraph.preset("one_to_one", 2)
    >>> float(structure_loss(codes, codes, graph)) < 0.1
    True
    """
    codes, latents = _checked(codes, latents, graph.num_codes)
    moments = _Moments(codes, latents)
    if structure == "repo":
        return _repo_loss(moments.errors, graph)
    if structure == "likelihood":
        _check_batch(codes, graph)
        loss = _likelihood_loss(moments, graph)
    elif structure == "eq6":
        loss = tf.reduce_sum(graph.parent_weights * moments.errors)
    else:
        check_choice("structure", structure, STRUCTURES)
    if negative == "correlation":
        held_off = tf.square(moments.correlations())
    elif negative == "margin":
        together = moments.variances[:, None] + moments.all_variances
        held_off = tf.nn.relu(together - moments.errors)
    else:
        check_choice("negative", negative, NEGATIVES)
    return loss + beta * tf.reduce_sum(graph.negative_weights * held_off)


def infogan_code_loss(codes, latents):
    """Squared error of the codes read off, summed over codes, mean over the batch.

        sum_i mean (l_i - c_i)^2

    InfoGAN's mutual information bound for Gaussian codes of fixed variance, up to
    constants. It equals the first term of `structure_loss` for `one_to_one`.

    Args:
        codes: Float tensor `(batch, d)`, observed codes.
        latents: Float tensor `(batch, d)`, latent codes.

    Returns:
        Float32 scalar, at least 0.

    Raises:
        ValueError: If the shapes differ.
    """
    codes, latents = _checked(codes, latents, codes.shape[-1])
    errors = tf.math.squared_difference(latents, codes)
    return tf.reduce_sum(mean_over_replicas(tf.reduce_mean(errors, 0)))


class _Moments:
    """Second moments of latent codes (rows) with [c, l] (columns) over the batch.

    The l among the columns are constants. Gradients through means vanish in moments
    about them, so the means are constants as well.

    Attributes:
        errors: `(d, 2d)`, mean squared differences.
        covariances: `(d, 2d)`.
        variances: `(d,)`, of the rows.
        all_variances: `(2d,)`, of the columns.
        between: `(2d, 2d)`, covariances of the columns.
    """

    def __init__(self, codes, latents):
        every = tf.concat([codes, tf.stop_gradient(latents)], -1)
        d = codes.shape[-1]
        mean = tf.stop_gradient(mean_over_replicas(tf.reduce_mean(every, 0)))
        centred, rows = every - mean, latents - mean[d:]
        differences = latents[:, :, None] - every[:, None, :]
        size = tf.cast(tf.shape(codes)[0], tf.float32)
        parts = [
            tf.reduce_mean(tf.square(differences), 0),
            tf.matmul(rows, centred, transpose_a=True) / size,
            tf.matmul(centred, centred, transpose_a=True) / size,
            tf.reduce_mean(tf.square(rows), 0)[None, :],
        ]
        flat = tf.concat([tf.reshape(part, [-1]) for part in parts], 0)
        shapes = [part.shape for part in parts]
        sizes = [shape.num_elements() for shape in shapes]
        flat = tf.split(mean_over_replicas(flat), sizes)  # all in one exchange
        parts = [
            tf.reshape(part, shape) for part, shape in zip(flat, shapes, strict=True)
        ]
        self.errors, self.covariances, self.between, variances = parts
        self.variances = variances[0]
        self.all_variances = tf.linalg.diag_part(self.between)

    def correlations(self):
        scales = tf.sqrt(self.variances + _EPSILON)[:, None]
        return self.covariances / (scales * tf.sqrt(self.all_variances + _EPSILON))


def _likelihood_loss(moments, graph):
    """Of rows and columns of latent codes with variance 1.

    What is left is 1 less what is explained, not the variance less that: shrinking a
    code below epsilon gains nothing.
    """
    d = graph.num_codes
    row_scales = tf.math.rsqrt(moments.variances + _LIKELIHOOD_EPSILON)
    scales = tf.concat([tf.ones(d), tf.stop_gradient(row_scales)], 0)
    parents = tf.constant(graph.parent_weights > 0, tf.float32)
    towards = parents * moments.covariances * row_scales[:, None] * scales
    between = moments.between * scales[:, None] * scales
    between = between * parents[:, :, None] * parents[:, None, :]
    # Columns that are no parents get an equation of their own, w = 0.
    factor = tf.linalg.cholesky(between + _RIDGE * tf.eye(2 * d))
    weights = tf.linalg.cholesky_solve(factor, tf.stop_gradient(towards)[..., None])
    weights = tf.stop_gradient(weights)
    explained = 2.0 * towards - tf.linalg.matvec(between, weights[..., 0])
    explained = tf.reduce_sum(weights[..., 0] * explained, -1)
    return 0.5 * tf.reduce_sum(tf.math.log(1.0 - explained + _FLOOR))


def _repo_loss(errors, graph):
    d = graph.num_codes
    errors = errors[:, :d]
    edges = tf.constant(graph.parent_weights[:, :d] > 0, tf.float32)
    positive = tf.reduce_sum(edges * errors)
    negative = tf.reduce_sum((1.0 - edges) * errors)
    pairs = tf.reduce_sum(tf.linalg.band_part(errors, 0, -1))
    return tf.nn.relu(positive - negative - pairs)


def _checked(codes, latents, d):
    codes, latents = tf.cast(codes, tf.float32), tf.cast(latents, tf.float32)
    for name, tensor in (("codes", codes), ("latents", latents)):
        if tensor.shape.rank != 2 or tensor.shape[1] != d:
            raise ValueError(
                f"`{name}` must have a column for each code. Expected shape (batch, "
                f"{d}). Received: {tuple(tensor.shape)}. Give as many codes as the "
                "graph has."
            )
    return codes, latents


def _check_batch(codes, graph):
    rows, needed = codes.shape[0], 2 + max(len(row) for row in graph.parents)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if rows is not None and rows * replicas < needed:
        raise ValueError(
            "`structure='likelihood'` regresses latent codes on their parents. "
            f"Expected a batch of at least {needed}, two more than parents. "
            f"Received: {rows * replicas}. Raise the batch size, or take 'eq6'."
        )
