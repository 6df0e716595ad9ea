"""Balances real data in four ways and says which one helped a classifier.

    python examples/quickstart.py

The handwritten digits of scikit-learn, thinned out to an imbalance ratio of 20,
are left as they are (`none`), balanced by copies (`random`), by SMOTE (`smote`) and
by GAMO (`gamo`). The same classifier, trained for as many steps, is then scored on
the untouched test set. No network needed; about a minute on two cores.

Into `--output_dir` go `report.md` (the table and how it came about), `samples.png`
(real images beside GAMO's) and the generator as a SavedModel.
"""

import pathlib
import platform
import shutil
import sys
import time

import keras
import numpy as np
import sklearn
import tensorflow as tf
from absl import app, flags, logging

import kerasos
from kerasos.evaluation import gamo_classifier
from kerasos.metrics import acsa, g_mean
from kerasos.plots import real_and_generated

_OUTPUT = flags.DEFINE_string("output_dir", "quickstart_output", "Folder to write.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Repeats, each with another subset.", 1)
_EPOCHS = flags.DEFINE_integer("epochs", 12, "Epochs of 50 GAMO steps.", 1)
_RATIO = flags.DEFINE_float("ratio", 20.0, "Largest class over smallest.", 1.01)

METHODS = ("none", "random", "smote", "gamo")
STEPS_PER_EPOCH = 50
BATCH_SIZE = 32


def make_classifier(spec):
    """Returns the classifier of the GAMO paper, which all methods train in turn."""
    classifier = gamo_classifier(spec)
    classifier.optimizer.build(classifier.trainable_variables)
    # XLA pays off in long runs only: its compilation alone takes a second.
    classifier.jit_compile = False
    classifier.steps_per_execution = 20
    return classifier


def train_classifier(classifier, method, x, y, seed, callback):
    """Balances the data, then trains the classifier on them from the start.

    The same object each time, since Keras would trace a new one's step anew.
    """
    fresh = gamo_classifier(kerasos.data.DataSpec.of(x, y), seed=seed)
    fresh.optimizer.build(fresh.trainable_variables)
    classifier.set_weights(fresh.get_weights())
    classifier.optimizer.set_weights(fresh.optimizer.variables)
    sampler = kerasos.get_method(method).from_data(x, y, seed=seed)
    x, y, _ = sampler.oversample(x, y)
    # Twice the steps of GAMO, whose classifier is updated twice in each of its own.
    steps = 2 * STEPS_PER_EPOCH
    data = kerasos.data.batches(x, y, BATCH_SIZE, seed=seed, steps_per_epoch=steps)
    classifier.fit(
        data,
        epochs=_EPOCHS.value,
        steps_per_epoch=steps,  # or Keras makes an iterator more after each, in vain
        verbose=0,
        shuffle=False,
        callbacks=[callback],
    )


def train_gamo(x, y, seed, callback):
    """Trains GAMO with the settings that are fastest for a run this short."""
    model = kerasos.GAMO.from_data(x, y, seed=seed, g_update="joint")
    model.compile(jit_compile=False, steps_per_execution=10)
    data = kerasos.data.batches(
        x, y, BATCH_SIZE, seed=seed, steps_per_epoch=STEPS_PER_EPOCH
    )
    model.fit(data, epochs=_EPOCHS.value, verbose=0, callbacks=[callback])
    return model


def score(classifier, x, y):
    """Returns ACSA and G-mean on the test set."""
    predicted = np.argmax(classifier(x), axis=-1)
    return acsa(y, predicted), g_mean(y, predicted)


def table(scores):
    """Formats `{method: array (seeds, 2)}` as a Markdown table."""
    lines = ["| method | ACSA | G-mean |", "|---|---|---|"]
    for method, values in scores.items():
        cells = [mean_and_deviation(column) for column in values.T]
        lines.append(f"| {method} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def mean_and_deviation(values):
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def verdict(scores):
    """Says in one sentence which method won, and whether that means anything."""
    by_mean = sorted(scores, key=lambda method: -scores[method][:, 0].mean())
    first, second = by_mean[:2]
    gaps = scores[first][:, 0] - scores[second][:, 0]
    text = f"`{first}` has the highest mean ACSA, {gaps.mean():.4f} above `{second}`"
    if len(gaps) == 1:
        return text + "; one seed cannot say whether that is more than chance."
    error = gaps.std(ddof=1) / np.sqrt(len(gaps))
    clear = gaps.mean() > 2 * error
    return text + (
        f" with a standard error of {error:.4f} over {len(gaps)} seeds: "
        + ("it won here." if clear else "too close to name a winner.")
    )


def command():
    """The command line without the output folder, which changes no number."""
    given = [
        flag.serialize()
        for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])
        if flag.present and flag.name != "output_dir"
    ]
    return " ".join(["python examples/quickstart.py", *given])


def report(scores, model, seconds):
    """Returns the text of report.md."""
    steps = _EPOCHS.value * STEPS_PER_EPOCH
    counts = list(model.spec.class_counts)
    versions = ", ".join(
        f"{name} {version}"
        for name, version in (
            ("kerasos", kerasos.__version__),
            ("Keras", keras.__version__),
            ("TensorFlow", tf.__version__),
            ("scikit-learn", sklearn.__version__),
            ("Python", platform.python_version()),
        )
    )
    anchors = [entry["effective"] for entry in model.effective_anchors().values()]
    return f"""# Digits, imbalance ratio {_RATIO.value:g}

{table(scores)}

{verdict(scores)}

Each cell is the mean ± the sample standard deviation over the seeds. **ACSA** is the
average over the classes of the share of their test images that is recognised
(balanced accuracy); **G-mean** is the geometric mean of the same shares, so one class
that is missed pulls it to 0. Both are 1 at best.

- Command: `{command()}` ({seconds:.0f} s; {time.process_time():.0f} s of
  processor time)
- Data: scikit-learn's digits, 8x8. Training images by class:
  {counts}, another draw for each seed.
  Test: 50 images of each class, never trained on.
- Seeds: {list(range(_SEEDS.value))}, each fixing the draw, the weights and the noise.
- Classifier: the same network, initial weights, loss (least squares) and optimizer
  (Adam, 2e-4) for all methods, {2 * steps:,} updates on batches of {BATCH_SIZE}. GAMO
  takes {steps:,} steps with two updates each: one on real, one on generated images.
- GAMO (seed 0) mixes {np.mean(anchors):.1f} real images into a generated one on
  average; 1 would be a copy.
- Versions: {versions}.

`samples.png` shows GAMO's images beside real ones; `saved_model/gamo_digits` holds
the generator of seed 0 for TensorFlow Serving.
"""


def main(_):
    started = time.monotonic()
    # Only the bar, the table and what goes wrong.
    logging.set_verbosity(logging.ERROR)
    tf.get_logger().setLevel("ERROR")
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    runs = _SEEDS.value * len(METHODS)
    bar = keras.utils.Progbar(runs * _EPOCHS.value, unit_name="epoch")
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.add(1))
    scores = {method: np.empty((_SEEDS.value, 2)) for method in METHODS}
    classifier = None
    for seed in range(_SEEDS.value):
        (x, y), test = kerasos.data.load("digits", class_counts=_RATIO.value, seed=seed)
        classifier = classifier or make_classifier(kerasos.data.DataSpec.of(x, y))
        for method in METHODS[:-1]:
            train_classifier(classifier, method, x, y, seed, callback)
            scores[method][seed] = score(classifier, *test)
        model = train_gamo(x, y, seed, callback)
        scores["gamo"][seed] = score(model.classifier, *test)
        if seed == 0:
            first, x_first, y_first = model, x, y
    real_and_generated(x_first, y_first, first, output / "samples.png")
    acsa_0, g_mean_0 = scores["gamo"][0]
    exported = output / "saved_model" / "gamo_digits"
    first.export(
        exported,
        samples=False,
        card={
            "command": command(),
            "dataset": "digits",
            "steps": _EPOCHS.value * STEPS_PER_EPOCH,
            "scores": {"test_acsa": acsa_0, "test_g_mean": g_mean_0},
        },
    )
    shutil.copy(output / "samples.png", exported)
    text = report(scores, first, time.monotonic() - started)
    (output / "report.md").write_text(text, encoding="utf-8")
    print(f"\n{table(scores)}\n\n{verdict(scores)}\n")
    print(f"Written to {output}: report.md, samples.png, saved_model/gamo_digits")


if __name__ == "__main__":
    app.run(main)
