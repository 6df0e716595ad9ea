"""Scores of groups of classes: minority, majority and all together.

With N[k, j] the number of samples of true class k predicted as j, n_k = sum_j N[k, j]:

    precision_k   = N[k, k] / sum_i N[i, k]            0 if k is never predicted
    recall_k      = N[k, k] / n_k
    F1_k          = 2 N[k, k] / (n_k + sum_i N[i, k])
    specificity_k = 1 - (sum_i N[i, k] - N[k, k]) / (n - n_k)

Fajardo et al. do not say how they average inside a group. Their Fashion-MNIST numbers
recombine to "all" under any average, their MNIST numbers as support-weighted means
inside the minority and the majority and a plain mean over all classes; that is what
`group_scores` gives, with the plain means of both groups beside it.

References:
    Fajardo et al., On Oversampling Imbalanced Data with Deep Conditional Generative
    Models, Expert Systems with Applications 2021 (tables 5 to 8).
    Wang, Lyu, Jing, Deep Generative Model for Robust Imbalance Classification, CVPR
    2020 (tables 2 and 3).
"""

import numpy as np

from kerasos.metrics.imbalance import confusion_matrix


def class_scores(y_true, y_pred, num_classes=None, *, balanced=False):
    """Precision, recall, F1, specificity and support of every class.

    Args:
        y_true, y_pred, num_classes: As in `confusion_matrix`.
        balanced: Whether the classes of `y_true` count alike, N[k, j] / n_k in place
            of N[k, j]: what the same recalls and confusions make where classes are of
            one size. Default False.

    Returns:
        Dict of float64 arrays `(num_classes,)`: "precision", "recall", "F1" and
        "specificity"; recall and F1 are NaN where `y_true` has no such class, and
        specificity where it has no other. And "support", int64, or float64 ones and
        zeros if `balanced`.

    Example:

    >>> class_scores([0, 0, 1, 1], [0, 1, 1, 1])["recall"]
    array([0.5, 1. ])
    """
    matrix = confusion_matrix(y_true, y_pred, num_classes)
    if balanced:
        matrix = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    hits, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    others = matrix.sum() - support

    def ratio(part, whole, otherwise):
        result = np.full(len(matrix), otherwise, "float64")
        return np.divide(part, whole, out=result, where=whole > 0)

    f1 = ratio(2 * hits, support + predicted, np.nan)
    return {
        "precision": ratio(hits, predicted, 0.0),
        "recall": ratio(hits, support, np.nan),
        "F1": np.where(support > 0, f1, np.nan),
        "specificity": ratio(others - (predicted - hits), others, np.nan),
        "support": support,
    }


def group_scores(y_true, y_pred, minority, num_classes=None, *, balanced=False):
    """Precision, recall and F1 of the minority, of the majority and of all classes.

    Classes that do not occur in `y_true` are left out.

    Args:
        y_true, y_pred, num_classes: As in `confusion_matrix`.
        minority: Labels of the minority classes; the others are the majority.
        balanced: As in `class_scores`.

    Returns:
        Dict of floats in [0, 1]. `{min,maj}_{precision,recall,F1}`: means weighted
        by the class sizes in `y_true`; `all_{precision,recall,F1}`: plain means over
        the classes (Fajardo et al.); `{min,maj}_{precision,recall,F1}_plain`: plain
        means.

    Raises:
        ValueError: If the minority or the majority has no sample in `y_true`, or a
            label of `minority` is no class.

    Example:

    >>> scores = group_scores([0, 0, 0, 1, 2], [0, 0, 1, 1, 1], minority=[1, 2])
    >>> [round(scores[f"{group}_F1"], 4) for group in ("min", "maj", "all")]
    [0.25, 0.8, 0.4333]
    """
    scores = class_scores(y_true, y_pred, num_classes, balanced=balanced)
    support = scores["support"]
    present = np.flatnonzero(support)
    minority = np.unique(np.asarray(list(minority), dtype="int64"))
    if minority.size and not 0 <= minority[0] <= minority[-1] < len(support):
        raise ValueError(
            f"`minority` must hold labels 0..{len(support) - 1}. "
            f"Received: {minority.tolist()}."
        )
    groups = {
        "min": np.intersect1d(present, minority),
        "maj": np.setdiff1d(present, minority),
        "all": present,
    }
    if not groups["min"].size or not groups["maj"].size:
        raise ValueError(
            "Both groups must have samples in `y_true`. Received: minority="
            f"{minority.tolist()} and labels {present.tolist()}."
        )
    result = {}
    for group, labels in groups.items():
        for name in ("precision", "recall", "F1"):
            values = scores[name][labels]
            plain = float(values.mean())
            if group == "all":
                result[f"all_{name}"] = plain
            else:
                weighted = float(np.average(values, weights=support[labels]))
                result[f"{group}_{name}"] = weighted
                result[f"{group}_{name}_plain"] = plain
    return result


def lift_percent(score, reference):
    """Gain over a reference score in percent: `100 (score - reference) / reference`.

    Fajardo et al. give the lift of overall F1 over SMOTE; take unrounded scores.

    Args:
        score: Float.
        reference: Float greater than 0.

    Returns:
        Float.

    Raises:
        ValueError: If `reference` is not positive.

    Example:

    >>> lift_percent(0.75, 0.5)
    50.0
    """
    if not reference > 0:
        raise ValueError(
            f"`reference` must be greater than 0. Received: reference={reference}."
        )
    return 100.0 * (score - reference) / reference


def dgc_scores(y_true, y_pred, class_counts):
    """The scores of Wang et al. (CVPR 2020) beside ACSA.

        RMI = recall of the smallest class        F_macro = mean_k F1_k
        PMA = precision of the largest class      G_macro = mean_k sqrt(recall_k
                                                            specificity_k)

    Classes that do not occur in `y_true` are left out of the means.

    Args:
        y_true, y_pred: As in `confusion_matrix`.
        class_counts: Sizes of the classes in the *training* data, in label order.
            Among classes of one size the one with the lowest label counts.

    Returns:
        Dict of floats in [0, 1]: "RMI", "PMA", "F_macro", "G_macro"; RMI is NaN if
        the smallest class does not occur in `y_true`.

    Example:

    >>> scores = dgc_scores([0, 0, 1, 1], [0, 1, 1, 1], class_counts=[50, 5])
    >>> scores["RMI"], scores["PMA"]
    (1.0, 1.0)
    """
    scores = class_scores(y_true, y_pred, len(class_counts))
    present = scores["support"] > 0
    g = np.sqrt(scores["recall"] * scores["specificity"])
    return {
        "RMI": float(scores["recall"][np.argmin(class_counts)]),
        "PMA": float(scores["precision"][np.argmax(class_counts)]),
        "F_macro": float(scores["F1"][present].mean()),
        "G_macro": float(g[present].mean()),
    }
