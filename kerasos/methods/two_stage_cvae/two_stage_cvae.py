"""Two-stage CVAE: a second autoencoder learns what the first one's latents look like.

Dai, Wipf, Diagnosing and Enhancing VAE Models, ICLR 2019, made conditional, which
Fajardo et al. (2021) name as a next step. The first stage is a CVAE with a Gaussian
decoder whose deviation gamma_x is learned; the second, with the first frozen, is
another, of the latents z of the first:

    L_1 = KL(q(z | x, y)) + sum_pixels [ (x - x')^2 / (2 gamma_x^2) + log gamma_x
                                          + log(2 pi) / 2 ],       x' = decoder(z, y)
    L_2 = KL(q(u | z, y)) + the same of z with gamma_z,            z' = decoder_2(u, y)

As gamma_x falls, the latents of one class fill what they need of N(0, I) and leave the
rest; sampling z from N(0, I) would hit the rest. So u is drawn from N(0, I), then

    z = decoder_2(u, y) + gamma_z eps,    x = decoder(z, y)

Networks of the first stage are those of CVAE (Fajardo et al., table 13), with 64
latents; those of the second, rates and schedule are of the authors' code
(daib13/TwoStageVAE).

Departures from the code, each with its reason:
- Both networks of a stage see the label; the code has none.
- It trains for 400 and 800 epochs of MNIST. Here it is as many optimizer steps as CVAE
  has in Fajardo et al., 45,000, and twice as many, but never more epochs. The rates are
  halved at the same shares of a stage.
- With so many fewer steps log gamma would not come down by steps of the learning rate,
  so the trained scalar is a tenth of it. It has a smooth lower bound of -4.
- For tables both start at exp(-2), not at 1 (ours). Standardised columns have deviation
  1 themselves, and from there the decoder learns to ignore its latents.
- The deviation of q(u | z, y) is a softplus, as that of q(z | x, y); the code has exp.
- Batches of the second stage are drawn class by class: u serves each class alike.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import keras
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Integer, Listed, Number, Positive, Seed, checked
from kerasos.layers import gaussian
from kerasos.layers.gaussian import reparameterize
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import ConditionalModel, trainable
from kerasos.methods.shared.rate_schedule import RateSchedule
from kerasos.methods.two_stage_cvae import networks as second_stage
from kerasos.networks.conditional_autoencoder import conditional_autoencoder
from kerasos.networks.image_size import WIDEST, Size, size_of
from kerasos.registry import register_method

LATENT_DIM = 64
EPOCHS = {"vae": 400, "latent": 800}
_STEPS = {"vae": 45_000, "latent": 90_000}
_BATCH_SIZE = 64
_HALVED_EVERY = 3 / 8  # of a stage: 150 of 400 epochs, 300 of 800
_LEAST_LOG_GAMMA = -4.0
_LOG_GAMMA_PER_UNIT = 10.0
_LogGammas = Annotated[list | tuple, Listed(Number(above=_LEAST_LOG_GAMMA), 2)]
_Units = Annotated[list | tuple, Listed(Integer(1))]


@register_method("two_stage_cvae")
class TwoStageCVAE(ConditionalModel):
    """Trains a CVAE, then a second one of its latents; both see the label.

    `TwoStageCVAE.from_data(x, y)` builds the networks; the constructor takes your own.
    `fit` runs both stages: the first `vae_epochs` epochs train the first, all later
    ones the second, which leaves the first as it is. The authors take batches of 64.

    `latent(noise, labels)` makes z of u and eps, the halves of the noise; `generate`
    and the exported signature `from_latent` take z.

    Rows of tables are the decoder's means, without gamma_x: columns come out narrower,
    by up to a third, and categories of a few percent are thinned.

    Args:
        encoder: Keras model from `[samples, one_hot]` to mean and standard deviation
            of z, `(batch, latent_dim)` each.
        decoder: Keras model from `[z, one_hot]` to samples.
        latent_encoder: Keras model from `[z, one_hot]` to mean and standard deviation
            of u.
        latent_decoder: Keras model from `[u, one_hot]` to means of z.
        vae_epochs: Epochs of the first stage, 400 (authors' code).
        latent_epochs: Epochs after these that `fit` runs when it is not told how
            many, 800 (authors' code); they also set the pace of the rates.
        lr: Learning rate of both Adams, 1e-4 (authors' code), halved after 3/8 and
            6/8 of a stage.
        log_gammas: Where log gamma_x and log gamma_z start, above -4: (0, 0)
            (authors' code).
        real_sampling: Rows of the second stage: "balanced" (ours, the default), drawn
            class by class, or "natural", as they come.
        **kwargs: Those of `ConditionalModel`, among them `spec`, `seed` and
            `pre_oversample`, of the first stage.

    Example:

    >>> model = kerasos.TwoStageCVAE.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 64))
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Dai, Wipf. Diagnosing and Enhancing VAE Models, ICLR 2019.
    """

    stages = ("vae", "latent")

    @checked
    def __init__(
        self,
        encoder,
        decoder,
        latent_encoder,
        latent_decoder,
        *,
        vae_epochs: Count = EPOCHS["vae"],
        latent_epochs: Count = EPOCHS["latent"],
        lr: Positive = 1e-4,
        log_gammas: _LogGammas = (0.0, 0.0),
        real_sampling: Literal["balanced", "natural"] = "balanced",
        **kwargs,
    ):
        super().__init__(noise_dim=2 * decoder.input_shape[0][-1], **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.latent_encoder = latent_encoder
        self.latent_decoder = latent_decoder
        self.decoder_shape = decoder.output_shape[1:]
        self.vae_epochs, self.latent_epochs = int(vae_epochs), int(latent_epochs)
        self.lr = float(lr)
        self.real_sampling = real_sampling
        self.log_gammas = [float(start) for start in log_gammas]
        self.raw_gamma_x, self.raw_gamma_z = (
            self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(_raw_gamma(start)),
                name=f"raw_gamma_{name}",
            )
            for name, start in zip("xz", self.log_gammas, strict=True)
        )
        self.rates = RateSchedule(self)
        losses = ("loss", "reconstruction_loss", "kl_loss")
        self.track(*losses, *(f"z_{name}" for name in losses))

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count = LATENT_DIM,
        latent_units: _Units | None = None,
        size: Size | None = None,
        spectral_norm: bool = False,
        vae_epochs=None,
        latent_epochs=None,
        lr=None,
        log_gammas=None,
        real_sampling="balanced",
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for a data set.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim: Width of z and of u, 64 (authors' code).
            latent_units: Widths of the hidden layers of the second stage. Default:
                three of 1,024 (authors' code), for tables and small images of 256, for
                medium ones of 512 (ours).
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            spectral_norm: Whether the kernels of `encoder` keep a spectral norm of 1,
                as in the authors' code. Default False (ours: batch normalisation
                rescales).
            vae_epochs, latent_epochs: Default: 45,000 and 90,000 steps of batches of
                64, but at most 400 and 800 epochs.
            lr: Default: 1e-4, for tables 1e-3 (ours).
            log_gammas: Default: (0, 0), for tables (-2, -2) (ours).
            real_sampling, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        spec = data.spec
        built = conditional_autoencoder(
            spec, data.seed, latent_dim, "sigmoid", size_of(spec, size)
        )
        if spectral_norm:
            built["encoder"] = second_stage.spectrally_normalized(
                built["encoder"], data.seed
            )
        units, start, rate = second_stage.ROW_UNITS, -2.0, 1e-3
        if spec.is_image:
            units, start, rate = second_stage.UNITS, 0.0, 1e-4
            units = (WIDEST.get(size_of(spec, size), units[0]),) * len(units)
        units = units if latent_units is None else latent_units
        sizes = (latent_dim, spec.num_classes, data.seed, units)
        built["latent_encoder"] = second_stage.latent_encoder(*sizes)
        built["latent_decoder"] = second_stage.latent_decoder(*sizes)
        counts = spec.class_counts
        rows = len(counts) * max(counts) if pre_oversample else sum(counts)
        defaults = {f"{stage}_epochs": _epochs(stage, rows) for stage in EPOCHS}
        defaults |= {"lr": rate, "log_gammas": (start, start)}
        return cls.for_data(data, built, **cls.options.given(locals(), defaults))

    @classmethod
    def stage_epochs(cls, epochs, given):
        """Returns options for the stages, whose own numbers are for long runs.

        Args:
            epochs: Integer: of all stages if `given`, else of the last.
            given: Whether the user told the number of epochs.

        Example:

        >>> TwoStageCVAE.stage_epochs(10, given=False)
        {'vae_epochs': 10, 'latent_epochs': 10}
        """
        first = max(1, epochs // 2) if given else epochs
        second = max(1, epochs - first) if given else epochs
        return {"vae_epochs": first, "latent_epochs": second}

    @property
    def latent_dim(self):
        return self.noise_dim // 2

    @property
    def gamma_x(self):
        """The learned deviation of samples around the decoder's output."""
        return tf.exp(_log_gamma(self.raw_gamma_x))

    @property
    def gamma_z(self):
        """The learned deviation of z around the second decoder's output."""
        return tf.exp(_log_gamma(self.raw_gamma_z))

    def compile(self, e_optimizer=None, z_optimizer=None, **kwargs):
        """Sets an optimizer a stage; by default the code's Adam with `lr`.

        Args:
            e_optimizer: Moves encoder, decoder and gamma_x in the first stage.
            z_optimizer: Moves the networks of z and gamma_z in the second.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "e_optimizer": e_optimizer or Adam(self.lr),
            "z_optimizer": z_optimizer or Adam(self.lr),
        }
        self.compile_players(optimizers, **kwargs)
        self.rates.restart()

    def player_variables(self):
        return {
            "e_optimizer": [*trainable(self.encoder, self.decoder), self.raw_gamma_x],
            "z_optimizer": [
                *trainable(self.latent_encoder, self.latent_decoder),
                self.raw_gamma_z,
            ],
        }

    # Stages.

    def stage_at(self, epoch):
        return "vae" if epoch < self.vae_epochs else "latent"

    @property
    def uniform_from(self):
        return self.vae_epochs if self.real_sampling == "balanced" else None

    def on_epoch_start(self, epoch):
        total = self.vae_epochs
        if epoch >= total:
            epoch, total = epoch - total, self.latent_epochs
        self.rates.change_to(0.5 ** int(epoch / (_HALVED_EVERY * total)))

    def fit(self, x=None, y=None, batch_size=None, epochs=None, **kwargs):
        """Trains through both stages; see `OversamplingModel.fit`.

        Args:
            x, y, batch_size: As there; the authors' batches have 64 samples. With
                `real_sampling="balanced"` arrays, or a dataset of
                `kerasos.data.batches`.
            epochs: Both stages together, `vae_epochs + latent_epochs` by default.
            **kwargs: The other arguments of `OversamplingModel.fit`.

        Returns:
            A `keras.callbacks.History`.
        """
        epochs = self.vae_epochs + self.latent_epochs if epochs is None else epochs
        return super().fit(x, y, batch_size, epochs, **kwargs)

    # Training.

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        name, bound = "e_optimizer", self._bound
        if self.stage == "latent":
            name, bound = "z_optimizer", self._latent_bound
        variables = self.player_variables()[name]
        with watching(variables) as tape:
            losses = bound(x, one_hot, "posterior", training=True)
        loss = losses["z_loss" if self.stage == "latent" else "loss"]
        self.minimize(loss, tape, variables, getattr(self, name))
        return self.finish_step(**{**losses, "loss": loss})

    def test_step(self, data):
        x, one_hot = self.real_batch(data)
        losses = {
            **self._bound(x, one_hot, "validation", training=False),
            **self._latent_bound(x, one_hot, "validation", training=False),
        }
        return self.finish_validation(num_rows(x), **losses)

    def _bound(self, x, one_hot, tag, training):
        """L_1 and its terms."""
        return self._terms(
            self.encoder, self.decoder, x, one_hot, self.raw_gamma_x, tag, training
        )

    def _latent_bound(self, x, one_hot, tag, training):
        """L_2 and its terms; the first stage does inference, with fresh noise."""
        mean, scale = self.encoder([x, one_hot], training=False)
        noise = self.normal(num_rows(x), self.latent_dim, f"{tag}_z")
        terms = self._terms(
            self.latent_encoder,
            self.latent_decoder,
            tf.stop_gradient(reparameterize(mean, scale, noise)),
            one_hot,
            self.raw_gamma_z,
            f"{tag}_u",
            training,
        )
        return {f"z_{name}": value for name, value in terms.items()}

    def _terms(self, encoder, decoder, target, one_hot, raw_gamma, tag, training):
        mean, scale = encoder([target, one_hot], training=training)
        noise = self.normal(num_rows(target), self.latent_dim, tag)
        latent = reparameterize(mean, scale, noise)
        output = decoder([latent, one_hot], training=training)
        log_variance = 2.0 * _log_gamma(raw_gamma)
        reconstruction = gaussian.gaussian_loss(output, target, log_variance)
        reconstruction = tf.reduce_mean(reconstruction)
        kl = tf.reduce_mean(gaussian.kl_to_standard_normal(mean, scale))
        return {
            "loss": reconstruction + kl,
            "reconstruction_loss": reconstruction,
            "kl_loss": kl,
        }

    # Sampling.

    def latent(self, noise, labels):
        """Draws z: the second decoder's output for u, and gamma_z eps."""
        one_hot = tf.one_hot(labels, self.spec.num_classes)
        u, eps = tf.split(noise, 2, axis=-1)
        mean = self.latent_decoder([u, one_hot], training=False)
        return tf.cast(mean, tf.float32) + self.gamma_z * eps

    def generate(self, latent, labels):
        one_hot = tf.one_hot(labels, self.spec.num_classes)
        return tf.cast(self.decoder([latent, one_hot], training=False), tf.float32)


def _epochs(stage, rows):
    """As many as give a stage its steps, but no more than the authors take."""
    return min(-(-_STEPS[stage] // max(1, rows // _BATCH_SIZE)), EPOCHS[stage])


def _log_gamma(raw):
    """Ten times the trained scalar, or nearly: above -4, smoothly, so it can return."""
    raw = _LOG_GAMMA_PER_UNIT * tf.convert_to_tensor(raw)
    return _LEAST_LOG_GAMMA + tf.math.softplus(raw - _LEAST_LOG_GAMMA)


def _raw_gamma(log_gamma):
    """The inverse of `_log_gamma`."""
    above = log_gamma - _LEAST_LOG_GAMMA
    return (_LEAST_LOG_GAMMA + math.log(math.expm1(above))) / _LOG_GAMMA_PER_UNIT
