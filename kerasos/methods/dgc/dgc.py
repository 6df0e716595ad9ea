"""DGC: a deep generative classifier that balances classes among its latents.

Wang, Lyu, Jing, CVPR 2020. Latents z with prior N(0, I) carry both a decoder p(x | z)
and a label head p(y | z); the encoder q(z | x, y) = N(mu, sigma^2) sees the label:

    L = 0.5 E_b |x - x'|^2 + lambda MMD(z, N(0, I)) + sum_b CE(y, p(y | z))
    z = mu + sigma eps,  x' = decoder(z)

One batch of 100 makes three updates: of the encoder alone on L (authors' code, MNIST);
of all networks on L; and of the label head alone on CE over latents of the batch, in
which those of class k are drawn `1 + 0.6 (n_max - n_k) / n_k` times (authors' code; the
paper's text has `max(1, r n_max / n_k)`). A sample is classified by which label
explains it best (eq. 9): see `GenerativePrediction`.

Departures from the authors' code (lvyilin/DGC), each with its reason:
- The code sums CE over the batch, beside a comment that doubts it; so does the default
  here. `ce_reduction="mean"` makes it 100 times lighter, and free of the batch size.
- Latents are drawn a fixed number of times and weighted by `1 + 0.6 (...)` over that
  number, which has the expectation of drawing as often: shapes are static.
- Each update has an Adam of its own; theirs shares moments between two.
- Its score adds the MMD of the whole test batch, nearly the same for all labels, which
  couples a prediction to its batch. Left out.
- Its schedule halves the learning rate in epoch 30 alone. Here it is constant.

Sampling is ours: the paper generates nothing. A sample of class k decodes a draw of
q(z | x, k) for a random training row x of that class, of which the model keeps up to
`rows_per_class`. (Draws of the prior, kept by p(k | z), would waste nearly all for a
class of 0.4 % of the data.) Networks for tables and small images are ours, too.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Integer, NonNegative, Positive, Seed, Whole, checked
from kerasos.layers.gaussian import reparameterize
from kerasos.losses.classification import cross_entropy_loss
from kerasos.losses.mmd import imq_mmd
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import ConditionalModel, trainable
from kerasos.methods.dgc.prediction import GenerativePrediction
from kerasos.methods.shared.encoder_pretraining import pretrain_encoder
from kerasos.methods.shared.row_bank import RowBank
from kerasos.methods.shared.validation import validate, validation_metrics
from kerasos.networks import dgc as networks
from kerasos.networks.image_size import WIDEST, Size, size_of
from kerasos.randomness.draws import all_rows, replica_context
from kerasos.randomness.seeds import derive_seed
from kerasos.registry import register_method

# Of each latent in the head's update; more drawn, less noise, same expectation.
_MOST_COPIES = 16


@register_method("dgc")
class DGC(ConditionalModel):
    """Trains a conditional encoder, a decoder and a label head of the latents.

    `DGC.from_data(x, y)` builds the networks of the authors' code; the constructor
    takes your own. The authors train for 50 epochs of batches of 100 (images of
    28x28), or 30 of 25 (64x64). A prediction takes `num_classes * draws` passes through
    the decoder.

    Rows of tables keep the correlations, spread, missing rates and categories of their
    class: each is a training row, encoded with noise and decoded.

    Args:
        trunk: Keras model from samples to features.
        posterior: Keras model from `[features, one_hot]` to mean and standard
            deviation of the latents.
        decoder: Keras model from latents to samples.
        classifier_head: Keras model from latents to `(batch, num_classes)` logits.
        mmd_weight: Float lambda, 1 (authors' code; the paper takes 1 or 10 by cross
            validation).
        ce_reduction: "sum" over the batch (authors' code) or "mean".
        latent_oversampling: Share r of the missing latents that the head's update
            adds, 0.6 (authors' code). 0 leaves that update out.
        encoder_step: Whether the encoder gets an update of its own before the joint
            one. Default True (authors' code: for MNIST, not for CelebA).
        draws: Latents S behind a prediction of one label, 10 (authors' code).
        pretrain_steps: Most updates of the encoder before training, 200 (authors'
            code); see `pretrain_encoder`.
        pretrain_rows: Samples of each, 1,000 (authors' code: MNIST).
        lr: Learning rate of Adam, 1e-5 (authors' code: MNIST).
        rows_per_class: Ours: training rows of a class that are kept to generate
            from, at most. Default 500; fewer where all would pass 64 MiB.
        **kwargs: Those of `ConditionalModel`, among them `spec`, `seed` and
            `pre_oversample`.

    Example:

    >>> model = kerasos.DGC.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 100), epochs=50)
    >>> probabilities = model.classifier.predict(x_test)

    Reference:
        Wang, Lyu, Jing. Deep Generative Model for Robust Imbalance Classification,
        CVPR 2020.
    """

    trains_classifier = True

    @checked
    def __init__(
        self,
        trunk,
        posterior,
        decoder,
        classifier_head,
        *,
        mmd_weight: NonNegative = 1.0,
        ce_reduction: Literal["sum", "mean"] = "sum",
        latent_oversampling: NonNegative = 0.6,
        encoder_step: bool = True,
        draws: Count = 10,
        pretrain_steps: Whole = 200,
        pretrain_rows: Annotated[int, Integer(2)] = 1000,
        lr: Positive = 1e-5,
        rows_per_class: Count = 500,
        **kwargs,
    ):
        # One number more than latents: it chooses the row.
        super().__init__(noise_dim=decoder.input_shape[-1] + 1, **kwargs)
        self.trunk = trunk
        self.posterior = posterior
        self.decoder = decoder
        self.classifier_head = classifier_head
        self.decoder_shape = decoder.output_shape[1:]
        self.mmd_weight = float(mmd_weight)
        self.ce_reduction = ce_reduction
        self.latent_oversampling = float(latent_oversampling)
        self.encoder_step = encoder_step
        self.draws = draws
        self.pretrain_steps = pretrain_steps
        self.pretrain_rows = pretrain_rows
        self.lr = float(lr)
        self.rows_per_class = rows_per_class
        self.bank = RowBank(self, rows_per_class)
        self.pretrained = self.add_counter("pretrained")
        self.prediction = GenerativePrediction(
            trunk,
            posterior,
            decoder,
            classifier_head,
            draws,
            derive_seed(self.seed, "prediction"),
            name="prediction",
        )
        self.classifier = self._raw_input_classifier()
        names = ["loss", "reconstruction_loss", "mmd_loss", "c_loss"]
        if self.latent_oversampling:
            names.append("oversampled_c_loss")
        self.track(*names)
        self.val_metrics = validation_metrics(self.spec.num_classes)

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
        mmd_weight=1.0,
        ce_reduction="sum",
        latent_oversampling=0.6,
        encoder_step=None,
        draws=10,
        pretrain_steps=200,
        pretrain_rows=None,
        lr=None,
        rows_per_class=500,
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for a data set, with the authors' settings.

        A dataset is in memory for a moment, for the rows that it keeps.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim: Width of the latents: 64 (authors' code); for tables as many
                as features, from 8 to 64 (ours).
            width: Filters of the widest layers. Default: 1024 (authors' code), 256 for
                small networks, 512 for medium ones; tables take at most 256 units.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            encoder_step: See the class. Default: not for images above 32 pixels, as
                the authors for CelebA.
            pretrain_rows: See the class. Default: 1,000, and for images above 32
                pixels 256 (authors' code: CelebA).
            lr: See the class. Default: 1e-5, for images above 32 pixels 5e-5
                (authors' code: MNIST, CelebA), for tables 1e-3 (ours).
            mmd_weight, ce_reduction, latent_oversampling, draws, pretrain_steps,
                rows_per_class, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        spec, is_large = data.spec, networks.is_large(data.spec.shape)
        width = width or WIDEST.get(size_of(spec, size), networks.WIDTH)
        if latent_dim is None:
            most = networks.LATENT_DIM
            latent_dim = most if spec.is_image else min(most, max(8, spec.num_features))
        defaults = {
            "encoder_step": not is_large,
            "pretrain_rows": 256 if is_large else 1000,
            "lr": 5e-5 if is_large else 1e-5 if spec.is_image else 1e-3,
        }
        model = cls.for_data(
            data,
            _networks(spec, latent_dim, width, data.seed),
            **cls.options.given(locals(), defaults),
        )
        model.bank.fill(data.x, data.y)
        return model

    def compile(self, e_optimizer=None, c_optimizer=None, g_optimizer=None, **kwargs):
        """Sets one optimizer an update; by default Adam with `lr` and .5.

        Args:
            e_optimizer: Moves the encoder alone, in pre-training and before each
                joint update.
            c_optimizer: Moves the label head alone, on oversampled latents.
            g_optimizer: Moves all networks together.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "e_optimizer": e_optimizer or self._adam(),
            "c_optimizer": c_optimizer or self._adam(),
            "g_optimizer": g_optimizer or self._adam(),
        }
        self.compile_players(optimizers, **kwargs)

    def _adam(self):
        return Adam(self.lr, beta_1=0.5)

    def player_variables(self):
        variables = {}
        if self.encoder_step or self.pretrain_steps:
            variables["e_optimizer"] = self.encoder_variables
        if self.latent_oversampling:
            variables["c_optimizer"] = self.classifier_head.trainable_variables
        variables["g_optimizer"] = trainable(
            self.trunk, self.posterior, self.decoder, self.classifier_head
        )
        return variables

    @property
    def encoder_variables(self):
        return trainable(self.trunk, self.posterior)

    @property
    def latent_dim(self):
        return self.noise_dim - 1

    # Training.

    def on_stage_begin(self, stage):
        if self.training_data is not None:
            pretrain_encoder(self, self.training_data)
            if not self.bank.is_filled:
                self.bank.fill(self.training_data)

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        if self.encoder_step:
            self._encoder_step(x, one_hot)
        losses, mean, scale = self._joint_step(x, one_hot)
        if self.latent_oversampling:
            losses["oversampled_c_loss"] = self._head_step(mean, scale, one_hot)
        return self.finish_step(**losses)

    def _encoder_step(self, x, one_hot):
        variables = self.encoder_variables
        with watching(variables) as tape:
            losses, *_ = self._objective(x, one_hot, "encoder")
        self.minimize(losses["loss"], tape, variables, self.e_optimizer)

    def _joint_step(self, x, one_hot):
        variables = self.player_variables()["g_optimizer"]
        with watching(variables) as tape:
            losses, mean, scale = self._objective(x, one_hot, "joint")
        self.minimize(losses["loss"], tape, variables, self.g_optimizer)
        return losses, mean, scale

    def _objective(self, x, one_hot, tag):
        """The loss L and its parts, and the posterior of the batch."""
        mean, scale = self._posterior(x, one_hot, training=True)
        rows, width = num_rows(x), self.latent_dim
        latent = reparameterize(mean, scale, self.normal(rows, width, tag))
        prior = self.normal(rows, width, f"{tag}_prior")
        # Of the whole batch: a discrepancy is no mean over replicas.
        mmd = imq_mmd(all_rows(latent), all_rows(prior))
        decoded = tf.cast(self.decoder(latent, training=True), tf.float32)
        errors = tf.reshape(tf.math.squared_difference(x, decoded), (rows, -1))
        reconstruction = 0.5 * tf.reduce_mean(tf.reduce_sum(errors, -1))
        logits = self.classifier_head(latent, training=True)
        surprise = tf.reduce_mean(cross_entropy_loss(logits, one_hot))
        ce = surprise
        if self.ce_reduction == "sum":
            replicas, _ = replica_context()
            ce *= tf.cast(rows * replicas, tf.float32)
        losses = {
            "loss": reconstruction + self.mmd_weight * mmd + ce,
            "reconstruction_loss": reconstruction,
            "mmd_loss": mmd,
            "c_loss": surprise,
        }
        return losses, mean, scale

    def _head_step(self, mean, scale, one_hot):
        """One update on latents in which small classes come more often."""
        repeats = self.repeats
        copies = min(_MOST_COPIES, int(np.ceil(repeats.max())))
        rows, width = num_rows(mean), self.latent_dim
        noise = self.normal(rows, copies * width, "oversampled")
        noise = tf.reshape(noise, (rows, copies, width))
        latent = reparameterize(mean[:, None], scale[:, None], noise)
        latent = tf.stop_gradient(tf.reshape(latent, (-1, width)))
        weights = tf.linalg.matvec(one_hot, tf.constant(repeats, tf.float32))
        labels = tf.repeat(one_hot, copies, axis=0)
        replicas, _ = replica_context()
        total = tf.reduce_sum(all_rows(weights))
        variables = self.classifier_head.trainable_variables
        with watching(variables) as tape:
            logits = self.classifier_head(latent, training=True)
            losses = tf.reshape(cross_entropy_loss(logits, labels), (rows, copies))
            # This replica's share of the mean over all repeated latents.
            surprise = tf.reduce_sum(weights * tf.reduce_mean(losses, -1))
            surprise *= tf.cast(replicas, tf.float32) / total
            loss = surprise * total if self.ce_reduction == "sum" else surprise
        self.minimize(loss, tape, variables, self.c_optimizer)
        return surprise

    @property
    def repeats(self):
        """How often the head's update draws a latent of each class, float64."""
        counts = np.array(self.spec.class_counts, "float64")
        if self.pre_oversample:  # nothing is missing in what it is trained on
            counts[:] = counts.max()
        return 1.0 + self.latent_oversampling * (counts.max() - counts) / counts

    def _posterior(self, x, one_hot, training):
        features = self.trunk(x, training=training)
        return self.posterior([features, one_hot], training=training)

    def draw_latent(self, x, one_hot, noise, training=True):
        """Draws from the posterior of samples as the networks take them."""
        return reparameterize(*self._posterior(x, one_hot, training), noise)

    # Validation and sampling.

    def test_step(self, data):
        x, one_hot = self.real_batch(data)
        probabilities = self.prediction(x)
        loss = -tf.reduce_sum(one_hot * tf.math.log(probabilities + 1e-30), -1)
        return validate(self.val_metrics, data[1], probabilities, loss)

    @property
    def metrics(self):
        return super().metrics + self.val_metrics

    def _raw_input_classifier(self):
        if self.column_mean is None:
            low, high = self.spec.value_range
            start, end = self.model_range
            scale = (end - start) / (high - low)
            offset = start - low * scale
        else:
            scale = [1.0 / width for width in self.column_scale]
            offset = [-m * s for m, s in zip(self.column_mean, scale, strict=True)]
        dtype = self.spec.dtype if self.spec.dtype == "uint8" else "float32"
        inputs = keras.Input(self.spec.shape, dtype=dtype)
        x = keras.layers.Rescaling(scale, offset, dtype="float32")(inputs)
        if self.decoder_shape != self.spec.shape:
            x = keras.layers.Reshape(self.decoder_shape)(x)
        return keras.Model(inputs, self.prediction(x), name="classifier")

    def latent(self, noise, labels):
        """Draws from the posteriors of random kept rows of the classes."""
        # The last number tells which row, by its place among normal numbers.
        place = 0.5 * tf.math.erfc(-noise[:, -1] * 2.0**-0.5)
        x, one_hot = self.real_batch((self.bank.at(place, labels), labels))
        return self.draw_latent(x, one_hot, noise[:, :-1], training=False)

    def generate(self, latent, labels):
        del labels  # the latent holds the class
        return tf.cast(self.decoder(latent, training=False), tf.float32)


def _networks(spec, latent_dim, width, seed):
    trunk = networks.trunk(spec.shape, seed, width)
    sizes = (trunk.output_shape[-1], spec.num_classes, latent_dim)
    stddev = networks.STDDEV if spec.is_image else None
    return {
        "trunk": trunk,
        "posterior": networks.posterior(*sizes, seed, stddev),
        "decoder": networks.decoder(spec.shape, latent_dim, seed, width),
        "classifier_head": networks.label_head(
            spec.shape, latent_dim, spec.num_classes, seed
        ),
    }
