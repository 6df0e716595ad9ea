"""Scores of the minority, of the majority and of all classes together.

Fajardo et al. (Expert Systems with Applications 2021, tables 5 to 8) do not say how
they average inside a group. Their Fashion-MNIST numbers recombine to "all" under any
average, their MNIST numbers as support-weighted means inside the minority and the
majority and a plain mean over all classes; that is what `group_scores` gives, with the
plain means of both groups beside it.
"""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support


def group_scores(y_true, y_pred, minority, *, balanced=False):
    """Precision, recall and F1 of the minority, of the majority and of all classes.

    Classes that do not occur in `y_true` are left out.

    Args:
        y_true, y_pred: Integers `(n,)`.
        minority: Labels of the minority classes; the others are the majority.
        balanced: Whether the classes of `y_true` count alike: what the same recalls
            and confusions make where classes are of one size. Default False.

    Returns:
        Dict of floats in [0, 1]. `{min,maj}_{precision,recall,F1}`: means weighted
        by the class sizes in `y_true`; `all_{precision,recall,F1}`: plain means over
        the classes (Fajardo et al.); `{min,maj}_{precision,recall,F1}_plain`: plain
        means.

    Raises:
        ValueError: If the minority or the majority has no sample in `y_true`.

    Example:

    >>> scores = group_scores([0, 0, 0, 1, 2], [0, 0, 1, 1, 1], minority=[1, 2])
    >>> [round(scores[f"{group}_F1"], 4) for group in ("min", "maj", "all")]
    [0.25, 0.8, 0.4333]
    """
    y_true, y_pred, minority = (np.asarray(v) for v in (y_true, y_pred, list(minority)))
    present, counts = np.unique(y_true, return_counts=True)
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
    weights = 1.0 / counts[np.searchsorted(present, y_true)] if balanced else None
    result = {}
    for group, labels in groups.items():
        averages = {"": "weighted", "_plain": "macro"}
        for suffix, average in ({"": "macro"} if group == "all" else averages).items():
            values = precision_recall_fscore_support(
                y_true,
                y_pred,
                labels=labels,
                average=average,
                sample_weight=weights,
                zero_division=0.0,
            )
            for name, value in zip(("precision", "recall", "F1"), values, strict=False):
                result[f"{group}_{name}{suffix}"] = float(value)
    return result
