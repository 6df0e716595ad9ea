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

import keras
import tensorflow as tf

from kerasos.layers.convex import one_hot_of_sizes
from kerasos.losses import adversarial, classification
from kerasos.models.base import OversamplingModel
from kerasos.models.gamo_anchors import AnchorBank
from kerasos.models.gamo_build import build
from kerasos.models.gamo_fakes import GeneratedBatches
from kerasos.models.training import DEFAULT_BATCH_SIZE, num_rows, watching
from kerasos.models.validation import ClassifierValidation
from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.gamo import FEATURES
from kerasos.random import replica_context
from kerasos.registry import register_method
from kerasos.suggest import check_choice

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


@register_method("gamo")
class GAMO(GeneratedBatches, AnchorBank, ClassifierValidation, OversamplingModel):
    """Trains a convex generator against a classifier and a discriminator.

    `GAMO.from_data(x, y)` builds the networks of the paper; the constructor takes
    your own.

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
        ValueError: If the classes are balanced, or an option is unknown.

    Example:

    >>> model = kerasos.GAMO.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=80)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mullick, Datta, Das. Generative Adversarial Minority Oversampling,
        ICCV 2019.
    """

    trains_classifier = True

    def __init__(
        self,
        generator,
        classifier_head,
        discriminator,
        *,
        spec,
        feature_extractor=None,
        loss="ls",
        g_update="per_class",
        samples_per_class=None,
        fake_ratio=1.0,
        label_noise=0.1,
        anchor_index=None,
        seed=None,
        **kwargs,
    ):
        kwargs.pop("noise_dim", None)
        super().__init__(spec=spec, noise_dim=generator.latent_dim, seed=seed, **kwargs)
        check_choice("loss", loss, LOSSES)
        check_choice("g_update", g_update, ("per_class", "joint"))
        if fake_ratio <= 0:
            raise ValueError(
                f"`fake_ratio` must be positive. Received: fake_ratio={fake_ratio}."
            )
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
        if self.is_convolutional:
            self.produces_samples = False
            self.stages = ("features", "adversarial")
            self.stage = self.stages[0]
            self.anchor_images = self._image_bank()
        names = ["c_loss"]
        if self.is_convolutional:
            names.append("e_loss")
        if discriminator is not None:
            names += ["d_loss", "g_d_loss"]
        self.track(*names, "g_c_loss")
        self.make_val_metrics()

    @classmethod
    def from_data(cls, x, y=None, *, seed=None, **options):
        """Builds and compiles GAMO for a data set, with the paper's settings.

        Args:
            x: Images `(n, height, width, channels)` or rows `(n, num_features)`,
                or a `tf.data.Dataset` of `(x, y)`, which is read once.
            y: Integer labels `0..num_classes - 1`.
            seed: Integer behind weights and noise.
            **options: Those of the constructor, and:
                variant: "dense" (default; samples in the user's space) or "conv"
                    (images; samples are features for GAMO2pix).
                generator: "convex" (default), "conditional" (the ablation cG),
                    or the controls "copies" and "pairs".
                discriminator: False for GAMO\\D and cG+CN.
                latent_dim: Width of the noise, 100.
                anchor_share: Ours, 0 (off) by default: keeps the convex generator
                    off the corners of the hull; see `ConvexGenerator`.
                max_anchors: Anchors of a class at most, 4096; a larger class
                    keeps a fixed part of its points, so memory is bounded.
                min_anchors: Ours, 0 (off) by default, for images: a class with fewer
                    anchors gets shifted, turned and zoomed copies of its images up
                    to this number, so that its hull reaches beyond them.
                bank: How that part is chosen: "random", or "kcenter" (farthest
                    point first).
                value_range: `(low, high)` of the data where it cannot be seen.
                label_names: Names of the classes.

        Returns:
            A compiled `GAMO`.

        Raises:
            TypeError: If an option is unknown.
            ValueError: If the data are not fit to train on, or are balanced.
        """
        model = cls.uncompiled(x, y, seed, options)
        model.compile()
        return model

    @classmethod
    def uncompiled(cls, x, y, seed, options):
        """As `from_data`, without optimizers: a part of another model has its own."""
        networks, settings, anchors = build(x, y, seed, options)
        model = cls(*networks, **settings)
        model.set_anchor_samples(anchors)
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
            **kwargs: `steps_per_execution`, `jit_compile` ("auto" takes XLA for
                the dense variant on one device), `run_eagerly`.
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
    def sampled_labels(self):
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
        fake, fake_one_hot = self._fake_batch(x)
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

    def _generator_steps(self, x):
        if not self.learns_generator:
            return {}
        # Rarest class first, as in the authors' code.
        minority = sorted(self.generator.labels, key=self.spec.minority_labels.index)
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

    # Saving.

    def get_config(self):
        config = super().get_config()
        del config["noise_dim"]
        networks = {
            "generator": self.generator,
            "classifier_head": self.classifier_head,
            "discriminator": self.discriminator,
            "feature_extractor": self.feature_extractor,
        }
        for name, network in networks.items():
            config[name] = network and keras.saving.serialize_keras_object(network)
        config.update(
            loss=self.loss_name,
            g_update=self.g_update,
            samples_per_class=self.samples_per_class,
            fake_ratio=self.fake_ratio,
            label_noise=self.label_noise,
            anchor_index=self.anchor_index,
        )
        return config


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
    return keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.999)
