"""Whether DiffAugment helps GANs that are given a few hundred images.

    python benchmarks/few_images.py --data_dir DIR --output few_images.csv

Of each set 519 images are drawn, 125 of the first class to 12 of the tenth. Each
method trains on them with each policy of `d_augment`, and a line says what its samples
are like, mean over classes:

- agreement: share in which a classifier of the full, balanced set (a support vector
  machine of its images) sees the class that was asked for;
- spread: mean distance between two samples of a class, over that of its real images;
- copies: share of near copies of a training image.

`--output` names a CSV file; a run that is in it is not repeated.
"""

import pathlib
import time
from typing import get_args

import pandas as pd
from absl import app, flags, logging
from harness.provenance import provenance, use_threads

import kerasos
from kerasos.evaluation.diagnostics import diagnose
from kerasos.evaluation.downstream import QuickClassifier
from kerasos.layers.diff_augment import POLICY
from kerasos.networks.image_size import Size

_SETS = flags.DEFINE_list("sets", "digits,mnist,fashion_mnist", "Sets of images.")
_METHODS = flags.DEFINE_list("methods", "cgan,acgan", "GANs that take `d_augment`.")
_POLICIES = flags.DEFINE_list("policies", "none,all", "none, all, or names and plus.")
_SEEDS = flags.DEFINE_list("seeds", "0", "Of the drawn images and of the model.")
_SIZE = flags.DEFINE_enum("size", "paper", get_args(Size), "Size of the networks.")
_STEPS = flags.DEFINE_integer("steps", 600, "Batches of 64 images.", 1)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TFDS.")
_THREADS = flags.DEFINE_integer("threads", 1, "Of TensorFlow; 0: all.", 0)
_OUTPUT = flags.DEFINE_string("output", None, "CSV file for the figures.")
COUNTS = (125, 100, 77, 60, 46, 35, 27, 21, 16, 12)
KEY = ["set", "method", "policy", "size", "steps", "seed"]
MEASURES = ["agreement", "spread", "copies"]


def policy_of(name):
    """Returns `d_augment` for "none", "all", or names joined with "+"."""
    return {"none": (), "all": POLICY}.get(name, tuple(name.split("+")))


def measured(data, method, policy, size, steps, seed, judge):
    """Trains one model and returns `{measure: mean over classes}` of its samples."""
    options = {"seed": seed, "size": size, "d_augment": policy_of(policy)}
    model = kerasos.get_method(method).from_data(*data, **options)
    batches = kerasos.data.batches(*data, 64, seed=seed, steps_per_epoch=steps)
    model.fit(batches, epochs=1, verbose=0)
    report = diagnose(model, *data, judge, samples_per_class=100, seed=seed)
    return {name: report.means[name] for name in MEASURES}


def known(path):
    """Returns the figures of earlier runs."""
    is_there = path and pathlib.Path(path).is_file()
    return pd.read_csv(path) if is_there else pd.DataFrame(columns=KEY)


def main(_):
    logging.set_verbosity(logging.ERROR)
    use_threads(_THREADS.value)
    path, size, steps = _OUTPUT.value, _SIZE.value, _STEPS.value
    for name in _SETS.value:
        options = {"data_dir": _DATA_DIR.value}
        judge = QuickClassifier(*kerasos.data.load(name, **options)[0])
        for seed in map(int, _SEEDS.value):
            options |= {"class_counts": COUNTS, "seed": seed}
            data = kerasos.data.load(name, **options)[0]
            for method in _METHODS.value:
                for policy in _POLICIES.value:
                    run = [name, method, policy, size, steps, seed]
                    rows = known(path)
                    if (rows[KEY] == run).all(axis=1).any():
                        continue
                    start = time.process_time()
                    found = measured(data, method, policy, size, steps, seed, judge)
                    seconds = time.process_time() - start
                    cells = [f"{k} {v:.3f}" for k, v in found.items()]
                    print(*run, *cells, f"{seconds:.0f} s", flush=True)
                    if path:
                        versions = provenance(_THREADS.value)
                        row = dict(zip(KEY, run, strict=True)) | found
                        row |= {"seconds": seconds, "versions": versions}
                        rows = pd.DataFrame([*rows.to_dict("records"), row])
                        rows.round(4).to_csv(path, index=False)


if __name__ == "__main__":
    app.run(main)
