"""GAMO2pix: images from the feature vectors of a convolutional GAMO.

Mullick, Datta, Das, ICCV 2019, section 3.4. GAMO generates features h = F(image). For
each class i that it generates, a head and a decoder learn the way back, from the real
images x of the class alone, with F at rest:

    mu, log s^2 = head_i(F(x)),   z = mu + s eps,   x' = decoder_i(z)
    min  sum_pixels (x - x')^2 + KL(N(mu, s^2) || N(0, I))      mean over the batch
    sample:  h = G(z' | i),   z from head_i(h) as above,   decoder_i(z)

Three stages in one `fit`: the two of GAMO in turn, then the decoders, where each step
takes a batch of every class. With `decoder="began"` (the paper's future work) decoder i
is the generator of a BEGAN, without a head: see `began.py`.

Departures from the authors' code, each with its reason:
- s = exp(log s^2 / 2) everywhere. The code samples with exp(log s^2), while its
  divergence takes the same output for a log-variance.
- The batches of the decoders are drawn with replacement, from the images that are
  GAMO's anchors: every image of the class, up to `max_anchors`. So the model needs no
  pass over the data for a class of 40 images, and a resumed run draws alike.
- One Adam holds the moments of all decoders; they share no weight, so each moves as it
  would alone.
"""

import os
import warnings
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Integer, NonNegative, Seed, Whole, checked
from kerasos.data.sources import as_pairs, is_dataset
from kerasos.layers.gaussian import (
    kl_to_standard_normal,
    reparameterize,
    scale_of,
    squared_loss,
)
from kerasos.methods.base import Adam, OversamplingModel, read_data, watching
from kerasos.methods.gamo import gamo2pix_networks as networks
from kerasos.methods.gamo.began import BeganDecoders
from kerasos.methods.gamo.build import build
from kerasos.methods.gamo.gamo import (
    GAMO,
    AnchorShare,
    Bank,
    GeneratorKind,
    adam,
    gamo_optimizers,
)
from kerasos.networks.gamo import FEATURES
from kerasos.networks.image_size import Size, size_of
from kerasos.randomness.draws import replica_context
from kerasos.randomness.seeds import fresh_seed
from kerasos.registry import register_method

BATCHES = {"vae": 32, "began": 16}


@register_method("gamo2pix")
class GAMO2pix(GAMO):
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
        ValueError: If networks do not fit together, or an option's value is of no use.

    Example:

    >>> model = kerasos.GAMO2pix.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32))  # 178 + 89 epochs
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mullick, Datta, Das. Generative Adversarial Minority Oversampling,
        ICCV 2019. Berthelot, Schumm, Metz. BEGAN: Boundary Equilibrium Generative
        Adversarial Networks, 2017.
    """

    makes = ("images",)

    @checked
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
        gamo_rounds: Whole = 89,
        decoder_epochs: Count = 89,
        decoder_batch: Annotated[int, Integer(2)] | None = None,
        diversity: NonNegative = 0.5,
        pair_weight: NonNegative = 1.0,
        **kwargs,
    ):
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
            self.began = BeganDecoders(
                self,
                decoders,
                critics,
                self.kept_decoders,
                self.diversity,
                self.pair_weight,
            )
            self.track("pix_loss", "pix_d_loss", "convergence")
        self.noise_dim = generator.latent_dim + self.pix_latent_dim

    @classmethod
    @checked
    def from_data(  # type: ignore[override]  # options of its own
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        gamo=None,
        gamo_rounds=89,
        decoder: Literal[*BATCHES] = "vae",
        decoder_epochs=89,
        decoder_batch=None,
        shared: bool = False,
        pix_latent_dim: Count = networks.LATENT_DIM,
        filters: Count = 64,
        diversity=0.5,
        pair_weight=1.0,
        loss="ls",
        g_update="per_class",
        generator: GeneratorKind = "convex",
        discriminator: bool = True,
        latent_dim: Count = 100,
        size: Size | None = None,
        samples_per_class=None,
        fake_ratio=1.0,
        label_noise=0.1,
        anchor_share: AnchorShare = 0.0,
        max_anchors: Count = 4096,
        min_anchors: Whole = 0,
        bank: Bank = "random",
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles GAMO2pix for images, with the paper's settings.

        A dataset is in memory for a moment, for its anchors.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            gamo: A trained convolutional `GAMO`, or the path of a saved one, that was
                built from these data: its networks and anchors are copied, and `fit`
                trains the decoders alone. None: `fit` trains one first, with the
                options of `GAMO` below.
            decoder: "vae" (paper) or "began".
            shared: Ours: one decoder for all classes, which is told the label, instead
                of one a class. For many classes: memory and time of a step then do not
                grow with their number.
            pix_latent_dim: Width of the VAE's latent.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`; that of
                the decoders.
            filters: Filters of BEGAN's networks.
            gamo_rounds, decoder_epochs, decoder_batch, diversity, pair_weight: See the
                class.
            loss, g_update, generator, discriminator, latent_dim, samples_per_class,
                fake_ratio, label_noise, anchor_share, max_anchors, min_anchors, bank:
                As in `GAMO.from_data`.

        Raises:
            TypeError: If `gamo` is no GAMO.
            ValueError: If the data are balanced or no images, or `gamo` was built for
                others.
        """
        if gamo is None:
            data = read_data(x, y, seed, value_range, label_names)
            if not data.spec.is_image:
                raise ValueError(
                    "GAMO2pix makes images (height, width, channels). Received: "
                    f"samples of shape {data.spec.shape}. For rows take "
                    "`kerasos.GAMO`, whose own samples are rows."
                )
            variant = "conv"
            arguments, anchors = build(data, **cls.options.given(locals(), to=build))
        else:
            arguments, images = _copied(gamo, x, y)
            arguments["seed"] = fresh_seed(seed)
            _refuse_given(locals())
            gamo_rounds = 0
        chosen = size_of(arguments["spec"], size)
        kind = decoder, shared, pix_latent_dim, filters, chosen
        painters = _decoders(arguments, *kind)
        # Those of a trained GAMO go before the options of one to be trained.
        model = cls(**{**cls.options.given(locals()), **arguments}, **painters)
        if gamo is None:
            model.set_anchor_samples(anchors)
        else:  # whose generator has their features
            model.anchor_images.assign(images)
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

    def anchor_batch(self, part):
        """Anchors of a part's classes in this step: images, their features, labels."""
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

    def mixed_batch(self, part):
        """Images, features, labels, and which features are those of the images.

        Every other row has features that GAMO makes.
        """
        images, features, labels = self.anchor_batch(part)
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

    def _vae_step(self):
        variables = self.player_variables()["pix_optimizer"]
        batches = [self.anchor_batch(part) for part in range(len(self.parts))]
        with watching(variables) as tape:
            losses = [self._vae_losses(part, *b) for part, b in enumerate(batches)]
            squares, kl = (sum(terms) for terms in zip(*losses, strict=True))
            # Parts share nothing, so each gets the gradient of its own loss.
            loss = squares + kl
        self.minimize(loss, tape, variables, self.pix_optimizer)
        count = len(self.parts)
        return {"reconstruction_loss": squares / count, "kl_loss": kl / count}

    def _vae_losses(self, part, images, features, labels):
        mean, scale = self._posterior(part, features, labels)
        noise = self.normal(images.shape[0], self.pix_latent_dim, f"posterior_{part}")
        latent = reparameterize(mean, scale, noise)
        decoded = networks.run(self.decoders[part], latent, labels)
        squares = tf.reduce_mean(squared_loss(decoded, images))
        return squares, tf.reduce_mean(kl_to_standard_normal(mean, scale))

    def _posterior(self, part, features, labels):
        mean, log_variance = networks.run(self.heads[part], features, labels)
        return tf.cast(mean, tf.float32), scale_of(log_variance)

    def _began_step(self):
        batches = [self.mixed_batch(part) for part in range(len(self.parts))]
        d_loss, real, fake = self._critic_step(batches)
        loss = self._began_decoder_step(batches)
        convergence = self.began.follow(tf.stack(real), tf.stack(fake))
        return {
            "pix_loss": loss / len(batches),
            "pix_d_loss": d_loss / len(batches),
            "convergence": tf.reduce_mean(convergence),
        }

    def _critic_step(self, batches):
        variables = self.player_variables()["pix_d_optimizer"]
        fakes = [
            self.began.fake(part, features, labels)
            for part, (_, features, labels, _) in enumerate(batches)
        ]
        with watching(variables) as tape:
            real = [self.began.error(part, b[0]) for part, b in enumerate(batches)]
            fake = [self.began.error(part, images) for part, images in enumerate(fakes)]
            loss = self.began.critic_loss(real, fake)
        self.minimize(loss, tape, variables, self.pix_d_optimizer)
        return loss, real, fake

    def _began_decoder_step(self, batches):
        variables = self.player_variables()["pix_optimizer"]
        with watching(variables) as tape:
            loss = sum(self.began.decoder_loss(k, *b) for k, b in enumerate(batches))
        self.minimize(loss, tape, variables, self.pix_optimizer)
        return loss

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
        if self.decoder == "began":
            return networks.run(self.kept_decoders[part], features, labels)
        mean, scale = self._posterior(part, features, labels)
        latent = reparameterize(mean, scale, noise)
        return networks.run(self.decoders[part], latent, labels)

    def to_user(self, samples):
        samples = tf.clip_by_value(tf.cast(samples, tf.float32), *self.model_range)
        return OversamplingModel.to_user(self, samples)

    def reconstruct(
        self, x: ArrayLike, y: ArrayLike, seed: int | None = None, batch_size: int = 512
    ) -> np.ndarray:
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
        source = np.random.default_rng(fresh_seed(seed))
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            labels = tf.constant(y[rows])
            features = self._features(self.to_model(x[rows]))
            shape = (len(features), self.pix_latent_dim)
            noise = tf.constant(source.standard_normal(shape, dtype="float32"))
            result[rows] = self.to_user(self._paint(features, noise, labels))
        return result


def _pick(uniform, count):
    """Integers in [0, count) from uniforms in [0, 1)."""
    place = tf.cast(uniform * tf.cast(count, tf.float32), tf.int32)
    return tf.minimum(place, count - 1)


def _trainable(models):
    return [variable for model in models for variable in model.trainable_variables]


def _began_adam():
    return Adam(8e-5)


def _check_gamo(generator, feature_extractor):
    if feature_extractor is None or not hasattr(generator, "anchor_counts"):
        raise ValueError(
            "GAMO2pix needs a feature extractor and a generator with anchors, whose "
            "images the decoders learn from. Received: feature_extractor="
            f"{feature_extractor}, generator={type(generator).__name__}. Leave out "
            "`generator='conditional'`."
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


def _decoders(arguments, kind, shared, latent_dim, filters, size):
    """Returns the lists of networks that `GAMO2pix` takes beside those of `GAMO`."""
    spec, seed = arguments["spec"], arguments["seed"]
    names = ["all"] if shared else sorted(arguments["generator"].labels)

    def each(network, name, *sizes, **options):
        return [network(*sizes, name=f"{name}_{k}", **options) for k in names]

    def inputs(width):
        return (width, spec.num_classes) if shared else width

    if kind == "began":
        decoder = (spec.shape, inputs(FEATURES), seed, filters)
        critic = (spec.shape, seed, filters)
        return {
            "decoders": each(networks.began_generator, "decoder", *decoder),
            "critics": each(networks.began_autoencoder, "critic", *critic),
        }
    head = (inputs(FEATURES), latent_dim, seed)
    decoder = (spec.shape, inputs(latent_dim), seed)
    return {
        "heads": each(networks.posterior_head, "head", *head),
        "decoders": each(networks.vae_decoder, "decoder", *decoder, size=size),
    }


def _copied(gamo, x, y):
    """What the constructor takes of a copy of a trained GAMO, and its images."""
    if isinstance(gamo, (str, os.PathLike)) and os.path.exists(gamo):
        gamo = keras.saving.load_model(gamo)
    if not isinstance(gamo, GAMO) or isinstance(gamo, GAMO2pix):
        raise TypeError(
            "`gamo` must be a GAMO, or the path of a saved one. Received: "
            f"gamo={gamo!r}. Leave it out to train one first."
        )
    if not gamo.is_convolutional:
        raise ValueError(
            "`gamo` must generate features of images. Received: a dense GAMO, whose "
            "samples are images already. Train one with `variant='conv'`."
        )
    if is_dataset(x):
        gamo.spec.check_compatible(as_pairs(x))
    else:
        gamo.spec.check_compatible(x, gamo.spec.codes_of(y))
    if not gamo.is_trained:
        warnings.warn(
            "`gamo` has not been trained: its features say little. Call its `fit` "
            "first, or leave `gamo` out.",
            stacklevel=4,
        )
    copy = GAMO.from_config(gamo.get_config())
    copy.set_weights(gamo.get_weights())
    arguments = copy.get_config()
    del arguments["name"]
    arguments.update(
        generator=copy.generator,
        classifier_head=copy.classifier_head,
        discriminator=None,  # what is trained no more needs no judge
        feature_extractor=copy.feature_extractor,
        spec=copy.spec,
    )
    return arguments, copy.anchor_images.numpy()


def _refuse_given(values):
    options = GAMO2pix.options
    names = [name for name in options if name in GAMO.options or name == "gamo_rounds"]
    given = [name for name in names if np.any(values[name] != options[name].default)]
    if given:
        raise ValueError(
            "A `gamo` that is given is trained no further, so its options have no "
            f"effect. Received also: {sorted(given)}. Leave them out."
        )
