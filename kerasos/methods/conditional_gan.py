"""The steps of D and G that CGAN, cDCGAN and ACGAN share."""

from typing import Literal

import numpy as np
import tensorflow as tf

from kerasos.checks import Positive, checked
from kerasos.losses import adversarial
from kerasos.methods.base import Adam, num_rows, watching
from kerasos.methods.conditional import ConditionalModel

LOSSES = {
    "ce": adversarial.cross_entropy_source_loss,
    "ls": adversarial.least_squares_source_loss,
}
# Fajardo et al., tables 10 and 11, and the code that they build on.
RATES = {
    "paper": {"lr_g": 2e-4, "lr_d": 1e-3, "lr_c": 1e-3},
    "base": {"lr_g": 1e-3, "lr_d": 2e-4, "lr_c": 1e-3},
}


class ConditionalGAN(ConditionalModel):
    """A generator `G(z, y)` and a discriminator, one step each per batch.

    What is here is for a `discriminator` from `[samples, one_hot]` to one logit, an
    attribute of the subclass. One whose discriminator is made otherwise has its own
    `source_logits`, players and `train_step`.

    Args:
        generator: Keras model from `[noise, one_hot]` to samples.
        prior: Noise of training: "uniform" in (-1, 1), or "normal".
        loss: "ce", or "ls" for least squares.
        fake_labels: Labels of generated samples in training: "batch", those of the
            real batch, "uniform" over the classes, or "deficit": a class as often as
            it has samples fewer than the largest.
        lr_g, lr_d: Learning rates of the default optimizers.
        **kwargs: Those of `ConditionalModel`.
    """

    @checked
    def __init__(
        self,
        generator,
        *,
        prior: Literal["uniform", "normal"] = "uniform",
        loss: Literal[*LOSSES] = "ce",
        fake_labels: Literal["batch", "uniform", "deficit"] = "batch",
        lr_g: Positive = RATES["paper"]["lr_g"],
        lr_d: Positive = RATES["paper"]["lr_d"],
        **kwargs,
    ):
        super().__init__(noise_dim=generator.input_shape[0][-1], **kwargs)
        if fake_labels == "deficit" and not self.spec.minority_labels:
            raise ValueError(
                "`fake_labels='deficit'` draws the classes that are smaller than the "
                "largest. Received: balanced data, with "
                f"{self.spec.majority_count} samples in each class. Use 'uniform'."
            )
        self.generator = generator
        self.decoder_shape = generator.output_shape[1:]
        self.prior = prior
        self.loss_name = loss
        self.source_loss_fn = LOSSES[loss]
        self.fake_labels = fake_labels
        self.lr_g = float(lr_g)
        self.lr_d = float(lr_d)

    def compile(self, d_optimizer=None, g_optimizer=None, **kwargs):
        """Sets one optimizer a player; by default Adam with `lr_d`, `lr_g` and .5.

        Args:
            d_optimizer: Moves the discriminator.
            g_optimizer: Moves the generator.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "d_optimizer": d_optimizer or adam(self.lr_d),
            "g_optimizer": g_optimizer or adam(self.lr_g),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        return {
            "d_optimizer": self.discriminator.trainable_variables,
            "g_optimizer": self.generator.trainable_variables,
        }

    def source_logits(self, x, one_hot, training=False):
        """D's logits of real and generated samples."""
        return self.discriminator([x, one_hot], training=training)

    def latent(self, noise, labels):
        if self.prior == "normal":
            return noise
        # Twice the normal's distribution function, less 1: uniform in (-1, 1).
        return tf.math.erf(noise * 2.0**-0.5)

    def generate(self, latent, labels):
        one_hot = tf.one_hot(labels, self.spec.num_classes)
        return tf.cast(self.generator([latent, one_hot], training=False), tf.float32)

    def draw_fakes(self, one_hot, tag=""):
        """Latents and one-hot labels of a generated batch of this step.

        Args:
            one_hot: Labels of the real batch.
            tag: Tells several batches of one step apart.
        """
        rows = num_rows(one_hot)
        if self.prior == "normal":
            latent = self.normal(rows, self.noise_dim, f"latent{tag}")
        else:
            latent = self.uniform(rows, f"latent{tag}", 2.0, self.noise_dim) - 1.0
        num_classes = self.spec.num_classes
        if self.fake_labels == "uniform":
            place = self.uniform(rows, f"labels{tag}", num_classes)
            one_hot = tf.one_hot(tf.cast(place, tf.int32), num_classes)
        elif self.fake_labels == "deficit":
            counts = np.array(self.spec.class_counts, "float64")
            shares = np.cumsum(counts.max() - counts)
            bounds = tf.constant(shares[:-1] / shares[-1], tf.float32)
            place = self.uniform(rows, f"labels{tag}")
            labels = tf.reduce_sum(tf.cast(place[:, None] >= bounds, tf.int32), axis=1)
            one_hot = tf.one_hot(labels, num_classes)
        return latent, one_hot

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        fakes = self.draw_fakes(one_hot)
        return self.finish_step(**self.adversarial_steps(x, one_hot, *fakes))

    def adversarial_steps(self, x, one_hot, latent, fake_one_hot):
        """D's step, then G's, on one generated batch; returns both losses.

            L_D = bce(D(x, y), 1) + bce(D(G(z, y), y), 0)
            L_G = bce(D(G(z, y), y), 1)

        D's step leaves G as it is, so that G's batch is made once for the two.
        """
        g_variables = self.generator.trainable_variables
        with watching(g_variables) as g_tape:
            fake = self.generator([latent, fake_one_hot], training=True)
        d_loss = self._discriminator_step(x, one_hot, fake, fake_one_hot)
        with g_tape:
            logits = self.source_logits(fake, fake_one_hot, training=True)
            g_loss = tf.reduce_mean(self.source_loss_fn(logits, 1.0))
        self.minimize(g_loss, g_tape, g_variables, self.g_optimizer)
        return {"d_loss": d_loss, "g_loss": g_loss}

    def _discriminator_step(self, x, one_hot, fake, fake_one_hot):
        variables = self.player_variables()["d_optimizer"]
        with watching(variables) as tape:
            # One after the other: a joint batch would tell them apart by its norm.
            real_logits = self.source_logits(x, one_hot, training=True)
            fake_logits = self.source_logits(fake, fake_one_hot, training=True)
            loss = tf.reduce_mean(self.source_loss_fn(real_logits, 1.0))
            loss += tf.reduce_mean(self.source_loss_fn(fake_logits, 0.0))
        self.minimize(loss, tape, variables, self.d_optimizer)
        return loss


def adam(learning_rate):
    return Adam(learning_rate, beta_1=0.5)
