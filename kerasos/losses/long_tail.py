"""Losses for classifiers trained on imbalanced classes, and what goes with them.

With n_k the number of training rows of class k, N their sum, z the logits of a row and
y its class:

    BalancedSoftmax      -log n_y e^(z_y) / sum_k n_k e^(z_k)
    LogitAdjusted        -log e^(z_y + tau log pi_y) / sum_k e^(z_k + tau log pi_k),
                         pi_k = n_k / N
    ClassBalancedFocal   -a_y sum_k (1 - p_k)^gamma log p_k, a_y by effective numbers
    LDAM                 cross-entropy of s (c - D_y onehot(y)), c cosines,
                         D_k = C / n_k^(1/4)

The first two move the decision to where it would be with equally frequent classes, at
no cost: train with the loss, and predict from the plain logits. The other two weigh
rows, and margins, by how rare their class is.

All are for balanced accuracy. After training with the first, or the second at tau = 1,
`softmax(z)` are probabilities for equally frequent classes and `softmax(z + log pi)`
those for the data as they are. Outputs of the other two are no probabilities.
"""

import inspect
from typing import Annotated, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasos.checks import NonNegative, Number, Positive, check, checked
from kerasos.layers.float32_layer import Float32Layer

Beta = Annotated[float, Number(0, below=1)]
_BETA = Number(0, below=1)
_SMOOTHING = {
    "label_smoothing": "None of the papers says what smoothed labels mean for its "
    "loss. Leave it out."
}
_COSINE_SLACK = 1e-2  # of cosines in half precision


def class_balanced_weights(class_counts: ArrayLike, beta=0.9999) -> np.ndarray:
    """Weights of classes by their effective number of rows (Cui et al., eq. 2).

        a_k = K / E_k / sum_j 1 / E_j,      E_k = (1 - beta^(n_k)) / (1 - beta)

    All are 1 for `beta=0`; for beta near 1 they go to the inverse frequencies.

    Args:
        class_counts: Integers `(num_classes,)` in label order, rows of each class.
        beta: Float in [0, 1). Default 0.9999, the largest of the paper's four; the
            others, .9, .99 and .999, are for classes whose rows are much alike.

    Returns:
        `float64` array `(num_classes,)` that sums to `num_classes`. As a dict,
        `dict(enumerate(weights))`, it is a `class_weight` of Keras's `fit`.

    Raises:
        ValueError: If the counts are not positive integers, or `beta` is outside.

    Example:

    >>> class_balanced_weights([3, 1], beta=0.5).round(3)
    array([0.727, 1.273])

    Reference:
        Cui, Jia, Lin, Song, Belongie. Class-Balanced Loss Based on Effective Number of
        Samples, CVPR 2019.
    """
    check("beta", beta, _BETA)
    counts = np.array(checked_counts(class_counts), "float64")
    with np.errstate(divide="ignore"):  # the logarithm of beta = 0
        inverse = 1.0 / -np.expm1(counts * np.log(np.float64(beta)))
    return inverse * len(counts) / inverse.sum()


def adjust_logits(logits: Any, class_counts: ArrayLike, tau=1.0) -> Any:
    """Logits of a classifier trained as usual, for equally frequent classes.

        z_k - tau log pi_k,     pi_k = n_k / N       (Menon et al., eq. 9)

    The post-hoc form of `LogitAdjusted`: no training, and the largest entry is the
    class to predict. The same as taking `tau log pi` from the last layer's bias.

    Args:
        logits: Float array `(..., num_classes)`.
        class_counts: Integers `(num_classes,)` in label order, rows of each class in
            the data that the classifier was trained on.
        tau: Float of at least 0; 1 (default) is what Bayes' rule says, 0 changes
            nothing. The paper also tunes it on held-out rows.

    Returns:
        `float64` array of the shape of `logits`.

    Raises:
        ValueError: If the counts are not positive integers or do not fit `logits`.

    Example:

    >>> adjust_logits([[0.0, 0.0]], [75, 25]).round(3)
    array([[0.288, 1.386]])

    Reference:
        Menon et al. Long-Tail Learning via Logit Adjustment, ICLR 2021.
    """
    check("tau", tau, Number(0))
    log_priors = _log_priors(class_counts)
    logits = np.asarray(logits, "float64")
    _check_scores("logits", logits.shape, len(log_priors))
    return logits - tau * log_priors


def adjust_probabilities(probabilities: Any, class_counts: ArrayLike, tau=1.0) -> Any:
    """Probabilities of a usual classifier, for equally frequent classes.

        p_k / pi_k^tau / sum_j p_j / pi_j^tau        (Menon et al., eq. 9)

    For `tau=1` Bayes' rule with equal priors.

    Args:
        probabilities: Float array `(..., num_classes)`, rows that sum to 1.
        class_counts, tau: As in `adjust_logits`.

    Returns:
        `float64` array of the shape of `probabilities`, rows that sum to 1.

    Raises:
        ValueError: If rows are not probabilities, or as `adjust_logits`.

    Example:

    >>> adjust_probabilities([[0.75, 0.25]], [75, 25])
    array([[0.5, 0.5]])
    """
    probabilities = np.asarray(probabilities, "float64")
    sums = probabilities.sum(axis=-1)
    if not np.all(probabilities >= 0) or not np.allclose(sums, 1.0, atol=1e-2):
        raise ValueError(
            "`probabilities` must be rows of shares. Expected values of at least 0 "
            "whose rows sum to 1. Received: values from "
            f"{np.min(probabilities, initial=np.inf):g} up, rows with sums from "
            f"{np.min(sums, initial=np.inf):g} to {np.max(sums, initial=-np.inf):g}. "
            "Logits go to `adjust_logits`."
        )
    with np.errstate(divide="ignore"):  # a probability of 0 stays 0
        logits = adjust_logits(np.log(probabilities), class_counts, tau)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


class LongTailLoss(keras.losses.Loss):
    """A classifier's loss that knows how many training rows each class has.

    Subclasses implement `row_losses(y_true, logits)`. What all take:

    Args:
        class_counts: Integers `(num_classes,)` in label order, rows of each class in
            the training data, for instance `numpy.bincount(y)`. At least two classes,
            none empty.
        from_logits: Boolean, whether the model's last layer has no activation.
        reduction, name, dtype: As in `keras.losses.Loss`. Numbers of half precision
            are computed with in float32.

    Call arguments:
        y_true: Integer labels `(batch, ...)` or `(batch, ..., 1)`, or one-hot labels
            `(batch, ..., num_classes)`. A label that is not an integer from 0 to
            `num_classes - 1`, or a row that is not one-hot (smoothed or mixed ones,
            too), makes the loss NaN, since a compiled step cannot raise.
        y_pred: Float tensor `(batch, ..., num_classes)`.
        sample_weight: As in `keras.losses.Loss`.

    Raises:
        TypeError: If an argument is unknown; `label_smoothing` is.
        ValueError: If an argument is of the wrong kind; when called, if shapes do not
            fit, or if `from_logits` and the last layer is a softmax or sigmoid.

    Attributes:
        class_weights: Keras variable `(num_classes,)` that multiplies the losses of
            rows by class. `kerasos.callbacks.DeferredReweighting` changes it while
            `fit` runs; it is not saved. As any variable, it is not to be made inside
            a `tf.function`.
    """

    def __init__(self, class_counts, *, from_logits, reduction, name, dtype):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.class_counts = checked_counts(class_counts)
        self.from_logits = bool(from_logits)
        self.class_weights = keras.Variable(
            self.initial_weights(), trainable=False, dtype="float32", autocast=False
        )

    def initial_weights(self):
        """Weights of the classes, `(num_classes,)`, if no callback changes them."""
        return np.ones(len(self.class_counts))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self.from_logits and hasattr(y_pred, "_keras_logits"):
            raise ValueError(
                f"`{type(self).__name__}` takes the outputs of a layer without "
                "activation. Received: outputs of a softmax or sigmoid. "
                + self.activation_way_out
            )
        y_true, y_pred = map(ops.convert_to_tensor, (y_true, y_pred))  # lists, too
        _check_scores("y_pred", y_pred.shape, len(self.class_counts))
        dtype = keras.backend.result_type(y_pred.dtype, "float32")
        logits, fit = self.logits(ops.cast(y_pred, dtype))
        one_hot, known = self._one_hot(y_true, logits)
        weights = ops.cast(ops.convert_to_tensor(self.class_weights), dtype)
        losses = self.row_losses(one_hot, logits) * ops.sum(one_hot * weights, -1)
        return losses + ops.where(ops.logical_and(fit, known), 0.0, np.nan)

    activation_way_out = "Leave its activation out, or give `from_logits=False`."

    def logits(self, y_pred):
        """Returns logits, and whether each row of `y_pred` was of the kind expected."""
        if self.from_logits:
            return y_pred, ops.ones_like(y_pred[..., 0], "bool")
        inside = ops.logical_and(y_pred >= 0.0, y_pred <= 1.0 + _COSINE_SLACK)
        return self.logits_of_probabilities(y_pred), ops.all(inside, -1)

    def logits_of_probabilities(self, probabilities):
        """Logits, any constant a row apart, whose softmax the probabilities are."""
        return ops.log(ops.maximum(probabilities, np.finfo("float32").tiny))

    def row_losses(self, one_hot, logits):
        """Losses `(batch, ...)` of one-hot labels and logits of the same shape."""
        raise NotImplementedError

    def _one_hot(self, y_true, logits):
        """Returns one-hot labels, and whether each row was a label."""
        num_classes, rank = len(self.class_counts), len(logits.shape)
        shape = tuple(y_true.shape)
        if len(shape) == rank and shape[-1] == num_classes:
            one_hot = ops.cast(y_true, logits.dtype)
            binary = ops.all(one_hot * (1.0 - one_hot) == 0.0, -1)
            return one_hot, ops.logical_and(binary, ops.sum(one_hot, -1) == 1.0)
        if len(shape) == rank and shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        elif len(shape) != rank - 1:
            raise ValueError(
                "`y_true` must hold one label a row of `y_pred`. Expected integers "
                f"(batch, ...) or one-hot rows (batch, ..., {num_classes}). Received: "
                f"shape {shape} with `y_pred` of shape {tuple(logits.shape)}. Encode "
                "labels with `keras.utils.to_categorical` or leave them integers."
            )
        labels = ops.cast(y_true, "int32")
        known = ops.cast(labels, y_true.dtype) == y_true
        for inside in (labels >= 0, labels < num_classes):
            known = ops.logical_and(known, inside)
        return ops.one_hot(labels, num_classes, dtype=logits.dtype), known

    def get_config(self) -> dict[str, Any]:
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable("kerasos")
class LogitAdjusted(LongTailLoss):
    """Cross-entropy of logits that the classes' shares are added to.

        -log e^(z_y + tau log pi_y) / sum_k e^(z_k + tau log pi_k),    pi_k = n_k / N
                                                         (Menon et al., eq. 10)

    Predict from the plain outputs of the model. `adjust_logits` and
    `adjust_probabilities` do the same to a classifier that is trained already.

    Args:
        class_counts: Integers `(num_classes,)` in label order, rows of each class in
            the training data, for instance `numpy.bincount(y)`.
        tau: Float of at least 0. Default 1 (paper), which is `BalancedSoftmax`; 0 is
            cross-entropy.
        from_logits: Boolean. `True` (default): the model's last layer has no
            activation. `False`: it is a softmax.
        reduction, name, dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true: Integer labels `(batch,)` or `(batch, 1)`, or one-hot labels
            `(batch, num_classes)`, also with more axes after the first. Other rows,
            smoothed labels among them, make the loss NaN.
        y_pred: Float tensor `(batch, num_classes)`; two columns for two classes.

    Raises:
        TypeError: If an argument is unknown; `label_smoothing` is.
        ValueError: If an argument is of the wrong kind; when called, if shapes do not
            fit, or if `from_logits` and the last layer is a softmax or sigmoid.

    Example:

    >>> loss = LogitAdjusted([90, 10], tau=1.5)
    >>> round(float(loss([0, 1], [[2.0, 0.0], [0.0, 2.0]])), 3)
    0.771

    Reference:
        Menon et al. Long-Tail Learning via Logit Adjustment, ICLR 2021.
    """

    @checked(hints=_SMOOTHING)
    def __init__(
        self,
        class_counts: ArrayLike,
        *,
        tau: NonNegative = 1.0,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "logit_adjusted",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            class_counts,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        self.tau = float(tau)

    def row_losses(self, one_hot, logits):
        shifts = ops.cast(self.tau * _log_priors(self.class_counts), logits.dtype)
        return _cross_entropy(one_hot, logits + shifts)


@keras.saving.register_keras_serializable("kerasos")
class BalancedSoftmax(LogitAdjusted):
    """Cross-entropy with a softmax that counts each class by its training rows.

        -log n_y e^(z_y) / sum_k n_k e^(z_k)             (Ren et al., eq. 3 and 4)

    With equal counts it is cross-entropy. Predict from the plain outputs of the model.
    The paper's sampler that is learned (Meta Sampler) is not part of it.

    Args:
        class_counts, from_logits, reduction, name, dtype: As in `LogitAdjusted`.

    Call arguments:
        y_true, y_pred: As in `LogitAdjusted`.

    Raises:
        As `LogitAdjusted`.

    Example:

    >>> model.compile("adam", loss=kerasos.losses.BalancedSoftmax(np.bincount(y)))
    >>> model.fit(x, y, epochs=10)
    >>> labels = model.predict(x_test).argmax(axis=1)

    Reference:
        Ren et al. Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS
        2020.
    """

    @checked(hints=_SMOOTHING)
    def __init__(
        self,
        class_counts: ArrayLike,
        *,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "balanced_softmax",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            class_counts,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )


@keras.saving.register_keras_serializable("kerasos")
class ClassBalancedFocal(LongTailLoss):
    """Focal loss of one sigmoid a class, weighted by effective numbers of rows.

        -a_y sum_k (1 - p_k)^gamma log p_k               (Cui et al., eq. 13)
        p_y = sigmoid(z_y),  p_k = sigmoid(-z_k) else,
        a = class_balanced_weights(class_counts, beta)

    A sum over classes and a mean over rows. With K classes the sum starts at about
    K log(2) / 2^gamma, most of it from classes that a row is not of: the paper starts
    the last layer's bias at -log(K - 1) and does not decay it,

        keras.layers.Dense(K, bias_initializer=keras.initializers.Constant(-log(K - 1)))

    The class to predict is the largest output. Sigmoids of a row do not sum to 1.

    Args:
        class_counts: As in `LogitAdjusted`.
        beta: Float in [0, 1); 0 is focal loss without weights. Default 0.9999, one of
            the paper's four.
        gamma: Float of at least 0; 0 is sigmoid cross-entropy. Default 1, the middle
            of the paper's three: .5, 1 and 2.
        from_logits: Boolean. `True` (default): the model's last layer has no
            activation. `False`: it is a sigmoid.
        reduction, name, dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true, y_pred: As in `LogitAdjusted`.

    Raises:
        As `LogitAdjusted`.

    Example:

    >>> loss = ClassBalancedFocal([90, 10], beta=0.99, gamma=2.0)
    >>> round(float(loss([0, 1], [[2.0, -2.0], [0.0, 0.0]])), 3)
    0.299

    Reference:
        Cui, Jia, Lin, Song, Belongie. Class-Balanced Loss Based on Effective Number of
        Samples, CVPR 2019.
    """

    @checked(hints=_SMOOTHING)
    def __init__(
        self,
        class_counts: ArrayLike,
        *,
        beta: Beta = 0.9999,
        gamma: NonNegative = 1.0,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "class_balanced_focal",
        dtype: Any = None,
    ) -> None:
        self.beta, self.gamma = float(beta), float(gamma)
        super().__init__(
            class_counts,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )

    def initial_weights(self):
        return class_balanced_weights(self.class_counts, self.beta)

    def logits_of_probabilities(self, probabilities):
        least = keras.backend.epsilon()
        probabilities = ops.clip(probabilities, least, 1.0 - least)
        return ops.log(probabilities) - ops.log1p(-probabilities)

    def row_losses(self, one_hot, logits):
        signed = (2.0 * one_hot - 1.0) * logits
        # A power of 1 - p has no gradient where p is 1; its logarithm always has.
        modulator = ops.exp(self.gamma * ops.log_sigmoid(-signed))
        return -ops.sum(modulator * ops.log_sigmoid(signed), -1)


@keras.saving.register_keras_serializable("kerasos")
class LDAM(LongTailLoss):
    """Label-distribution-aware margin loss: rarer classes must win by more.

        -log e^(s (c_y - D_y)) / (e^(s (c_y - D_y)) + sum_{k != y} e^(s c_k))
        D_k = max_margin (min_j n_j / n_k)^(1/4)         (Cao et al., eq. 13)

    c are cosines between a row's features and the vector of each class, which
    `kerasos.layers.NormalizedDense` gives: the last layer of the model. The margins
    mean nothing for logits without bounds, so a row with an entry outside [-1, 1] makes
    the loss NaN. `softmax(scale * outputs)` turns outputs into probabilities, and the
    largest output is the class to predict.

    The paper trains with it as it is for 80 % of the epochs and weighs rare classes
    more after that: add `kerasos.callbacks.DeferredReweighting()`.

    Args:
        class_counts: As in `LogitAdjusted`.
        max_margin: Float above 0, the margin of the rarest class. Default 0.5 (paper).
        scale: Float above 0, s. Default 30 (authors' code).
        reduction, name, dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true: As in `LogitAdjusted`.
        y_pred: Float tensor `(batch, num_classes)`, cosines.

    Raises:
        As `LogitAdjusted`.

    Example:

    >>> model = keras.Sequential([
    ...     keras.layers.Dense(64, activation="relu"),
    ...     kerasos.layers.NormalizedDense(num_classes),
    ... ])
    >>> model.compile("adam", loss=kerasos.losses.LDAM(np.bincount(y)))
    >>> model.fit(x, y, epochs=50, callbacks=[kerasos.callbacks.DeferredReweighting()])

    Reference:
        Cao, Wei, Gaidon, Arechiga, Ma. Learning Imbalanced Datasets with
        Label-Distribution-Aware Margin Loss, NeurIPS 2019.
    """

    activation_way_out = "End the model in `kerasos.layers.NormalizedDense`."

    @checked(hints=_SMOOTHING)
    def __init__(
        self,
        class_counts: ArrayLike,
        *,
        max_margin: Positive = 0.5,
        scale: Positive = 30.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "ldam",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            class_counts, from_logits=True, reduction=reduction, name=name, dtype=dtype
        )
        self.max_margin, self.scale = float(max_margin), float(scale)

    @property
    def margins(self):
        """`float64` array `(num_classes,)`, in units of a cosine."""
        counts = np.array(self.class_counts, "float64")
        return self.max_margin * (counts.min() / counts) ** 0.25

    def logits(self, y_pred):
        return y_pred, ops.all(ops.abs(y_pred) <= 1.0 + _COSINE_SLACK, -1)

    def row_losses(self, one_hot, logits):
        margins = ops.cast(self.margins, logits.dtype)
        return _cross_entropy(one_hot, self.scale * (logits - one_hot * margins))


@keras.saving.register_keras_serializable("kerasos")
class NormalizedDense(Float32Layer):
    """Cosines between inputs and one trained vector a unit: the last layer for `LDAM`.

        c_k = x . w_k / (|x| |w_k|),   in [-1, 1]

    Without bias, in float32 under any policy.

    Args:
        units: Integer, the number of classes.

    Call arguments:
        inputs: Float tensor `(batch, ..., num_features)`. A row of zeros gives zeros.

    Returns:
        Float32 tensor `(batch, ..., units)`.

    Example:

    >>> kerasos.layers.NormalizedDense(10)(keras.ops.ones((2, 64))).shape
    TensorShape([2, 10])
    """

    def __init__(self, units, **kwargs):
        check("units", units, Number(1))
        super().__init__(**kwargs)
        self.units = int(units)

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, name="kernel")

    def call(self, inputs):
        return ops.matmul(_unit(inputs, -1), _unit(self.kernel, 0))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


def checked_counts(class_counts):
    """Returns the counts as a list of integers, or raises `ValueError`."""
    expected = (
        "`class_counts` must hold the rows of each class. Expected positive integers, "
        "two or more, in label order"
    )
    try:
        counts = np.asarray(class_counts)
        numbers = counts.dtype.kind in "iuf" and counts.ndim == 1 and len(counts) > 1
    except ValueError:  # lists of unlike lengths
        numbers = False
    if not numbers or not all(n > 0 and n % 1 == 0 for n in counts.tolist()):
        raise ValueError(
            f"{expected}. Received: {class_counts!r}. `numpy.bincount(y)` counts "
            "integer labels; leave out classes without rows and number the others anew."
        )
    return [int(n) for n in counts]


def _check_scores(name, shape, num_classes):
    if len(shape) < 2 or shape[-1] != num_classes:
        raise ValueError(
            f"`{name}` must have one column a class. Expected shape (batch, ..., "
            f"{num_classes}), as many as `class_counts` has entries. Received: shape "
            f"{tuple(shape)}. End the model in a layer of {num_classes} units, two for "
            "two classes, and count every class."
        )


def _log_priors(class_counts):
    counts = np.array(checked_counts(class_counts), "float64")
    return np.log(counts / counts.sum())


def _cross_entropy(one_hot, logits):
    return ops.logsumexp(logits, -1) - ops.sum(one_hot * logits, -1)


def _unit(x, axis):
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, 1e-12))
