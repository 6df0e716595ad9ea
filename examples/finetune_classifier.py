"""Which way of balancing helps a classifier of your folder of pictures.

    python examples/finetune_classifier.py --folder=defects

`defects` holds a folder of pictures for each class. Each class is split into pictures
for training, for the choice and for the test. One network, from the same initial
weights and with as many updates, is trained in four ways:

    nothing       on the pictures as they are
    augmentation  on pictures moved at random
    balanced      on pictures moved at random, as many of each class
    stream        on `model.balanced_dataset(...)`: the same, and some are generated

What generated pictures are worth is `stream` beside `balanced`; look at `samples.png`.
`features` puts a new head on the network trained with augmentation, or on
`--backbone`, a Keras file from images to features (one of `keras.applications`, say):
`kerasos.FeatureClassifier` with SMOTE among the features. Without `--folder` it draws
parts with defects.

Into `--output_dir`, which must be new, go `report.md` (the table and how it came
about), `recalls.png`, `samples.png` (real and generated pictures), `model.keras` (the
best on the pictures for the choice) and the same as a SavedModel with its card.
"""

import pathlib
import sys
import tempfile

import keras
import matplotlib.figure
import numpy as np
import pandas as pd
from absl import app, flags, logging
from sklearn.metrics import balanced_accuracy_score, recall_score

import kerasos
from kerasos.command import pictures
from kerasos.evaluation import augmented
from kerasos.export import export_classifier
from kerasos.plots import real_and_generated, save_figure

_FOLDER = flags.DEFINE_string("folder", None, "A folder of pictures for each class.")
_OUTPUT = flags.DEFINE_string("output_dir", "finetune_output", "A new folder.")
_SIDES = flags.DEFINE_list("sides", ["64", "64"], "height,width in pixels.")
_GREY = flags.DEFINE_bool("grey", False, "One channel in place of three.")
_BACKBONE = flags.DEFINE_string("backbone", None, "Keras file, images to features.")
_OVERSAMPLER = flags.DEFINE_string("oversampler", "smote", "Of the features.")
_GENERATOR = flags.DEFINE_string("generator", "cvae", "Of pictures, for the stream.")
_STEPS = flags.DEFINE_integer("generator_steps", 1000, "Updates of it.", 1)
_SYNTHETIC = flags.DEFINE_float(
    "synthetic", 0.5, "Share of generated pictures in a class of the stream.", 0, 1
)
_UPDATES = flags.DEFINE_integer("updates", 800, "Of each classifier.", 1)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Pictures in an update.", 1)
_SHARE = flags.DEFINE_float(
    "share", 0.25, "Of each class, for the test and for the choice each.", 0.01, 0.4
)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes split, weights and noise.")
_SMOKE = flags.DEFINE_bool("smoke", False, "A few updates, to see that it runs.")

DRAWN = (300, 120, 60, 32)


def split(y):
    """Returns rows for training, for the choice and for the test, of each class."""
    rng = np.random.default_rng(_SEED.value)
    parts = [], [], []
    for label in range(y.max() + 1):
        rows = rng.permutation(np.flatnonzero(y == label))
        held = max(1, round(_SHARE.value * len(rows)))
        if len(rows) < 2 * held + 2:
            raise ValueError(
                "Each class needs pictures for training, two at least, for the choice "
                f"and for the test. Expected {2 * held + 2} with --share="
                f"{_SHARE.value}. Received: {len(rows)} of class {label}. Add some."
            )
        cut = np.split(rows, [held, 2 * held])
        for part, chosen in zip(parts, cut[::-1], strict=True):
            part.append(chosen)
    return [np.concatenate(part) for part in parts]


def network(shape, num_classes):
    """From raw images to probabilities; its layer `features` is the last but one."""
    keras.utils.set_random_seed(_SEED.value)
    layers = keras.layers
    raw = keras.Input(shape, dtype="uint8")
    scale = layers.Rescaling(1 / 127.5, -1)
    model = keras.Sequential([raw, scale], name="classifier")
    for filters in (16, 32, 64):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Conv2D(64, 3, padding="same", activation="relu"))
    model.add(layers.GlobalMaxPooling2D(name="features"))
    model.add(layers.Dense(num_classes, activation="softmax"))
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        run_eagerly=_SMOKE.value,
        jit_compile=False,
    )
    return model


def train(model, data):
    """Updates a classifier."""
    model.jit_compile = False
    model.fit(data, epochs=epochs(), shuffle=False, verbose=0)


def epochs():
    return max(1, _UPDATES.value // steps_per_epoch())


def steps_per_epoch():
    return min(_UPDATES.value, 50)


def generator(x, y, names):
    """Returns a trained model of the pictures."""
    method = kerasos.get_method(_GENERATOR.value)
    model = method.from_data(x, np.array(names)[y], seed=_SEED.value)
    data = kerasos.data.batches(x, y, min(_BATCH.value, len(x)), seed=_SEED.value)
    model.compile(run_eagerly=_SMOKE.value, jit_compile=False)
    model.fit(data, epochs=-(-_STEPS.value // len(data)), verbose=0)
    return model


def contenders(x, y, names):
    """Yields `(name, model from images to probabilities, generator or None)`."""
    seed, batch_size = _SEED.value, min(_BATCH.value, len(x))
    settings = {"steps_per_epoch": steps_per_epoch(), "seed": seed}

    def trained(data, moves=True):
        model = network(x.shape[1:], len(names))
        train(augmented(model, seed, flip=True) if moves else model, data)
        return model

    natural = kerasos.data.batches(x, y, batch_size, **settings)
    yield "nothing", trained(natural, moves=False), None
    moved = trained(natural)
    yield "augmentation", moved, None
    alike = kerasos.data.batches(x, y, batch_size, balanced=True, **settings)
    yield "balanced", trained(alike), None
    backbone = keras.Model(moved.inputs, moved.get_layer("features").output)
    if _BACKBONE.value is not None:
        backbone = keras.saving.load_model(_BACKBONE.value, compile=False)
    features = kerasos.FeatureClassifier(
        backbone, _OVERSAMPLER.value, random_state=seed
    ).fit(x, np.array(names)[y])
    yield "features", features.model_, None
    made = generator(x, y, names)
    stream = made.balanced_dataset(
        x, y, batch_size, synthetic=_SYNTHETIC.value, **settings
    )
    yield "stream", trained(stream), made


def scores(model, x, y):
    """Returns the balanced accuracy and the recall of each class."""
    found = np.argmax(model.predict(x, verbose=0), axis=1)
    labels = np.arange(y.max() + 1)
    recalls = recall_score(y, found, labels=labels, average=None, zero_division=0)
    return [balanced_accuracy_score(y, found), *recalls]


def recalls_figure(table, path):
    """Bars of the recall of each class, a group for each class."""
    figure = matplotlib.figure.Figure(figsize=(1.5 + 1.6 * table.shape[1], 3.2))
    axes = figure.subplots()
    table.T.plot.bar(ax=axes, rot=0, width=0.8)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of the test pictures found")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=len(table))
    figure.tight_layout()
    save_figure(figure, path)


def main(_):
    logging.set_verbosity(logging.ERROR)
    if _SMOKE.value:
        flags.FLAGS.updates, flags.FLAGS.generator_steps = 4, 4
    output, sides = pathlib.Path(_OUTPUT.value), pictures.sides_of(_SIDES.value)
    try:
        output.mkdir(parents=True)
    except FileExistsError:
        sys.exit(
            f"finetune_classifier: nothing is overwritten. Expected a new folder. "
            f"Received: --output_dir={output}, which exists. Choose another."
        )
    with tempfile.TemporaryDirectory() as drawn:
        folder = _FOLDER.value or drawn
        if _FOLDER.value is None:
            counts = np.array(DRAWN) // (6 if _SMOKE.value else 1)
            kerasos.data.write_image_folder(
                folder, *kerasos.data.defects(counts, sides, seed=_SEED.value)
            )
        try:
            x, y, names = pictures.read_folder(folder, sides, _GREY.value)
            train_rows, choice_rows, test_rows = split(y)
        except (OSError, ValueError) as error:
            output.rmdir()
            sys.exit(f"finetune_classifier: {error}")
    table, choice, models = {}, {}, {}
    x_train, y_train = x[train_rows], y[train_rows]
    for name, model, made in contenders(x_train, y_train, names):
        choice[name] = scores(model, x[choice_rows], y[choice_rows])[0]
        table[name] = scores(model, x[test_rows], y[test_rows])
        models[name] = model
        if made is not None:
            real_and_generated(x_train, y_train, made, output / "samples.png")
    table = pd.DataFrame(table, index=["balanced accuracy", *names]).T
    best = max(choice, key=choice.get)
    models[best].save(output / "model.keras")
    title = pathlib.Path(_FOLDER.value or "defects").name
    card = {"contender": best, "scores": {"test": dict(table.loc[best])}}
    export_classifier(models[best], output / "saved_model" / title, names, card)
    recalls_figure(table[names], output / "recalls.png")
    text = report(table, choice, best, title, names, (y_train, y[test_rows]))
    (output / "report.md").write_text(text, encoding="utf-8")
    print(text.partition("\n- ")[0])
    print(f"\nWritten to {output}: report.md, recalls.png, samples.png, model.keras")


def report(table, choice, best, title, names, labels):
    """Returns the text of report.md."""
    rows = ["| contender | " + " | ".join(table.columns) + " |"]
    rows.append("|---" * (table.shape[1] + 1) + "|")
    for name, values in table.iterrows():
        cells = " | ".join(f"{value:.3f}" for value in values)
        rows.append(f"| {name} | {cells} |")
    train, test = (
        ", ".join(f"{n} {c}" for n, c in zip(names, np.bincount(part), strict=True))
        for part in labels
    )
    lines = "\n".join(rows)
    flag_list = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    given = [f.serialize() for f in flag_list if f.present and f.name != "output_dir"]
    command = " ".join(["python examples/finetune_classifier.py", *given])
    updates = epochs() * steps_per_epoch()
    return f"""# {title}

{lines}

`{best}` is best on the pictures for the choice ({choice[best]:.3f}). Other columns are
recalls: the share of the test pictures of a class that is found.

- Command: `{command}`
- Pictures for training: {train}; for the test: {test}.
- All take {updates:,} updates on {_BATCH.value} pictures; `features` keeps the network
  of `augmentation`, or its own, and fits its head to the end.
- Pictures for the stream come of `{_GENERATOR.value}` after {_STEPS.value:,} updates.
"""


if __name__ == "__main__":
    app.run(main)
