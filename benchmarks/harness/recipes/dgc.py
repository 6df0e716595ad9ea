"""A classifier method on the whole test set (Wang et al. 2020, tables 2 and 3)."""

import numpy as np
from imblearn.metrics import specificity_score
from sklearn.metrics import precision_recall_fscore_support

from harness import training
from harness.recipes import common


def dgc(work):
    """DGC's tables 2 and 3: means over the classes, and the extreme classes.

    RMI is the recall of the smallest class, PMA the precision of the largest.
    """
    model, steps = work.oversampler((0.0, 0.9))
    with training.timed(work.folder, 1.0):
        predicted = common.predicted_labels(model.classifier, work.x_test)
    work.draw_samples(model)
    counts = np.bincount(work.y)
    truth = work.y_test
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, zero_division=0.0
    )
    specificity = specificity_score(truth, predicted, average=None)
    return {
        "acsa": float(np.mean(recall)),
        "f_macro": float(np.mean(f1)),
        "g_macro": float(np.mean(np.sqrt(recall * specificity))),
        "rmi": float(recall[counts.argmin()]),
        "pma": float(precision[counts.argmax()]),
    }, steps
