"""Classifiers scored along their training (Mullick et al. 2019, tables 1 to 4)."""

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos.callbacks import EvaluationCSV
from kerasos.evaluation import gamo_classifier, strong_cnn

EVALUATE_EVERY = 250  # steps, as the authors' code


def gamo(cell, data_dir, folder):
    """GAMO's tables 1 to 4: one classifier, scored along its training.

    On a draw of test images, as in the paper, on the whole test set and on the
    training set. The published rule for the final score is not stated: both the last
    evaluation and the mean of the last ten are kept.
    """
    parameters, method = cell.protocol.parameters, cell.method
    (x, y), (x_test, y_test) = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    spec = kerasos.data.DataSpec.of(x, y)
    draw = kerasos.data.subsample(
        y_test, [parameters["test_per_class"]] * spec.num_classes, seed=cell.repeat
    )
    tests = {
        "train": (x, y),
        "draw": (x_test[draw], y_test[draw]),
        "full": (x_test, y_test),
    }
    if not any(name.startswith("train/") for name in cell.protocol.outputs):
        del tests["train"]
    steps, batch = cell.steps(parameters["steps"]), parameters["batch_size"]
    # The convolutional variant changes its phase at the end of a pass.
    every = parameters.get("evaluate_every", EVALUATE_EVERY)
    every = min(len(x) // batch if parameters["variant"] == "conv" else every, steps)
    if common.trains_classifier(cell):
        model = kerasos.get_method(method.oversampler).from_data(
            x,
            y,
            seed=cell.repeat,
            variant=parameters["variant"],
            loss=parameters["loss"],
            **method.options,
        )
        phases, share = len(model.stages), (0.0, 1.0)
    else:
        share = (0.5, 1.0) if method.training else (0.0, 1.0)
        balancer, _ = training.oversampler(cell, x, y, folder)
        x, y, is_synthetic = balancer.oversample(x, y, seed=cell.repeat)
        if method.training:
            common.draw_made(x, y, is_synthetic, folder)
        network = method.classifier.get("network", "gamo")
        if network == "gamo":
            model = gamo_classifier(
                spec, parameters["loss"], parameters["variant"], seed=cell.repeat
            )
        else:
            model = strong_cnn(spec, seed=cell.repeat)
        model = common.with_augmentation(model, cell)
        phases = 1
    data = kerasos.data.batches(x, y, batch, seed=cell.repeat, steps_per_epoch=every)
    curve = folder / "curve.csv"
    training.fit(
        model,
        data,
        phases * round(steps / every),
        folder,
        "classifier",
        share,
        [EvaluationCSV(curve, tests, every=phases)],
    )
    if common.trains_classifier(cell):
        common.draw_samples(model, x, y, folder)
    return training.window_scores(curve, ("acsa", "g_mean")), steps
