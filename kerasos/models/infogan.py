"""InfoGAN: a GAN whose inputs can be read off its samples.

Chen et al., NIPS 2016, in the form that He et al. (IMSIC, IJCAI 2021) compare
with. G makes a sample of noise z ~ N(0, I_62), a class code y and continuous codes
c; D has three heads on one trunk: a score a, class probabilities q(y | x), and the
latent codes c'. Images in [-1, 1]. One step is three updates:

    G      min  mean (a(G) - 1)^2
    D      min  0.5 [mean (a(x) - 1)^2 + mean a(G)^2] + lambda_cat CE(q(x), label)
    G, D   min  lambda_cat CE(q(G), y) + lambda_con R,    R = sum_i mean (c'_i - c_i)^2

D sees the batch of G's step; the third step draws anew and leaves D's score head out.
Adam, 2e-4 and .5, for each of the three. Networks, rates, batches of 64 and 500 epochs
are those of the authors' code; 28x28 images are resized to 32x32 as in it. Its
classifiers take the 32x32 samples; here a sample goes back to 28x28 by the inverse of
the resizing, so that enlarging it again changes it little.

Departures, each with its reason (`preset="repo"` undoes all but the first and the
last):
- R sums over the codes at the weight of IMSIC's R, so that the two can be compared.
- The code trains without labels, and which class code makes which class was read off
  pictures. Here the CE on real samples ties code k to class k.
- Real batches hold each class equally often. In proportion, with y uniform, a for
  rare classes tells "generated" by the class alone, and G avoids them.
- CE from logits; the code applies softmax twice, which keeps CE above 1.46 for ten
  classes. Batch normalisation with epsilon 1e-5 and momentum 0.8; the code passes 0.8
  where PyTorch takes epsilon.
- Dense layers start as in Keras.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from kerasos.code_graph import CodeGraph
from kerasos.data.resample import append
from kerasos.losses.adversarial import linear_least_squares_source_loss
from kerasos.losses.classification import cross_entropy_loss
from kerasos.losses.code_structure import infogan_code_loss
from kerasos.models.class_alignment import ClassAlignment, check_readable
from kerasos.models.coded_sampling import CodedSampling
from kerasos.models.conditional import ConditionalModel
from kerasos.models.infogan_build import OPTIONS, SETTINGS, build
from kerasos.models.resized_images import ResizedImages
from kerasos.models.training import num_rows, watching
from kerasos.registry import register_method
from kerasos.suggest import check_choice


@register_method("infogan")
class InfoGAN(CodedSampling, ClassAlignment, ResizedImages, ConditionalModel):
    """Trains a generator with codes against a discriminator that reads them.

    `InfoGAN.from_data(x, y)` builds the networks of the IMSIC paper's code; the
    constructor takes your own. They train for 500 epochs of batches of 64.

    Args:
        generator: Keras model from `[noise, one_hot, codes]` to samples.
        trunk: Keras model from samples to D's features.
        discriminator_head: Keras model from features to one score, linear.
        classifier_head: Keras model from features to `(batch, num_classes)` logits.
        code_head: Keras model from features to `(batch, num_codes)`, linear.
        spec: `kerasos.data.DataSpec` of the training data.
        graph: `CodeGraph` with the names of the codes. Default: c0, c1, ...
        class_code: "supervised" (ours): real samples tell D's class head their
            class; or "unsupervised" (authors' code): `fit` ends with
            `align_classes`, and classes of few samples are often lost.
        real_sampling: "balanced" (ours): real batches draw each class alike;
            or "natural": as the data are, and the CE of class k on real samples
            weighs n / (K n_k).
        code_prior: "uniform" in (-1, 1) (authors' code) or "normal" (paper).
        lambda_cat: Weight of the class terms, 1 (authors' code).
        lambda_con: Weight of the code term, 0.15 (authors' code).
        z_std: Deviation of the noise behind samples, 0.5 (authors' code for MNIST);
            training has 1. Like `code_std`, it may be set on a trained model.
        code_std: Deviations of normal codes behind samples, one a code, 0 for a code
            at rest. None, the default (ours): codes from their prior.
        per_class: Samples that `oversample` adds to every class in place of
            balancing; None, the default, balances.
        double_softmax: As in the authors' code; default False.
        lr: Learning rate of the three Adams, 2e-4 (authors' code).
        seed: Integer behind all noise of training.
        **kwargs: `model_range`, `column_mean`, `column_scale`, `name`.

    `from_data` also takes:
        num_codes: d, 4 (authors' code for MNIST; 3 for Fashion-MNIST).
        latent_dim: Width of the noise z, 62 (authors' code).
        image_size: Side of the images inside the model: "auto", 32 for 28x28 images
            (authors' code) and the data's own size for others; None, the data's own
            size; or an integer. Samples always have the data's size.
        bn_epsilon: Of batch normalisation in image networks, 1e-5 (ours).
        d_shift: As in `CGAN`.
        preset: "repo" sets what the authors' code does, images only: class code
            "unsupervised", real sampling "natural", `double_softmax=True`,
            `bn_epsilon=0.8`, `per_class=100`, and samples with codes of 0, or for
            three codes 4.9 N(0, 1) for the last and `z_std=0.2`. For reference; it
            is not how to use the method.

    Raises:
        ValueError: If an option's value is unknown or does not fit the data.

    Example:

    >>> model = kerasos.InfoGAN.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 64), epochs=500)
    >>> model.sample([8] * 100, codes={"c0": 0.8}, seed=1)
    >>> model.traverse(8, "c0", np.linspace(-1, 1, 9), seed=1)

    Reference:
        Chen et al. InfoGAN: Interpretable Representation Learning by Information
        Maximizing Generative Adversarial Nets, NIPS 2016.
        He, Lin, Yuan, Tzeng. Interpretable Minority Synthesis for Imbalanced
        Classification, IJCAI 2021.
    """

    options = OPTIONS
    sampling_settings = ("z_std", "code_std")

    def __init__(
        self,
        generator,
        trunk,
        discriminator_head,
        classifier_head,
        code_head,
        *,
        spec,
        graph=None,
        class_code="supervised",
        real_sampling="balanced",
        code_prior="uniform",
        lambda_cat=1.0,
        lambda_con=0.15,
        z_std=0.5,
        code_std=None,
        per_class=None,
        double_softmax=False,
        lr=2e-4,
        **kwargs,
    ):
        check_choice("class_code", class_code, ("supervised", "unsupervised"))
        check_choice("real_sampling", real_sampling, ("balanced", "natural"))
        check_choice("code_prior", code_prior, ("uniform", "normal"))
        latent_dim, _, num_codes = (shape[-1] for shape in generator.input_shape)
        super().__init__(spec=spec, noise_dim=latent_dim + num_codes, **kwargs)
        self.num_codes = num_codes
        self.generator = generator
        self.decoder_shape = generator.output_shape[1:]
        self.trunk = trunk
        self.discriminator_head = discriminator_head
        self.classifier_head = classifier_head
        self.code_head = code_head
        self.graph = graph or CodeGraph.preset("one_to_one", num_codes)
        self.class_code = class_code
        self.real_sampling = real_sampling
        self.code_prior = code_prior
        self.lambda_cat, self.lambda_con = float(lambda_cat), float(lambda_con)
        self.z_std = float(z_std)
        self.code_std = code_std if code_std is None else [float(s) for s in code_std]
        self.per_class = per_class if per_class is None else int(per_class)
        self.double_softmax = bool(double_softmax)
        self.lr = float(lr)
        self._check()
        self.make_assignment()
        self.track("g_loss", "d_loss", "class_loss", "code_loss", "d_accuracy")
        if self.is_supervised:
            self.track("real_class_loss")

    @classmethod
    def build_networks(cls, spec, seed, options):
        return build(spec, seed, options)

    def compile(self, d_optimizer=None, g_optimizer=None, i_optimizer=None, **kwargs):
        """Sets one optimizer a player; by default Adam with `lr` and .5.

        Args:
            d_optimizer: Moves the discriminator; its class head where
                `class_code="supervised"`.
            g_optimizer: Moves the generator against D.
            i_optimizer: Moves both, against the class and the code term.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "d_optimizer": d_optimizer,
            "g_optimizer": g_optimizer,
            "i_optimizer": i_optimizer,
        }
        for name, optimizer in optimizers.items():
            default = keras.optimizers.Adam(self.lr, beta_1=0.5)
            optimizers[name] = optimizer or default
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        generator = self.generator.trainable_variables
        trunk = self.trunk.trainable_variables
        classifier = self.classifier_head.trainable_variables
        return {
            "d_optimizer": [
                *trunk,
                *self.discriminator_head.trainable_variables,
                *(classifier if self.is_supervised else ()),
            ],
            "g_optimizer": generator,
            "i_optimizer": [
                *generator,
                *trunk,
                *classifier,
                *self.code_head.trainable_variables,
            ],
        }

    @property
    def is_supervised(self):
        return self.class_code == "supervised"

    @property
    def batch_balance(self):
        return self.real_sampling == "balanced"

    @property
    def latent_dim(self):
        """Width of the noise z, without the codes."""
        return self.noise_dim - self.num_codes

    @property
    def prefers_jit(self):
        # XLA's transposed convolutions are slow on processors.
        return not self.spec.is_image and super().prefers_jit

    # Training.

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains; see `OversamplingModel.fit`. Unsupervised codes are aligned after.

        Args:
            x, y: Arrays, or a dataset of `kerasos.data.batches`.
            *args, **kwargs: As there.

        Returns:
            A `keras.callbacks.History`.
        """
        if not self.is_supervised:
            check_readable(x)
        history = super().fit(x, y, *args, **kwargs)
        if not self.is_supervised:
            self.align_classes(x, y)
        return history

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        rows = num_rows(x)
        fake, g_loss = self._generator_step(rows)
        return self.finish_step(
            g_loss=g_loss,
            **self._discriminator_step(x, one_hot, fake),
            **self._information_step(rows),
        )

    def draw_inputs(self, rows, tag):
        """Draws z, one-hot y and c of a generated batch from their priors."""
        noise = self.normal(rows, self.latent_dim, f"{tag}_noise")
        num_classes = self.spec.num_classes
        place = self.uniform(rows, f"{tag}_class", num_classes)
        if self.code_prior == "uniform":
            codes = self.uniform(rows, f"{tag}_codes", 2.0, self.num_codes) - 1.0
        else:
            codes = self.normal(rows, self.num_codes, f"{tag}_codes")
        return [noise, tf.one_hot(tf.cast(place, tf.int32), num_classes), codes]

    def _generator_step(self, rows):
        inputs = self.draw_inputs(rows, "adversarial")
        variables = self.player_variables()["g_optimizer"]
        with watching(variables) as tape:
            fake = self.generator(inputs, training=True)
            loss = tf.reduce_mean(self._source_losses(fake, 1.0)[0])
        self.minimize(loss, tape, variables, self.g_optimizer)
        return tf.stop_gradient(fake), loss

    def _discriminator_step(self, x, one_hot, fake):
        variables = self.player_variables()["d_optimizer"]
        logs = {}
        with watching(variables) as tape:
            # One after the other: a joint batch would tell them apart by its norm.
            real_losses, real_scores, features = self._source_losses(x, 1.0)
            fake_losses, fake_scores, _ = self._source_losses(fake, 0.0)
            loss = 0.5 * (tf.reduce_mean(real_losses) + tf.reduce_mean(fake_losses))
            logs["d_loss"] = loss
            if self.is_supervised:
                logits = self.classifier_head(features, training=True)
                losses = self._class_losses(logits, one_hot)
                if self.real_sampling == "natural":
                    losses *= tf.linalg.matvec(one_hot, self._class_weights())
                logs["real_class_loss"] = tf.reduce_mean(losses)
                loss += self.lambda_cat * logs["real_class_loss"]
        self.minimize(loss, tape, variables, self.d_optimizer)
        right = [real_scores > 0.5, fake_scores <= 0.5]
        logs["d_accuracy"] = tf.reduce_mean(tf.cast(right, tf.float32))
        return logs

    def _information_step(self, rows):
        inputs = self.draw_inputs(rows, "information")
        _, one_hot, codes = inputs
        variables = self.player_variables()["i_optimizer"]
        with watching(variables) as tape:
            fake = self.generator(inputs, training=True)
            features = self.trunk(fake, training=True)
            logits = self.classifier_head(features, training=True)
            class_loss = tf.reduce_mean(self._class_losses(logits, one_hot))
            latents = tf.cast(self.code_head(features, training=True), tf.float32)
            code_loss = self.code_loss(codes, latents)
            loss = self.lambda_cat * class_loss + self.lambda_con * code_loss
        self.minimize(loss, tape, variables, self.i_optimizer)
        return {"class_loss": class_loss, "code_loss": code_loss}

    def code_loss(self, codes, latents):
        """R, of the codes c and the latent codes c', both `(batch, num_codes)`."""
        return infogan_code_loss(codes, latents)

    def _source_losses(self, x, target):
        features = self.trunk(x, training=True)
        scores = tf.cast(self.discriminator_head(features, training=True), tf.float32)
        return linear_least_squares_source_loss(scores, target), scores, features

    def _class_losses(self, logits, one_hot):
        if self.double_softmax:
            logits = tf.nn.softmax(tf.cast(logits, tf.float32))
        return cross_entropy_loss(logits, one_hot)

    def _class_weights(self):
        counts = np.array(self.spec.class_counts, "float64")
        return tf.constant(counts.sum() / (len(counts) * counts), tf.float32)

    # Sampling.

    def latent(self, noise, labels):
        """Noise and codes of samples side by side, from standard normal draws."""
        del labels
        codes = noise[:, self.latent_dim :]
        if self.code_std is not None:
            codes = codes * tf.constant(self.code_std)
        elif self.code_prior == "uniform":
            # Twice the normal's distribution function, less 1: uniform in (-1, 1).
            codes = tf.math.erf(codes * math.sqrt(0.5))
        return tf.concat([self.z_std * noise[:, : self.latent_dim], codes], -1)

    def generate(self, latent, labels):
        latent = tf.convert_to_tensor(latent)
        place = tf.gather(tf.convert_to_tensor(self.code_of_class), labels)
        one_hot = tf.one_hot(place, self.spec.num_classes)
        inputs = [latent[:, : self.latent_dim], one_hot, latent[:, self.latent_dim :]]
        return tf.cast(self.generator(inputs, training=False), tf.float32)

    def oversample(self, x, y, sampling_strategy="auto", seed=None):
        """Adds generated samples until the classes are balanced.

        Args:
            x, y, sampling_strategy, seed: As in `OversamplingModel.oversample`; but
                "auto" adds `per_class` samples to every class where that is set.

        Returns:
            `(x_res, y_res, is_synthetic)`.
        """
        if self.per_class is None or sampling_strategy != "auto":
            return super().oversample(x, y, sampling_strategy, seed)
        x, y = np.asarray(x), np.asarray(y)
        self.spec.check_compatible(x, y)
        labels = np.repeat(np.unique(y), self.per_class)
        return append(x, y, self.sample(labels, seed=seed), labels)

    # Saving.

    def get_config(self):
        config = super().get_config()
        for name in (
            "generator",
            "trunk",
            "discriminator_head",
            "classifier_head",
            "code_head",
            "graph",
        ):
            config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        for name in SETTINGS:
            config[name] = getattr(self, name)
        return config

    def _check(self):
        wanted = {
            "generator": (self.generator.input_shape[1][-1], self.spec.num_classes),
            "classifier_head": (
                self.classifier_head.output_shape[-1],
                self.spec.num_classes,
            ),
            "code_head": (self.code_head.output_shape[-1], self.num_codes),
            "graph": (self.graph.num_codes, self.num_codes),
            "code_std": (len(self.code_std or self.graph.names), self.num_codes),
        }
        for name, (found, expected) in wanted.items():
            if found != expected:
                raise ValueError(
                    f"`{name}` must fit {self.spec.num_classes} classes and "
                    f"{self.num_codes} codes, which the generator takes. Expected a "
                    f"width of {expected}. Received: {found}."
                )
        for name in ("lambda_cat", "lambda_con", "z_std", "lr"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(
                    f"`{name}` must be a finite number of at least 0. Received: "
                    f"{value}."
                )
