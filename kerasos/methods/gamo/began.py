"""The BEGAN decoders of GAMO2pix.

Berthelot, Schumm, Metz, 2017. With l(v) = mean |v - D(v)|, x real images, h features,
half of real images and half made by GAMO, and G the decoder:

    min_D  l(x) - k l(G(h))
    min_G  l(G(h)) + beta mean |x - G(F(x))|         second term: real features only
    k <- clip(k + rate (gamma l(x) - l(G(h))), 0, 1)
    M = l(x) + |gamma l(x) - l(G(h))|
"""

import tensorflow as tf

from kerasos.layers.resting_weight import resting_weight
from kerasos.methods.gamo.gamo2pix_networks import run
from kerasos.randomness.draws import mean_over_replicas, replica_context

BALANCE_RATE = 0.001
SMOOTHING = 0.99  # of M: one batch of 16 says little


class BeganDecoders:
    """Losses and balances of one BEGAN for each part of the classes.

    The model that holds it also holds, trains and saves the networks.

    Args:
        model: That model, which gets the weights of k and M.
        decoders: List of Keras models G, from features to images.
        critics: List of Keras models D, from and to images.
        kept_decoders: List of copies of `decoders`, for the weights of the lowest M.
        diversity: gamma.
        pair_weight: beta.
    """

    def __init__(self, model, decoders, critics, kept_decoders, diversity, pair_weight):
        self.decoders, self.critics = decoders, critics
        self.kept_decoders = kept_decoders
        self.diversity, self.pair_weight = diversity, pair_weight
        # A convergence of 0 means none yet.
        self.balances, self.convergences, self.lowest_convergences = (
            resting_weight(
                model, name, (len(decoders),), aggregation="only_first_replica"
            )
            for name in ("balances", "convergences", "lowest_convergences")
        )

    def fake(self, part, features, labels):
        """G of features, float32 images."""
        return tf.cast(run(self.decoders[part], features, labels), tf.float32)

    def error(self, part, images):
        """l of a batch, a scalar."""
        decoded = tf.cast(self.critics[part](images, training=True), tf.float32)
        return tf.reduce_mean(tf.abs(images - decoded))

    def critic_loss(self, real, fake):
        """The loss of all D together, from lists of l(x) and of l(G(h))."""
        balances = tf.unstack(tf.convert_to_tensor(self.balances))
        return sum(r - k * f for r, k, f in zip(real, balances, fake, strict=True))

    def decoder_loss(self, part, images, features, labels, is_real):
        """The loss of one G; `is_real` tells which features are those of `images`."""
        fake = self.fake(part, features, labels)
        distances = tf.reduce_mean(tf.abs(images - fake), (1, 2, 3))
        # This replica's share of all real rows, so that means of shares are the mean.
        replicas, _ = replica_context()
        number = (images.shape[0] * replicas + 1) // 2 / replicas
        pairs = tf.reduce_sum(tf.where(is_real, distances, 0.0)) / number
        return self.error(part, fake) + self.pair_weight * pairs

    def follow(self, real, fake):
        """Moves k, follows M, and keeps the decoders where M is at its lowest.

        Args:
            real, fake: Float tensors `(parts,)`, l(x) and l(G(h)).

        Returns:
            M of this step, `(parts,)`.
        """
        real, fake = mean_over_replicas(real), mean_over_replicas(fake)
        gap = self.diversity * real - fake
        balances = tf.convert_to_tensor(self.balances) + BALANCE_RATE * gap
        self.balances.assign(tf.clip_by_value(balances, 0.0, 1.0))
        convergence = real + tf.abs(gap)
        old = tf.convert_to_tensor(self.convergences)
        smooth = SMOOTHING * old + (1.0 - SMOOTHING) * convergence
        smooth = tf.where(old > 0.0, smooth, convergence)
        self.convergences.assign(smooth)
        lowest = tf.convert_to_tensor(self.lowest_convergences)
        better = tf.logical_or(lowest == 0.0, smooth < lowest)
        self.lowest_convergences.assign(tf.where(better, smooth, lowest))
        for part, (kept, own) in enumerate(
            zip(self.kept_decoders, self.decoders, strict=True)
        ):
            for to, now in zip(kept.variables, own.variables, strict=True):
                now = tf.convert_to_tensor(now)
                to.assign(tf.where(better[part], now, tf.convert_to_tensor(to)))
        return convergence
