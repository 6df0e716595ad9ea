"""What a generator's samples are worth by themselves, without a classifier after it."""

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos.evaluation import GeneratorDiagnosis


def generator(cell, data_dir, folder):
    """Our own table: agreement with the label asked for, spread, copies.

    Means over the classes of `kerasos.evaluation.GeneratorReport`. The judge is a
    network that has seen the whole training set; `judge` is its own accuracy on the
    test images.
    """
    name = cell.protocol.dataset
    (x, y), _ = datasets.load(name, cell.protocol.class_counts, data_dir, cell.repeat)
    spec = kerasos.data.DataSpec.of(x, y)
    model, steps = training.oversampler(cell, x, y, folder, (0.0, 0.9))
    judge = common.judge_of_all(cell, spec, data_dir, folder)
    _, (x_test, y_test) = datasets.load(name, None, data_dir, 0)
    diagnosis = GeneratorDiagnosis(
        x,
        y,
        judge,
        samples_per_class=cell.protocol.parameters["samples_per_class"],
        seed=cell.repeat,
    )
    scores = diagnosis(model).means
    scores["judge"] = float((judge.predict(x_test) == y_test).mean())
    common.draw_samples(model, x, y, folder)
    return scores, steps
