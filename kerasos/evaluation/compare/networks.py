"""The networks of `compare`: built anew for each method, trained for as many steps.

A network ends in logits z. With n_k the training images of class k, pi_k their share:

    method                            trained with                   probabilities
    none, class_weights, samplers,    cross-entropy                  softmax(z)
      augment, mixup, threshold
    balanced_softmax, logit_adjusted  their loss                     softmax(z + log pi)
    class_balanced_focal              its loss                       softmax(z)
    ldam                              its loss, cosines c, weights   softmax(30 c)
                                      after four fifths of the steps

Images that a method adds have its weight in the mean of the loss, real ones 1.

The class of the largest z, or c, is predicted; by "threshold" that of the largest
z - log pi. Of the second line the probabilities are those for the data as they are,
which is what the loss fits; those of the last two are none in the strict sense.
"""

import dataclasses
import functools

import keras
import numpy as np
import tensorflow as tf

from kerasos.callbacks.deferred_reweighting import DeferredReweighting
from kerasos.checks import check_count
from kerasos.data.host import as_written
from kerasos.data.pipeline import batches, overloaded
from kerasos.evaluation.augmentation import augmented
from kerasos.evaluation.classifiers import small_cnn
from kerasos.layers import NormalizedDense
from kerasos.losses.long_tail import (
    LDAM,
    BalancedSoftmax,
    ClassBalancedFocal,
    LogitAdjusted,
    adjust_logits,
)
from kerasos.methods.base import alone
from kerasos.over_sampling.schedule import default_batch_size, default_steps
from kerasos.randomness.seeds import derive_seed

LOSSES = {
    "balanced_softmax": BalancedSoftmax,
    "logit_adjusted": LogitAdjusted,
    "class_balanced_focal": ClassBalancedFocal,
    "ldam": LDAM,
}
PASSES, STEP_BOUNDS = 20, (1_000, 20_000)
EPOCHS = 5  # the last of which has the weights of `DeferredReweighting`
STEPS_AT_ONCE = 20  # between two returns to Python
EAGER_STEPS = 10  # up to here a graph is not worth its tracing
ROWS_AT_ONCE = 512  # of a prediction
MIXUP_ALPHA = 0.2  # Zhang et al., section 3.1, and Keras's


@dataclasses.dataclass(frozen=True)
class ImageClassifier:
    """A network for `compare` on images, and how long it is trained.

    Args:
        build: Function from `(input_shape, num_classes)`, `(height, width, channels)`
            and an integer, to a `keras.Model` from float32 images in the units of the
            data to logits `(batch, num_classes)`, without activation. If it is compiled
            its optimizer is used, its loss is not; else Adam 1e-3 is. Called anew for
            each training. Default: `kerasos.evaluation.small_cnn`.
        steps: Integer, updates of each training, rounded up to a multiple of five.
            Every method gets as many, whatever it adds. Default: 20 passes over the
            training images as they are, but 1,000 to 20,000 steps.
        batch_size: Integer. Default: 32, from 10,000 training images on 128, from
            100,000 on 512; never more than there are.

    Example:

    >>> compare(images, y, ["ldam"], {"cnn": ImageClassifier(steps=3_000)})
    """

    build: object = None
    steps: int | None = None
    batch_size: int | None = None

    def __post_init__(self):
        for name in ("steps", "batch_size"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))

    def batch_of(self, num_images):
        """Returns the batch size for that many training images."""
        return min(self.batch_size or default_batch_size(num_images), num_images)

    def steps_of(self, num_images):
        """Returns the steps for that many training images, before any is added."""
        steps = self.steps
        if steps is None:
            batch_size = self.batch_of(num_images)
            steps = default_steps(num_images, batch_size, PASSES, STEP_BOUNDS)
        return -(-steps // EPOCHS) * EPOCHS

    def model(self, spec, seed):
        """Returns a new model of logits."""
        keras.utils.set_random_seed(seed)
        if self.build is None:
            return small_cnn(spec.shape, spec.num_classes, spec.value_range, seed)
        return self.build(spec.shape, spec.num_classes)

    def check(self, name, spec, images, losses):
        """Raises an error unless the models are what they must be.

        Args:
            name: String, of the classifier.
            spec: `kerasos.data.DataSpec` of the images.
            images: Some of them, `(n, height, width, channels)`.
            losses: List of the losses it will be trained with.
        """
        model = self.model(spec, 0)
        expected = (
            f"The classifier {name!r} must be a function from `(input_shape, "
            "num_classes)` to a Keras model of logits. Expected"
        )
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"{expected} a `keras.Model`. Received: {type(model).__name__}, from "
                f"input_shape={spec.shape}. Return the model."
            )
        output = model(images.astype("float32"), training=False)
        shape = (len(images), spec.num_classes)
        if tuple(getattr(output, "shape", ())) != shape:
            raise ValueError(
                f"{expected} outputs (batch, {spec.num_classes}), one a class. "
                f"Received: {getattr(output, 'shape', type(output).__name__)}. End it "
                f"in `Dense({spec.num_classes})`, of two classes, too."
            )
        values = keras.ops.convert_to_numpy(output)
        shares = values.min() >= 0 and np.allclose(values.sum(axis=1), 1.0, atol=1e-3)
        if hasattr(output, "_keras_logits") or shares:
            raise ValueError(
                f"{expected} a last layer without activation. Received: outputs of a "
                "softmax or sigmoid. Leave its activation out."
            )
        if any(isinstance(loss, LDAM) for loss in losses) and not _head(model):
            raise ValueError(
                f"{expected} a `Dense` for a last layer, which 'ldam' replaces by "
                f"`NormalizedDense`. Received: {_last_layer(model)}. End the model in "
                f"`Dense({spec.num_classes})`, or leave 'ldam' out."
            )

    def trained(self, contender, spec, x, y, num_images, seed):
        """Returns a function from images to logits, trained as a method says.

        Args:
            contender: `images.ImageContender`.
            spec: `kerasos.data.DataSpec` of all images.
            x, y: Images `(n, height, width, channels)` and integers, to fit on, the
                real ones first where added ones have a weight.
            num_images: Integer, training images before any was added.
            seed: Integer, of weights, order and augmentation.
        """
        counts = np.bincount(y, minlength=spec.num_classes)
        loss, steps = contender.loss_of(counts), self.steps_of(num_images)
        model = self.model(spec, seed)
        # Of a model that is compiled the optimizer is its own, and has no state yet.
        optimizer = model.optimizer if model.compiled else keras.optimizers.Adam(1e-3)
        if isinstance(loss, LDAM):
            cosines = NormalizedDense(spec.num_classes)(_head(model).input)
            (images,) = model.inputs
            model = keras.Model(images, cosines)
        if isinstance(loss, ClassBalancedFocal) and _head(model):
            _start_rare(_head(model), spec.num_classes)
        if contender.kind == "mixup":
            fitted = _MixedUp.around(model, spec, seed)
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        else:
            fitted = _around(model, spec)
            if contender.kind == "augment":
                fitted = augmented(fitted, derive_seed(seed, "augment"))
        fitted.compile(
            optimizer,
            loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            steps_per_execution=STEPS_AT_ONCE,
            jit_compile=False,  # compiling takes longer than it saves
            run_eagerly=steps <= EAGER_STEPS,
        )
        weights = None
        if contender.kind == "class_weights":
            weights = dict(enumerate(len(y) / np.maximum(counts, 1) / len(counts)))
        data = batches(
            x,
            y,
            min(self.batch_of(num_images), len(x)),
            seed=derive_seed(seed, "batches"),
            steps_per_epoch=steps // EPOCHS,
        )
        if contender.synthetic_weight is not None:
            data = _weighing(data, num_images, contender.synthetic_weight)
        callbacks = [DeferredReweighting()] if isinstance(loss, LDAM) else []
        # Made while it is traced, its variables would have the step traced again.
        fitted.optimizer.build(fitted.trainable_variables)
        with alone(fitted.optimizer):
            fitted.fit(
                data,
                epochs=EPOCHS,
                class_weight=weights,
                callbacks=callbacks,
                shuffle=False,  # they are
                verbose=0,
            )
        return functools.partial(_in_parts, model)


def decide(kind, loss, logits, counts):
    """Returns what a network says, as the table of this module has it.

    Args:
        kind: As in `images.ImageContender`.
        loss: What the network was trained with, or None.
        logits: Floats `(n, num_classes)`.
        counts: Integers `(num_classes,)`, training images of each class.

    Returns:
        Labels `(n,)` and probabilities `(n, num_classes)`.
    """
    from scipy.special import softmax

    scores = logits.astype("float64")
    predicted = scores.argmax(axis=1)
    if kind == "threshold":
        predicted = adjust_logits(scores, counts).argmax(axis=1)
    elif isinstance(loss, LogitAdjusted):
        scores = scores + loss.tau * np.log(counts / counts.sum())
    elif isinstance(loss, LDAM):
        scores = loss.scale * scores
    return predicted, softmax(scores, axis=1)


def _weighing(dataset, num_real, weight):
    """Batches of `(x, y, weight)`: 1 for the first, real images, or else `weight`."""

    def plan(y):
        return np.ones(len(y), int), np.arange(len(y)) >= num_real

    @as_written
    def weighed(x, y, is_new):
        return x, y, tf.where(is_new == 1, weight, 1.0)

    return overloaded(dataset, plan).map(weighed)


def _around(model, spec, cls=keras.Model, **settings):
    """A functional model of a model of any kind, without its own training step."""
    images = keras.Input(spec.shape, dtype="float32")
    return cls(images, model(images), **settings)


class _MixedUp(keras.Model):
    """Trains on pairs of images, mixed, and of labels, by Keras's `MixUp`.

    Reference:
        Zhang, Cisse, Dauphin, Lopez-Paz. mixup: Beyond Empirical Risk Minimization,
        ICLR 2018.
    """

    @classmethod
    def around(cls, model, spec, seed):
        mixed = _around(model, spec, cls, name="mixed_up")
        mixed.num_classes = spec.num_classes
        mixed.mix = keras.layers.MixUp(MIXUP_ALPHA, seed=derive_seed(seed, "mixup"))
        return mixed

    def train_step(self, data):
        images, labels = data
        one_hot = keras.ops.one_hot(labels, self.num_classes)
        mixed = self.mix({"images": images, "labels": one_hot}, training=True)
        return super().train_step((mixed["images"], mixed["labels"]))


def _last_layer(model):
    layers = getattr(model, "layers", [])
    return type(layers[-1]).__name__ if layers else type(model).__name__


def _head(model):
    """The linear layer that gives the logits, or None."""
    layers = getattr(model, "layers", [])
    last = layers[-1] if layers else None
    is_linear = isinstance(last, keras.layers.Dense) and (
        last.activation is keras.activations.linear
    )
    return last if is_linear and getattr(model, "inputs", None) else None


def _start_rare(head, num_classes):
    """Starts each class at a probability of 1 / K (Cui et al., section 5.1)."""
    if head.use_bias:
        head.bias.assign(np.full(num_classes, -np.log(num_classes - 1)))


def _in_parts(model, images, rows):
    from sklearn.utils import gen_batches

    parts = [
        keras.ops.convert_to_numpy(
            model(images[rows[part]].astype("float32"), training=False)
        )
        for part in gen_batches(len(rows), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)
