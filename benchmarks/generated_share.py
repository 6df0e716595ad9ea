"""What a classifier of images makes of generated ones, by their share in a class.

    python benchmarks/image_samples.py --set=fashion_mnist --data_dir=DIR --steps=4000 \
      --model=flow.keras
    python benchmarks/generated_share.py --model=flow.keras --data_dir=DIR \
      --output=share.csv

Fashion-MNIST at imbalance 100 (the class counts of Mullick et al.). Each class is
filled up to the size of the largest one, by copies and by samples of the model, of
which up to 1,000 a class are drawn once. `strong_cnn` with augmentation then trains on
it. A filling is a share of samples among what is added, 0 to 1, or "alike": half of
every class, the largest too, are samples, so that being generated tells nothing about
the class. Behind a share `~filtered` stands for samples that
`kerasos.over_sampling.SampleFilter` keeps.

Scores are recalls on the whole test set, means over the last five evaluations, one
every 250 steps. `--output` names a CSV file: what is in it is not done again. Samples
are kept beside it: another model needs another file.
"""

import pathlib

import keras
import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness.provenance import provenance, use_threads

import kerasos
from kerasos.evaluation import augmented, strong_cnn
from kerasos.over_sampling import SampleFilter

_MODEL = flags.DEFINE_string("model", None, ".keras file of the method.", required=True)
_SET = flags.DEFINE_string("set", "fashion_mnist", "Name for `kerasos.data.load`.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the drawn images and the networks.")
_STEPS = flags.DEFINE_integer("steps", 4000, "Batches of 32 images.", EVERY := 250)
_FILLINGS = flags.DEFINE_list("fillings", "0,0.5,1,alike", "See above.")
_GUIDANCE = flags.DEFINE_float("guidance", 1.5, "Of the model, if it has it.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TFDS.")
_THREADS = flags.DEFINE_integer("threads", 1, "Of TensorFlow; 0: all.", 0)
_OUTPUT = flags.DEFINE_string("output", None, "CSV file.", required=True)
COUNTS = "gamo"
POOL = 1000  # samples of a class
BATCH, SAMPLING_STEPS, EVALUATIONS = 32, 10, 5
KEY = ["set", "filling", "guidance", "steps", "seed"]


def sampled(labels, seed, path):
    """Returns images of these labels and the labels, kept by an earlier run or made."""
    if not path.is_file():
        model = keras.saving.load_model(_MODEL.value)
        model.guidance, model.sampling_steps = _GUIDANCE.value, SAMPLING_STEPS
        images = model.sample(labels, seed=seed, verbose=0)
        np.savez(path, images=images, labels=labels)
    with np.load(path) as kept:
        return kept["images"], kept["labels"]


def filled(x, y, filling, folder):
    """Returns images and labels, as many of each class."""
    rng, counts = np.random.default_rng(_SEED.value), np.bincount(y)
    filling, _, kept = filling.partition("~")
    top = counts.max()
    lacking = np.minimum(POOL, top - counts)
    labels = np.repeat(np.arange(len(counts)), lacking)
    end = f"{_SEED.value}_{_GUIDANCE.value:g}.npz"
    made, of = x[:0], labels[:0]
    if filling != "0":
        made, of = sampled(labels, 1, folder / f"rest_{end}")
    if kept:
        good = SampleFilter(random_state=_SEED.value).fit(x, y).mask(made, of)
        made, of = made[good], of[good]
    if filling == "alike":
        largest = np.full(POOL, counts.argmax())
        of_largest = sampled(largest, 2, folder / f"largest_{end}")
        parts = zip(of_largest, (made, of), strict=True)
        made, of = (np.concatenate(part) for part in parts)
    images = []
    for label, count in enumerate(counts):
        real = np.flatnonzero(y == label)
        if filling == "alike":
            half = top // 2
            kept = real if count == half else rng.choice(real, half, count < half)
            new = rng.choice(np.flatnonzero(of == label), top - half)
            images += [x[kept], made[new]]
            continue
        images.append(x[real])
        new = round(float(filling) * (top - count))
        images.append(x[rng.choice(real, top - count - new)])
        if new:
            images.append(made[rng.choice(np.flatnonzero(of == label), new)])
    return np.concatenate(images), np.repeat(np.arange(len(counts)), top)


def recalls(x, y, spec, test):
    """Trains on images and labels; returns the recall of each class."""
    seed, (x_test, y_test) = _SEED.value, test
    keras.utils.set_random_seed(seed)
    model = augmented(strong_cnn(spec, seed=seed), seed=seed, flip=False)
    data = kerasos.data.batches(x, y, BATCH, seed=seed, steps_per_epoch=EVERY)
    epochs, found = _STEPS.value // EVERY, []
    for epoch in range(epochs):
        model.fit(data, epochs=1, shuffle=False, verbose=0)
        if epoch >= epochs - EVALUATIONS:
            said = model.predict(x_test, batch_size=1000, verbose=0).argmax(axis=-1)
            hits = pd.Series(said == y_test).groupby(y_test).mean()
            found.append(hits.to_numpy())
    return np.mean(found, axis=0)


def main(_):
    logging.set_verbosity(logging.ERROR)
    use_threads(_THREADS.value)
    path = pathlib.Path(_OUTPUT.value)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    (x, y), test = kerasos.data.load(
        _SET.value, class_counts=COUNTS, seed=_SEED.value, data_dir=_DATA_DIR.value
    )
    spec = kerasos.data.DataSpec.of(x, y)
    for filling in _FILLINGS.value:
        run = (_SET.value, filling, _GUIDANCE.value, _STEPS.value, _SEED.value)
        run = dict(zip(KEY, run, strict=True))
        rows = pd.DataFrame(columns=KEY)
        if path.is_file():
            rows = pd.read_csv(path, dtype={"filling": str})
        if (rows[KEY] == [*run.values()]).all(axis=1).any():
            continue
        found = recalls(*filled(x, y, filling, folder), spec, test)
        scores = [found.mean(), *found]
        names = ["balanced_accuracy", *(f"recall_{k}" for k in range(len(found)))]
        row = run | dict(zip(names, np.round(scores, 4).tolist(), strict=True))
        print(row, flush=True)
        row["versions"] = provenance(_THREADS.value)
        pd.DataFrame([*rows.to_dict("records"), row]).to_csv(path, index=False)


if __name__ == "__main__":
    app.run(main)
