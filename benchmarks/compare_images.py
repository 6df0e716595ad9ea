"""What helps a small network on MNIST and Fashion-MNIST at an imbalance of 100.

    python benchmarks/compare_images.py --data_dir DIR --output_dir OUT

`kerasos.evaluation.compare` on a quarter of the counts of Mullick et al. (ICCV 2019,
table 1): 1000, 500, 250, 188, 125, 88, 50, 25, 15 and 10 images of the classes 0 to 9.
Each of five splits has a training set of its own, drawn from the official training
images, and its own share of the official test images, in which classes are about
equally frequent; so splits have no image in common. A network takes `--steps` updates,
whatever the method. Finished rows and pictures are kept in `OUT/rows/DATASET`: the same
command goes on where a killed run stopped. After each data set `OUT/compare_images.csv`
gets its rows and `OUT/compare_images.md` its verdict and its table; pictures go to
`OUT/compare_images_DATASET_METHOD.png`.
"""

import functools
import os
import pathlib
import shutil

import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness import reporting_page
from harness.provenance import provenance, use_threads
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from kerasos.data import load
from kerasos.data.imbalance import rows_of_classes
from kerasos.evaluation import ImageClassifier, compare
from kerasos.losses import LogitAdjusted
from kerasos.over_sampling import DeepOverSampler

_DATA = flags.DEFINE_string("data_dir", None, "Folder of the prepared TFDS data.")
_OUTPUT = flags.DEFINE_string("output_dir", "benchmarks/results", "Folder to write to.")
_SETS = flags.DEFINE_list("datasets", "fashion_mnist,mnist", "TFDS names.")
_SPLITS = flags.DEFINE_integer("splits", 5, "The first so many of five.", 3, 5)
_STEPS = flags.DEFINE_integer("steps", 500, "Updates of a network.", 1)
_THREADS = flags.DEFINE_integer("threads", 0, "Processor threads; 0: all.", 0)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes draws, samplers and networks.")

SPLITS = 5
COUNTS = (1000, 500, 250, 188, 125, 88, 50, 25, 15, 10)
METHODS = {
    **{
        name: name
        for name in (
            *("class_weights", "threshold", "random", "augment", "balanced_softmax"),
            *("class_balanced_focal", "ldam", "mixup", "smote"),
        )
    },
    # With tau = 1 it is balanced_softmax.
    "logit_adjusted, tau 1.5": functools.partial(LogitAdjusted, tau=1.5),
    # Shorter than by default, which takes an hour a data set on one core.
    "cvae": DeepOverSampler("cvae", epochs=6),
    "gamo": DeepOverSampler("gamo", epochs=12),
}
METRICS = ["balanced_accuracy", "g_mean", "macro_f1"]


def splits_of(y, y_test, counts, seed):
    """Returns pairs of row numbers; those of test images come after all of training.

    Args:
        y, y_test: Integers, the labels of all training and test images.
        counts: Integers, training images of each class in a split.
        seed: Integer.
    """
    drawn = rows_of_classes(y, SPLITS * np.array(counts), seed, "compare_images")
    parts = np.split(drawn, SPLITS * np.cumsum(counts)[:-1])
    folds = StratifiedKFold(SPLITS, shuffle=True, random_state=seed)
    splits = []
    for number, (_, test) in enumerate(folds.split(y_test, y_test)):
        train = np.concatenate([np.sort(part[number::SPLITS]) for part in parts])
        splits.append((train, len(y) + test))
    return splits


def run(name, output):
    """Compares on one data set; returns a `Comparison`."""
    (x, y), (x_test, y_test) = load(name, data_dir=_DATA.value)
    splits = splits_of(y, y_test, COUNTS, _SEED.value)
    used = np.unique(np.concatenate([rows for split in splits for rows in split]))
    places = [tuple(np.searchsorted(used, rows) for rows in split) for split in splits]
    return compare(
        np.concatenate([x, x_test])[used],
        np.concatenate([y, y_test])[used],
        METHODS,
        {"cnn": ImageClassifier(steps=_STEPS.value)},
        places[: _SPLITS.value],
        metrics=METRICS,
        random_state=_SEED.value,
        output_dir=output / "rows" / name,
    )


def rare_gains(result):
    """Returns the table of the means: a method a row, the best first."""
    frame = result.to_frame().droplevel("classifier")
    part = result.summary[result.summary.metric == METRICS[0]].set_index("method")
    gain = part.difference.map("{:+.3f}".format)
    ends = part.low.map("{:+.3f}".format) + " to " + part.high.map("{:+.3f}".format)
    table = frame.map("{:.3f}".format).assign(
        **{"to `none`": gain, "95 % interval": ends, "outcome": part.outcome},
        seconds=(part.resample_seconds + part.fit_seconds).map("{:.0f}".format),
    )
    table.loc["none", ["to `none`", "95 % interval"]] = ""
    order = frame[METRICS[0]].sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index()


def markdown(results):
    """Returns the page of the finished data sets."""
    text = [
        "# Comparing on images",
        f"{sum(COUNTS)} training images, {', '.join(map(str, COUNTS))} of the classes "
        f"0 to 9; {_SPLITS.value} training sets without a common image, and as many "
        f"test sets of the official images; `small_cnn`, {_STEPS.value} updates for "
        "each method. Intervals are those of the paired t-test; better and worse at "
        "5 %, with Holm's correction.",
    ]
    for name, (result, pictures) in results.items():
        text += [f"## {name}", result.verdict, reporting_page.table(rare_gains(result))]
        for method, path in pictures.items():
            text.append(f"Made by `{method}`: ![images of {method}]({path})")
    text.append(provenance(_THREADS.value) + ".\n")
    return "\n\n".join(text)


def write(results, output):
    """Writes the rows and the summary."""
    frames = [result.rows.assign(dataset=name) for name, (result, _) in results.items()]
    draft = output / "compare_images.csv.part"
    pd.concat(frames).to_csv(draft, index=False)
    os.replace(draft, output / "compare_images.csv")
    (output / "compare_images.md").write_text(markdown(results), encoding="utf-8")


def copy_pictures(name, result, output):
    """Puts the pictures beside the summary; returns their names by method."""
    found = {}
    for method in result.pictures:
        found[method] = f"compare_images_{name}_{method}.png"
        kept = output / "rows" / name / "pictures" / f"{method}.png"
        shutil.copyfile(kept, output / found[method])
    return found


def main(_):
    logging.set_verbosity(logging.ERROR)
    if _THREADS.value:
        use_threads(_THREADS.value)
        os.environ["OMP_NUM_THREADS"] = str(_THREADS.value)
        threadpool_limits(_THREADS.value)
    output, results = pathlib.Path(_OUTPUT.value), {}
    for name in _SETS.value:
        print(name, flush=True)
        result = run(name, output)
        results[name] = result, copy_pictures(name, result, output)
        write(results, output)
        print(result.verdict, flush=True)


if __name__ == "__main__":
    app.run(main)
