"""CVAE: a variational autoencoder whose both halves know the label.

Sohn, Lee, Yan, NeurIPS 2015, with the networks and settings of Fajardo et al. (Expert
Systems with Applications 169, 2021, table 13). Images in [0, 1] as Bernoulli
means, posterior N(mu, sigma^2), prior N(0, I_62) for every label:

    L = E_batch [ -log p(x | z, y) + KL(q(z | x, y) || N(0, I)) ],   z = mu + sigma eps
    -log p = -sum_pixels (x log x' + (1 - x) log(1 - x')),           x' = decoder(z, y)

The likelihood is a sum over pixels: a mean would be 784 times smaller, and the
divergence would switch the latents off.

Departures, each with its reason:
- The likelihood comes from logits. The code that the paper builds on clips x' to
  [1e-8, 1 - 1e-8], and in float32 the upper bound is 1: a NaN waiting to happen.
- `sample` gives the decoder's means of images, as that code does, and no binary draws.
- Table rows (ours) are Gaussian around the decoder's output, on standardised columns;
  `sample` draws from that Gaussian, as means alone crowd in the middle of their class.
  Columns of two values keep their means.
- The variance of a column is its mean squared error, which is the most likely one
  (Rybkin, Daniilidis, Levine, ICML 2021, equation 4), followed as batch normalisation
  follows its statistics. One variance that the optimizer moves stays near 1 for all
  of a short training, and beside so much noise the latents are not worth their
  divergence: columns then come out unrelated. Rows have 16 latents, layer
  normalisation in the decoder and three times the rate, for the same reason;
  `DeepOverSampler` also warms the divergence up over the first half of training.
  Strong correlations are still weakened, wine's by a third, and categories of a few
  percent thinned (`benchmarks/table_quality.py`); `flow` keeps both.
- Batches of 64, the scale of the images and the initial weights are those of the code.
"""

import math
from collections.abc import Sequence
from typing import Literal, Self

import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Seed, Whole, checked
from kerasos.layers import gaussian
from kerasos.layers.gaussian import reparameterize
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import LATENT_DIM, ConditionalModel
from kerasos.networks.conditional_autoencoder import conditional_autoencoder
from kerasos.networks.image_size import Size, size_of
from kerasos.randomness.draws import mean_over_replicas
from kerasos.registry import register_method

# The learned variance of standardised columns stays above exp(-8), deviation 0.02.
_LEAST_LOG_VARIANCE = -8.0
_VARIANCE_RATE = 0.05
ROW_LATENT_DIM = 16


@register_method("cvae")
class CVAE(ConditionalModel):
    """Trains an encoder and a decoder that both see the label.

    `CVAE.from_data(x, y)` builds the networks of the paper; the constructor takes
    your own. The paper trains for 300 epochs of batches of 64, 125 with
    `pre_oversample=True`.

    Rows of tables keep spread, missing rates and categories of their class;
    correlations are weakened, by up to a third.

    Args:
        encoder: Keras model from `[samples, one_hot]` to mean and standard
            deviation, `(batch, latent_dim)` each.
        decoder: Keras model from `[latent, one_hot]` to logits of the pixels, or to
            means of standardised columns.
        spec: `kerasos.data.DataSpec` of the training data.
        likelihood: "bernoulli" (images; paper) or "gaussian" (rows; ours).
        variance: Of the Gaussian: "columns", the mean squared error of each column
            (`from_data`), or "shared", one for all that the optimizer moves.
        kl_warmup_epochs: Epochs before the divergence has its full weight; epoch e,
            from 0, weighs `(e + 1) / (kl_warmup_epochs + 1)`. Default 0 (paper). Try
            10 if samples of a class are all alike.
        observation_noise: Whether samples are drawn from the likelihood, not its
            means: a boolean, or a list with one a column. Default None: means of
            images, draws of rows (`from_data`: of columns of more than two values).
            True needs "gaussian".
        pre_oversample: The R- variant (paper): `fit` repeats random rows of the
            smaller classes until all have n_max; the samples are not copied in
            memory, and `oversample` still adds n_max - n_k. Default False.
        seed: Integer behind all noise of training.
        **kwargs: `model_range`, `column_mean`, `column_scale`, `name`.

    Raises:
        ValueError: If an option's value is unknown or does not fit the data.

    Example:

    >>> model = kerasos.CVAE.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 64), epochs=300)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Sohn, Lee, Yan. Learning Structured Output Representation using Deep
        Conditional Generative Models, NeurIPS 2015.
    """

    # More do not help (benchmarks/fit_resample_time.py).
    default_row_steps = (1_000, 5_000)

    @checked
    def __init__(
        self,
        encoder,
        decoder,
        *,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        variance: Literal["shared", "columns"] = "shared",
        kl_warmup_epochs: Whole = 0,
        observation_noise=None,
        **kwargs,
    ):
        code_dim, width = decoder.input_shape[0][-1], decoder.output_shape[-1]
        noisy = _noisy_columns(observation_noise, likelihood, width)
        super().__init__(noise_dim=code_dim + len(noisy), **kwargs)
        self.code_dim = code_dim
        self.observation_noise = noisy
        self.encoder = encoder
        self.decoder = decoder
        self.decoder_shape = decoder.output_shape[1:]
        self.likelihood = likelihood
        self.kl_warmup_epochs = kl_warmup_epochs
        self.kl_weight = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="kl_weight"
        )
        self.variance = variance
        if likelihood == "gaussian" and variance == "shared":
            self.raw_log_variance = self.add_weight(
                shape=(), initializer="zeros", name="raw_log_variance"
            )
        elif likelihood == "gaussian":
            self.column_variance = self.add_weight(
                shape=(width,),
                initializer="ones",
                trainable=False,
                aggregation="only_first_replica",
                name="column_variance",
            )
        self.track("loss", "reconstruction_loss", "kl_loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count | None = None,
        size: Size | None = None,
        kl_warmup_epochs=0,
        observation_noise=None,
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model, with the paper's settings.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim: Width of the latents. Default: 62 for images (paper), 16 for
                rows.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            kl_warmup_epochs, observation_noise, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        if observation_noise is None and not data.spec.is_image:
            between = (data.x != data.x.min(axis=0)) & (data.x != data.x.max(axis=0))
            observation_noise = between.any(axis=0).tolist()
        return cls.for_data(
            data,
            conditional_autoencoder(
                data.spec,
                data.seed,
                latent_dim or (LATENT_DIM if data.spec.is_image else ROW_LATENT_DIM),
                size=size_of(data.spec, size),
            ),
            likelihood="bernoulli" if data.spec.is_image else "gaussian",
            variance="columns",
            **cls.options.given(locals()),
        )

    def compile(self, e_optimizer=None, **kwargs):
        """Sets the optimizer; by default the paper's Adam, 1e-3 and .5; rows 3e-3.

        Args:
            e_optimizer: Moves encoder and decoder together.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        rate = 1e-3 if self.spec.is_image else 3e-3
        e_optimizer = e_optimizer or Adam(rate, beta_1=0.5)
        self.compile_players({"e_optimizer": e_optimizer}, **kwargs)

    @classmethod
    def stage_epochs(cls, epochs, given):
        del given
        return {"kl_warmup_epochs": epochs // 2}

    def player_variables(self):
        return {"e_optimizer": self.trainable_variables}

    def on_epoch_start(self, epoch):
        self.kl_weight.assign(min(1.0, (epoch + 1) / (self.kl_warmup_epochs + 1)))

    @property
    def log_variance(self):
        """Of the Gaussian likelihood; a smooth lower bound, so that it can return."""
        if self.variance == "columns":
            variance = tf.convert_to_tensor(self.column_variance)
            return tf.math.log(variance + math.exp(_LEAST_LOG_VARIANCE))
        raw = tf.convert_to_tensor(self.raw_log_variance)
        return _LEAST_LOG_VARIANCE + tf.math.softplus(raw - _LEAST_LOG_VARIANCE)

    def train_step(self, data):
        variables = self.trainable_variables
        with watching(variables) as tape:
            losses = self._bound(data, "posterior", training=True)
        self.minimize(losses["loss"], tape, variables, self.e_optimizer)
        return self.finish_step(**losses)

    def test_step(self, data):
        losses = self._bound(data, "validation", training=False)
        return self.finish_validation(num_rows(data[0]), **losses)

    def _bound(self, data, tag, training):
        x, one_hot = self.real_batch(data)
        mean, scale = self.encoder([x, one_hot], training=training)
        noise = self.normal(num_rows(x), self.code_dim, tag)
        latent = reparameterize(mean, scale, noise)
        output = self.decoder([latent, one_hot], training=training)
        if self.likelihood == "bernoulli":
            reconstruction = gaussian.bernoulli_loss(output, x)
        else:
            reconstruction = gaussian.gaussian_loss(output, x, self.log_variance)
            if training and self.variance == "columns":
                self._follow_errors(output, x)
        reconstruction = tf.reduce_mean(reconstruction)
        kl = tf.reduce_mean(gaussian.kl_to_standard_normal(mean, scale))
        # Held-out data are judged by the bound itself.
        weight = tf.convert_to_tensor(self.kl_weight) if training else 1.0
        return {
            "loss": reconstruction + weight * kl,
            "reconstruction_loss": reconstruction,
            "kl_loss": kl,
        }

    def _follow_errors(self, output, x):
        """Moves each column's variance towards its mean squared error, the optimum."""
        errors = tf.math.squared_difference(tf.cast(output, tf.float32), x)
        errors = mean_over_replicas(tf.stop_gradient(tf.reduce_mean(errors, axis=0)))
        variance = tf.convert_to_tensor(self.column_variance)
        self.column_variance.assign(variance + _VARIANCE_RATE * (errors - variance))

    def generate(self, latent, labels):
        # With observation noise the latents carry that of the columns behind the code.
        code, noise = latent[:, : self.code_dim], latent[:, self.code_dim :]
        one_hot = tf.one_hot(labels, self.spec.num_classes)
        output = tf.cast(self.decoder([code, one_hot], training=False), tf.float32)
        if self.likelihood == "bernoulli":
            return tf.sigmoid(output)
        if self.observation_noise:
            deviation = tf.exp(0.5 * self.log_variance)
            drawn = tf.constant(self.observation_noise, tf.float32)
            output += deviation * drawn * tf.cast(noise, tf.float32)
        return output


def _noisy_columns(value, likelihood, width):
    """Returns a list of booleans, one a column, or an empty one for no noise at all."""
    rows = likelihood == "gaussian"
    value = rows if value is None else value
    if isinstance(value, bool) and value <= rows:
        return [True] * width if value else []
    columns = list(value) if isinstance(value, list | tuple) else [None]
    fits = len(columns) in ((0, width) if rows else (0,))
    if not fits or not all(isinstance(column, bool) for column in columns):
        raise ValueError(
            "`observation_noise` must be a boolean, or a list of one for each of the "
            f"{width} columns, and not True for images: pixels have no noise that was "
            f"learned. Received: observation_noise={value!r} and "
            f"likelihood={likelihood!r}."
        )
    return columns if any(columns) else []
