"""Classifiers scored along their training (Mullick et al. 2019, tables 1 to 4)."""

import keras
import numpy as np

import kerasos
from harness import training
from kerasos.callbacks import EvaluationCSV
from kerasos.evaluation import gamo_classifier, strong_cnn
from kerasos.losses import BalancedSoftmax

EVALUATE_EVERY = 250  # steps, as the authors' code


class EqualPriors(keras.layers.Layer):
    """Probabilities for equally frequent classes, but in training those that come in.

    Logit adjustment after training (Menon et al., ICLR 2021, eq. 9 with tau 1).
    """

    def __init__(self, class_counts, **kwargs):
        super().__init__(**kwargs)
        self.class_counts = np.asarray(class_counts, "float32")

    def call(self, probabilities, training=False):
        if training:
            return probabilities
        weighted = probabilities / self.class_counts
        return weighted / keras.ops.sum(weighted, axis=-1, keepdims=True)


def with_loss(model, name, y):
    """`model` with one of the ways of long-tailed learning that keep the data.

    "balanced_softmax" changes the loss, "logit_adjustment" what the network says after
    training; None leaves it.
    """
    counts = np.bincount(y)
    optimizer, loss = model.optimizer, model.loss
    if name == "balanced_softmax":
        model.compile(optimizer, BalancedSoftmax(counts, from_logits=False))
    elif name == "logit_adjustment":
        model = keras.Model(model.input, EqualPriors(counts)(model.output))
        model.compile(optimizer, loss)
    return model


def gamo(work):
    """GAMO's tables 1 to 4: one classifier, scored along its training.

    On a draw of test images, as in the paper, on the whole test set and on the
    training set. The published rule for the final score is not stated: both the last
    evaluation and the mean of the last ten are kept.
    """
    cell, parameters, method = work.cell, work.parameters, work.cell.method
    x, y, folder, seed = work.x, work.y, work.folder, work.cell.repeat
    draw = kerasos.data.subsample(
        work.y_test, [parameters["test_per_class"]] * work.spec.num_classes, seed=seed
    )
    tests = {
        "train": (x, y),
        "draw": (work.x_test[draw], work.y_test[draw]),
        "full": (work.x_test, work.y_test),
    }
    if not any(name.startswith("train/") for name in cell.protocol.outputs):
        del tests["train"]
    steps, batch = cell.steps(parameters["steps"]), parameters["batch_size"]
    # The convolutional variant changes its phase at the end of a pass.
    every = parameters.get("evaluate_every", EVALUATE_EVERY)
    every = min(len(x) // batch if parameters["variant"] == "conv" else every, steps)
    how = {name: parameters[name] for name in ("loss", "variant")}
    if work.trains_classifier:
        model = kerasos.get_method(method.oversampler).from_data(
            x, y, seed=seed, **how, **method.options
        )
        phases, share = len(model.stages), (0.0, 1.0)
    else:
        phases, share = 1, (0.5, 1.0) if method.training else (0.0, 1.0)
        balancer, _ = work.oversampler()
        x, y, is_synthetic = balancer.oversample(x, y, seed=seed)
        if method.training:
            work.draw_made(x, y, is_synthetic)
        if method.classifier.get("network", "gamo") == "gamo":
            model = gamo_classifier(work.spec, **how, seed=seed)
        else:
            model = strong_cnn(work.spec, seed=seed)
            model = with_loss(model, method.classifier.get("loss"), y)
        model = work.with_augmentation(model)
    data = kerasos.data.batches(x, y, batch, seed=seed, steps_per_epoch=every)
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
    if work.trains_classifier:
        work.draw_samples(model)
    return training.window_scores(curve, ("acsa", "g_mean")), steps
