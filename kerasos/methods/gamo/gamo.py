"""GAMO: Generative Adversarial Minority Oversampling.

Mullick, Datta, Das, ICCV 2019. Three players. G proposes convex combinations of the
real points X_i of minority class i, M classifies, D tells real from generated given
the class. With m = M(x) and p = D(x | y):

    G(z | i) = softmax(t(z, y_i) K_i + b_i) X_i                               (eq. 1)
    min_M  mean_k (m_k - y_k)^2                  on real and generated        (eq. 4)
    min_D  (p - s)^2        s = 1 - U(0, .1) on real, U(0, .1) on generated   (eq. 5)
    min_G  mean_k (M_k(G(z | i)) - (1 - y_k))^2,  then  (D(G(z | i) | i) - 1)^2

One step (Algorithm 1): M and D on a real batch; M and D on as many generated samples,
class i with probability (n_max - n_i) / sum_j (n_max - n_j); then G, class by class,
against M and against D with the same noise.

Departures from the paper, each with its reason:
- The ones' complement pushes every other output up, the majority's too, as in
  Algorithm 1 and the authors' code; eq. 6 leaves the majority out.
- Real and generated batches are equal (Algorithm 1), not weighted by prior (eq. 2-5).
- The classes of the generated batch come from one shared uniform (systematic
  sampling): each class gets its expected count rounded up or down, where independent
  draws scatter more. Expectations are the same and shapes are static, so that a class
  multiplies its own anchors only (8 times fewer operations on MNIST).
- One Adam for G against M and one for G against D, moments per variable.
- A pass is reshuffled each time; labels keep the user's order.
- The convolutional variant computes features of a real batch when it needs them: F
  rests meanwhile, so they equal the cached ones of Algorithm 1.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Number, Positive, Seed, Share, Whole, checked
from kerasos.layers.resting_weight import resting_weight
from kerasos.losses import adversarial, classification
from kerasos.methods.base import Adam, OversamplingModel, num_rows, read_data, watching
from kerasos.methods.gamo.build import build
from kerasos.methods.gamo.generators import ConvexGenerator, one_hot_of_sizes
from kerasos.methods.shared.validation import validate, validation_metrics
from kerasos.methods.training import DEFAULT_BATCH_SIZE
from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.gamo import FEATURES
from kerasos.networks.image_size import Size
from kerasos.randomness.draws import replica_context
from kerasos.registry import register_method

# loss name: (M's loss, G's loss against M, loss of D and of G against D)
LOSSES = {
    "ls": (
        classification.least_squares_loss,
        classification.least_squares_complement_loss,
        adversarial.least_squares_source_loss,
    ),
    "ce": (
        classification.cross_entropy_loss,
        classification.cross_entropy_complement_loss,
        adversarial.cross_entropy_source_loss,
    ),
    "ce_binary": (
        classification.binary_cross_entropy_loss,
        classification.cross_entropy_complement_loss,
        adversarial.cross_entropy_source_loss,
    ),
    "ce_minimax": (
        classification.binary_cross_entropy_loss,
        classification.minimax_complement_loss,
        adversarial.cross_entropy_source_loss,
    ),
}
GeneratorKind = Literal["convex", "conditional", "copies", "pairs"]
AnchorShare = Annotated[float, Number(0, below=1)]
Bank = Literal["random", "kcenter"]


@register_method("gamo")
class GAMO(OversamplingModel):
    """Trains a convex generator against a classifier and a discriminator.

    `GAMO.from_data(x, y)` builds the networks of the paper; the constructor takes
    your own.

    Rows of tables lie inside the hull of their class and where the classifier is least
    sure: their spread is smaller, by up to two fifths, and correlations stronger. A
    category is the heaviest one of the mixture, so that rare ones are lost and missing
    rates move.

    Args:
        generator: `ConvexGenerator` (or `ConditionalGenerator`, the ablation cG;
            or `RandomCombination`, a control that does not learn).
        classifier_head: Keras model M from features to `(batch, num_classes)`
            logits.
        discriminator: Keras model D from `[features, one_hot]` to one logit, or
            None: the ablation GAMO\\D (or cG+CN).
        spec: `kerasos.data.DataSpec` of the training data.
        feature_extractor: Keras model F from images in [-1, 1] to features: the
            convolutional variant. None: features are the flat samples.
        loss: "ls" (paper's better variant), "ce", "ce_binary" (eq. 2 output by
            output) or "ce_minimax" (eq. 2 literally, for study).
        g_update: "per_class" (authors' code): two small steps a class; "joint":
            two steps on a batch of all minority classes.
        samples_per_class: Samples of a class in one generator step, over all
            replicas (rounded up to a multiple of them); None for
            `max(4, ceil(batch / num_classes))`.
        fake_ratio: Size of the generated batch of M and D over the real one.
        label_noise: Width of the noise on D's targets (authors' code: 0.1).
        anchor_index: `{label: row numbers}` of the anchors, for the record.
        seed: Integer behind all noise of training.
        **kwargs: `name`.

    Raises:
        ValueError: If an option's value cannot be used.

    Example:

    >>> model = kerasos.GAMO.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=80)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mullick, Datta, Das. Generative Adversarial Minority Oversampling,
        ICCV 2019.
    """

    trains_classifier = True
    numeric = "linear"  # a sample lies between real rows

    @checked
    def __init__(
        self,
        generator,
        classifier_head,
        discriminator,
        *,
        spec,
        feature_extractor=None,
        loss: Literal[*LOSSES] = "ls",
        g_update: Literal["per_class", "joint"] = "per_class",
        samples_per_class: Count | None = None,
        fake_ratio: Positive = 1.0,
        label_noise: Share = 0.1,
        anchor_index=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(spec=spec, noise_dim=generator.latent_dim, seed=seed, **kwargs)
        self.generator = generator
        self.classifier_head = classifier_head
        self.discriminator = discriminator
        self.feature_extractor = feature_extractor
        self.loss_name = loss
        self.c_loss_fn, self.g_c_loss_fn, self.source_loss_fn = LOSSES[loss]
        self.g_update = g_update
        self.samples_per_class = samples_per_class
        self.fake_ratio = fake_ratio
        self.label_noise = label_noise
        self.anchor_index = anchor_index
        self.learns_generator = bool(generator.trainable_variables)
        self.classifier = raw_input_classifier(spec, classifier_head, feature_extractor)
        names = ["c_loss"]
        if self.is_convolutional:
            self.produces_samples = False
            self.stages = ("features", "adversarial")
            self.stage = self.stages[0]
            self.anchor_images = self._image_bank()
            names.append("e_loss")
        if discriminator is not None:
            names += ["d_loss", "g_d_loss"]
        self.track(*names, "g_c_loss")
        self.val_metrics = validation_metrics(spec.num_classes)

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        variant: Literal["dense", "conv"] = "dense",
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
        """Builds and compiles GAMO for a data set, with the paper's settings.

        A dataset is in memory for a moment, for its anchors.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            variant: "dense" (samples in the user's space) or "conv" (images; samples
                are features for GAMO2pix).
            generator: "convex", "conditional" (the ablation cG), or the controls
                "copies" and "pairs".
            discriminator: False for GAMO\\D and cG+CN.
            latent_dim: Width of the noise.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            anchor_share: Ours, off by default: keeps the convex generator off the
                corners of the hull; see `ConvexGenerator`.
            max_anchors: Anchors of a class at most; a larger class keeps a fixed part
                of its points, so memory is bounded.
            min_anchors: Ours, off by default, for images: a class with fewer anchors
                gets shifted, turned and zoomed copies of its images up to this number,
                so that its hull reaches beyond them.
            bank: How that part is chosen: "random", or "kcenter" (farthest point
                first).
            loss, g_update, samples_per_class, fake_ratio, label_noise: See the class.

        Raises:
            ValueError: If the data are balanced.
        """
        data = read_data(x, y, seed, value_range, label_names)
        arguments, anchors = build(data, **cls.options.given(locals(), to=build))
        model = cls(**arguments, **cls.options.given(locals()))
        model.set_anchor_samples(anchors)
        model.compile()
        return model

    def compile(
        self,
        c_optimizer=None,
        d_optimizer=None,
        g_optimizer=None,
        e_optimizer=None,
        g_d_optimizer=None,
        **kwargs,
    ):
        """Sets one optimizer a player; by default the paper's Adam, 2e-4 and .5.

        Args:
            c_optimizer: Moves the classifier M.
            d_optimizer: Moves the discriminator.
            g_optimizer: Moves the generator against M.
            e_optimizer: Moves the feature extractor F.
            g_d_optimizer: Moves the generator against D; by default a fresh copy
                of `g_optimizer`.
            **kwargs: `steps_per_execution`, `jit_compile` ("auto" takes XLA on one
                GPU, and on a processor where 2,000 steps or more are trained with the
                dense variant), `run_eagerly`.
        """
        optimizers = gamo_optimizers(
            c_optimizer, d_optimizer, g_optimizer, e_optimizer, g_d_optimizer
        )
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        generator = self.generator.trainable_variables
        variables = {"c_optimizer": self.classifier_head.trainable_variables}
        if self.discriminator is not None:
            variables["d_optimizer"] = self.discriminator.trainable_variables
            if generator:
                variables["g_d_optimizer"] = generator
        if self.is_convolutional:
            variables["e_optimizer"] = self.feature_extractor.trainable_variables
        if generator:
            variables["g_optimizer"] = generator
        return variables

    @property
    def is_convolutional(self):
        return self.feature_extractor is not None

    @property
    def is_trained(self):
        # Copies of rows, and mixtures of two, need no training.
        learns = self.learns_generator or self.is_convolutional
        return super().is_trained or not learns

    @property
    def prefers_jit(self):
        # Measured: benchmarks/step_time.py. XLA fuses the many small steps of the
        # dense variant; it loses on the convolutions of F.
        return not self.is_convolutional

    @property
    def sample_shape(self):
        return (FEATURES,) if self.is_convolutional else self.spec.shape

    @property
    def sample_dtype(self):
        return "float32" if self.is_convolutional else self.spec.dtype

    @property
    def sampled_labels(self) -> list[int]:
        return sorted(self.generator.labels)

    # Training.

    def stage_at(self, epoch):
        # Algorithm 1 with u = v = one pass: F, then the three players, in turn.
        return self.stages[epoch % len(self.stages)]

    def on_stage_begin(self, stage):
        if stage == "adversarial":
            self.refresh_anchors()

    def train_step(self, data):
        x, y = data
        one_hot = tf.one_hot(y, self.spec.num_classes)
        if self.stage == "features":
            return self.finish_step(e_loss=self._extractor_step(x, one_hot))
        features = self._features(self.to_model(x))
        losses = {"c_loss": self._classifier_step(features, one_hot)}
        if self.discriminator is not None:
            target = 1.0 - self._target_noise(x, "real")
            losses["d_loss"] = self._discriminator_step(features, one_hot, target)
        fake, fake_one_hot = self.draw_fakes(x)
        self._classifier_step(fake, fake_one_hot)
        if self.discriminator is not None:
            target = self._target_noise(fake, "fake")
            self._discriminator_step(fake, fake_one_hot, target)
        losses.update(self._generator_steps(x))
        return self.finish_step(**losses)

    def _features(self, x, training=False):
        if self.is_convolutional:
            features = self.feature_extractor(x, training=training)
            return tf.cast(features, tf.float32)
        return tf.reshape(x, (-1, self.spec.num_features))

    def _extractor_step(self, x, one_hot):
        variables = self.feature_extractor.trainable_variables
        with watching(variables) as tape:
            features = self._features(self.to_model(x), training=True)
            logits = self.classifier_head(features)
            loss = tf.reduce_mean(self.c_loss_fn(logits, one_hot))
        self.minimize(loss, tape, variables, self.e_optimizer)
        return loss

    def _classifier_step(self, features, one_hot):
        variables = self.classifier_head.trainable_variables
        with watching(variables) as tape:
            logits = self.classifier_head(features, training=True)
            loss = tf.reduce_mean(self.c_loss_fn(logits, one_hot))
        self.minimize(loss, tape, variables, self.c_optimizer)
        return loss

    def _discriminator_step(self, features, one_hot, target):
        variables = self.discriminator.trainable_variables
        with watching(variables) as tape:
            logits = self.discriminator([features, one_hot], training=True)
            loss = tf.reduce_mean(self.source_loss_fn(logits, target))
        self.minimize(loss, tape, variables, self.d_optimizer)
        return loss

    def _target_noise(self, batch, tag):
        return self.uniform(num_rows(batch), f"target_{tag}", self.label_noise)

    def draw_fakes(self, x):
        """Generated samples for M and D, in inference mode.

        Returns:
            `(features, one_hot)`, as many rows as `x` times `fake_ratio`, sorted by
            class.
        """
        replicas, replica = replica_context()
        rows = num_rows(x)
        if self.fake_ratio != 1.0:
            rows = _scaled(rows, self.fake_ratio)
        shares = class_shares(self.spec, self.generator.labels)
        edges = class_edges(shares, rows * replicas, self.shared_uniform("classes"))
        position = tf.range(rows * replicas)[replica * rows :][:rows]
        slot = tf.reduce_sum(
            tf.cast(position[:, None] >= edges[None, 1:-1], tf.int32), axis=1
        )
        labels = tf.gather(tf.constant(self.generator.labels, tf.int32), slot)
        noise = self.normal(rows, self.generator.latent_dim, "fake")
        if replicas == 1 and isinstance(rows, int):
            fake = self._padded_samples(noise, position, slot, edges, shares)
        else:
            fake = self.generator(noise, labels)
        return tf.stop_gradient(fake), tf.one_hot(labels, self.spec.num_classes)

    def _padded_samples(self, noise, position, slot, edges, shares):
        """The generator's samples, each class multiplying its own anchors only.

        A class has floor or ceil of its share of the rows. Each gets room for the
        larger number, so that shapes are static, and the rows that were due are
        picked from the result.
        """
        rows = noise.shape[0]
        room = [int(rows * share) + 1 for share in shares]
        index = tf.concat(
            [edges[slot] + tf.range(size) for slot, size in enumerate(room)], 0
        )
        sizes = [0] * self.spec.num_classes
        for label, size in zip(self.generator.labels, room, strict=True):
            sizes[label] = size
        noise = tf.gather(noise, tf.minimum(index, rows - 1))
        samples = self.generator.grouped(noise, sizes)
        first = tf.constant(np.cumsum([0, *room[:-1]]), tf.int32)
        place = tf.gather(first, slot) + position - tf.gather(edges, slot)
        return tf.gather(samples, place)

    def _generator_steps(self, x):
        if not self.learns_generator:
            return {}
        # Rarest class first, as in the authors' code.
        counts = self.spec.class_counts
        minority = sorted(self.generator.labels, key=lambda k: (counts[k], k))
        size = self._samples_per_class(x)
        groups = [minority] if self.g_update == "joint" else [[k] for k in minority]
        # Replicas share the rows of each class, so a row holds all classes.
        width = self.generator.latent_dim
        noise = self.normal(size, len(minority) * width, "generator")
        noise = tf.reshape(noise, (size, len(minority), width))
        noise = tf.reshape(tf.transpose(noise, (1, 0, 2)), (-1, width))
        parts = tf.split(noise, [size * len(group) for group in groups])
        totals = {}
        for group, part in zip(groups, parts, strict=True):
            sizes = [size if k in group else 0 for k in range(self.spec.num_classes)]
            if self.g_update == "joint":
                variables = self.generator.trainable_variables
            else:
                variables = self.generator.class_variables(group[0])
            for name, loss in self._generator_step(part, sizes, variables).items():
                totals[name] = totals.get(name, 0.0) + loss / len(groups)
        return totals

    def _samples_per_class(self, x):
        replicas, _ = replica_context()
        size = self.samples_per_class
        if size is None:
            rows = (x.shape[0] or DEFAULT_BATCH_SIZE) * replicas
            size = max(4, -(-rows // self.spec.num_classes))
        return -(-size // replicas)

    def _generator_step(self, noise, sizes, variables):
        one_hot = one_hot_of_sizes(sizes)
        losses = {}
        with watching(variables) as tape:
            fake = self.generator.grouped(noise, sizes, training=True)
            loss = tf.reduce_mean(self.g_c_loss_fn(self.classifier_head(fake), one_hot))
        self.minimize(loss, tape, variables, self.g_optimizer)
        losses["g_c_loss"] = loss
        if self.discriminator is not None:
            with watching(variables) as tape:
                fake = self.generator.grouped(noise, sizes, training=True)
                logits = self.discriminator([fake, one_hot])
                loss = tf.reduce_mean(self.source_loss_fn(logits, 1.0))
            self.minimize(loss, tape, variables, self.g_d_optimizer)
            losses["g_d_loss"] = loss
        return losses

    # Validation of the classifier.

    def test_step(self, data):
        x, y = data
        logits = self.classifier_head(self._features(self.to_model(x)))
        losses = self.c_loss_fn(logits, tf.one_hot(y, self.spec.num_classes))
        return validate(self.val_metrics, y, logits, losses)

    @property
    def metrics(self):
        return super().metrics + self.val_metrics

    # Anchors: the real points behind the generator.

    def set_anchor_samples(self, samples):
        """Puts the real samples that become the anchors, in the user's units.

        Args:
            samples: `{label: array (anchors, *spec.shape)}`.
        """
        if not hasattr(self.generator, "set_anchors"):
            return
        if self.is_convolutional:
            bank = np.concatenate([samples[k] for k in sorted(samples)])
            self.anchor_images.assign(bank)
            self.refresh_anchors()
            return
        for label, points in samples.items():
            flat = points.reshape(len(points), -1)
            self.generator.set_anchors(label, self.to_model(flat))

    def refresh_anchors(self, batch_size=500):
        """Recomputes the anchors' features with the present extractor."""
        if not self.is_convolutional or self.anchor_images is None:
            return
        images = self.anchor_images.numpy()
        features = np.concatenate(
            [
                self._features(self.to_model(images[start : start + batch_size]))
                for start in range(0, len(images), batch_size)
            ]
        )
        first = 0
        for label in self.sampled_labels:
            count = self.generator.anchor_counts[label]
            self.generator.set_anchors(label, features[first : first + count])
            first += count

    def _image_bank(self):
        counts = getattr(self.generator, "anchor_counts", None)
        if counts is None:
            return None
        shape = (sum(counts), *self.spec.shape)
        return resting_weight(self, "anchor_images", shape, self.spec.dtype)

    def effective_anchors(
        self, num_samples: int = 256, seed: int = 0
    ) -> dict[int, dict[str, float]]:
        """How many anchors a generated sample mixes, and how many are used.

        Args:
            num_samples: Samples a class.
            seed: Integer.

        Returns:
            `{label: {"effective": mean of exp(entropy of the weights), "distinct":
            number of different anchors with the largest weight}}`. 1 effective
            anchor is a copy of a real point.
        """
        if not isinstance(self.generator, ConvexGenerator):
            raise ValueError(
                "`effective_anchors` needs a convex generator. Received: "
                f"{type(self.generator).__name__}."
            )
        noise = np.random.default_rng(seed).standard_normal(
            (num_samples, self.generator.latent_dim), dtype="float32"
        )
        report = {}
        for label in self.sampled_labels:
            weights = self.generator.sample_weights(noise, label).numpy()
            logs = np.log(np.maximum(weights, 1e-30))
            entropy = -np.sum(weights * logs, axis=1)
            report[label] = {
                "effective": float(np.exp(entropy).mean()),
                "distinct": len(set(weights.argmax(axis=1).tolist())),
            }
        return report

    # Sampling.

    def generate(self, latent, labels):
        return self.generator(latent, labels, training=False)

    def to_user(self, samples):
        if self.is_convolutional:
            return samples
        return super().to_user(tf.reshape(samples, (-1, *self.spec.shape)))

    def _why_not_sampled(self):
        return (
            "GAMO has a generator for the minority classes only; the largest class "
            "needs no samples."
        )


def class_shares(spec, labels):
    """Share of each class in the generated batch of M and D (Algorithm 1).

    Args:
        spec: `kerasos.data.DataSpec`.
        labels: List of the generated labels.

    Returns:
        Float array `(len(labels),)`, (n_max - n_i) / sum_j (n_max - n_j).
    """
    missing = spec.majority_count - np.array(spec.class_counts)[labels]
    return missing / missing.sum()


def class_edges(shares, rows, uniform):
    """First row of each class in a batch sorted by class, and the end.

    Row j belongs to the class in whose share of [0, rows) the point j + u falls:
    systematic sampling.

    Args:
        shares: As `class_shares` returns them.
        rows: Rows of the batch, an integer or a scalar tensor.
        uniform: Float u in [0, 1), one for the batch.

    Returns:
        Int32 tensor `(len(shares) + 1,)`.
    """
    bounds = tf.constant(np.cumsum(shares)[:-1], tf.float32)
    rows = tf.cast(rows, tf.int32)
    inner = tf.math.ceil(bounds * tf.cast(rows, tf.float32) - uniform)
    inner = tf.clip_by_value(tf.cast(inner, tf.int32), 0, rows)
    return tf.concat([[0], inner, [rows]], 0)


def _scaled(rows, ratio):
    if isinstance(rows, int):
        return max(1, round(rows * ratio))
    return tf.maximum(1, tf.cast(tf.round(tf.cast(rows, tf.float32) * ratio), tf.int32))


def gamo_optimizers(c, d, g, e, g_d):
    """Optimizers by name; None becomes the paper's Adam, or for `g_d` a copy of `g`."""
    g = keras.optimizers.get(g or adam())
    return {
        "c_optimizer": c or adam(),
        "d_optimizer": d or adam(),
        "e_optimizer": e or adam(),
        "g_d_optimizer": g.from_config(g.get_config()) if g_d is None else g_d,
        "g_optimizer": g,
    }


def adam():
    """The optimizer of the paper's players."""
    return Adam(2e-4, beta_1=0.5, beta_2=0.999)
