"""The scores that `compare` reports, from predictions and probabilities."""

import numpy as np

from kerasos.metrics.imbalance import acsa, g_mean, macro_f1

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

    Args:
        y_true: Integer array `(n,)`, labels `0..num_classes - 1`.
        y_pred: Integer array `(n,)`, decisions.
        probabilities: Float array `(n, num_classes)`.
        rare: Integer, the label of which `average_precision` is taken where there
            are two.

    Example:

    >>> score_all([0, 0, 1], [0, 0, 1], np.eye(2)[[0, 0, 1]], rare=1)["brier"]
    0.0
    """
    num_classes = probabilities.shape[1]
    return {
        "balanced_accuracy": acsa(y_true, y_pred, num_classes),
        "g_mean": g_mean(y_true, y_pred, num_classes),
        "macro_f1": macro_f1(y_true, y_pred, num_classes),
        "average_precision": average_precision(y_true, probabilities, rare),
        "brier": brier(y_true, probabilities),
    }


def average_precision(y_true, probabilities, rare):
    """Area under precision over recall: of the rare class, or the mean over classes."""
    from sklearn.metrics import average_precision_score

    y_true = np.asarray(y_true)
    several = probabilities.shape[1] > 2
    labels = np.unique(y_true) if several else [rare]
    scores = [average_precision_score(y_true == k, probabilities[:, k]) for k in labels]
    return float(np.mean(scores))


def brier(y_true, probabilities):
    """Mean squared error of the probabilities; 0 is best.

    Of two classes that of the one, of more the sum over classes (Brier's own form),
    as in scikit-learn.
    """
    errors = (probabilities - np.eye(probabilities.shape[1])[y_true]) ** 2
    if probabilities.shape[1] == 2:
        errors = errors[:, 1:]
    return float(errors.sum(axis=1).mean())
