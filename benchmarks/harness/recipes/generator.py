"""What a generator's samples are worth by themselves, without a classifier after it."""

from kerasos.evaluation import GeneratorDiagnosis


def generator(work):
    """Our own table: agreement with the label asked for, spread, copies.

    Means over the classes of `kerasos.evaluation.GeneratorReport`. The judge is a
    network that has seen the whole training set; `judge` is its own accuracy on the
    test images.
    """
    model, steps = work.oversampler((0.0, 0.9))
    judge, (x_test, y_test) = work.judge(), work.whole[1]
    diagnosis = GeneratorDiagnosis(
        work.x,
        work.y,
        judge,
        samples_per_class=work.parameters["samples_per_class"],
        seed=work.cell.repeat,
    )
    scores = diagnosis(model).means
    scores["judge"] = float((judge.predict(x_test) == y_test).mean())
    work.draw_samples(model)
    return scores, steps
