"""The step of GAMO2pix's BEGAN decoders.

Berthelot, Schumm, Metz, 2017. With l(v) = mean |v - D(v)|, x real images, h features,
half of real images and half made by GAMO, and G the decoder:

    min_D  l(x) - k l(G(h))
    min_G  l(G(h)) + beta mean |x - G(F(x))|         second term: real features only
    k <- clip(k + rate (gamma l(x) - l(G(h))), 0, 1)
    M = l(x) + |gamma l(x) - l(G(h))|
"""

import tensorflow as tf

from kerasos.models.training import watching
from kerasos.random import replica_context
from kerasos.replicas import mean_over_replicas

BALANCE_RATE = 0.001
SMOOTHING = 0.99  # of M: one batch of 16 says little


class BeganDecoders:
    """For GAMO2pix with `decoders`, to images, and `critics`, autoencoders."""

    def _make_balances(self, decoders):
        """Weights of k and M, and the decoders of the lowest M so far."""
        # A convergence of 0 means none yet.
        for name in ("balances", "convergences", "lowest_convergences"):
            weight = self.add_weight(
                shape=(len(decoders),),
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
                name=name,
            )
            setattr(self, name, weight)

    def _began_step(self):
        parts = range(len(self.parts))
        batches = [self._mixed_batch(part) for part in parts]
        balances = tf.convert_to_tensor(self.balances)
        variables = self.player_variables()["pix_d_optimizer"]
        fakes = [self._fake(part, batch) for part, batch in enumerate(batches)]
        with watching(variables) as tape:
            real = [self._error(part, batches[part][0]) for part in parts]
            fake = [self._error(part, fakes[part]) for part in parts]
            d_losses = [real[part] - balances[part] * fake[part] for part in parts]
            d_loss = sum(d_losses)
        self.minimize(d_loss, tape, variables, self.pix_d_optimizer)
        variables = self.player_variables()["pix_optimizer"]
        with watching(variables) as tape:
            loss = sum(self._decoder_loss(p, batch) for p, batch in enumerate(batches))
        self.minimize(loss, tape, variables, self.pix_optimizer)
        convergence = self._follow(tf.stack(real), tf.stack(fake))
        return {
            "pix_loss": loss / len(parts),
            "pix_d_loss": d_loss / len(parts),
            "convergence": tf.reduce_mean(convergence),
        }

    def _mixed_batch(self, part):
        """Images, features, labels, and which features are those of the images."""
        images, features, labels = self._real_batch(part)
        rows = images.shape[0]
        noise = self.normal(rows, self.generator.latent_dim, f"features_{part}")
        if self.shared:
            made = self.generator(noise, labels, training=False)
        else:
            sizes = [0] * self.spec.num_classes
            sizes[self.parts[part][0]] = rows
            made = self.generator.grouped(noise, sizes, training=False)
        # Every other row of the batch of all replicas.
        _, replica = replica_context()
        is_real = (replica * rows + tf.range(rows)) % 2 == 0
        return images, tf.where(is_real[:, None], features, made), labels, is_real

    def _fake(self, part, batch):
        _, features, labels, _ = batch
        return tf.cast(self._run(self.decoders[part], features, labels), tf.float32)

    def _error(self, part, images):
        """l of a batch, a scalar."""
        decoded = tf.cast(self.critics[part](images, training=True), tf.float32)
        return tf.reduce_mean(tf.abs(images - decoded))

    def _decoder_loss(self, part, batch):
        images, _, _, is_real = batch
        fake = self._fake(part, batch)
        distances = tf.reduce_mean(tf.abs(images - fake), (1, 2, 3))
        # This replica's share of all real rows, so that means of shares are the mean.
        replicas, _ = replica_context()
        number = (images.shape[0] * replicas + 1) // 2 / replicas
        pairs = tf.reduce_sum(tf.where(is_real, distances, 0.0)) / number
        return self._error(part, fake) + self.pair_weight * pairs

    def _follow(self, real, fake):
        """Moves k, follows M, and keeps the decoders where M is at its lowest."""
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
