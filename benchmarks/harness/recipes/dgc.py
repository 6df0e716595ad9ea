"""A classifier method on the whole test set (Wang et al. 2020, tables 2 and 3)."""

import numpy as np

from harness import training
from harness.recipes import common
from kerasos.metrics.groups import class_scores


def dgc(work):
    """DGC's tables 2 and 3: means over the classes, and the extreme classes.

    RMI is the recall of the smallest class, PMA the precision of the largest.
    """
    model, steps = work.oversampler((0.0, 0.9))
    with training.timed(work.folder, 1.0):
        predicted = common.predicted_labels(model.classifier, work.x_test)
    work.draw_samples(model)
    counts = np.bincount(work.y)
    scores = class_scores(work.y_test, predicted, len(counts))
    recall, specificity = scores["recall"], scores["specificity"]
    return {
        "acsa": float(np.mean(recall)),
        "f_macro": float(np.mean(scores["F1"])),
        "g_macro": float(np.mean(np.sqrt(recall * specificity))),
        "rmi": float(recall[counts.argmin()]),
        "pma": float(scores["precision"][counts.argmax()]),
    }, steps
