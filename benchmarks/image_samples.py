"""What the images of a method are like, class by class, beside images it has not seen.

    python benchmarks/image_samples.py --set=fashion_mnist --data_dir=DIR --steps=3000

Trains a method on an imbalanced set, or reads the model of `--model`, and prints a line
for each class:

- images: of the class in the training set;
- agreement: share of samples in which a classifier of the full, balanced set (a support
  vector machine of its images) sees the class that was asked for; for test images, too;
- nearest: median distance of a sample to the nearest training image of its class, over
  that of a test image: 1 for new images, 0 for copies;
- copies: share of samples nearer to a training image than 0.3 of that median, and the
  same share of test images;
- spread: mean distance between two samples, over that between two test images;
- fid: Frechet distance to as many test images, in the features of `--features`, learnt
  from the full set;
- precision, recall: share of samples within the region of the test images, and of test
  images within that of the samples, both in those features (Kynkaanniemi et al. 2019,
  third neighbour), of 10 samples a class and more;
- the same three of as many images of the training set, each class used up before one
  comes again: copies, and nothing made.

`--output` names a CSV file that gets a row for each class, in place of earlier ones of
the same run; `--picture` a PNG of real images beside generated ones.
"""

import json
import pathlib
import time
import warnings

import keras
import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness.provenance import provenance, use_threads
from scipy.spatial.distance import pdist

import kerasos
from kerasos.evaluation import frechet_distance
from kerasos.evaluation.diagnostics import nearest_distances
from kerasos.evaluation.downstream import QuickClassifier, flat
from kerasos.evaluation.quality import manifold
from kerasos.plots import real_and_generated

_SET = flags.DEFINE_string("set", "digits", "Name for `kerasos.data.load`.")
_COUNTS = flags.DEFINE_string("class_counts", "gamo", "As there; or a list of numbers.")
_METHOD = flags.DEFINE_string("method", "flow", "Name of a method of images.")
_OPTIONS = flags.DEFINE_string("options", "{}", "Of `from_data`, as JSON.")
_SETTINGS = flags.DEFINE_string("settings", "{}", "Attributes for sampling, as JSON.")
_STEPS = flags.DEFINE_integer("steps", 1000, "Batches to train on.", 1)
_BATCH = flags.DEFINE_integer("batch_size", 64, "Images of a batch.", 1)
_RATE = flags.DEFINE_float("learning_rate", None, "Default: the method's.", 0)
_SEED = flags.DEFINE_integer("seed", 0, "Of the drawn images, the model, the samples.")
_SAMPLES = flags.DEFINE_integer("samples", 100, "Of each class.", 2)
_FEATURES = flags.DEFINE_enum("features", "pca", ["pca", "cnn"], "Of fid and others.")
_FEATURES_DIR = flags.DEFINE_string("features_dir", None, "Keeps what cnn has learnt.")
_MODEL = flags.DEFINE_string("model", None, ".keras file to read, else to write.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TFDS.")
_THREADS = flags.DEFINE_integer("threads", 1, "Of TensorFlow; 0: all.", 0)
_OUTPUT = flags.DEFINE_string("output", None, "CSV file for the figures.")
_PICTURE = flags.DEFINE_string("picture", None, "PNG file of samples.")
KEY = ["set", "counts", "method", "options", "settings", "rate", "steps", "seed"]
KEY += ["features", "samples", "label"]
NEAR = 0.3


def trained(x, y):
    """Returns the model of `--model`, or trains it; and seconds of processor time."""
    start, path = time.process_time(), _MODEL.value
    if path and pathlib.Path(path).is_file():
        return keras.saving.load_model(path), np.nan
    method, seed = kerasos.get_method(_METHOD.value), _SEED.value
    model = method.from_data(x, y, seed=seed, **json.loads(_OPTIONS.value))
    if _RATE.value:
        model.optimizer.learning_rate = _RATE.value
    size = min(_BATCH.value, len(x))
    steps = min(100, _STEPS.value)
    data = kerasos.data.batches(x, y, size, seed=seed, steps_per_epoch=steps)
    model.fit(data, epochs=-(-_STEPS.value // steps), verbose=2)
    if path:
        model.save(path)
    return model, time.process_time() - start


def figures(samples, train, test, hits, test_hits):
    """Returns `{name: number}` of the samples of one class.

    Args:
        samples, train, test: Arrays `(n, width)`, images of the class.
        hits, test_hits: Booleans, where the classifier sees the class.
    """
    made, unseen = (nearest_distances(rows, [train]) for rows in (samples, test))
    usual = np.median(unseen)
    return {
        "images": len(train),
        "agreement": np.mean(hits),
        "test_agreement": np.mean(test_hits),
        "nearest": np.median(made) / usual,
        "copies": np.mean(made < NEAR * usual),
        "test_copies": np.mean(unseen < NEAR * usual),
        "spread": pdist(samples).mean() / pdist(test[: len(samples)]).mean(),
    }


def distribution(made, test):
    """Returns FID, precision and recall of features `(n, d)` of samples of a class.

    Against the features `(m, d)` of as many test images; where there are fewer, of as
    many samples.
    """
    fewest = min(len(made), len(test))
    made, test = made[:fewest], test[:fewest]
    with warnings.catch_warnings():
        # Fewer samples than features: it is compared with copies, as many.
        warnings.filterwarnings("ignore", ".* do not determine a covariance")
        distance = frechet_distance(test, made)
    found = manifold(test, made)
    return {"fid": distance} | {name: found[name] for name in ("precision", "recall")}


def looked_at(model, judge, features, data, test):
    """Returns a frame with the figures of each class."""
    x, y = data
    x_test, y_test = test
    number = _SAMPLES.value
    labels = np.repeat(model.sampled_labels, number)
    samples = model.sample(labels, seed=_SEED.value, verbose=0)
    seen, seen_test = judge.predict(samples), judge.predict(x_test)
    rows = []
    for label in model.sampled_labels:
        here, there = labels == label, y_test == label
        parts = samples[here], x[y == label], x_test[there]
        hits = seen[here] == label, seen_test[there] == label
        made, real, unseen = map(features, parts)
        copied = distribution(np.resize(real, (number, real.shape[1])), unseen)
        rows.append(
            {"label": label}
            | figures(*map(flat, parts), *hits)
            | distribution(made, unseen)
            | {f"{name}_copies": value for name, value in copied.items()}
        )
    return pd.DataFrame(rows)


def main(_):
    logging.set_verbosity(logging.ERROR)
    use_threads(_THREADS.value)
    name, options = _SET.value, {"data_dir": _DATA_DIR.value}
    counts = _COUNTS.value
    if counts[0].isdigit():
        counts = [int(part) for part in counts.split(",")]
        counts = counts[0] if len(counts) == 1 else counts
    whole = kerasos.data.load(name, **options)[0]
    judge = QuickClassifier(*whole)
    spec = kerasos.data.DataSpec.of(*whole)
    kept = {"cache_dir": _FEATURES_DIR.value} if _FEATURES.value == "cnn" else {}
    features = kerasos.features.feature_fn(_FEATURES.value, spec, *whole, **kept)
    options |= {"class_counts": counts, "seed": _SEED.value}
    data, test = kerasos.data.load(name, **options)
    model, seconds = trained(*data)
    for setting, value in json.loads(_SETTINGS.value).items():
        setattr(model, setting, value)
    found = looked_at(model, judge, features, data, test)
    print(found.round(3).to_string(index=False))
    print("mean", found.mean().round(3).to_dict(), f"{seconds:.0f} s", flush=True)
    if _PICTURE.value:
        real_and_generated(*data, model, _PICTURE.value, per_class=8, seed=_SEED.value)
    if _OUTPUT.value:
        run = (name, _COUNTS.value, _METHOD.value, _OPTIONS.value, _SETTINGS.value)
        run = (*run, _RATE.value, _STEPS.value, _SEED.value)
        run = (*run, _FEATURES.value, _SAMPLES.value)
        run = dict(zip(KEY, run, strict=False))
        versions = provenance(_THREADS.value)
        found = found.assign(**run, seconds=seconds, versions=versions).round(4)
        path = pathlib.Path(_OUTPUT.value)
        if path.is_file():
            found = pd.concat([pd.read_csv(path), found])
        found = found.drop_duplicates(KEY, keep="last")
        found[[*KEY, *found.columns.difference(KEY, sort=False)]].to_csv(
            path, index=False
        )


if __name__ == "__main__":
    app.run(main)
