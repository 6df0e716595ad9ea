"""DOS: deep over-sampling, a classifier that draws small classes together.

Ando, Huang, ECML-PKDD 2017. With features v = f(x) and a classifier g on them, each
sample of a small class c comes r_c times in an epoch, every time with other weights
w >= 0, sum w = 1, on its k_c nearest neighbours v_p of its class:

    min_{f,g}  L(g(f(x)), y) + lambda sum_p w_p |f(x) - v_p|^2

The second term is least where f(x) is the synthetic target sum_p w_p v_p. The v_p and
who is next to whom are computed when an epoch begins and are constants until the next.

The paper's text leaves much open; where public implementations differ it is ours:
- w are absolute values of standard normals over their sum.
- k_c = min(5, n_c - 1), r_c = min(10, ceil(n_max / n_c)), lambda = 1 / width of f.
- The classification loss counts once a copy; `ce_weight="rho"` weighs it by the softmax
  of -lambda sum_p w_p |f(x) - v_p|^2 over r_c draws of w, a constant in the gradient.
- The first epoch trains on the classification loss alone.
- Networks, loss and optimizer are those of GAMO's baseline, and so is the number of
  steps in an epoch: a pass over all copies takes longer than one. With lambda = 0 and
  r_c = 1 it is that baseline.
"""

from collections.abc import Sequence
from typing import Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, NonNegative, Seed, Whole, checked
from kerasos.data.pipeline import every_row, overloaded
from kerasos.layers.resting_weight import resting_weight
from kerasos.losses import classification
from kerasos.methods.base import Adam, OversamplingModel, num_rows, read_data, watching
from kerasos.methods.dos.neighbours import NeighbourBank
from kerasos.methods.shared.validation import (
    check_imbalance,
    validate,
    validation_metrics,
)
from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.gamo import FEATURES, feature_extractor
from kerasos.networks.mlp import leaky_mlp, linear_head
from kerasos.registry import register_method

LOSSES = {
    "ls": classification.least_squares_loss,
    "ce": classification.cross_entropy_loss,
}
_UNITS = (256, 128)


@register_method("dos")
class DOS(OversamplingModel):
    """Trains a feature map and a classifier on overloaded small classes.

    `DOS.from_data(x, y)` builds the networks; the constructor takes your own. What it
    samples are features, the synthetic targets of a random row of the class; they are
    those of the network when the last epoch began.

    Args:
        feature_extractor: Keras model f from samples in [-1, 1] to features
            `(batch, width)`.
        classifier_head: Keras model g from features to `(batch, num_classes)` logits.
        spec: `kerasos.data.DataSpec` of the training data.
        loss: "ls" (default; that of GAMO's tables) or "ce".
        neighbors: k, 5 (ours): neighbours of a sample; a class of n_c samples has
            n_c - 1 at most.
        max_overload: Bound on r_c, 10 (ours); 1 repeats nothing.
        cluster_weight: lambda; None for 1 / width of the features (ours).
        ce_weight: "none" (default) or "rho".
        warmup_epochs: Epochs on the classification loss alone, 1 (ours).
        seed: Integer behind all noise of training.
        **kwargs: `name`.

    Raises:
        ValueError: If the classes are balanced, or an option's value cannot be used.

    Example:

    >>> model = kerasos.DOS.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=80)
    >>> probabilities = model.classifier.predict(x_test)

    Reference:
        Ando, Huang. Deep Over-sampling Framework for Classifying Imbalanced Data,
        ECML-PKDD 2017.
    """

    produces_samples = False
    makes = ()
    trains_classifier = True

    @checked
    def __init__(
        self,
        feature_extractor,
        classifier_head,
        *,
        spec,
        loss: Literal[*LOSSES] = "ls",
        neighbors: Count = 5,
        max_overload: Count = 10,
        cluster_weight: NonNegative | None = None,
        ce_weight: Literal["none", "rho"] = "none",
        warmup_epochs: Whole = 1,
        seed=None,
        **kwargs,
    ):
        check_imbalance(spec, "DOS")
        super().__init__(spec=spec, noise_dim=1 + neighbors, seed=seed, **kwargs)
        self.feature_extractor = feature_extractor
        self.classifier_head = classifier_head
        self.loss_name, self.c_loss_fn = loss, LOSSES[loss]
        self.neighbors, self.max_overload = neighbors, max_overload
        self.cluster_weight = cluster_weight
        self.ce_weight = ce_weight
        self.warmup_epochs = warmup_epochs
        width = feature_extractor.output_shape[-1]
        self.weight = 1.0 / width if cluster_weight is None else float(cluster_weight)
        counts = np.array(spec.class_counts)
        self.overloads = np.minimum(-(-counts.max() // counts), max_overload)
        self.classifier = raw_input_classifier(spec, classifier_head, feature_extractor)
        self.bank = NeighbourBank(self, self.features_of, width, neighbors)
        # 0 during warm-up, then 1.
        self.clustering = resting_weight(self, "clustering", initializer="ones")
        self.track("c_loss", "cluster_loss")
        self.val_metrics = validation_metrics(spec.num_classes)

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        variant: Literal["conv", "dense"] | None = None,
        loss="ls",
        neighbors=5,
        max_overload=10,
        cluster_weight=None,
        ce_weight="none",
        warmup_epochs=1,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles DOS for a data set.

        A dataset is in memory for a moment, for the rows that it keeps.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            variant: "conv" (default for images: F and M of GAMO) or "dense" (default
                for rows).
            loss, neighbors, max_overload, cluster_weight, ce_weight, warmup_epochs:
                See the class.

        Raises:
            ValueError: If the data are balanced.
        """
        from sklearn.utils import gen_batches

        data = read_data(x, y, seed, value_range, label_names)
        spec = data.spec
        check_imbalance(spec, "DOS")
        variant = variant or ("conv" if spec.is_image else "dense")
        if variant == "conv" and not spec.is_image:
            raise ValueError(
                "`variant='conv'` needs images (height, width, channels). Received "
                f"samples of shape {spec.shape}. Use `variant='dense'`."
            )
        model = cls(
            feature_map(spec, variant, data.seed),
            classifier_head(spec, variant, data.seed),
            spec=spec,
            seed=data.seed,
            **cls.options.given(locals()),
        )
        slots = model.bank.slots_of(data.y)
        model.bank.refresh(
            (data.x[rows], data.y[rows], slots[rows])
            for rows in gen_batches(len(slots), 512)
        )
        model.compile()
        return model

    def compile(self, c_optimizer=None, **kwargs):
        """Sets the optimizer; by default that of GAMO's players, Adam 2e-4 and .5.

        Args:
            c_optimizer: Moves feature map and classifier together.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        if c_optimizer is None:
            c_optimizer = Adam(2e-4, beta_1=0.5, beta_2=0.999)
        self.compile_players({"c_optimizer": c_optimizer}, **kwargs)

    def player_variables(self):
        variables = self.feature_extractor.trainable_variables
        return {"c_optimizer": variables + self.classifier_head.trainable_variables}

    # Training.

    def arrange(self, dataset):
        """Each row as often as its class is overloaded, with its slot beside it."""

        def plan(y):
            return self.overloads[y], self.bank.slots_of(y)

        arranged = overloaded(dataset, plan)
        if arranged is None:
            raise ValueError(
                "DOS repeats rows of the smaller classes itself and must know each row "
                "again. Expected arrays, or a dataset of `kerasos.data.batches` with "
                f"`balanced=False`. Received: a {type(dataset).__name__} of another "
                "kind. Pass one of the two."
            )
        return arranged

    def on_epoch_start(self, epoch):
        self.clustering.assign(float(epoch >= self.warmup_epochs))
        self.bank.refresh(every_row(self.training_data))

    def train_step(self, data):
        x, y, slots = data
        one_hot = tf.one_hot(y, self.spec.num_classes)
        targets = self.bank.neighbours_at(slots)
        weights = self.draw_weights(y)
        variables = self.player_variables()["c_optimizer"]
        with watching(variables) as tape:
            features = self.features_of(x, training=True)
            logits = self.classifier_head(features, training=True)
            class_loss = self.c_loss_fn(logits, one_hot)
            clusters = self.cluster_terms(features, targets, weights, y)
            # The first draw is the copy's own.
            class_loss *= tf.stop_gradient(self.copy_weights(clusters, y))
            c_loss = tf.reduce_mean(class_loss)
            cluster_loss = tf.reduce_mean(clusters[:, 0])
            loss = c_loss + tf.convert_to_tensor(self.clustering) * cluster_loss
        self.minimize(loss, tape, variables, self.c_optimizer)
        return self.finish_step(loss=loss, c_loss=c_loss, cluster_loss=cluster_loss)

    def features_of(self, x, training=False):
        """Returns f of samples in the user's units, float32 `(batch, width)`."""
        features = self.feature_extractor(self.to_model(x), training=training)
        return tf.cast(features, tf.float32)

    def draw_weights(self, y):
        """Weights `(batch, draws, neighbors)`, of one copy or of all its r_c."""
        draws = int(self.overloads.max()) if self.ce_weight == "rho" else 1
        noise = self.normal(num_rows(y), draws * self.neighbors, "weights")
        noise = tf.reshape(noise, (-1, draws, self.neighbors))
        return self.bank.weights(noise, y)

    def cluster_terms(self, features, targets, weights, y):
        """lambda sum_p w_p |f(x) - v_p|^2, `(batch, draws)`; 0 without neighbours."""
        squares = tf.math.squared_difference(features[:, None], targets)
        distances = tf.reduce_sum(squares, -1)
        terms = self.weight * tf.einsum("bdk,bk->bd", weights, distances)
        # The largest class has none, nor has a class of one row.
        others = self.bank.count(y) > 1
        return terms * tf.cast(others, tf.float32)[:, None]

    def copy_weights(self, clusters, y):
        """Weights `(batch,)` of the classification loss: 1, or rho of draw 0."""
        if self.ce_weight == "none":
            return tf.ones_like(clusters[:, 0])
        copies = tf.gather(tf.constant(self.overloads, tf.int32), y)
        present = tf.sequence_mask(copies, clusters.shape[1])
        rho = tf.nn.softmax(tf.where(present, -clusters, -float("inf")))[:, 0]
        return tf.where(tf.convert_to_tensor(self.clustering) > 0.0, rho, 1.0)

    # Validation and sampling.

    def test_step(self, data):
        x, y = data
        logits = self.classifier_head(self.features_of(x))
        losses = self.c_loss_fn(logits, tf.one_hot(y, self.spec.num_classes))
        return validate(self.val_metrics, y, logits, losses)

    @property
    def metrics(self):
        return super().metrics + self.val_metrics

    @property
    def sample_shape(self):
        return self.feature_extractor.output_shape[1:]

    @property
    def sample_dtype(self):
        return "float32"

    @property
    def sampled_labels(self) -> list[int]:
        return self.bank.labels

    def generate(self, latent, labels):
        # The normal's own distribution function makes a uniform of the noise.
        place = 0.5 * (1.0 + tf.math.erf(latent[:, 0] / tf.sqrt(2.0)))
        neighbours = self.bank.neighbours_at(self.bank.slots_at(place, labels))
        weights = self.bank.weights(latent[:, 1:], labels)
        return tf.einsum("bk,bkd->bd", weights, neighbours)

    def to_user(self, samples):
        return samples

    def _why_not_sampled(self):
        return "DOS has targets for classes smaller than the largest only."


def feature_map(spec, variant, seed):
    """Samples in [-1, 1] to features.

    "conv": the extractor F of GAMO, 512 wide. "dense": the hidden layers of GAMO's
    classifier M, Dense 256 LReLU(.1) - Dense 128 LReLU(.1).

    Args:
        spec: `kerasos.data.DataSpec`.
        variant: "conv" or "dense".
        seed: Integer seed of the weights.

    Returns:
        A `keras.Model` to `(batch, width)`.
    """
    if variant == "conv":
        return feature_extractor(spec.shape, seed)
    inputs = keras.Input(spec.shape)
    hidden = keras.layers.Flatten()(inputs)
    # The layers that `gamo_classifier` calls so, with their weights.
    trunk = leaky_mlp(spec.num_features, None, seed, "classifier", _UNITS)
    return keras.Model(inputs, trunk(hidden), name="feature_extractor")


def classifier_head(spec, variant, seed):
    """Features to logits: GAMO's M ("conv"), or its last layer ("dense")."""
    if variant == "conv":
        return leaky_mlp(FEATURES, spec.num_classes, seed, "classifier")
    return linear_head(_UNITS[-1], spec.num_classes, seed, "classifier")
