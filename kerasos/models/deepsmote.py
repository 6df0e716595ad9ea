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

import keras
import tensorflow as tf

from kerasos.layers.latent_smote import LatentSMOTE
from kerasos.models.best_epoch import BestEpoch
from kerasos.models.conditional import OPTIONS, ConditionalModel, latent_dim_of
from kerasos.models.deepsmote_rows import EncodedRows
from kerasos.models.training import watching
from kerasos.networks import deepsmote as networks
from kerasos.networks.mlp import leaky_mlp
from kerasos.registry import register_method
from kerasos.suggest import check_count

PENALTY_SIZE = 100
ROWS_PER_CLASS = 2000


@register_method("deepsmote")
class DeepSMOTE(BestEpoch, EncodedRows, ConditionalModel):
    """Trains an autoencoder and puts new samples between latents of one class.

    `DeepSMOTE.from_data(x, y)` builds the networks of the authors' code; the
    constructor takes your own. The code trains for 200 epochs of batches of 100. `fit`
    ends with the weights of the epoch that had the lowest training loss.

    `latent(noise, labels)` maps three columns of noise to a row, one of its neighbours
    and a place between them, and so to a latent; `generate` and the exported signature
    `from_latent` take the latent itself.

    Args:
        encoder: Keras model from samples to latents.
        decoder: Keras model from latents to samples.
        spec: `kerasos.data.DataSpec` of the training data.
        k_neighbors: Neighbours of SMOTE, 5 (authors' code). A class of as many samples
            or fewer takes all others of it, with a warning; a class of one sample
            repeats it, with a warning.
        rows_per_class: Ours: rows of a class that the model keeps at most, 2,000;
            drawn at random where there are more.
        penalty_size: Samples of the class in the second term, 100 (authors' code);
            never more than the largest class has rows. Rounded up to a multiple of the
            replicas.
        permute_target: Whether the second term compares with the samples in the order
            of their latents (authors' code, the default), or with those one place
            before (False, the paper's algorithm).
        keep_best: Whether `fit` ends with the weights of its best epoch. Default True
            (authors' code).
        pre_oversample: Whether `fit` first repeats random rows of the smaller classes
            until all are equal. Default False.
        seed: Integer behind all noise of training.
        **kwargs: `model_range`, `column_mean`, `column_scale`, `name`.

    `from_data` also takes:
        latent_dim: Width of the latents. Default: 300 up to 28 pixels, 600 for larger
            images (authors' code), never more than a sample has values.
        filters: Filters of the first convolution, 64 (authors' code).

    Raises:
        ValueError: If an option's value does not fit the data.

    Example:

    >>> model = kerasos.DeepSMOTE.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 100), epochs=200)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Dablain, Krawczyk, Chawla. DeepSMOTE: Fusing Deep Learning and SMOTE for
        Imbalanced Data, 2021.
    """

    options = (
        *OPTIONS,
        "k_neighbors",
        "rows_per_class",
        "penalty_size",
        "permute_target",
        "keep_best",
        "filters",
    )

    def __init__(
        self,
        encoder,
        decoder,
        *,
        k_neighbors=5,
        rows_per_class=ROWS_PER_CLASS,
        penalty_size=PENALTY_SIZE,
        permute_target=True,
        keep_best=True,
        **kwargs,
    ):
        check_count("k_neighbors", k_neighbors)
        check_count("penalty_size", penalty_size)
        kwargs.setdefault("model_range", (-1.0, 1.0))
        super().__init__(noise_dim=LatentSMOTE.noise_dim, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.decoder_shape = decoder.output_shape[1:]
        self.k_neighbors = int(k_neighbors)
        self.penalty_size = int(penalty_size)
        self.permute_target = bool(permute_target)
        self.keep_best = bool(keep_best)
        self.make_encoded_rows(rows_per_class)
        if self.keep_best:
            self.add_best_weights([*encoder.weights, *decoder.weights])
        self.track("loss", "reconstruction_loss", "penalty_loss")

    @classmethod
    def build_networks(cls, spec, seed, options):
        widest = 600 if spec.is_image and max(spec.shape[:2]) > 28 else 300
        latent_dim = latent_dim_of(options, min(widest, spec.num_features))
        filters = options.pop("filters", networks.FILTERS)
        check_count("filters", filters)
        if spec.is_image:
            encoder = networks.encoder(spec.shape, latent_dim, seed, filters)
            decoder = networks.decoder(spec.shape, latent_dim, seed, filters)
        else:
            width = spec.num_features
            encoder = leaky_mlp(width, latent_dim, seed, "encoder", slope=0.2)
            units = (128, 256)
            decoder = leaky_mlp(latent_dim, width, seed, "decoder", units, slope=0.2)
        return {"encoder": encoder, "decoder": decoder}, {}

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
            "d_optimizer": d_optimizer or keras.optimizers.Adam(2e-4),
            "e_optimizer": e_optimizer or keras.optimizers.Adam(2e-4),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        return {
            "d_optimizer": self.decoder.trainable_variables,
            "e_optimizer": self.encoder.trainable_variables,
        }

    @property
    def prefers_jit(self):
        # Measured at 28x28, one thread: XLA doubles the time of a step.
        return False

    def fit(self, *args, **kwargs):
        """Trains, and ends with the best epoch; see `OversamplingModel.fit`."""
        history = super().fit(*args, **kwargs)
        if self.keep_best:
            self.restore_best()
        self.refresh(force=True)
        return history

    # Training.

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
            self.note_loss(loss)
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

    def test_step(self, data):
        x, _ = self.real_batch(data)
        decoded = self.decoder(self.encoder(x, training=False), training=False)
        loss = mean_squared_error(decoded, x)
        self.tracker("reconstruction_loss").update_state(loss)
        return {"reconstruction_loss": self.tracker("reconstruction_loss").result()}

    # Sampling.

    def latent(self, noise, labels):
        """Points between neighbours, `(batch, latent_dim)`; see `LatentSMOTE`."""
        return self.between(noise, labels)

    def generate(self, latent, labels):
        del labels  # the latent holds the class
        return tf.cast(self.decoder(latent, training=False), tf.float32)

    def get_config(self):
        config = super().get_config()
        config.update(
            encoder=keras.saving.serialize_keras_object(self.encoder),
            decoder=keras.saving.serialize_keras_object(self.decoder),
            k_neighbors=self.k_neighbors,
            rows_per_class=self.rows_per_class,
            penalty_size=self.penalty_size,
            permute_target=self.permute_target,
            keep_best=self.keep_best,
        )
        return config


def mean_squared_error(values, targets):
    """Over all values of a batch, in float32."""
    values = tf.cast(values, tf.float32)
    return tf.reduce_mean(tf.math.squared_difference(values, targets))
