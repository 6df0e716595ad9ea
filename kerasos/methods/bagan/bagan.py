"""BAGAN: data augmentation with a balancing GAN.

Mariani, Scheidegger, Istrate, Bekas, Malossi, 2018. Three stages. (a) An autoencoder
G(E(x)) of all images, without labels. (b) The transfer: D starts from the layers of E,
G stays the decoder, and each class gets a Gaussian of its latents,

    mu_k = mean(E(x)),  S_k = cov(E(x))     over the images x of class k

which stays as it is. (c) Adversarial training, with a D of K classes and one more,
"generated". On a batch of b real images, with n = ceil(b / K) generated ones:

    min_D  sum CE(D(x), y) + sum CE(D(G(u)), K)     u ~ N(mu_k, S_k), k uniform
    min_G  mean CE(D(G(u)), k)                      b + n new draws of u and k

G takes no label: the Gaussian alone decides the class. Read from the authors' code
(IBM/BAGAN), as are all settings; table 12 of Fajardo et al. (2021) trains it for 30
epochs a stage.

Departures from the code, each with its reason:
- Drawing is by an eigendecomposition with negative eigenvalues clipped, so a class of
  a few images works; one image borrows the covariance of the other classes.
- D sees real and generated images in two passes: no layer mixes rows, so the sum is
  the same, and so is the result on several devices.
- Tables get dense networks, and images of 8 pixels and less a smaller grid.

Stage (b) reads the data that `fit` trains on, in parts, when stage (c) begins. The
model itself keeps no data: K (d + d^2) numbers are saved, whatever the data size. After
the transfer a saved or resumed run needs the data for its batches only; before it,
the data of the resumed `fit` are the same that a run without the break would read.
"""

import warnings
from collections.abc import Sequence
from typing import Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Positive, Seed, Share, Whole, checked
from kerasos.data.pipeline import every_row
from kerasos.losses.classification import cross_entropy_loss
from kerasos.methods.bagan import networks
from kerasos.methods.bagan.class_gaussian import ClassGaussian, ClassMoments
from kerasos.methods.base import Adam, OversamplingModel, num_rows, read_data, watching
from kerasos.networks.image_size import Size, size_of
from kerasos.randomness.draws import replica_context
from kerasos.registry import register_method
from kerasos.traced import traced_by_rows

RATE = 5e-5


@register_method("bagan")
class BAGAN(OversamplingModel):
    """Trains a GAN from an autoencoder, with one Gaussian of latents a class.

    `BAGAN.from_data(x, y)` builds the networks of the authors' code; the constructor
    takes your own. `fit` runs both stages: the first `ae_epochs` epochs train the
    autoencoder, all later ones the GAN.

    Rows of tables keep missing rates and categories of their class; correlations are
    weakened, by up to a half, and columns come out wider or narrower, by a third.

    Args:
        generator: Keras model from latents to samples in [-1, 1]; the decoder.
        encoder: Keras model from samples in [-1, 1] to latents.
        discriminator: Keras model from samples in [-1, 1] to `num_classes + 1`
            logits, the last for "generated". Layer by layer as `encoder`, but for
            the last.
        spec: `kerasos.data.DataSpec` of the training data.
        ae_epochs: Epochs of the autoencoder, 30 (Fajardo et al.). 0 starts with the
            transfer, for networks that are trained already.
        gan_epochs: Epochs after these that `fit` runs when it is not told how many,
            30 (Fajardo et al.).
        shrinkage: Ours, in [0, 1]: share of the pooled covariance in that of a
            class, `(1 - s) S_k + s S`. 0, the default, is the authors' code, and
            keeps the draws of a small class in the affine hull of its latents. A
            class of one sample always takes 1, with a warning.
        d_labels: Classes of the generated part of D's batch: "uniform" (default)
            or "rebalance", with `max(0, 2 / K - n_k / n)` normalised. The authors
            saw no relevant difference.
        g_labels: The same for G's batch.
        balance_real: Ours, off by default: weighs D's real samples by
            `n / (K n_k)`, which gives the loss of class-uniform draws in
            expectation. Not together with `batches(..., balanced=True)`.
        seed: Integer behind all noise of training.
        **kwargs: `name`.

    Raises:
        ValueError: If networks do not fit together, or an option is unknown.

    Example:

    >>> model = kerasos.BAGAN.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 128))  # 30 + 30 epochs
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mariani, Scheidegger, Istrate, Bekas, Malossi. BAGAN: Data Augmentation with
        Balancing GAN, 2018.
    """

    stages: tuple[str, ...] = ("autoencoder", "adversarial")

    @checked
    def __init__(
        self,
        generator,
        encoder,
        discriminator,
        *,
        spec,
        ae_epochs: Whole = 30,
        gan_epochs: Count = 30,
        shrinkage: Share = 0.0,
        d_labels: Literal["uniform", "rebalance"] = "uniform",
        g_labels: Literal["uniform", "rebalance"] = "uniform",
        balance_real: bool = False,
        seed=None,
        **kwargs,
    ):
        latent_dim = generator.input_shape[-1]
        super().__init__(spec=spec, noise_dim=latent_dim, seed=seed, **kwargs)
        _check_networks(generator, encoder, discriminator, spec)
        self.generator = generator
        self.encoder = encoder
        self.discriminator = discriminator
        self.ae_epochs, self.gan_epochs = ae_epochs, gan_epochs
        self.shrinkage = float(shrinkage)
        self.d_labels, self.g_labels = d_labels, g_labels
        self.balance_real = balance_real
        self.gaussians = ClassGaussian(spec.num_classes, latent_dim, name="gaussians")
        self.transferred = self.add_counter("transferred")
        if not self.ae_epochs:
            self.stages = ("adversarial",)
            self.stage = self.stages[0]
        self.track("reconstruction_loss", "d_loss", "g_loss", "fake_score")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count | None = None,
        ae_epochs=30,
        gan_epochs=30,
        lr: Positive = RATE,
        size: Size | None = None,
        shrinkage=0.0,
        d_labels="uniform",
        g_labels="uniform",
        balance_real=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles BAGAN for a data set, with the authors' settings.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim: Width of the latent: 100 for images; for tables the number
                of features up to 100 (ours).
            lr: Learning rate of all players, 5e-5.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            ae_epochs, gan_epochs, shrinkage, d_labels, g_labels, balance_real: See
                the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        spec = data.spec
        options = {"size": size_of(spec, size)}
        if latent_dim is None:
            widest = networks.LATENT_DIM
            latent_dim = widest if spec.is_image else min(widest, spec.num_features)
        num_logits = spec.num_classes + 1
        model = cls(
            networks.generator(spec.shape, latent_dim, data.seed, **options),
            networks.encoder(spec.shape, latent_dim, data.seed, "encoder", **options),
            networks.encoder(
                spec.shape, num_logits, data.seed, "discriminator", **options
            ),
            spec=spec,
            seed=data.seed,
            **cls.options.given(locals()),
        )
        model.compile(*(_adam(lr) for _ in range(3)))
        return model

    def compile(self, e_optimizer=None, d_optimizer=None, g_optimizer=None, **kwargs):
        """Sets one optimizer a player; by default the code's Adam, 5e-5 and .5.

        Args:
            e_optimizer: Moves encoder and generator in the autoencoder stage.
            d_optimizer: Moves the discriminator.
            g_optimizer: Moves the generator in the adversarial stage.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "e_optimizer": e_optimizer or _adam(),
            "d_optimizer": d_optimizer or _adam(),
            "g_optimizer": g_optimizer or _adam(),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        generator = self.generator.trainable_variables
        return {
            "e_optimizer": self.encoder.trainable_variables + generator,
            "d_optimizer": self.discriminator.trainable_variables,
            "g_optimizer": generator,
        }

    # Stages.

    def stage_at(self, epoch):
        return "autoencoder" if epoch < self.ae_epochs else "adversarial"

    def fit(self, x=None, y=None, batch_size=None, epochs=None, **kwargs):
        """Trains through all stages; see `OversamplingModel.fit`.

        Args:
            x, y, batch_size: As there; the authors' batches have 128 samples. A
                dataset must be finite: the class Gaussians come from one pass
                over it (over all rows, for one of `kerasos.data.batches`).
            epochs: All stages together, `ae_epochs + gan_epochs` by default. Of
                another number the first `ae_epochs` train the autoencoder; one
                that ends with them warns. Training from epoch 0 again, without
                `initial_epoch`, starts over with the autoencoder.
            **kwargs: The other arguments of `OversamplingModel.fit`.

        Returns:
            A `keras.callbacks.History`.
        """
        if (
            isinstance(x, tf.data.Dataset)
            and x.cardinality() == tf.data.INFINITE_CARDINALITY
        ):
            raise ValueError(
                "BAGAN reads the whole training set once, for the class Gaussians. "
                "Expected a finite dataset. Received: an infinite one. Pass it "
                "before `.repeat()`, or use `kerasos.data.batches(x, y, 128)`."
            )
        epochs = self.ae_epochs + self.gan_epochs if epochs is None else epochs
        return super().fit(x, y, batch_size, epochs, **kwargs)

    def on_stage_begin(self, stage):
        if stage == "autoencoder":
            # What it trains makes an earlier transfer void.
            self.transferred.assign(0)
        elif not int(keras.ops.convert_to_numpy(self.transferred)):
            self.transfer(self.training_data)

    def transfer(self, x, y=None):
        """Stage (b): the class Gaussians, and D's layers from those of the encoder.

        `fit` calls it between its stages.

        Args:
            x: Samples in the user's units, or a dataset of batches `(x, y)`; read
                once, in parts.
            y: Integer labels, when `x` is an array.

        Raises:
            ValueError: If the data do not fit the model, or a class has no sample.
        """
        from sklearn.utils import gen_batches

        if y is None:
            parts = every_row(x)
        else:
            x, y = np.asarray(x), np.asarray(y)
            self.spec.check_compatible(x, y)
            parts = ((x[rows], y[rows]) for rows in gen_batches(len(y), 512))
        moments = ClassMoments(self.spec.num_classes, self.latent_dim)
        encode = traced_by_rows(
            lambda x: self.encoder(self.to_model(x), training=False)
        )
        for x_part, y_part in parts:
            moments.update(encode(x_part).numpy(), y_part)
        self._check_counts(moments.counts)
        covariances = moments.covariances(self.shrinkage)
        self.gaussians.set_moments(moments.means, covariances)
        own, given = map(_trunk_weights, (self.discriminator, self.encoder))
        for weight, value in zip(own, given, strict=True):
            weight.assign(value)
        self.transferred.assign(1)

    def _check_counts(self, counts):
        absent = np.flatnonzero(counts == 0).tolist()
        if absent:
            raise ValueError(
                "The training data must have samples of every class, for its "
                f"Gaussian. Received: none of {absent}. The autoencoder is trained; "
                "go on with whole data, `fit(..., initial_epoch="
                f"{self.ae_epochs})`."
            )
        single = np.flatnonzero(counts == 1).tolist()
        if single:
            warnings.warn(
                f"Labels {single} have one sample each and so no covariance of "
                "their own; they take that of the other classes.",
                stacklevel=2,
            )

    # Training.

    def train_step(self, data):
        x, y = data
        x = self.to_model(x)
        if self.stage == "autoencoder":
            return self.finish_step(reconstruction_loss=self._autoencoder_step(x))
        return self.finish_step(
            **self._discriminator_step(x, y), g_loss=self._generator_step(x)
        )

    def _autoencoder_step(self, x):
        variables = self.player_variables()["e_optimizer"]
        with watching(variables) as tape:
            loss = self._reconstruction_loss(x, training=True)
        self.minimize(loss, tape, variables, self.e_optimizer)
        return loss

    def _reconstruction_loss(self, x, training):
        latent = self.encoder(x, training=training)
        decoded = self.generator(latent, training=training)
        return tf.reduce_mean(tf.math.squared_difference(tf.cast(decoded, x.dtype), x))

    def _discriminator_step(self, x, y):
        num_fakes, num_all = self._batch_counts(x)
        # On several devices rows that complete the last one have weight 0.
        latent, _, weights = self.draw_latents(num_fakes, self.d_labels, "d")
        fake = tf.stop_gradient(self.generator(latent, training=False))
        variables = self.discriminator.trainable_variables
        with watching(variables) as tape:
            real_loss = self._cross_entropy(x, y)
            if self.balance_real:
                real_loss *= tf.gather(tf.constant(self.real_weights, tf.float32), y)
            fake_logits = self.discriminator(fake, training=True)
            target = tf.one_hot(self.spec.num_classes, self.spec.num_classes + 1)
            fake_loss = cross_entropy_loss(fake_logits, target[None])
            total = tf.reduce_sum(real_loss) + tf.reduce_sum(weights * fake_loss)
            loss = total / self._rows_here(num_all)
        self.minimize(loss, tape, variables, self.d_optimizer)
        score = tf.nn.softmax(tf.cast(fake_logits, tf.float32))[:, -1]
        score = tf.reduce_sum(weights * score) / self._rows_here(num_fakes)
        return {"d_loss": loss, "fake_score": score}

    def _generator_step(self, x):
        _, count = self._batch_counts(x)
        latent, labels, weights = self.draw_latents(count, self.g_labels, "g")
        variables = self.generator.trainable_variables
        with watching(variables) as tape:
            fake = self.generator(latent, training=True)
            # D keeps its dropout here, as in the authors' code.
            losses = self._cross_entropy(fake, labels)
            loss = tf.reduce_sum(weights * losses) / self._rows_here(count)
        self.minimize(loss, tape, variables, self.g_optimizer)
        return loss

    def _cross_entropy(self, x, labels):
        logits = self.discriminator(x, training=True)
        one_hot = tf.one_hot(labels, self.spec.num_classes + 1)
        return cross_entropy_loss(logits, one_hot)

    def _batch_counts(self, x):
        """How many samples D's step generates, and sees, over all replicas."""
        replicas, _ = replica_context()
        rows = num_rows(x) * replicas
        fake = -(-rows // self.spec.num_classes)
        return fake, rows + fake

    def _rows_here(self, count):
        """This replica's share of `count`, so that means of shares are the mean."""
        replicas, _ = replica_context()
        return tf.cast(count, tf.float32) / replicas

    def draw_latents(self, count, mode, tag):
        """Draws latents for a step: `count` over all replicas, this one's share here.

        Args:
            count: Integer, or a scalar tensor.
            mode: "uniform" or "rebalance"; see `d_labels`.
            tag: Tells the draws of one step apart.

        Returns:
            Latents `(rows, latent_dim)`, labels `(rows,)` and weights `(rows,)`, 0 for
            the rows that only complete the last replica's share.
        """
        replicas, replica = replica_context()
        rows = -(-count // replicas)
        weights = tf.cast(replica * rows + tf.range(rows) < count, tf.float32)
        shares = class_shares(self.spec.class_counts, mode)
        bounds = tf.constant(np.cumsum(shares)[:-1], tf.float32)
        place = self.uniform(rows, f"{tag}_labels")
        labels = tf.reduce_sum(tf.cast(place[:, None] >= bounds, tf.int32), axis=1)
        noise = self.normal(rows, self.noise_dim, f"{tag}_noise")
        return self.latent(noise, labels), labels, weights

    @property
    def real_weights(self):
        """The weight `n / (K n_k)` of a class, float64 `(num_classes,)`."""
        counts = np.array(self.spec.class_counts, "float64")
        return counts.sum() / (len(counts) * counts)

    # Validation and sampling.

    def test_step(self, data):
        loss = self._reconstruction_loss(self.to_model(data[0]), training=False)
        return self.finish_validation(num_rows(data[0]), reconstruction_loss=loss)

    def latent(self, noise, labels):
        """Draws from the Gaussians: `mu_k + S_k^(1/2) noise`, `(batch, latent_dim)`."""
        return self.gaussians(noise, labels)

    def generate(self, latent, labels):
        del labels  # the latent holds the class
        return self.generator(latent, training=False)


def class_shares(class_counts, mode):
    """Probability of each class among generated samples, float64 `(num_classes,)`.

    Args:
        class_counts: Integers `(num_classes,)`.
        mode: "uniform", or "rebalance": `max(0, 2 / K - n_k / n)`, normalised.
    """
    counts = np.array(class_counts, "float64")
    shares = np.ones(len(counts))
    if mode == "rebalance":
        shares = np.maximum(0.0, 2.0 / len(counts) - counts / counts.sum())
    return shares / shares.sum()


def _adam(lr=RATE):
    return Adam(lr, beta_1=0.5)


def _check_networks(generator, encoder, discriminator, spec):
    expected = {
        "generator": (generator.output_shape[1:], spec.shape),
        "encoder": (encoder.output_shape[1:], generator.input_shape[1:]),
        "discriminator": (discriminator.output_shape[1:], (spec.num_classes + 1,)),
    }
    for name, (found, wanted) in expected.items():
        if tuple(found) != tuple(wanted):
            raise ValueError(
                f"`{name}` must give rows of shape {tuple(wanted)}. Received: "
                f"{tuple(found)}."
            )
    shapes = [[w.shape for w in _trunk_weights(n)] for n in (encoder, discriminator)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "`encoder` and `discriminator` must have the same layers but for the "
            f"last, since D starts from the encoder. Received weights: {shapes[0]} "
            f"and {shapes[1]}."
        )


def _trunk_weights(network):
    """Trainable weights of every layer but the last."""
    return [w for layer in network.layers[:-1] for w in layer.trainable_weights]
