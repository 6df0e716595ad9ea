"""Recall and F1 of single classes (He et al. 2021, table 1)."""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

import kerasos
from harness import training
from harness.recipes import common
from kerasos.evaluation import GeneratorDiagnosis, code_dependence, imsic_cnn
from kerasos.methods.infogan.plots import traversal_figure


def imsic(work):
    """IMSIC's table 1: recall and F1 of single classes, one network for all rows.

    A budget is that of the oversampler; the network always trains in full.

    What the codes of a method with codes do comes beside them: `codes.txt`, the
    correlations with the graph, and `codes.png`, the rarest class along each code.
    So does what its samples are worth by themselves, class by class: `agreement`, by
    a judge that has seen the whole training set, and `spread`, as in
    `kerasos.evaluation.GeneratorReport`.
    """
    cell, folder, x, y = work.cell, work.folder, work.x, work.y
    quality = {}
    if kerasos.get_method(cell.method.oversampler).trains_classifier:  # DGC
        model, steps = work.oversampler((0.0, 1.0))
        classifier = model.classifier
    else:
        balancer, _ = work.oversampler()
        if getattr(balancer, "num_codes", 0):
            draw_codes(balancer, folder)
            quality = class_quality(balancer, x, y, work.judge(), cell.repeat)
        x, y, _ = balancer.oversample(x, y, totals(cell, y), seed=cell.repeat)
        classifier = work.with_augmentation(imsic_cnn(work.spec, seed=cell.repeat))
        batch, epochs = work.parameters["batch_size"], work.parameters["epochs"]
        data = kerasos.data.batches(x, y, batch, seed=cell.repeat)
        share = (0.5, 1.0) if cell.method.training else (0.0, 1.0)
        training.fit(classifier, data, epochs, folder, "classifier", share)
        steps = epochs * int(data.cardinality())
    predicted = common.predicted_labels(classifier, work.x_test)
    _, *found, _ = precision_recall_fscore_support(
        work.y_test, predicted, zero_division=0.0
    )
    scores = {
        f"{name}/{label}": float(value)
        for name, values in zip(("recall", "f1"), found, strict=True)
        for label, value in enumerate(values)
    }
    return scores | quality, steps


def totals(cell, y):
    """The sampling strategy: how many samples of each class there shall be."""
    if not cell.method.added:
        return "auto"
    labels, counts = np.unique(y, return_counts=True)
    return dict(
        zip(labels.tolist(), (counts + cell.method.added).tolist(), strict=True)
    )


def class_quality(model, x, y, judge, seed):
    """Whether samples are of the class asked for, and how much they differ."""
    report = GeneratorDiagnosis(x, y, judge, seed=seed)(model)
    return {
        f"{name}/{label}": entry[name]
        for label, entry in report.items()
        for name in ("agreement", "spread")
    }


def draw_codes(model, folder):
    """Writes what the codes do to the images of the rarest class."""
    (folder / "codes.txt").write_text(f"{code_dependence(model)}\n", "utf-8")
    rarest = int(np.argmin(model.spec.class_counts))
    traversal_figure(model, rarest, np.linspace(-1, 1, 9), folder / "codes.png")
