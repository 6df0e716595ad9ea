"""The scores that `compare` reports, from predictions and probabilities."""

import numpy as np

# Name: whether more is better.
METRICS = {
    "balanced_accuracy": True,
    "g_mean": True,
    "macro_f1": True,
    "average_precision": True,
    "brier": False,
    "mcc": True,
    "roc_auc": True,
    "log_loss": False,
    "calibration_error": False,
}
DEFAULT_METRICS = tuple(METRICS)[:5]
# Decisions at random beat one constant decision in these: a gain in them counts only
# where balanced accuracy gains, too, in which neither is better than the other.
RAISED_BY_CHANCE = ("g_mean", "macro_f1")
GUARD = "balanced_accuracy"
BINS = 10


def score_all(y_true, y_pred, probabilities, rare):
    """Returns a dict with a value for each of `METRICS`.

    The means go over the classes of `y_true`, in which each class occurs.

    Args:
        y_true: Integer array `(n,)`, labels `0..num_classes - 1`.
        y_pred: Integer array `(n,)`, decisions.
        probabilities: Float array `(n, num_classes)`.
        rare: Integer, the label of which the average precision (area under precision
            over recall) is taken where there are two; of more it is the mean over
            classes, as for the area under the ROC curve. The Brier score of two
            classes is the squared error of one, of more the sum over classes; 0 is
            best. The calibration error is `calibration_error` of the rarer class, or
            the mean over classes.

    Example:

    >>> score_all([0, 0, 1], [0, 0, 1], np.eye(2)[[0, 0, 1]], rare=1)["brier"]
    0.0
    """
    from imblearn.metrics import geometric_mean_score
    from sklearn import metrics

    labels = range(probabilities.shape[1])
    whole = probabilities.astype("float64")
    whole /= whole.sum(axis=1, keepdims=True)
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
        "mcc": metrics.matthews_corrcoef(y_true, y_pred),
        "roc_auc": np.mean(
            [
                metrics.roc_auc_score(np.equal(y_true, label), probabilities[:, label])
                for label in ([rare] if two else labels)
            ]
        ),
        "log_loss": metrics.log_loss(y_true, whole, labels=list(labels)),
        "calibration_error": np.mean(
            [
                calibration_error(np.equal(y_true, label), probabilities[:, label])
                for label in ([rare] if two else labels)
            ]
        ),
    }
    return {name: float(scores[name]) for name in METRICS}


def calibration_error(y_true, probabilities):
    """Expected calibration error: how far probabilities are from frequencies.

        sum over bins of  share of rows  |mean probability - share of positives|

    The bins hold equally many rows each, ten of them or fewer, so that a rare class
    with small probabilities does not fall into one bin.

    Args:
        y_true: Booleans `(n,)`.
        probabilities: Floats `(n,)` in [0, 1].

    Reference:
        Naeini, Cooper, Hauskrecht. Obtaining Well Calibrated Probabilities Using
        Bayesian Binning. AAAI 2015 (ECE); bins of equal rows: Nguyen and O'Connor.
        Posterior calibration and exploratory analysis for NLP models. EMNLP 2015.

    Example:

    >>> calibration_error(np.array([0, 0, 0, 1]), np.array([0.2, 0.2, 0.2, 0.2]))
    0.05
    """
    order = np.argsort(probabilities, kind="stable")
    y, p = np.asarray(y_true, float)[order], np.asarray(probabilities, float)[order]
    # Equal probabilities share a bin: which of them is where must not matter.
    edges = np.unique(p[np.linspace(0, len(p) - 1, BINS + 1).round().astype(int)])
    places = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, len(edges) - 1)
    sums = np.bincount(places, weights=p - y)
    return float(np.abs(sums).sum() / len(p))
