"""cWAE: a Wasserstein autoencoder whose both halves know the label.

Tolstikhin, Bousquet, Gelly, Schoelkopf, ICLR 2018, made conditional, which Fajardo et
al. (2021) name as a next step. The encoder is deterministic, and its latents as a whole
are brought to N(0, I) by a discrepancy of samples, not by a divergence a sample:

    L = w E_b |x - x'|^2 + lambda [ MMD(z, p) + mean_k MMD(z of class k, p) ]
    z = encoder(x, y),  x' = decoder(z, y),  p ~ N(0, I)

The second discrepancy is what the label adds: a sample of class k decodes p with k, so
the latents of each class must be N(0, I), and the mixture of all can be while none is.
It needs several rows of each class, so batches are drawn class by class.

With `penalty="gan"` a discriminator of latent and label takes the place of both:

    L   = w E_b |x - x'|^2 + lambda bce(D(z, y), 1)
    L_D = bce(D(p, y), 1) + bce(D(z, y), 0)

Networks, weights, rates and the pre-training of the encoder are of the authors' code
(tolstikhin/wae, MNIST; colour images as its CelebA). Departures, each with its reason:
- The rate falls after as many steps as 30 and 50 of their epochs of MNIST, not after
  epochs, which are short on small data.
- All images are in [0, 1]; the code has colour in [-1, 1], where squares are four times
  as large: w is 0.2 there, not 0.05.
- lambda is a tenth of theirs with `penalty="gan"`. With theirs, 10, the decoder gave
  one image a class of scikit-learn's digits (after 800 steps and 1,600): the encoder
  followed D and told nothing of x.
- w is for images of 28x28 (64x64 in colour) and goes up as images have fewer pixels;
  for the standardised columns of a table it makes predicting the mean cost as much as
  on MNIST (ours).
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import (
    Count,
    Integer,
    Listed,
    NonNegative,
    Positive,
    Seed,
    Whole,
    check_choice,
    checked,
)
from kerasos.losses.adversarial import cross_entropy_source_loss
from kerasos.losses.mmd import class_mmd, imq_mmd
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import ConditionalModel, trainable
from kerasos.methods.cwae import networks as cwae_networks
from kerasos.methods.shared.encoder_pretraining import pretrain_encoder
from kerasos.methods.shared.rate_schedule import RateSchedule
from kerasos.networks import dgc
from kerasos.networks.image_size import WIDEST, Size, size_of
from kerasos.randomness.draws import all_rows
from kerasos.registry import register_method

INPUT_NOISE = 0.01
LR_STEPS = (18_000, 30_000)
# Tolstikhin et al., authors' code: MNIST and CelebA. Rows are ours.
DEFAULTS = {
    "grey": {"latent_dim": 8, "mmd_weight": 10.0, "lr": 1e-3},
    "colour": {"latent_dim": 64, "mmd_weight": 100.0, "lr": 5e-4},
    "rows": {"latent_dim": 16, "mmd_weight": 10.0, "lr": 1e-3},
}
_SMALL_SIDE = 16  # up to here a quarter of the filters does
_AtLeastTwo = Annotated[int, Integer(2)]


@register_method("cwae")
class ConditionalWAE(ConditionalModel):
    """Trains an encoder and a decoder that see the label, and matches latents a class.

    `ConditionalWAE.from_data(x, y)` builds the networks of the authors' code; the
    constructor takes your own. The authors train for 100 epochs of batches of 100 on
    MNIST, 60,000 steps. Take batches with `class_rows` times the number of classes, or
    more.

    Rows of tables are decoded without noise, so that columns come out narrower, by up
    to a fifth; weak correlations are weakened further.

    Args:
        encoder: Keras model from `[samples, one_hot]` to latents.
        decoder: Keras model from `[latents, one_hot]` to samples.
        discriminator: Keras model from `[latents, one_hot]` to one logit, or None.
        reconstruction_weight: Float w on the squared error, summed over a sample.
            0.05 for MNIST (authors' code).
        mmd_weight: Float lambda on the match of the latents, 10 for MNIST (authors'
            code); with a discriminator 1 (ours).
        penalty: How latents are matched: "mmd" (default) or "gan".
        class_rows: Ours: least rows of a class in a batch for a discrepancy of its
            own, 8.
        pretrain_steps: Most updates of the encoder before training, 200 (authors'
            code); see `pretrain_encoder`.
        pretrain_rows: Samples of each, 1,000 (authors' code).
        lr: Learning rate of Adam, 1e-3 for MNIST (authors' code); that of D is half.
        lr_steps: Two numbers of steps, after which the rates are halved and then
            divided by 5: 18,000 and 30,000, epochs 30 and 50 of the authors. Rates
            change at starts of epochs. None keeps them.
        real_sampling: "balanced" (ours, the default), rows drawn class by class, or
            "natural", as they come.
        **kwargs: Those of `ConditionalModel`, among them `spec` and `seed`.

    Example:

    >>> model = kerasos.ConditionalWAE.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 100), epochs=100)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Tolstikhin, Bousquet, Gelly, Schoelkopf. Wasserstein Auto-Encoders, ICLR 2018.
    """

    @checked
    def __init__(
        self,
        encoder,
        decoder,
        discriminator=None,
        *,
        reconstruction_weight: NonNegative = 0.05,
        mmd_weight: NonNegative = 10.0,
        penalty: Literal["mmd", "gan"] = "mmd",
        class_rows: _AtLeastTwo = 8,
        pretrain_steps: Whole = 200,
        pretrain_rows: _AtLeastTwo = 1000,
        lr: Positive = 1e-3,
        lr_steps: Annotated[list | tuple, Listed(Integer(0), 2)] | None = LR_STEPS,
        real_sampling: Literal["balanced", "natural"] = "balanced",
        **kwargs,
    ):
        if (discriminator is None) is (penalty == "gan"):
            raise ValueError(
                'A `discriminator` goes with `penalty="gan"`, and with that alone. '
                f"Received: penalty={penalty!r}, discriminator={discriminator}."
            )
        super().__init__(noise_dim=decoder.input_shape[0][-1], **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.discriminator = discriminator
        self.decoder_shape = decoder.output_shape[1:]
        self.reconstruction_weight = float(reconstruction_weight)
        self.mmd_weight = float(mmd_weight)
        self.penalty = penalty
        self.class_rows = int(class_rows)
        self.pretrain_steps = int(pretrain_steps)
        self.pretrain_rows = int(pretrain_rows)
        self.lr = float(lr)
        self.lr_steps = None if lr_steps is None else [int(n) for n in lr_steps]
        self.real_sampling = real_sampling
        self.pretrained = self.add_counter("pretrained")
        self.rates = RateSchedule(self)
        matches = {"mmd": ("mmd_loss", "class_mmd_loss"), "gan": ("g_loss", "d_loss")}
        self.track("loss", "reconstruction_loss", *matches[penalty])

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count | None = None,
        width: Count | None = None,
        size: Size | None = None,
        networks: Literal["dgc", "cvae"] = "dgc",
        reconstruction_weight=None,
        mmd_weight=None,
        penalty="mmd",
        class_rows=8,
        pretrain_steps=200,
        pretrain_rows=1000,
        lr=None,
        lr_steps=LR_STEPS,
        real_sampling="balanced",
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for a data set, as in the authors' code.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim: Width of the latents. Default: 8 for grey images, 64 for
                colour (authors' code), for tables as many as features, up to 16
                (ours).
            width: Filters of the widest layers. Default: 1024 (authors' code), 256
                for images up to 16 pixels and small networks, 512 for medium ones
                (ours).
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            networks: "dgc" (default), as in the authors' code, or "cvae" (images
                only), which take a fortieth of the work at 28x28.
            reconstruction_weight: Default: by the size of a sample; see above.
            mmd_weight: Default: 10, for colour 100 (authors' code, CelebA), and a
                tenth of these with a discriminator.
            lr: Default: 1e-3, for colour 5e-4 (authors' code, CelebA).
            penalty, class_rows, pretrain_steps, pretrain_rows, lr_steps,
                real_sampling: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        spec = data.spec
        kind, widest = "rows", dgc.WIDTH
        weight = 2.6 / spec.num_features  # as predicting the mean costs on MNIST
        if spec.is_image:
            kind = "grey" if spec.shape[2] == 1 else "colour"
            base, values = {"grey": (0.05, 28**2), "colour": (0.2, 3 * 64**2)}[kind]
            weight = base * max(1.0, values / spec.num_features)
            widest = dgc.WIDTH if max(spec.shape[:2]) > _SMALL_SIDE else dgc.WIDTH // 4
        size = size_of(spec, size)
        widest = WIDEST.get(size, widest)
        defaults = {**DEFAULTS[kind], "reconstruction_weight": weight}
        if not spec.is_image:
            check_choice("networks", networks, ("dgc",))
            defaults["latent_dim"] = min(defaults["latent_dim"], spec.num_features)
        if penalty == "gan":
            defaults["mmd_weight"] /= 10.0
        latent_dim = latent_dim or defaults["latent_dim"]
        sizes = (spec.shape, latent_dim, spec.num_classes, data.seed)
        if networks == "cvae":
            encoder, decoder = cwae_networks.small_networks(*sizes, size)
        else:
            encoder = cwae_networks.encoder(*sizes, width or widest)
            decoder = cwae_networks.decoder(*sizes, width or widest)
        built = {"encoder": encoder, "decoder": decoder}
        if penalty == "gan":
            built["discriminator"] = cwae_networks.latent_discriminator(*sizes[1:])
        return cls.for_data(data, built, **cls.options.given(locals(), defaults))

    def compile(self, d_optimizer=None, e_optimizer=None, g_optimizer=None, **kwargs):
        """Sets an optimizer an update; by default Adam with `lr` and .5.

        Args:
            d_optimizer: Moves the discriminator; by default with half the rate.
            e_optimizer: Moves the encoder alone, in its pre-training.
            g_optimizer: Moves encoder and decoder together.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "d_optimizer": d_optimizer or self._adam(0.5),
            "e_optimizer": e_optimizer or self._adam(),
            "g_optimizer": g_optimizer or self._adam(),
        }
        self.compile_players(optimizers, **kwargs)
        self.rates.restart()

    def _adam(self, share=1.0):
        return Adam(share * self.lr, beta_1=0.5)

    def player_variables(self):
        variables = {}
        if self.discriminator is not None:
            variables["d_optimizer"] = self.discriminator.trainable_variables
        if self.pretrain_steps:
            variables["e_optimizer"] = self.encoder_variables
        variables["g_optimizer"] = trainable(self.encoder, self.decoder)
        return variables

    @property
    def encoder_variables(self):
        return self.encoder.trainable_variables

    @property
    def batch_balance(self):
        return True if self.real_sampling == "balanced" else super().batch_balance

    # Training.

    def on_stage_begin(self, stage):
        if self.training_data is not None:
            pretrain_encoder(self, self.training_data)

    def on_epoch_start(self, epoch):
        del epoch  # epochs of small data are short
        steps = keras.ops.convert_to_numpy(self.steps_done).item()
        halved, divided = self.lr_steps or (np.inf, np.inf)
        factor = (0.5 if steps >= halved else 1.0) * (0.2 if steps >= divided else 1.0)
        self.rates.change_to(factor)

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        variables = self.player_variables()["g_optimizer"]
        with watching(variables) as tape:
            losses, latent, prior = self._objective(x, one_hot, training=True)
        self.minimize(losses["loss"], tape, variables, self.g_optimizer)
        if self.penalty == "gan":
            latent = tf.stop_gradient(latent)
            losses["d_loss"] = self._discriminator_step(latent, prior, one_hot)
        return self.finish_step(**losses)

    def test_step(self, data):
        x, one_hot = self.real_batch(data)
        losses, latent, prior = self._objective(x, one_hot, training=False)
        if self.penalty == "gan":
            losses["d_loss"] = self._discriminator_loss(latent, prior, one_hot)
        return self.finish_validation(num_rows(x), **losses)

    def _objective(self, x, one_hot, training):
        """L and its parts, the latents, and as many draws of the prior."""
        rows, noisy = num_rows(x), x
        if training:
            share = self.uniform(rows, "input", width=int(np.prod(x.shape[1:])))
            noisy += INPUT_NOISE * tf.reshape(truncated_normal(share), tf.shape(x))
        latent = tf.cast(self.encoder([noisy, one_hot], training=training), tf.float32)
        prior = self.normal(rows, self.noise_dim, "prior")
        decoded = self.decoder([latent, one_hot], training=training)
        errors = tf.math.squared_difference(tf.cast(decoded, tf.float32), x)
        reconstruction = tf.reduce_mean(
            tf.reduce_sum(tf.reshape(errors, (rows, -1)), 1)
        )
        if self.penalty == "mmd":
            # Of the whole batch: a discrepancy is no mean over replicas. These have
            # equally many rows in training alone.
            z, p, y = latent, prior, one_hot
            if training:
                z, p, y = (all_rows(part) for part in (z, p, y))
            matches = {
                "mmd_loss": imq_mmd(z, p),
                "class_mmd_loss": class_mmd(z, p, y, self.class_rows),
            }
        else:
            logits = self.discriminator([latent, one_hot], training=training)
            fooled = cross_entropy_source_loss(logits, 1.0)
            matches = {"g_loss": tf.reduce_mean(fooled)}
        match = tf.add_n(list(matches.values()))
        loss = self.reconstruction_weight * reconstruction + self.mmd_weight * match
        losses = {"loss": loss, "reconstruction_loss": reconstruction, **matches}
        return losses, latent, prior

    def _discriminator_step(self, latent, prior, one_hot):
        variables = self.discriminator.trainable_variables
        with watching(variables) as tape:
            loss = self._discriminator_loss(latent, prior, one_hot)
        self.minimize(loss, tape, variables, self.d_optimizer)
        return loss

    def _discriminator_loss(self, latent, prior, one_hot):
        loss = 0.0
        for values, target in ((prior, 1.0), (latent, 0.0)):
            logits = self.discriminator([values, one_hot])
            loss += tf.reduce_mean(cross_entropy_source_loss(logits, target))
        return loss

    def draw_latent(self, x, one_hot, noise):
        """The latents of samples in training mode, for the pre-training."""
        del noise  # the encoder is deterministic
        return self.encoder([x, one_hot], training=True)

    # Sampling.

    def generate(self, latent, labels):
        one_hot = tf.one_hot(labels, self.spec.num_classes)
        return tf.cast(self.decoder([latent, one_hot], training=False), tf.float32)


def truncated_normal(share):
    """Standard normals within two deviations, from uniforms in [0, 1)."""
    low = 0.5 * tf.math.erfc(2.0**0.5)
    return tf.math.ndtri(low + (1.0 - 2.0 * low) * share)
