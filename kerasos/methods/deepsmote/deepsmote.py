"""DeepSMOTE: an autoencoder, and SMOTE between its latents.

Dablain, Krawczyk, Chawla, 2021 (IEEE Transactions on Neural Networks and Learning
Systems), with the networks and settings of the authors' code. Images in [-1, 1]. Each
step takes a batch x and up to 100 samples c of one class drawn at random:

    L = mean (dec(enc(x)) - x)^2  +  mean (dec(stop(enc(c'))) - c')^2

c' is c moved on by one place. The second term trains the decoder alone, and on each
class alike. The paper's algorithm compares with c instead, `permute_target=False`: the
decoder then has to turn the latent of one image into another of its class. The code
moves both (default), so the order plays no part. New samples are decoded points between
a latent and one of its k = 5 nearest in the class.

Departures from the code, each with its reason:
- The shapes are fixed: of a class of fewer than 100 samples each comes in turn until
  there are 100. A class of one sample, where batch normalisation leaves nothing of its
  latent, is not drawn.
- The model keeps the rows that c and the neighbours are taken from, at most
  `rows_per_class`, so that memory and search are bounded and a saved model needs no
  data.
- Tables, and images of 16 pixels and less, get networks of ours.
"""

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Seed, Whole, checked
from kerasos.layers.resting_weight import resting_weight
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import ConditionalModel
from kerasos.methods.deepsmote import networks
from kerasos.methods.deepsmote.latent_smote import LatentSMOTE
from kerasos.methods.shared.row_bank import RowBank
from kerasos.networks.image_size import WIDEST, Size, size_of
from kerasos.networks.mlp import leaky_mlp
from kerasos.randomness.draws import portable_uniform, replica_context
from kerasos.registry import register_method
from kerasos.traced import traced_by_rows

PENALTY_SIZE = 100
ROWS_PER_CLASS = 2000


@register_method("deepsmote")
class DeepSMOTE(ConditionalModel):
    """Trains an autoencoder and puts new samples between latents of one class.

    `DeepSMOTE.from_data(x, y)` builds the networks of the authors' code; the
    constructor takes your own. The code trains for 200 epochs of batches of 100. `fit`
    ends with the weights of the epoch that had the lowest training loss.

    `latent(noise, labels)` maps three columns of noise to a row, one of its neighbours
    and a place between them, and so to a latent; `generate` and the exported signature
    `from_latent` take the latent itself. Latents of the kept rows are those of the
    encoder as it was at the last `refresh`: when the rows were put, at the end of
    `fit`, and when samples are drawn, predicted or exported after a step.

    Rows of tables keep the correlations, missing rates and categories of their class;
    as of all points between neighbours their spread is smaller, by a tenth.

    Args:
        encoder: Keras model from samples to latents.
        decoder: Keras model from latents to samples.
        k_neighbors: Neighbours of SMOTE, 5 (authors' code). A class of as many samples
            or fewer takes all others of it, with a warning; a class of one sample
            repeats it, with a warning.
        rows_per_class: Ours: rows of a class that the model keeps at most, 2,000;
            drawn at random where there are more.
        min_anchors: Ours, off (0) by default, for images: a class with fewer gets
            shifted, turned and zoomed copies of its images up to this number, which
            count as samples of it in the second term and in SMOTE.
        penalty_size: Samples of the class in the second term, 100 (authors' code);
            never more than the largest class has rows. Rounded up to a multiple of the
            replicas.
        permute_target: Whether the second term compares with the samples in the order
            of their latents (authors' code, the default), or with those one place
            before (False, the paper's algorithm).
        keep_best: Whether `fit` ends with the weights of its best epoch. Default True
            (authors' code).
        **kwargs: Those of `ConditionalModel`, among them `spec`, `seed` and
            `pre_oversample`.

    Example:

    >>> model = kerasos.DeepSMOTE.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 100), epochs=200)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Dablain, Krawczyk, Chawla. DeepSMOTE: Fusing Deep Learning and SMOTE for
        Imbalanced Data, 2021.
    """

    @checked
    def __init__(
        self,
        encoder,
        decoder,
        *,
        k_neighbors: Count = 5,
        rows_per_class: Count = ROWS_PER_CLASS,
        min_anchors: Whole = 0,
        penalty_size: Count = PENALTY_SIZE,
        permute_target: bool = True,
        keep_best: bool = True,
        model_range=(-1.0, 1.0),
        **kwargs,
    ):
        super().__init__(
            noise_dim=LatentSMOTE.noise_dim, model_range=model_range, **kwargs
        )
        self.encoder = encoder
        self.decoder = decoder
        self.decoder_shape = decoder.output_shape[1:]
        self.k_neighbors = int(k_neighbors)
        self.penalty_size = int(penalty_size)
        self.permute_target = bool(permute_target)
        self.keep_best = bool(keep_best)
        self.rows_per_class = int(rows_per_class)
        self.min_anchors = int(min_anchors)
        self.bank = RowBank(self, rows_per_class, self.min_anchors)
        self.between = LatentSMOTE(
            self.bank.counts, self.latent_dim, self.k_neighbors, name="between"
        )
        # The step whose encoder made the latents.
        self.refreshed_at = self.add_counter("refreshed_at")
        if self.keep_best:
            # Keras counts what is in this list among the model's own weights.
            self.best_of = [*encoder.weights, *decoder.weights]
            self.best = BestEpoch(self, self.best_of)
        self.track("loss", "reconstruction_loss", "penalty_loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count | None = None,
        filters: Count = networks.FILTERS,
        k_neighbors=5,
        rows_per_class=ROWS_PER_CLASS,
        min_anchors=0,
        penalty_size=PENALTY_SIZE,
        permute_target=True,
        keep_best=True,
        pre_oversample=False,
        size: Size | None = None,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for a data set, as in the authors' code.

        A dataset is in memory for a moment, for the rows that it keeps.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim: Width of the latents. Default: 300 up to 28 pixels, 600 for
                larger images (authors' code), 128 for small networks and 256 for
                medium ones, never more than a sample has values.
            filters: Filters of the first convolution of the paper's size, 64 (authors'
                code).
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            k_neighbors, rows_per_class, min_anchors, penalty_size, permute_target,
                keep_best, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        spec, seed = data.spec, data.seed
        counts = np.maximum(spec.class_counts, min_anchors)
        small = np.flatnonzero((counts > 1) & (counts <= k_neighbors)).tolist()
        if small:
            names = spec.label_names
            small = small if names is None else [names[label] for label in small]
            warnings.warn(
                f"Labels {small} have too few samples for k_neighbors="
                f"{k_neighbors}, which takes {k_neighbors + 1}. All others "
                "of the class are neighbours there.",
                stacklevel=3,
            )
        widest = 600 if spec.is_image and max(spec.shape[:2]) > 28 else 300
        size = size_of(spec, size)
        widest = WIDEST[size] // 2 if size in WIDEST else widest
        latent_dim = latent_dim or min(widest, spec.num_features)
        if spec.is_image:
            encoder = networks.encoder(spec.shape, latent_dim, seed, filters, size=size)
            decoder = networks.decoder(spec.shape, latent_dim, seed, filters, size=size)
        else:
            width = spec.num_features
            encoder = leaky_mlp(width, latent_dim, seed, "encoder", slope=0.2)
            units = (128, 256)
            decoder = leaky_mlp(latent_dim, width, seed, "decoder", units, slope=0.2)
        model = cls.for_data(
            data,
            {"encoder": encoder, "decoder": decoder},
            **cls.options.given(locals()),
        )
        model.bank.fill(data.x, data.y)
        model.refresh(force=True)
        return model

    @property
    def latent_dim(self):
        return self.decoder.input_shape[-1]

    def compile(self, d_optimizer=None, e_optimizer=None, **kwargs):
        """Sets an optimizer a network; by default the code's Adam, 2e-4.

        Args:
            d_optimizer: Moves the decoder.
            e_optimizer: Moves the encoder.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "d_optimizer": d_optimizer or Adam(2e-4),
            "e_optimizer": e_optimizer or Adam(2e-4),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        return {
            "d_optimizer": self.decoder.trainable_variables,
            "e_optimizer": self.encoder.trainable_variables,
        }

    # Training.

    def fit(self, *args, **kwargs):
        """Trains, and ends with the best epoch; see `OversamplingModel.fit`."""
        history = super().fit(*args, **kwargs)
        if self.keep_best:
            self.best.restore()
        self.refresh(force=True)
        return history

    def on_stage_begin(self, stage):
        if self.training_data is not None and not self.bank.is_filled:
            self.bank.fill(self.training_data)
            self.refresh(force=True)

    def on_epoch_start(self, epoch):
        if self.keep_best:
            self.best.begin(epoch)

    def train_step(self, data):
        x, _ = self.real_batch(data)
        variables = self.player_variables()
        with (
            watching(variables["d_optimizer"]) as d_tape,
            watching(variables["e_optimizer"]) as e_tape,
        ):
            decoded = self.decoder(self.encoder(x, training=True), training=True)
            reconstruction = mean_squared_error(decoded, x)
            penalty = self._penalty()
            loss = reconstruction + penalty
        for name, tape in (("d_optimizer", d_tape), ("e_optimizer", e_tape)):
            self.minimize(loss, tape, variables[name], getattr(self, name))
        if self.keep_best:
            self.best.note(loss)
        return self.finish_step(
            loss=loss, reconstruction_loss=reconstruction, penalty_loss=penalty
        )

    def _penalty(self):
        """The second term: one class, through the decoder alone."""
        drawn = self.draw_class_rows()
        if drawn is None:
            return tf.zeros(())
        current, following = (
            tf.reshape(self.to_model(rows), (-1, *self.decoder_shape)) for rows in drawn
        )
        latent = tf.stop_gradient(self.encoder(following, training=True))
        decoded = self.decoder(latent, training=True)
        return mean_squared_error(
            decoded, following if self.permute_target else current
        )

    def draw_class_rows(self):
        """Draws a class, and rows of it in a random order, for this step.

        Classes of one row are left out. A class with fewer than `penalty_size` rows
        repeats them in the same order.

        Returns:
            Two tensors of rows in the user's units: this replica's, and those one
            place further on, the last before the first. None if no class has two rows.
        """
        counts = np.array(self.bank.counts)
        labels = np.flatnonzero(counts > 1)
        if not len(labels):
            return None
        replicas, replica = replica_context()
        most = int(counts.max())
        size = -(-min(self.penalty_size, most) // replicas)
        place = len(labels) * self.shared_uniform("class")
        label = tf.gather(tf.constant(labels, tf.int32), tf.cast(place, tf.int32))
        count = tf.gather(tf.constant(counts, tf.int32), label)
        first = tf.gather(tf.constant(np.cumsum(counts) - counts, tf.int32), label)
        # A permutation of the class's rows: the places of the others come last.
        keys = portable_uniform((most,), self._step_seed("rows"))
        order = tf.argsort(tf.where(tf.range(most) < count, keys, 2.0))
        turn = tf.minimum(count, size * replicas)
        number = replica * size + tf.range(size)
        rows = tf.convert_to_tensor(self.bank.rows)
        return tuple(
            tf.gather(rows, first + tf.gather(order, (number + step) % turn))
            for step in (0, 1)
        )

    def test_step(self, data):
        x, _ = self.real_batch(data)
        decoded = self.decoder(self.encoder(x, training=False), training=False)
        loss = mean_squared_error(decoded, x)
        return self.finish_validation(num_rows(x), reconstruction_loss=loss)

    # Latents of the kept rows, and what looks at them.

    def refresh(self, force=False):
        """Encodes the rows with the present encoder, if it has moved since."""
        step = _number(self.steps_done)
        if not force and _number(self.refreshed_at) == step:
            return
        rows = keras.ops.convert_to_numpy(self.bank.rows)
        chunks = (rows[i : i + 512] for i in range(0, len(rows), 512))
        latents = [self._encode(chunk).numpy() for chunk in chunks]
        with self.distribute_strategy.scope():
            self.between.set_points(np.concatenate(latents))
            self.refreshed_at.assign(step)

    @functools.cached_property  # which Keras does not track: it is no state
    def _encode(self):
        def encode(rows):
            x = tf.reshape(self.to_model(rows), (-1, *self.decoder_shape))
            return tf.cast(self.encoder(x, training=False), tf.float32)

        return traced_by_rows(encode)

    def sample(self, *args: Any, **kwargs: Any) -> np.ndarray:
        self.refresh()
        return super().sample(*args, **kwargs)

    def make_predict_function(self, force=False):
        self.refresh()
        super().make_predict_function(force)

    def export(self, *args: Any, **kwargs: Any) -> str:
        self.refresh()
        return super().export(*args, **kwargs)

    def latent(self, noise, labels):
        """Points between neighbours, `(batch, latent_dim)`; see `LatentSMOTE`."""
        return self.between(noise, labels)

    def generate(self, latent, labels):
        del labels  # the latent holds the class
        return tf.cast(self.decoder(latent, training=False), tf.float32)


class BestEpoch:
    """Copies weights at the end of an epoch that was the best of its run so far.

    A run begins at epoch 0; one that goes on later, from a saved model or a backup,
    goes on comparing. All of it is saved with the model.

    Args:
        model: The `OversamplingModel` that owns the copies.
        weights: The float32 weights to copy.
    """

    def __init__(self, model, weights):
        self.model, self.weights = model, weights
        self.has_best = model.add_counter("has_best")
        self.loss = resting_weight(model, "best_loss")
        # The mean over replicas is the loss of the whole batch.
        self.epoch_loss = resting_weight(model, "epoch_loss", aggregation="mean")
        self.epoch_steps = model.add_counter("epoch_steps")
        size = sum(math.prod(weight.shape) for weight in weights)
        self.copy = resting_weight(model, "best_weights", (size,))

    def note(self, loss):
        """Adds the loss of a training step to that of its epoch."""
        self.epoch_loss.assign_add(loss)
        self.epoch_steps.assign_add(1)

    def begin(self, epoch):
        """Closes the epoch before; epoch 0 begins a run anew."""
        self._close_epoch()
        if epoch == 0:
            with self.model.distribute_strategy.scope():
                self.has_best.assign(0)

    def restore(self):
        """Puts the weights of the best epoch back."""
        self._close_epoch()
        if not _number(self.has_best):
            return
        values, first = keras.ops.convert_to_numpy(self.copy), 0
        with self.model.distribute_strategy.scope():
            for weight in self.weights:
                end = first + math.prod(weight.shape)
                weight.assign(values[first:end].reshape(weight.shape))
                first = end

    def _close_epoch(self):
        """Compares the epoch that has ended, and copies its weights if it is best."""
        steps = _number(self.epoch_steps)
        if not steps:
            return
        loss = _number(self.epoch_loss) / steps
        with self.model.distribute_strategy.scope():
            if not _number(self.has_best) or loss < _number(self.loss):
                self.has_best.assign(1)
                self.loss.assign(loss)
                parts = [keras.ops.convert_to_numpy(weight) for weight in self.weights]
                self.copy.assign(np.concatenate([part.ravel() for part in parts]))
            self.epoch_loss.assign(0.0)
            self.epoch_steps.assign(0)


def _number(variable):
    return keras.ops.convert_to_numpy(variable).item()


def mean_squared_error(values, targets):
    """Over all values of a batch, in float32."""
    values = tf.cast(values, tf.float32)
    return tf.reduce_mean(tf.math.squared_difference(values, targets))
