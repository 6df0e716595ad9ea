"""What the methods that train a classifier share: check of the classes, validation."""

import keras
import tensorflow as tf

from kerasos.metrics import ACSA, GMean


def check_imbalance(spec, name):
    """Raises `ValueError` unless there is a class to generate for.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        name: String, the method, for the error.
    """
    if not spec.minority_labels:
        raise ValueError(
            f"{name} needs classes of different sizes: it generates for every class "
            f"smaller than the largest. Received: class_counts={spec.class_counts}. "
            "Balanced data need no oversampling."
        )


def validation_metrics(num_classes):
    """Loss, ACSA and G-mean of a classifier on held-out data, for `validate`.

    A model keeps the list as `val_metrics`, and among its `metrics`.
    """
    return [
        keras.metrics.Mean(name="loss"),
        ACSA(num_classes, name="acsa"),
        GMean(num_classes, name="g_mean"),
    ]


def validate(metrics, y, logits, losses):
    """Updates the metrics with one batch; what a `test_step` ends with.

    Args:
        metrics: List of `validation_metrics`.
        y: Integer labels `(batch,)`.
        logits: Float tensor `(batch, num_classes)`, the classifier's.
        losses: Float tensor `(batch,)`, the classifier's.

    Returns:
        The log, `{name: value}`.
    """
    mean_loss, *scores = metrics
    mean_loss.update_state(losses)
    for score in scores:
        score.update_state(y, tf.cast(logits, tf.float32))
    return {metric.name: metric.result() for metric in metrics}
