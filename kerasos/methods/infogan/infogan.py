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

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples, Strategy
from kerasos.checks import (
    Count,
    Integer,
    Listed,
    NonNegative,
    Number,
    Positive,
    Seed,
    Whole,
    checked,
)
from kerasos.data.pipeline import every_row
from kerasos.layers.diff_augment import Augment
from kerasos.layers.resting_weight import resting_weight
from kerasos.losses.classification import cross_entropy_loss
from kerasos.methods.base import num_rows, read_data, watching
from kerasos.methods.conditional import LATENT_DIM, ConditionalModel, trainable
from kerasos.methods.conditional_gan import adam
from kerasos.methods.infogan.build import NUM_CODES, build
from kerasos.methods.infogan.code_graph import CodeGraph
from kerasos.methods.infogan.code_loss import infogan_code_loss
from kerasos.methods.infogan.coded_sampling import code_columns
from kerasos.methods.sampling import SAMPLE_HINTS
from kerasos.networks.image_size import Size
from kerasos.randomness.seeds import fresh_seed
from kerasos.registry import register_method
from kerasos.traced import traced_by_rows

# A class whose code has less, by D's class head on its samples, is likely to be lost.
LEAST_AGREEMENT = 0.5
Side = Literal["auto"] | Annotated[int, Integer(4)] | None
Deviations = Annotated[list, Listed(Number(0))] | None


@register_method("infogan")
class InfoGAN(ConditionalModel):
    """Trains a generator with codes against a discriminator that reads them.

    `InfoGAN.from_data(x, y)` builds the networks of the IMSIC paper's code; the
    constructor takes your own. They train for 500 epochs of batches of 64.

    Rows of tables keep spread and missing rates of their class; correlations are
    weakened, by up to two fifths, and categories of a few percent thinned.

    Args:
        generator: Keras model from `[noise, one_hot, codes]` to samples.
        trunk: Keras model from samples to D's features.
        discriminator_head: Keras model from features to one score, linear.
        classifier_head: Keras model from features to `(batch, num_classes)` logits.
        code_head: Keras model from features to `(batch, num_codes)`, linear.
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
        **kwargs: Those of `ConditionalModel`, among them `spec` and `seed`.

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

    sampling_settings = ("z_std", "code_std")

    @checked
    def __init__(
        self,
        generator,
        trunk,
        discriminator_head,
        classifier_head,
        code_head,
        *,
        spec,
        graph: CodeGraph | None = None,
        class_code: Literal["supervised", "unsupervised"] = "supervised",
        real_sampling: Literal["balanced", "natural"] = "balanced",
        code_prior: Literal["uniform", "normal"] = "uniform",
        lambda_cat: NonNegative = 1.0,
        lambda_con: NonNegative = 0.15,
        z_std: NonNegative = 0.5,
        code_std: Deviations = None,
        per_class: Whole | None = None,
        double_softmax: bool = False,
        lr: Positive = 2e-4,
        **kwargs,
    ):
        latent_dim, _, num_codes = (shape[-1] for shape in generator.input_shape)
        super().__init__(spec=spec, noise_dim=latent_dim + num_codes, **kwargs)
        self.num_codes = num_codes
        self.generator = generator
        self.decoder_shape = generator.output_shape[1:]
        self.resizes = spec.is_image and self.decoder_shape != spec.shape
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
        self._check_widths()
        # The code of each class; saved and exported with the model.
        self.code_of_class = resting_weight(
            self,
            "code_of_class",
            (spec.num_classes,),
            "int32",
            lambda shape, dtype=None: tf.range(shape[0], dtype=dtype),
            aggregation="only_first_replica",
        )
        self.track("g_loss", "d_loss", "class_loss", "code_loss", "d_accuracy")
        if self.is_supervised:
            self.track("real_class_loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        num_codes: Count = NUM_CODES,
        latent_dim: Count = LATENT_DIM,
        size: Size | None = None,
        image_size: Side = "auto",
        bn_epsilon: Positive | None = None,
        preset: Literal["repo"] | None = None,
        d_augment: Augment = (),
        class_code=None,
        real_sampling=None,
        code_prior="uniform",
        lambda_cat=1.0,
        lambda_con=0.15,
        z_std=None,
        code_std=None,
        per_class=None,
        double_softmax=None,
        lr=2e-4,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for a data set, with the code's settings.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            num_codes: d, 4 (authors' code for MNIST; 3 for Fashion-MNIST).
            latent_dim: Width of the noise z, 62 (authors' code).
            image_size: Side of the images inside the model: "auto", 32 for 28x28
                images (authors' code) and the data's own size for others; None, the
                data's own size; or an integer of at least 4. Samples always have the
                data's size.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            bn_epsilon: Of batch normalisation in image networks, 1e-5 (ours).
            preset: "repo" sets what the authors' code does, images only, where an
                option is not given: class code "unsupervised", real sampling
                "natural", `double_softmax=True`, `bn_epsilon=0.8`, `per_class=100`,
                and samples with codes of 0, or for three codes 4.9 N(0, 1) for the
                last and `z_std=0.2`. For reference; it is not how to use the method.
            d_augment: As in `CGAN.from_data`.
            z_std: Default: the preset's or .5, for tables 1 (ours), as in training.
            class_code, real_sampling, code_prior, lambda_cat, lambda_con, code_std,
                per_class, double_softmax, lr: See the class; None is the preset's, or
                without a preset the default there.
        """
        data = read_data(x, y, seed, value_range, label_names)
        options = cls.options.given(locals())
        networks, settings = build(
            data, num_codes, latent_dim, image_size, size, preset, bn_epsilon, options
        )
        return cls.for_data(data, networks, d_augment=d_augment, **settings)

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
            "d_optimizer": d_optimizer or adam(self.lr),
            "g_optimizer": g_optimizer or adam(self.lr),
            "i_optimizer": i_optimizer or adam(self.lr),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        judges = [self.trunk, self.discriminator_head]
        judges += [self.classifier_head] if self.is_supervised else []
        return {
            "d_optimizer": trainable(*judges),
            "g_optimizer": self.generator.trainable_variables,
            "i_optimizer": trainable(
                self.generator, self.trunk, self.classifier_head, self.code_head
            ),
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
    def graph(self) -> Any:
        """The `CodeGraph`; assign a renamed one to give the codes other names."""
        return self._graph

    @graph.setter
    def graph(self, graph) -> Any:
        if not isinstance(graph, CodeGraph):
            raise TypeError(
                "`graph` must be a `kerasos.CodeGraph`. Received: "
                f"graph={graph!r}. Make one, e.g. `CodeGraph.preset('figure2')`."
            )
        present = self.__dict__.get("_graph")
        if present is not None and graph.parents != present.parents:
            raise ValueError(
                "The edges of a model's graph are part of its loss and stay. Expected "
                "the same graph under other names, `model.graph.rename({...})`. "
                f"Received: {graph}. Build another model for other edges."
            )
        self._graph = graph

    # Images of another size inside: resized on their way in, which is undone after.

    def to_model(self, x):
        x = super().to_model(x)
        if self.resizes:
            x = tf.image.resize(x, self.decoder_shape[:2], "bilinear")
        return x

    def to_user(self, samples):
        if self.resizes:
            samples = undo_resize(samples, self.spec.shape[:2])
            # The inverse overshoots at edges sharper than resizing makes any.
            samples = tf.clip_by_value(samples, *self.model_range)
        return super().to_user(samples)

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
            _check_readable(x)
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
        return tf.math.squared_difference(scores, target), scores, features

    def _class_losses(self, logits, one_hot):
        if self.double_softmax:
            logits = tf.nn.softmax(tf.cast(logits, tf.float32))
        return cross_entropy_loss(logits, one_hot)

    def _class_weights(self):
        counts = np.array(self.spec.class_counts, "float64")
        return tf.constant(counts.sum() / (len(counts) * counts), tf.float32)

    # Which class code makes which class, where the codes were trained without labels.

    def align_classes(self, x: ArrayLike, y: ArrayLike | None = None) -> Any:
        """Assigns each class the code that D's class head sees in its samples.

            A[k, j] = mean over real samples x of class k of q_j(x)

        and the assignment is the permutation with the largest sum of A, by the
        Hungarian method.

        Args:
            x: Samples in the user's units, or a dataset of `(x, y)`, read once.
            y: Integer labels, when `x` is an array.

        Returns:
            Array A `(num_classes, num_classes)`, codes in columns.

        Raises:
            ValueError: If the data do not fit the model or lack a class.
        """
        from scipy.optimize import linear_sum_assignment

        agreement = self._agreement(x, y)
        _, codes = linear_sum_assignment(-agreement)
        self.code_of_class.assign(codes.astype("int32"))
        matched = agreement[np.arange(len(codes)), codes]
        doubtful = np.flatnonzero(matched < LEAST_AGREEMENT)
        if len(doubtful):
            found = {int(k): round(float(matched[k]), 2) for k in doubtful}
            warnings.warn(
                "The class codes do not stand for single classes, so what is generated "
                "under these labels is likely to be something else (label: mean "
                f"probability of its code on its own samples): {found}. Train longer, "
                "or build the model with `class_code='supervised'`.",
                stacklevel=2,
            )
        return agreement

    def _agreement(self, x, y):
        num_classes = self.spec.num_classes
        sums, counts = np.zeros((num_classes, num_classes)), np.zeros(num_classes)
        parts = every_row(x) if isinstance(x, tf.data.Dataset) else [(x, y)]
        for samples, labels in parts:
            labels = np.asarray(labels)
            self.spec.check_compatible(samples, labels)
            np.add.at(sums, labels, self.class_probabilities(samples))
            counts += np.bincount(labels, minlength=num_classes)
        if not counts.all():
            raise ValueError(
                "Every class needs a real sample to find its code. Received none of "
                f"class {int(counts.argmin())}. Pass the training data."
            )
        return sums / counts[:, None]

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

    def _samples(self, noise, labels, codes=None):
        latent = self.latent(noise, labels)
        if codes is not None:
            drawn = latent[:, self.latent_dim :]
            codes = tf.where(tf.math.is_nan(codes), drawn, codes)
            latent = tf.concat([latent[:, : self.latent_dim], codes], -1)
        return self.to_user(self.generate(latent, labels))

    @checked(hints=SAMPLE_HINTS)
    def sample(
        self,
        labels: ArrayLike,
        seed: int | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        *,
        codes: Any = None,
    ) -> np.ndarray:
        """Generates one sample for each label, with codes given or drawn.

        Args:
            labels, seed, batch_size, verbose: As in `OversamplingModel.sample`; the
                same seed gives the same noise and, where they are drawn, the same
                codes.
            codes: None (all drawn); an array `(n, num_codes)`, or `(num_codes,)` for
                all samples; or a dict from some codes, by name or number, to a value
                or an array `(n,)`: the others are drawn.

        Returns:
            Array `(n, *sample_shape)` in the user's units and dtype.

        Raises:
            ValueError: If a label cannot be generated, or codes do not fit.

        Example:

        >>> model.sample([3] * 10, codes={"c0": np.linspace(-1, 1, 10)}, seed=0)
        """
        labels = self._check_sampled_labels(labels)
        codes = code_columns(codes, len(labels), self.graph, self.code_prior)
        return self._sample_in_chunks([labels, codes], seed, batch_size, verbose)

    @checked
    def traverse(
        self, label: Any, code: Any, values: Any, seed: int | None = None
    ) -> np.ndarray:
        """Generates one sample a value of one code; all else stays as it is.

        Args:
            label: Integer.
            code: Name or number of an observed code.
            values: Floats `(n,)`, for instance `np.linspace(-1, 1, 9)`.
            seed: Integer for the noise and the other codes, which are drawn once.

        Returns:
            Array `(n, *sample_shape)` in the user's units and dtype.
        """
        if np.ndim(values) != 1:
            raise ValueError(
                "`values` must be a vector of floats, a sample each. Received: shape "
                f"{np.shape(values)}."
            )
        labels = self._check_sampled_labels(np.full(len(values), label))
        codes = code_columns({code: values}, len(values), self.graph, self.code_prior)
        source = np.random.default_rng(fresh_seed(seed))
        noise = source.standard_normal((1, self.noise_dim), dtype="float32")
        noise = np.repeat(noise, len(values), axis=0)
        return self._sample_function()(noise, labels, codes)

    @checked
    def latent_codes(self, x: ArrayLike, batch_size: Count = 512) -> np.ndarray:
        """Reads the codes off samples, real or generated.

        Args:
            x: Array `(n, *spec.shape)` in the user's units.
            batch_size: Rows at once.

        Returns:
            Float32 array `(n, num_codes)`, the latent codes c'.
        """
        return self._read("code_head", x, batch_size)

    @checked
    def class_probabilities(self, x, batch_size: Count = 512):
        """Returns `(n, num_classes)`: q(y | x) of D's class head, by class code."""
        return self._read("classifier_head", x, batch_size, tf.nn.softmax)

    def _read(self, head, x, batch_size, activation=tf.identity):
        x = np.asarray(x)
        self.spec.check_compatible(x)
        parts = (x[i : i + batch_size] for i in range(0, len(x), batch_size))
        return np.concatenate([activation(self._heads(p)[head]).numpy() for p in parts])

    @functools.cached_property
    def _heads(self):
        """Compiled: samples to what the heads read, latent codes and class logits."""

        def read(x):
            features = self.trunk(self.to_model(x), training=False)
            names = ("code_head", "classifier_head")
            return {n: tf.cast(getattr(self, n)(features), tf.float32) for n in names}

        return traced_by_rows(read)

    def oversample(
        self,
        x: Samples,
        y: ArrayLike | None = None,
        sampling_strategy: Strategy = "auto",
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Adds generated samples until the classes are balanced.

        Args:
            x, y, sampling_strategy, *args, **kwargs: As in
                `OversamplingModel.oversample`; but "auto" adds `per_class` samples to
                every class where that is set.

        Returns:
            As there.
        """
        if self.per_class is not None and sampling_strategy == "auto":

            def sampling_strategy(y):
                labels, counts = np.unique(y, return_counts=True)
                totals = (counts + self.per_class).tolist()
                return dict(zip(labels.tolist(), totals, strict=True))

        return super().oversample(x, y, sampling_strategy, *args, **kwargs)

    def _check_widths(self):
        num_classes, num_codes = self.spec.num_classes, self.num_codes
        code_std = self.graph.names if self.code_std is None else self.code_std
        for name, found, expected in (
            ("generator", self.generator.input_shape[1][-1], num_classes),
            ("classifier_head", self.classifier_head.output_shape[-1], num_classes),
            ("code_head", self.code_head.output_shape[-1], num_codes),
            ("graph", self.graph.num_codes, num_codes),
            ("code_std", len(code_std), num_codes),
        ):
            if found != expected:
                raise ValueError(
                    f"`{name}` must fit {num_classes} classes and {num_codes} codes, "
                    "which the generator takes. Expected a width of "
                    f"{expected}. Received: {found}."
                )


def _check_readable(x):
    """Raises if the training data cannot be read once more after training."""
    if isinstance(x, tf.distribute.DistributedDataset) or (
        isinstance(x, tf.data.Dataset)
        and x.cardinality() == tf.data.INFINITE_CARDINALITY
    ):
        raise ValueError(
            "`class_code='unsupervised'` reads the training data once after training, "
            "to find the class of each code. Expected arrays or a finite dataset. "
            f"Received: a {type(x).__name__} without end, or distributed. Use "
            "`kerasos.data.batches(x, y, 64)`."
        )


def undo_resize(images, size):
    """Returns the images of `size` that resizing makes most like `images`.

    An image that was enlarged comes back as it was, which resizing a second time
    would blur. Where an axis was made smaller, it is enlarged bilinearly.

    Args:
        images: Float32 tensor `(batch, height, width, channels)`.
        size: `(height, width)` before the resizing.

    Returns:
        Float32 tensor `(batch, *size, channels)`.
    """
    rows, columns = (
        tf.constant(_undo(before, now), tf.float32)
        for before, now in zip(size, images.shape[1:3], strict=True)
    )
    images = tf.einsum("ih,bhwc->biwc", rows, images)
    return tf.einsum("jw,biwc->bijc", columns, images)


def _undo(before, now):
    if now < before:
        return enlargement(now, before)
    # Well-conditioned: enlarging keeps at least .17 of any pattern up to side 64.
    return np.linalg.pinv(enlargement(before, now))


def enlargement(before, after):
    """The matrix `(after, before)` of `tf.image.resize`, bilinear, along one axis."""
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    # A hat around each pixel, one wide to either side.
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(before)))
