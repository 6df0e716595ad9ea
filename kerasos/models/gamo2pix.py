"""GAMO2pix: images from the feature vectors of a convolutional GAMO.

Mullick, Datta, Das, ICCV 2019, section 3.4. GAMO generates features h = F(image). For
each class i that it generates, a head and a decoder learn the way back, from the real
images x of the class alone, with F at rest:

    mu, log s^2 = head_i(F(x)),   z = mu + s eps,   x' = decoder_i(z)
    min  sum_pixels (x - x')^2 + KL(N(mu, s^2) || N(0, I))      mean over the batch
    sample:  h = G(z' | i),   z from head_i(h) as above,   decoder_i(z)

Three stages in one `fit`: the two of GAMO in turn, then the decoders, where each step
takes a batch of every class. With `decoder="began"` (the paper's future work) decoder i
is the generator of a BEGAN, without a head: see `gamo2pix_began.py`.

Departures from the authors' code, each with its reason:
- s = exp(log s^2 / 2) everywhere. The code samples with exp(log s^2), while its
  divergence takes the same output for a log-variance.
- The batches of the decoders are drawn with replacement, from the images that are
  GAMO's anchors: every image of the class, up to `max_anchors`. So the model needs no
  pass over the data for a class of 40 images, and a resumed run draws alike.
- One Adam holds the moments of all decoders; they share no weight, so each moves as it
  would alone.
"""

import keras
import numpy as np
import tensorflow as tf

from kerasos.models.base import OversamplingModel
from kerasos.models.gamo import GAMO, adam, gamo_optimizers
from kerasos.models.gamo2pix_began import BeganDecoders
from kerasos.models.gamo2pix_build import build
from kerasos.models.gamo2pix_vae import VariationalDecoders
from kerasos.random import replica_context
from kerasos.registry import register_method
from kerasos.seeds import fresh_seed

BATCHES = {"vae": 32, "began": 16}


@register_method("gamo2pix")
class GAMO2pix(VariationalDecoders, BeganDecoders, GAMO):
    """Trains a convolutional GAMO, then decoders from its features to images.

    `GAMO2pix.from_data(x, y)` builds the networks of the paper; the constructor takes
    your own. `fit` runs all stages: `gamo_rounds` times an epoch of the extractor and
    one of GAMO's players, and all later epochs train the decoders. The classifier is
    GAMO's.

    Args:
        generator: As in `GAMO`, but not the ablation cG: it has no anchors.
        classifier_head: As in `GAMO`.
        discriminator: As in `GAMO`.
        feature_extractor: As in `GAMO`; needed.
        decoders: List of Keras models to images in [-1, 1], one a generated class in
            the order of labels; or one for all, which takes a list of two inputs, the
            second the one-hot label.
        heads: List like `decoders` of Keras models from features to mean and
            log-variance; the decoders take the latent. None: BEGAN, whose decoders
            take the features.
        critics: For BEGAN, a list like `decoders` of autoencoders of images (without
            label); None otherwise.
        gamo_rounds: Pairs of epochs of GAMO, 89: 25,000 steps of batches of 32 of
            9,000 images (paper). 0 for networks that are trained already; they then
            stay as they are.
        decoder_epochs: Epochs after these that `fit` runs when it is not told how
            many, 89 likewise.
        decoder_batch: Images of a class in a step, over all replicas; None for the
            papers' 32 (VAE) or 16 (BEGAN).
        diversity: BEGAN's gamma, 0.5.
        pair_weight: BEGAN's beta, 1 (ours): weight of the distance between a real
            image and what is decoded from its features.
        **kwargs: Those of `GAMO`.

    Raises:
        ValueError: If networks do not fit together, or an option is unknown.

    Example:

    >>> model = kerasos.GAMO2pix.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32))  # 178 + 89 epochs
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mullick, Datta, Das. Generative Adversarial Minority Oversampling,
        ICCV 2019. Berthelot, Schumm, Metz. BEGAN: Boundary Equilibrium Generative
        Adversarial Networks, 2017.
    """

    def __init__(
        self,
        generator,
        classifier_head,
        discriminator,
        *,
        feature_extractor,
        decoders,
        heads=None,
        critics=None,
        gamo_rounds=89,
        decoder_epochs=89,
        decoder_batch=None,
        diversity=0.5,
        pair_weight=1.0,
        **kwargs,
    ):
        _check_counts(gamo_rounds, decoder_epochs, decoder_batch)
        _check_gamo(generator, feature_extractor)
        if not gamo_rounds:
            for network in (generator, classifier_head, discriminator):
                if network is not None:
                    network.trainable = False
            feature_extractor.trainable = False
        super().__init__(
            generator,
            classifier_head,
            discriminator,
            feature_extractor=feature_extractor,
            **kwargs,
        )
        _check_networks(decoders, heads, critics, len(generator.labels))
        self.produces_samples = True
        self.stages = (*self.stages, "decoder") if gamo_rounds else ("decoder",)
        self.stage = self.stages[0]
        self.decoder = "began" if heads is None else "vae"
        self.decoders, self.heads, self.critics = decoders, heads, critics
        self.gamo_rounds, self.decoder_epochs = int(gamo_rounds), int(decoder_epochs)
        self.decoder_batch = decoder_batch
        self.diversity, self.pair_weight = float(diversity), float(pair_weight)
        self.shared = len(decoders[0].inputs) == 2
        labels = sorted(generator.labels)
        self.parts = [labels] if self.shared else [[label] for label in labels]
        if self.decoder == "vae":
            self.pix_latent_dim = decoders[0].inputs[0].shape[-1]
            self.track("reconstruction_loss", "kl_loss")
        else:
            self.pix_latent_dim = 0
            self.kept_decoders = [keras.models.clone_model(d) for d in decoders]
            for kept, own in zip(self.kept_decoders, decoders, strict=True):
                kept.set_weights(own.get_weights())
                kept.trainable = False
            self._make_balances(decoders)
            self.track("pix_loss", "pix_d_loss", "convergence")
        self.noise_dim = generator.latent_dim + self.pix_latent_dim

    @classmethod
    def from_data(cls, x, y=None, *, seed=None, **options):
        """Builds and compiles GAMO2pix for images, with the paper's settings.

        Args:
            x: Images `(n, height, width, channels)`, or a `tf.data.Dataset` of
                `(x, y)`, which is read once.
            y: Integer labels `0..num_classes - 1`.
            seed: Integer behind weights and noise.
            **options: Those of the constructor, of `GAMO.from_data` without
                `variant`, and:
                gamo: A trained convolutional `GAMO`, or the path of a saved one, that
                    was built from these data: its networks and anchors are copied,
                    and `fit` trains the decoders alone. None: `fit` trains one first.
                decoder: "vae" (default; paper) or "began".
                shared: Ours: one decoder for all classes, which is told the label,
                    instead of one a class. For many classes: memory and time of a
                    step then do not grow with their number. Default False.
                pix_latent_dim: Width of the VAE's latent, 100.
                filters: Filters of BEGAN's networks, 64.

        Returns:
            A compiled `GAMO2pix`.

        Raises:
            TypeError: If an option is unknown, or `gamo` is no GAMO.
            ValueError: If the data are not fit to train on, are balanced or no
                images, or `gamo` was built for other data.
        """
        networks, settings, images = build(x, y, seed, options)
        model = cls(*networks, **settings)
        model.anchor_images.assign(images.numpy())
        model.compile()
        return model

    def compile(
        self,
        c_optimizer=None,
        d_optimizer=None,
        g_optimizer=None,
        e_optimizer=None,
        g_d_optimizer=None,
        pix_optimizer=None,
        pix_d_optimizer=None,
        **kwargs,
    ):
        """Sets one optimizer a player; by default those of the papers.

        Args:
            c_optimizer, d_optimizer, g_optimizer, e_optimizer, g_d_optimizer: As in
                `GAMO`; of no effect where it is trained already.
            pix_optimizer: Moves heads and decoders: Adam 2e-4 and .5, or for BEGAN
                8e-5 and .9.
            pix_d_optimizer: Moves the critics of BEGAN: Adam 8e-5 and .9.
            **kwargs: As in `GAMO`.
        """
        began = self.decoder == "began"
        fresh = _began_adam if began else adam
        optimizers = gamo_optimizers(
            c_optimizer, d_optimizer, g_optimizer, e_optimizer, g_d_optimizer
        )
        optimizers["pix_d_optimizer"] = pix_d_optimizer or fresh()
        optimizers["pix_optimizer"] = pix_optimizer or fresh()
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        variables = super().player_variables() if self.gamo_rounds else {}
        if self.decoder == "began":
            variables["pix_d_optimizer"] = _trainable(self.critics)
        variables["pix_optimizer"] = _trainable([*(self.heads or []), *self.decoders])
        return variables

    # Stages.

    def stage_at(self, epoch):
        return self.stages[epoch % 2] if epoch < 2 * self.gamo_rounds else "decoder"

    def on_stage_begin(self, stage):
        if stage != "features":
            self.refresh_anchors()

    def fit(self, x=None, y=None, batch_size=None, epochs=None, **kwargs):
        """Trains through all stages; see `OversamplingModel.fit`.

        Args:
            x, y, batch_size: As there, for GAMO's stages. The decoders take batches
                of their own from the anchors; an epoch has as many steps.
            epochs: All stages together, `2 gamo_rounds + decoder_epochs` by default.
                Of another number the first `2 gamo_rounds` train GAMO; one that ends
                with them warns.
            **kwargs: The other arguments of `OversamplingModel.fit`.

        Returns:
            A `keras.callbacks.History`.
        """
        if epochs is None:
            epochs = 2 * self.gamo_rounds + self.decoder_epochs
        return super().fit(x, y, batch_size, epochs, **kwargs)

    # Training.

    def train_step(self, data):
        if self.stage != "decoder":
            return super().train_step(data)
        step = self._vae_step if self.decoder == "vae" else self._began_step
        return self.finish_step(**step())

    def _real_batch(self, part):
        """Anchors of a part's classes: images, their features, their labels."""
        replicas, _ = replica_context()
        rows = -(-(self.decoder_batch or BATCHES[self.decoder]) // replicas)
        labels = self.parts[part]
        uniform = self.uniform(rows, f"images_{part}", width=2)
        counts = [self.generator.anchor_counts[label] for label in labels]
        slot = _pick(uniform[:, 0], len(labels))
        place = _pick(uniform[:, 1], tf.gather(tf.constant(counts), slot))
        place += tf.gather(tf.constant(np.cumsum([0, *counts[:-1]]), tf.int32), slot)
        features = [self.generator.get_anchors(label) for label in labels]
        features = features[0] if len(labels) == 1 else tf.concat(features, 0)
        start = sum(self.generator.anchor_counts[: labels[0]])
        images = tf.gather(tf.convert_to_tensor(self.anchor_images), start + place)
        labels = tf.gather(tf.constant(labels, tf.int32), slot)
        return self.to_model(images), tf.gather(features, place), labels

    def _run(self, network, rows, labels):
        if self.shared:
            rows = [rows, tf.one_hot(labels, self.spec.num_classes)]
        return network(rows)

    # Sampling.

    @property
    def sample_shape(self):
        return self.spec.shape

    @property
    def sample_dtype(self):
        return self.spec.dtype

    def generate(self, latent, labels):
        width = self.generator.latent_dim
        features = self.generator(latent[:, :width], labels, training=False)
        return self._paint(features, latent[:, width:], labels)

    def _paint(self, features, noise, labels):
        """Images of features, each row by the decoder of its class."""
        if len(self.parts) == 1:
            return self._paint_part(0, features, noise, labels)
        count = len(self.parts)
        slot_of = np.zeros(self.spec.num_classes, "int32")
        slot_of[sorted(self.generator.labels)] = np.arange(count)
        slot = tf.gather(tf.constant(slot_of), labels)
        # One more row each: convolutions of nothing have been seen to lose shape.
        slot = tf.concat([slot, tf.range(count)], 0)
        rows = tf.shape(labels)[0]
        split = [
            tf.dynamic_partition(values, slot, count)
            for values in (
                tf.pad(features, [[0, count], [0, 0]]),
                tf.pad(noise, [[0, count], [0, 0]]),
                tf.pad(labels, [[0, count]]),
                tf.range(rows + count),
            )
        ]
        images = [
            tf.cast(self._paint_part(part, *values), tf.float32)
            for part, (*values, _) in enumerate(zip(*split, strict=True))
        ]
        images = tf.dynamic_stitch(split[-1], images)[:rows]
        return tf.reshape(images, (-1, *self.spec.shape))

    def _paint_part(self, part, features, noise, labels):
        if self.decoder == "vae":
            return self._vae_paint(part, features, noise, labels)
        return self._run(self.kept_decoders[part], features, labels)

    def to_user(self, samples):
        samples = tf.clip_by_value(tf.cast(samples, tf.float32), *self.model_range)
        return OversamplingModel.to_user(self, samples)

    def reconstruct(self, x, y, seed=None, batch_size=512):
        """Decodes the features of real images, where `sample` decodes GAMO's.

        What is lost here is the decoder's part of a bad sample, the rest is GAMO's.
        The VAE draws from the posterior: its mean alone is nothing that the decoder
        has seen, where the posterior is wide.

        Args:
            x: Images `(n, height, width, channels)` in the user's units.
            y: Labels `(n,)`, of classes that are generated.
            seed: Integer for the draws; None draws one.
            batch_size: Images decoded at once.

        Returns:
            Array like `x`.
        """
        x, y = np.asarray(x), self._check_sampled_labels(y)
        self.spec.check_compatible(x, y)
        result = np.empty_like(x)
        source = np.random.default_rng(fresh_seed() if seed is None else seed)
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            labels = tf.constant(y[rows])
            features = self._features(self.to_model(x[rows]))
            shape = (len(features), self.pix_latent_dim)
            noise = tf.constant(source.standard_normal(shape, dtype="float32"))
            result[rows] = self.to_user(self._paint(features, noise, labels))
        return result

    # Saving.

    def get_config(self):
        config = super().get_config()
        for name in ("decoders", "heads", "critics"):
            found = getattr(self, name)
            config[name] = found and [
                keras.saving.serialize_keras_object(network) for network in found
            ]
        for name in ("gamo_rounds", "decoder_epochs", "decoder_batch"):
            config[name] = getattr(self, name)
        config.update(diversity=self.diversity, pair_weight=self.pair_weight)
        return config


def _pick(uniform, count):
    """Integers in [0, count) from uniforms in [0, 1)."""
    place = tf.cast(uniform * tf.cast(count, tf.float32), tf.int32)
    return tf.minimum(place, count - 1)


def _trainable(models):
    return [variable for model in models for variable in model.trainable_variables]


def _began_adam():
    return keras.optimizers.Adam(8e-5)


def _check_gamo(generator, feature_extractor):
    if feature_extractor is None or not hasattr(generator, "anchor_counts"):
        raise ValueError(
            "GAMO2pix needs a feature extractor and a generator with anchors, whose "
            "images the decoders learn from. Received: feature_extractor="
            f"{feature_extractor}, generator={type(generator).__name__}. Leave out "
            "`generator='conditional'`."
        )


def _check_counts(gamo_rounds, decoder_epochs, decoder_batch):
    for name, value, least in (
        ("gamo_rounds", gamo_rounds, 0),
        ("decoder_epochs", decoder_epochs, 1),
        ("decoder_batch", 2 if decoder_batch is None else decoder_batch, 2),
    ):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(
                f"`{name}` must be an integer of at least {least}. Received: "
                f"{name}={value!r}."
            )


def _check_networks(decoders, heads, critics, num_labels):
    if (heads is None) is (critics is None):
        raise ValueError(
            "GAMO2pix takes either `heads` (VAE) or `critics` (BEGAN). Received: "
            f"{'neither' if heads is None else 'both'}."
        )
    others = critics if heads is None else heads
    if len(decoders) not in (1, num_labels) or len(others) != len(decoders):
        raise ValueError(
            f"There must be one decoder for all or one for each of {num_labels} "
            "classes, and as many heads or critics. Received: "
            f"{len(decoders)} decoders and {len(others)} others."
        )
