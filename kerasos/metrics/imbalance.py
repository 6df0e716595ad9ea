"""Metrics for imbalanced classes, as functions and as Keras metrics.

With N[k, j] the number of samples of true class k predicted as j:

    recall_k    = N[k, k] / sum_j N[k, j]
    precision_k = N[k, k] / sum_i N[i, k]             0 if k is never predicted
    F1_k        = 2 N[k, k] / (sum_j N[k, j] + sum_i N[i, k])
    ACSA        = mean_k recall_k                     (balanced accuracy)
    G-mean      = (prod_k recall_k)^(1/K)             exactly 0 if a recall is 0
    macro F1    = mean_k F1_k

The means go over the classes that occur in `y_true`. A class without a true
sample has no recall; scikit-learn's `balanced_accuracy_score` leaves it out, and
so do all metrics here. Macro F1 is thus scikit-learn's with
`labels=numpy.unique(y_true)`.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kerasos.checks import check_count

_STATE_DTYPE = "float32"  # counts are exact up to 2**24 in a cell


def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None
) -> np.ndarray:
    """Counts samples by true class (rows) and predicted class (columns).

    scikit-learn's drops labels it was not told of and warns of a single class.

    Args:
        y_true: Integer array `(n,)`, labels `0..num_classes-1`.
        y_pred: Integer array `(n,)`, predicted labels.
        num_classes: Integer. Default: the largest label plus one.

    Returns:
        `int64` array `(num_classes, num_classes)`.

    Raises:
        TypeError: If labels are not integers.
        ValueError: If the arrays are empty, not of rank 1, not of one length, or
            hold labels outside `0..num_classes-1`.

    Example:

    >>> confusion_matrix([0, 0, 1], [0, 1, 1])
    array([[1, 1],
           [0, 1]])
    """
    y_true, y_pred, labels = _checked(y_true, y_pred, num_classes)
    shape = len(labels), len(labels)
    cells = np.ravel_multi_index((y_true, y_pred), shape)
    return np.bincount(cells, minlength=np.prod(shape)).reshape(shape).astype("int64")


def per_class_recall(
    y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None
) -> np.ndarray:
    """Recall of every class: `N[k, k] / sum_j N[k, j]`.

    Args:
        y_true, y_pred, num_classes: As in `confusion_matrix`.

    Returns:
        `float64` array `(num_classes,)`; NaN where `y_true` has no such class.

    Example:

    >>> per_class_recall([0, 0, 1], [0, 1, 1])
    array([0.5, 1. ])
    """
    from sklearn.metrics import recall_score

    y_true, y_pred, labels = _checked(y_true, y_pred, num_classes)
    return recall_score(
        y_true, y_pred, labels=labels, average=None, zero_division=np.nan
    )


def acsa(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None) -> float:
    """Average class specific accuracy: the mean recall, or balanced accuracy.

    scikit-learn's `balanced_accuracy_score` warns of predicted classes that `y_true`
    does not have, which held-out parts of small classes often lack.

    Args:
        y_true, y_pred, num_classes: As in `confusion_matrix`.

    Returns:
        Float in [0, 1], over the classes in `y_true`.

    Example:

    >>> acsa([0, 0, 1], [0, 1, 1])
    0.75
    """
    return float(np.nanmean(per_class_recall(y_true, y_pred, num_classes)))


def g_mean(
    y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None
) -> float:
    """Geometric mean of the recalls, exactly 0 if one of them is 0.

    Args:
        y_true, y_pred, num_classes: As in `confusion_matrix`.

    Returns:
        Float in [0, 1], over the classes in `y_true`.

    Example:

    >>> g_mean([0, 0, 0, 0, 1], [0, 1, 1, 1, 1])
    0.5
    """
    from imblearn.metrics import geometric_mean_score

    y_true, y_pred, _ = _checked(y_true, y_pred, num_classes)
    labels = np.unique(y_true)
    return float(
        geometric_mean_score(y_true, y_pred, labels=labels, average="multiclass")
    )


def macro_f1(
    y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None
) -> float:
    """Mean of the F1 scores of the classes in `y_true`.

    Args:
        y_true, y_pred, num_classes: As in `confusion_matrix`.

    Returns:
        Float in [0, 1].

    Example:

    >>> round(macro_f1([0, 0, 1], [0, 1, 1]), 4)
    0.6667
    """
    from sklearn.metrics import f1_score

    y_true, y_pred, _ = _checked(y_true, y_pred, num_classes)
    return float(f1_score(y_true, y_pred, labels=np.unique(y_true), average="macro"))


class _ConfusionMetric(keras.metrics.Metric):
    """Collects the confusion matrix; subclasses turn it into a score.

    Args:
        num_classes: Integer, at least 2.
        name: String, the name in the logs.
        dtype: The dtype of the result. The counts are always float32.

    Call arguments:
        y_true: Integer labels `(batch,)` or `(batch, 1)`.
        y_pred: Probabilities or logits `(batch, num_classes)`, or integer labels
            `(batch,)`.
        sample_weight: Optional, one weight per sample.

    A label outside `0..num_classes-1` turns the result into NaN.
    """

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name or self.default_name, dtype=dtype)
        check_count("num_classes", num_classes, 2)
        self.num_classes = int(num_classes)
        self.confusion = self.add_variable(
            shape=(self.num_classes, self.num_classes),
            initializer="zeros",
            dtype=_STATE_DTYPE,
            name="confusion",
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        k = self.num_classes
        true = self._class_indices(y_true, "y_true")
        pred = ops.convert_to_tensor(y_pred)
        if len(pred.shape) == 2 and pred.shape[-1] == k:
            pred = ops.cast(ops.argmax(pred, axis=-1), "int32")
        else:
            pred = self._class_indices(pred, "y_pred")
        weight = 1.0 if sample_weight is None else sample_weight
        weight = ops.reshape(ops.cast(weight, _STATE_DTYPE), (-1,))
        weight = weight * ops.ones_like(true, dtype=_STATE_DTYPE)
        # A compiled step cannot raise, and a dropped sample would flatter.
        valid = (true >= 0) & (true < k) & (pred >= 0) & (pred < k)
        weight = ops.where(valid, weight, np.nan)
        cell = ops.where(valid, true * k + pred, 0)
        counts = ops.segment_sum(weight, cell, num_segments=k * k)
        self.confusion.assign_add(ops.reshape(counts, (k, k)))

    def _class_indices(self, labels, name):
        labels = ops.convert_to_tensor(labels)
        shape = tuple(labels.shape)
        if len(shape) == 2 and shape[1] == 1:
            labels = labels[:, 0]
        elif len(shape) != 1:
            also = f", or scores (batch, {self.num_classes})"
            raise ValueError(
                f"`{name}` must hold integer labels (batch,)"
                f"{also if name == 'y_pred' else ''}. Received: shape {shape}. "
                "Turn one-hot rows into labels with `argmax(axis=-1)`."
            )
        if name == "y_pred" and "float" in keras.backend.standardize_dtype(
            labels.dtype
        ):
            raise ValueError(
                "`y_pred` must hold integer labels (batch,) or scores (batch, "
                f"{self.num_classes}). Received: shape {shape} of dtype "
                f"{labels.dtype}. Turn a single sigmoid output p into scores "
                "[1 - p, p]."
            )
        return ops.cast(labels, "int32")

    def _recalls(self):
        """Returns recalls and the mask of classes seen, both `(num_classes,)`."""
        matrix = ops.convert_to_tensor(self.confusion)
        support = ops.sum(matrix, axis=1)
        present = ops.not_equal(support, 0.0)  # true for NaN, which must show
        safe = ops.where(present, support, 1.0)
        return ops.diagonal(matrix) / safe, present

    def _mean_over_present(self, values, present):
        total = ops.sum(ops.where(present, values, 0.0))
        count = ops.sum(ops.cast(present, _STATE_DTYPE))
        return total / ops.maximum(count, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes, **super().get_config()}


@keras.saving.register_keras_serializable(package="kerasos")
class PerClassRecall(_ConfusionMetric):
    """Recall of every class: `N[k, k] / sum_j N[k, j]`.

    The result has shape `(num_classes,)`, with NaN for a class not seen yet.

    Args:
        num_classes: Integer, at least 2.
        name: String. Default `"per_class_recall"`.
        dtype: The dtype of the result. Default: Keras's float type.

    Example:

    >>> metric = PerClassRecall(2)
    >>> metric.update_state([0, 0, 1], [0, 1, 1])
    >>> metric.result().numpy().tolist()
    [0.5, 1.0]
    """

    default_name = "per_class_recall"

    def result(self) -> Any:
        recalls, present = self._recalls()
        return ops.cast(ops.where(present, recalls, np.nan), self.dtype)


@keras.saving.register_keras_serializable(package="kerasos")
class ACSA(_ConfusionMetric):
    """Average class specific accuracy: the mean recall, or balanced accuracy.

    The mean goes over the classes seen in `y_true`; 0 before the first sample.

    Args:
        num_classes, name, dtype: As in `PerClassRecall`; by default "acsa".

    Example:

    >>> metric = ACSA(2)
    >>> metric.update_state([0, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> float(metric.result())
    0.75
    """

    default_name = "acsa"

    def result(self) -> Any:
        return ops.cast(self._mean_over_present(*self._recalls()), self.dtype)


@keras.saving.register_keras_serializable(package="kerasos")
class GMean(_ConfusionMetric):
    """Geometric mean of the recalls, exactly 0 if one of them is 0.

    The mean goes over the classes seen in `y_true`; 0 before the first sample.

    Args:
        num_classes, name, dtype: As in `PerClassRecall`; by default "g_mean".

    Example:

    >>> metric = GMean(2)
    >>> metric.update_state([0, 0, 0, 0, 1], [0, 1, 1, 1, 1])
    >>> float(metric.result())
    0.5
    """

    default_name = "g_mean"

    def result(self) -> Any:
        recalls, present = self._recalls()
        mean = ops.exp(self._mean_over_present(ops.log(recalls), present))
        return ops.cast(ops.where(ops.any(present), mean, 0.0), self.dtype)


@keras.saving.register_keras_serializable(package="kerasos")
class MacroF1(_ConfusionMetric):
    """Mean of the F1 scores of the classes seen in `y_true`.

    0 before the first sample.

    Args:
        num_classes, name, dtype: As in `PerClassRecall`; by default "macro_f1".

    Example:

    >>> metric = MacroF1(2)
    >>> metric.update_state([0, 0, 1], [0, 1, 1])
    >>> round(float(metric.result()), 4)
    0.6667
    """

    default_name = "macro_f1"

    def result(self) -> Any:
        matrix = ops.convert_to_tensor(self.confusion)
        support = ops.sum(matrix, axis=1)
        present = ops.not_equal(support, 0.0)
        total = ops.where(present, support + ops.sum(matrix, axis=0), 1.0)
        scores = 2.0 * ops.diagonal(matrix) / total
        return ops.cast(self._mean_over_present(scores, present), self.dtype)


def _checked(y_true, y_pred, num_classes):
    """Returns both as integers, and all labels; scikit-learn drops unknown ones."""
    y_true, y_pred = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    if len(y_true) != len(y_pred):
        raise ValueError(
            "`y_true` and `y_pred` must have one entry per sample each. "
            f"Received: {len(y_true)} and {len(y_pred)} entries."
        )
    largest = int(max(y_true.max(), y_pred.max()))
    if num_classes is None:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise ValueError(
            f"Labels must lie in 0..{num_classes - 1} (`num_classes={num_classes}`). "
            f"Received: label {largest}."
        )
    return y_true, y_pred, range(num_classes)


def _labels(labels, name):
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"`{name}` must be a non-empty array of labels (n,). Received: shape "
            f"{labels.shape}. Turn probabilities into labels with `argmax(axis=-1)`."
        )
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"`{name}` must hold integer labels. Received: dtype {labels.dtype}."
        )
    labels = labels.astype("int64")
    if labels.min() < 0:
        raise ValueError(
            f"`{name}` must hold labels from 0 up. Received: label {labels.min()}."
        )
    return labels
