"""The scores that `compare` reports, from predictions and probabilities."""

import numpy as np

# Name: whether more is better.
METRICS = {
    "balanced_accuracy": True,
    "g_mean": True,
    "macro_f1": True,
    "average_precision": True,
    "brier": False,
}


def score_all(y_true, y_pred, probabilities, rare):
    """Returns a dict with a value for each of `METRICS`.

    The means go over the classes of `y_true`, in which each class occurs.

    Args:
        y_true: Integer array `(n,)`, labels `0..num_classes - 1`.
        y_pred: Integer array `(n,)`, decisions.
        probabilities: Float array `(n, num_classes)`.
        rare: Integer, the label of which the average precision (area under precision
            over recall) is taken where there are two; of more it is the mean over
            classes. The Brier score of two classes is the squared error of one, of
            more the sum over classes; 0 is best.

    Example:

    >>> score_all([0, 0, 1], [0, 0, 1], np.eye(2)[[0, 0, 1]], rare=1)["brier"]
    0.0
    """
    from imblearn.metrics import geometric_mean_score
    from sklearn import metrics

    labels = range(probabilities.shape[1])
    two = len(labels) == 2
    scores = {
        "balanced_accuracy": metrics.balanced_accuracy_score(y_true, y_pred),
        "g_mean": geometric_mean_score(
            y_true, y_pred, labels=labels, average="multiclass"
        ),
        "macro_f1": metrics.f1_score(y_true, y_pred, labels=labels, average="macro"),
        "average_precision": metrics.average_precision_score(
            np.equal(y_true, rare) if two else y_true,
            probabilities[:, rare] if two else probabilities,
        ),
        "brier": sum(
            metrics.brier_score_loss(np.equal(y_true, label), probabilities[:, label])
            for label in labels[two:]
        ),
    }
    return {name: float(scores[name]) for name in METRICS}
