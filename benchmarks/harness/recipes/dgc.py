"""A classifier method on the whole test set (Wang et al. 2020, tables 2 and 3)."""

import numpy as np

from harness import datasets, training
from harness.recipes import common
from kerasos.metrics.groups import class_scores


def dgc(cell, data_dir, folder):
    """DGC's tables 2 and 3: means over the classes, and the extreme classes.

    RMI is the recall of the smallest class, PMA the precision of the largest.
    """
    (x, y), (x_test, y_test) = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    model, steps = training.oversampler(cell, x, y, folder, (0.0, 0.9))
    with training.timed(folder, 1.0):
        predicted = common.predicted_labels(model.classifier, x_test)
    common.draw_samples(model, x, y, folder)
    counts = np.bincount(y)
    scores = class_scores(y_test, predicted, len(counts))
    recall, specificity = scores["recall"], scores["specificity"]
    return {
        "acsa": float(np.mean(recall)),
        "f_macro": float(np.mean(scores["F1"])),
        "g_macro": float(np.mean(np.sqrt(recall * specificity))),
        "rmi": float(recall[counts.argmin()]),
        "pma": float(scores["precision"][counts.argmax()]),
    }, steps
