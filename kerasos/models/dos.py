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

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.pipeline import overloaded
from kerasos.data.spec import DataSpec, as_arrays
from kerasos.models.base import OversamplingModel
from kerasos.models.dos_neighbours import NeighbourBank
from kerasos.models.gamo import LOSSES, adam
from kerasos.models.gamo_build import check_imbalance
from kerasos.models.training import num_rows, watching
from kerasos.models.validation import ClassifierValidation
from kerasos.networks import dos as networks
from kerasos.networks.classifier import raw_input_classifier
from kerasos.registry import register_method
from kerasos.seeds import fresh_seed
from kerasos.suggest import check_choice, check_options

OPTIONS = (
    "variant",
    "loss",
    "neighbors",
    "max_overload",
    "cluster_weight",
    "ce_weight",
    "warmup_epochs",
    "value_range",
    "label_names",
)
CHUNK = 512


@register_method("dos")
class DOS(NeighbourBank, ClassifierValidation, OversamplingModel):
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
    trains_classifier = True

    def __init__(
        self,
        feature_extractor,
        classifier_head,
        *,
        spec,
        loss="ls",
        neighbors=5,
        max_overload=10,
        cluster_weight=None,
        ce_weight="none",
        warmup_epochs=1,
        seed=None,
        **kwargs,
    ):
        check_imbalance(spec, "DOS")
        check_choice("loss", loss, ("ls", "ce"))
        check_choice("ce_weight", ce_weight, ("none", "rho"))
        for name, value, least in (
            ("neighbors", neighbors, 1),
            ("max_overload", max_overload, 1),
            ("warmup_epochs", warmup_epochs, 0),
        ):
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(
                    f"`{name}` must be an integer of at least {least}. Received: "
                    f"{name}={value!r}."
                )
        if cluster_weight is not None and cluster_weight < 0:
            raise ValueError(
                "`cluster_weight` must not be negative. Received: "
                f"cluster_weight={cluster_weight}."
            )
        kwargs.pop("noise_dim", None)
        super().__init__(spec=spec, noise_dim=1 + neighbors, seed=seed, **kwargs)
        self.feature_extractor = feature_extractor
        self.classifier_head = classifier_head
        self.loss_name, self.c_loss_fn = loss, LOSSES[loss][0]
        self.neighbors, self.max_overload = int(neighbors), int(max_overload)
        self.cluster_weight = cluster_weight
        self.ce_weight = ce_weight
        self.warmup_epochs = int(warmup_epochs)
        width = feature_extractor.output_shape[-1]
        self.weight = 1.0 / width if cluster_weight is None else float(cluster_weight)
        counts = np.array(spec.class_counts)
        self.overloaded_labels = sorted(spec.minority_labels)
        self.overloads = np.minimum(-(-counts.max() // counts), self.max_overload)
        self.classifier = raw_input_classifier(spec, classifier_head, feature_extractor)
        self.make_bank(width)
        # 0 during warm-up, then 1.
        self.clustering = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="clustering"
        )
        self.track("c_loss", "cluster_loss")
        self.make_val_metrics()

    @classmethod
    def from_data(cls, x, y=None, *, seed=None, **options):
        """Builds and compiles DOS for a data set.

        Args:
            x: Images `(n, height, width, channels)` or rows `(n, num_features)`,
                or a `tf.data.Dataset` of `(x, y)`, which is read once.
            y: Integer labels `0..num_classes - 1`.
            seed: Integer behind weights and noise.
            **options: Those of the constructor, and:
                variant: "conv" (default for images: F and M of GAMO) or "dense"
                    (default for rows).
                value_range: `(low, high)` of the data where it cannot be seen.
                label_names: Names of the classes.

        Returns:
            A compiled `DOS`.

        Raises:
            TypeError: If an option is unknown.
            ValueError: If the data are not fit to train on, or are balanced.
        """
        check_options(options, OPTIONS, "DOS.from_data")
        seed = fresh_seed() if seed is None else int(seed)
        x, y = as_arrays(x, y)
        spec = DataSpec.of(
            x, y, options.pop("value_range", None), options.pop("label_names", None)
        )
        check_imbalance(spec, "DOS")
        variant = options.pop("variant", "conv" if spec.is_image else "dense")
        check_choice("variant", variant, ("conv", "dense"))
        if variant == "conv" and not spec.is_image:
            raise ValueError(
                "`variant='conv'` needs images (height, width, channels). Received "
                f"samples of shape {spec.shape}. Use `variant='dense'`."
            )
        model = cls(
            networks.feature_map(spec, variant, seed),
            networks.classifier_head(spec, variant, seed),
            spec=spec,
            seed=seed,
            **options,
        )
        slots = model.slots_of(y)
        model.refresh_bank(
            (x[rows], y[rows], slots[rows])
            for rows in (slice(i, i + CHUNK) for i in range(0, len(x), CHUNK))
        )
        model.compile()
        return model

    def compile(self, c_optimizer=None, **kwargs):
        """Sets the optimizer; by default that of GAMO's players, Adam 2e-4 and .5.

        Args:
            c_optimizer: Moves feature map and classifier together.
            **kwargs: `steps_per_execution`, `jit_compile` ("auto" takes XLA for
                dense networks on one device), `run_eagerly`.
        """
        self.compile_players({"c_optimizer": c_optimizer or adam()}, **kwargs)

    def player_variables(self):
        variables = self.feature_extractor.trainable_variables
        return {"c_optimizer": variables + self.classifier_head.trainable_variables}

    @property
    def prefers_jit(self):
        return not any(v.ndim == 4 for v in self.trainable_variables)

    # Training.

    def arrange(self, dataset):
        """Each row as often as its class is overloaded, with its slot beside it."""

        def plan(y):
            return self.overloads[y], self.slots_of(y)

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
        self.refresh_from(self.training_data)

    def train_step(self, data):
        x, y, slots = data
        one_hot = tf.one_hot(y, self.spec.num_classes)
        targets = self._neighbours(slots)
        weights = self._draw_weights(y)
        variables = self.player_variables()["c_optimizer"]
        with watching(variables) as tape:
            features = self._features(self.to_model(x), training=True)
            logits = self.classifier_head(features, training=True)
            class_loss = self.c_loss_fn(logits, one_hot)
            clusters = self._cluster_terms(features, targets, weights, y)
            # The first draw is the copy's own.
            class_loss *= tf.stop_gradient(self._class_weights(clusters, y))
            c_loss = tf.reduce_mean(class_loss)
            cluster_loss = tf.reduce_mean(clusters[:, 0])
            loss = c_loss + tf.convert_to_tensor(self.clustering) * cluster_loss
        self.minimize(loss, tape, variables, self.c_optimizer)
        return self.finish_step(c_loss=c_loss, cluster_loss=cluster_loss)

    def _features(self, x, training=False):
        return tf.cast(self.feature_extractor(x, training=training), tf.float32)

    def _neighbours(self, slots):
        """Embeddings of each row's neighbours, `(batch, neighbors, width)`."""
        nearest = tf.gather(tf.convert_to_tensor(self.nearest), tf.maximum(slots, 0))
        return tf.gather(tf.convert_to_tensor(self.bank), nearest)

    def _draw_weights(self, y):
        """Weights `(batch, draws, neighbors)`, of one copy or of all its r_c."""
        draws = int(self.overloads.max()) if self.ce_weight == "rho" else 1
        noise = self.normal(num_rows(y), draws * self.neighbors, "weights")
        noise = tf.reshape(noise, (-1, draws, self.neighbors))
        return self.neighbour_weights(noise, y)

    def _cluster_terms(self, features, targets, weights, y):
        """lambda sum_p w_p |f(x) - v_p|^2, `(batch, draws)`; 0 without neighbours."""
        squares = tf.math.squared_difference(features[:, None], targets)
        distances = tf.reduce_sum(squares, -1)
        terms = self.weight * tf.einsum("bdk,bk->bd", weights, distances)
        # The largest class has none, nor has a class of one row.
        count = tf.gather(tf.convert_to_tensor(self.bank_counts), y)
        return terms * tf.cast(count > 1, tf.float32)[:, None]

    def _class_weights(self, clusters, y):
        if self.ce_weight == "none":
            return tf.ones_like(clusters[:, 0])
        copies = tf.gather(tf.constant(self.overloads, tf.int32), y)
        present = tf.sequence_mask(copies, clusters.shape[1])
        rho = tf.nn.softmax(tf.where(present, -clusters, -float("inf")))[:, 0]
        return tf.where(tf.convert_to_tensor(self.clustering) > 0.0, rho, 1.0)

    # Sampling.

    @property
    def sample_shape(self):
        return (self.bank.shape[-1],)

    @property
    def sample_dtype(self):
        return "float32"

    @property
    def sampled_labels(self):
        return list(self.overloaded_labels)

    def generate(self, latent, labels):
        counts = tf.gather(tf.convert_to_tensor(self.bank_counts), labels)
        first = tf.gather(tf.constant(self.first_slots), labels)
        # The normal's own distribution function makes a uniform of the noise.
        uniform = 0.5 * (1.0 + tf.math.erf(latent[:, 0] / tf.sqrt(2.0)))
        row = tf.cast(uniform * tf.cast(counts, tf.float32), tf.int32)
        row = tf.clip_by_value(row, 0, tf.maximum(counts - 1, 0))
        weights = self.neighbour_weights(latent[:, 1:], labels)
        neighbours = self._neighbours(first + row)
        return tf.einsum("bk,bkd->bd", weights, neighbours)

    def to_user(self, samples):
        return samples

    def _why_not_sampled(self):
        return "DOS has targets for classes smaller than the largest only."

    # Saving.

    def get_config(self):
        config = super().get_config()
        del config["noise_dim"]
        for name in ("feature_extractor", "classifier_head"):
            config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        config["loss"] = self.loss_name
        for name in (
            "neighbors",
            "max_overload",
            "cluster_weight",
            "ce_weight",
            "warmup_epochs",
        ):
            config[name] = getattr(self, name)
        return config
