"""Recall and F1 of single classes (He et al. 2021, table 1)."""

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos.evaluation import imsic_cnn
from kerasos.metrics.groups import class_scores


def imsic(cell, data_dir, folder):
    """IMSIC's table 1: recall and F1 of single classes, one network for all rows."""
    parameters = cell.protocol.parameters
    (x, y), (x_test, y_test) = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    spec = kerasos.data.DataSpec.of(x, y)
    epochs = cell.steps(parameters["epochs"])
    if common.trains_classifier(cell):
        raise NotImplementedError(cell.method.oversampler)
    share = (0.5, 1.0) if cell.method.training else (0.0, 1.0)
    balancer, _ = training.oversampler(cell, x, y, folder)
    x, y, _ = balancer.oversample(x, y, seed=cell.repeat)
    model = common.with_augmentation(imsic_cnn(spec, seed=cell.repeat), cell)
    data = kerasos.data.batches(x, y, parameters["batch_size"], seed=cell.repeat)
    training.fit(model, data, epochs, folder, "classifier", share)
    scores = class_scores(
        y_test, common.predicted_labels(model, x_test), spec.num_classes
    )
    names = {"recall": scores["recall"], "f1": scores["F1"]}
    return {
        f"{name}/{label}": float(values[label])
        for name, values in names.items()
        for label in range(spec.num_classes)
    }, epochs * int(data.cardinality())
