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
    "calibration_slope": False,
    "calibration_intercept": False,
}
DEFAULT_METRICS = tuple(METRICS)[:5]
# Neither more nor less is better: methods are judged by the distance.
IDEALS = {"calibration_slope": 1.0, "calibration_intercept": 0.0}
COST = "cost"
# Decisions at random beat one constant decision in these: a gain in them counts only
# where balanced accuracy gains, too, in which neither is better than the other.
RAISED_BY_CHANCE = ("g_mean", "macro_f1")
GUARD = "balanced_accuracy"
BINS = 10
SMALLEST = 1e-6  # probability whose logit is taken


def more_is_better(metric):
    """Whether it is; so it is for every scorer of scikit-learn."""
    return METRICS.get(metric, metric != COST)


def spoken(name):
    """The name of a metric, classifier or method in a sentence."""
    return name.replace("_", " ")


def written(metric, value, sign=""):
    """A value as text: three decimals; of a cost three digits, or all whole ones."""
    if metric != COST:
        return f"{value:{sign}z.3f}"
    return f"{value:{sign}z.3g}" if abs(value) < 999.5 else f"{value:{sign},.0f}"


def worth_having(metric, smallest_gain, reference):
    """A gain worth having in units of the metric: a share of the reference's cost."""
    return smallest_gain * (reference if metric == COST else 1.0)


def judged(rows):
    """The rows with distances from the ideal where neither more nor less is better."""
    distances = {name: (rows[name] - ideal).abs() for name, ideal in IDEALS.items()}
    return rows.assign(**distances)


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
            the mean over classes; slope and intercept are those of `calibration_line`,
            of the rarer class or of all classes' probabilities together.

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
    line = calibration_line(*one_against_rest(y_true, probabilities, rare))
    scores["calibration_slope"], scores["calibration_intercept"] = line
    return {name: float(scores[name]) for name in METRICS}


def one_against_rest(y_true, probabilities, rare):
    """Returns booleans and probabilities `(m,)` of one class against the rest.

    Of two classes it is the rare one; of more, all classes one after the other.
    """
    if probabilities.shape[1] == 2:
        return np.equal(y_true, rare), probabilities[:, rare]
    one_hot = np.equal(np.asarray(y_true)[:, None], range(probabilities.shape[1]))
    return one_hot.T.ravel(), probabilities.T.ravel()


def calibration_line(y_true, probabilities):
    """Slope and intercept of outcomes on the logits of their probabilities.

        logit P(y = 1) = intercept + slope logit(p)

    1 and 0 for calibrated probabilities; a slope below 1 says that they are too
    extreme, an intercept below 0 that they are too large. A weak ridge (C = 100) keeps
    both finite where the classes are apart.

    Args:
        y_true: Booleans `(n,)`, of both values.
        probabilities: Floats `(n,)` in [0, 1].

    Reference:
        Cox. Two Further Applications of a Model for Binary Regression. Biometrika 1958.
    """
    from sklearn.linear_model import LogisticRegression

    logits = logit(np.asarray(probabilities, "float64"))[:, None]
    fitted = LogisticRegression(C=100.0).fit(logits, y_true)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def logit(probabilities):
    """Log odds; probabilities nearer than a millionth to 0 or 1 are moved there."""
    p = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return np.log(p) - np.log1p(-p)


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
    rows, expected, found = bins(y_true, probabilities).T
    return float(np.abs(rows * (expected - found)).sum() / rows.sum())


def bins(y_true, probabilities):
    """Ten bins of equally many rows or fewer; equal probabilities share one.

    Returns:
        Floats `(bins, 3)`: rows, mean probability, share of positives.
    """
    order = np.argsort(probabilities, kind="stable")
    y, p = np.asarray(y_true, float)[order], np.asarray(probabilities, float)[order]
    # Equal probabilities share a bin: which of them is where must not matter.
    edges = np.unique(p[np.linspace(0, len(p) - 1, BINS + 1).round().astype(int)])
    places = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, len(edges) - 1)
    rows = np.bincount(places)
    sums = [np.bincount(places, weights=values) for values in (p, y)]
    filled = rows > 0
    return np.array([rows, *(total / np.maximum(rows, 1) for total in sums)]).T[filled]


def reliability(y_true, probabilities, rare):
    """`bins` of one class against the rest, as text for a cell.

    Example:

    >>> reliability(np.array([0, 0, 0, 1]), np.tile([0.8, 0.2], (4, 1)), rare=1)
    '4 0.2 0.25'
    """
    table = bins(*one_against_rest(y_true, probabilities, rare))
    return ";".join(f"{n:.0f} {p:.4g} {share:.4g}" for n, p, share in table)
