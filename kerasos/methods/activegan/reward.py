"""How unsure a classifier is of a sample, as a reward; and samples of small margin.

A classifier of the labelled data ends with one of the two layers here.
The functions of probabilities take `(batch, num_classes)`, rows summing to 1, and
return `(batch,)` values in float32.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.host import weakly
from kerasos.layers.float32_layer import Float32Layer
from kerasos.layers.resting_weight import resting_weight
from kerasos.randomness.draws import mean_over_replicas
from kerasos.traced import traced_by_rows

WEIGHTS = ("mean", "scale", "support", "dual", "intercept", "slope", "offset", "gamma")
ENTROPIES = ("paper", "normalised")
_BASELINE_MOMENTUM = 0.99
_CHUNK = 512


def margin(probs):
    """Difference of the two largest probabilities, `u_m = p_1 - p_2`; in [0, 1]."""
    largest = tf.math.top_k(tf.cast(probs, tf.float32), 2).values
    return largest[:, 0] - largest[:, 1]


def entropy(probs):
    """`u_le = -sum_k p_k log p_k` with 0 log 0 = 0; in [0, log num_classes]."""
    probs = tf.cast(probs, tf.float32)
    return -tf.reduce_sum(tf.math.xlogy(probs, probs), axis=-1)


def uncertainty_reward(probs, alpha=0.5, eps=0.2, kind="paper"):
    """Reward of a sample that a classifier finds hard.

        r   = alpha r_m + (1 - alpha) r_e                            (eq. 9)
        r_m = exp(-u_m) if u_m <= eps, else 0                        (eq. 8)
        r_e = exp(u_le), in [1, num_classes]

    Args:
        probs: Float tensor `(batch, num_classes)`.
        alpha: Float in [0, 1], share of the margin's reward. Default .5 (paper).
        eps: Float in [0, 1], margin above which its reward is 0. Default .2 (paper).
            0 leaves exact ties, 1 truncates nothing.
        kind: "paper", or "normalised" (ours): the entropy is scaled to that of ten
            classes, `u_le log 10 / log num_classes`, so that r_e does not swamp
            r_m where there are many.

    Returns:
        Float32 tensor `(batch,)`, not negative.

    Reference:
        Kong et al. Active Generative Adversarial Network for Image Classification,
        AAAI 2019.
    """
    difference, nats = margin(probs), entropy(probs)
    if kind == "normalised":
        nats *= math.log(10.0) / math.log(probs.shape[-1])
    of_margin = tf.where(difference <= eps, tf.exp(-difference), 0.0)
    return alpha * of_margin + (1.0 - alpha) * tf.exp(nats)


def running_baseline(running, reward, due):
    """Returns the running mean of r before this batch, which then joins it.

    Args:
        running: Variable `()`; below 0 for none yet. Under a strategy the mean of a
            batch is that over all replicas.
        reward: Float32 tensor `(batch,)`.
        due: 1.0, or 0.0 for a batch that leaves the mean as it is.
    """
    mean = mean_over_replicas(tf.reduce_mean(reward))
    before = tf.convert_to_tensor(running)
    base = tf.where(before < 0.0, mean, before)
    after = base + (1.0 - _BASELINE_MOMENTUM) * (mean - base)
    running.assign(tf.where(due > 0.0, after, before))
    return base


@keras.saving.register_keras_serializable(package="kerasos")
class SupportVectorProbabilities(Float32Layer):
    """The probabilities of calibrated one-vs-rest SVMs, as plain weights.

    With z = (x - mean) / scale and for class k

        f_k = sum_i dual_ik exp(-gamma |z - support_i|^2) + intercept_k
        p_k = sigmoid(-(slope_k f_k + offset_k)),    scaled to sum 1

    Where there are no support vectors, f_k = z dual_k + intercept_k: the linear
    kernel. Two classes have one f, that of the second. It runs wherever TensorFlow
    does, under XLA and on replicas, and a saved model holds numbers instead of a
    pickled estimator.

    Args:
        num_features: Integer.
        num_classes: Integer.
        num_support: Integer, support vectors; 0 for the linear kernel.

    Call arguments:
        features: Float tensor `(batch, num_features)`.

    Returns:
        Float32 tensor `(batch, num_classes)`.
    """

    rests = True

    def __init__(self, num_features, num_classes, num_support, **kwargs):
        # Differences of large squares have no digits left in half precision.
        super().__init__(**kwargs)
        self.num_features = int(num_features)
        self.num_classes = int(num_classes)
        self.num_support = int(num_support)
        machines = (1 if self.num_classes == 2 else self.num_classes,)
        shapes = {
            "mean": (self.num_features,),
            "scale": (self.num_features,),
            "support": (self.num_support, self.num_features),
            "dual": (self.num_support or self.num_features, *machines),
            "intercept": machines,
            "slope": machines,
            "offset": machines,
            "gamma": (),
        }
        for name in WEIGHTS:
            if name == "support" and not self.num_support:
                continue
            initializer = "ones" if name == "scale" else "zeros"
            options = {"initializer": initializer, "autocast": False}
            setattr(self, name, resting_weight(self, name, shapes[name], **options))
        self.built = True

    @classmethod
    def of(cls, arrays, num_classes):
        """Returns the layer for what `support_arrays` gives."""
        num_support, num_features = arrays["support"].shape
        layer = cls(num_features, num_classes, num_support)
        for name in WEIGHTS:
            if num_support or name != "support":
                getattr(layer, name).assign(np.asarray(arrays[name], "float32"))
        return layer

    def call(self, features):
        value = tf.convert_to_tensor
        z = (tf.cast(features, tf.float32) - value(self.mean)) / value(self.scale)
        if self.num_support:
            support = value(self.support)
            products = tf.matmul(z, support, transpose_b=True)
            squares = tf.reduce_sum(z * z, -1)[:, None] + tf.reduce_sum(support**2, -1)
            distances = tf.maximum(squares - 2.0 * products, 0.0)
            z = tf.exp(-value(self.gamma) * distances)
        decision = tf.matmul(z, value(self.dual)) + value(self.intercept)
        probs = tf.sigmoid(-(value(self.slope) * decision + value(self.offset)))
        if self.num_classes == 2:
            return tf.concat([1.0 - probs, probs], axis=-1)
        # As in scikit-learn: nothing to scale where all are 0.
        total = tf.reduce_sum(probs, -1, keepdims=True)
        equal = tf.fill(tf.shape(probs), 1.0 / self.num_classes)
        return tf.where(total > 0.0, tf.math.divide_no_nan(probs, total), equal)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)


@keras.saving.register_keras_serializable(package="kerasos")
class EstimatorProbabilities(keras.layers.Layer):
    """The probabilities of any scikit-learn estimator, computed on the host.

    Each call leaves the graph for Python, so XLA cannot compile it. A file holds no
    estimator: pickled ones run code when they are loaded. After loading, set
    `estimator` again.

    Args:
        num_classes: Integer.
        estimator: Fitted, with `predict_proba` for `num_classes` classes in label
            order; None for a layer that still waits for it.

    Call arguments:
        features: Float tensor `(batch, num_features)`.

    Returns:
        Float32 tensor `(batch, num_classes)`; no gradient passes.
    """

    def __init__(self, num_classes, estimator=None, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**{**kwargs, "trainable": False})
        self.num_classes = int(num_classes)
        # Held outside Keras's attribute tracking: it is no state of the layer.
        self.__dict__["estimator"] = estimator

    def __setattr__(self, name, value):
        if name == "estimator":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def call(self, features):
        probs = tf.numpy_function(weakly(self._probabilities), [features], tf.float32)
        return tf.ensure_shape(probs, (features.shape[0], self.num_classes))

    def _probabilities(self, features):
        if self.estimator is None:
            raise ValueError(
                "This model was loaded from a file, which holds no scikit-learn "
                "estimator. Fit it again on `model.features(x)` and labels, and call "
                "`model.set_estimator(estimator)`."
            )
        return np.asarray(self.estimator.predict_proba(features), "float32")

    def compute_output_spec(self, features):
        return keras.KerasTensor((features.shape[0], self.num_classes), "float32")

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return {**config, "num_classes": self.num_classes}


class Scorer:
    """The classifier of the rewards, for arrays in the user's units.

    Args:
        classifier: Keras model from samples to class probabilities, whose last layer
            works on the features.
        spec: `kerasos.data.DataSpec` of the samples.

    Attributes:
        estimator_layers: Layers that ask a scikit-learn estimator.
    """

    def __init__(self, classifier, spec):
        self.classifier, self.spec = classifier, spec
        self.estimator_layers = [
            layer
            for layer in classifier.layers
            if isinstance(layer, EstimatorProbabilities)
        ]
        self._probabilities = traced_by_rows(lambda x: classifier(x, training=False))
        self._features = None

    @property
    def no_xla(self):
        """Why XLA cannot compile the rewards, in words, or None."""
        if self.estimator_layers:
            return "a scikit-learn estimator, outside the graph"
        operations = self.classifier.operations
        resizes = any(getattr(o, "antialias", False) for o in operations)
        return "features of images made smaller with antialiasing" if resizes else None

    def probabilities(self, x):
        """Returns the class probabilities, `(n, num_classes)` float32."""
        x = self._checked(x)
        probs = np.empty((len(x), self.spec.num_classes), "float32")
        for start in range(0, len(x), _CHUNK):
            part = x[start : start + _CHUNK]
            probs[start : start + len(part)] = self._probabilities(part).numpy()
        return probs

    def features(self, x):
        """Returns what the last layer works on, `(n, num_features)`."""
        if self._features is None:
            last = self.classifier.layers[-1]
            self._features = keras.Model(self.classifier.input, last.input)
        return self._features.predict(self._checked(x), batch_size=64, verbose=0)

    def _checked(self, x):
        x = np.asarray(x)
        self.spec.check_compatible(x)
        return x.astype(self.spec.dtype, copy=False)


def fill_with_hard(samples, labels, draw, margin_of, limit, max_draws):
    """Puts a sample of small margin in the place of each label (AC-GAN+F).

    Args:
        samples: Array `(n, ...)` that is filled.
        labels: Integers `(n,)`.
        draw: Function from labels and the number of the round to samples.
        margin_of: Function from samples to their margins.
        limit: Margin up to which a sample is taken.
        max_draws: Samples drawn at most for each one wanted. Where a class still has
            too few, those of the smallest margins complete it.

    Returns:
        Dict by label of `accepted`, the share of samples taken, and `short`, how many
        are missing where some are.
    """
    pools = {
        int(k): _Pool(int(n), limit, max_draws)
        for k, n in zip(*np.unique(labels, return_counts=True), strict=True)
    }
    number = 0
    while any(pool.wants for pool in pools.values()):
        wanted = [pool.wants for pool in pools.values()]
        round_labels = np.repeat(np.array(list(pools), "int32"), wanted)
        x = draw(round_labels, number)
        margins = margin_of(x)
        for label, pool in pools.items():
            mine = round_labels == label
            pool.add(x[mine], margins[mine])
        number += 1
    for label, pool in pools.items():
        samples[labels == label] = pool.samples
    return {
        "accepted": {k: pool.accepted / pool.drawn for k, pool in pools.items()},
        "short": {k: pool.short for k, pool in pools.items() if pool.short},
    }


class _Pool:
    """Samples of one class: those under the limit as drawn, then the nearest."""

    def __init__(self, wanted, limit, max_draws):
        self.wanted, self.limit = wanted, limit
        self.budget = wanted * max_draws
        self.drawn = self.accepted = 0
        self.samples = self.margins = None

    @property
    def short(self):
        return max(0, self.wanted - self.accepted)

    @property
    def wants(self):
        """Samples of the next round: more where few are taken, none when done."""
        if not self.short:
            return 0
        share = (self.accepted + 1) / (self.drawn + 2)
        most = min(4 * self.wanted, self.budget - self.drawn)
        return max(0, min(int(np.ceil(self.short / share)), most))

    def add(self, samples, margins):
        self.drawn += len(samples)
        self.accepted += int(np.sum(margins <= self.limit))
        if self.samples is not None:
            samples = np.concatenate([self.samples, samples])
            margins = np.concatenate([self.margins, margins])
        # Whatever is under the limit counts alike, the first drawn come first.
        order = np.argsort(np.maximum(margins, self.limit), kind="stable")
        order = order[: self.wanted]
        self.samples, self.margins = samples[order], margins[order]
