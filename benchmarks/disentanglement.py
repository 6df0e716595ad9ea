"""FactorVAE score of methods with latent codes, on shapes of imbalanced classes.

    python benchmarks/disentanglement.py
    python benchmarks/disentanglement.py --methods=imsic --ratios=100 --seeds=0

The setting of He et al. (IJCAI 2021) for dSprites: the shape is the class, squares are
the majority, ellipses and hearts have `majority / ratio` images each, and five codes
stand for five factors, one each. The images are those of `kerasos.data.shapes` unless
`--data=dsprites`; the score is taken on as many of each shape, drawn anew. `pca` is a
control: the five first principal components of the training images.

A row is appended for each finished run. A run that was stopped goes on from its newest
backup, and runs that have their row are skipped: start the same command again.
"""

import functools
import hashlib
import itertools
import json
import pathlib

import numpy as np
from absl import app, flags
from harness import training
from harness.provenance import provenance, use_threads

import kerasos
from kerasos.evaluation import factor_vae_score
from kerasos.evaluation.compare.result_rows import append_rows, read_rows

_METHODS = flags.DEFINE_list("methods", ["infogan", "imsic", "pca"], "What is scored.")
_RATIOS = flags.DEFINE_list("ratios", ["10", "100"], "Imbalance ratios.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Of the images and the weights.")
_DATA = flags.DEFINE_enum("data", "shapes", ["shapes", "dsprites"], "The images.")
_SIZE = flags.DEFINE_integer("size", 32, "Side of the images; dSprites has 64.", 8)
_MAJORITY = flags.DEFINE_integer("majority", 50_000, "Images of a square.", 1)
_STEPS = flags.DEFINE_integer("steps", 20_000, "Training steps.", 1)
_BATCH = flags.DEFINE_integer("batch", 64, "Batch size.", 2)
_CODES = flags.DEFINE_integer("num_codes", 5, "Latent codes.", 1)
_POOL = flags.DEFINE_integer("pool", 10_000, "Images of each shape to score on.", 2)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Prepared TFDS data, for dSprites.")
_OUTPUT = flags.DEFINE_string(
    "output", "benchmarks/results/disentanglement.csv", "CSV that rows are added to."
)
_BACKUPS = flags.DEFINE_string(
    "backup_dir", None, "Folder of backups. Default: beside the CSV."
)
_BACKUP_SECONDS = flags.DEFINE_float("backup_seconds", 60.0, "Between two backups.")
_THREADS = flags.DEFINE_integer("threads", 0, "Threads of TensorFlow; 0: all.", 0)

OPTIONS = {"imsic": {"graph": "one_to_one"}}  # beside the number of codes
STEPS_PER_EPOCH = 250
_POOL_SEED = 0  # those of the training images follow
SETTINGS = (
    "method,options,data,size,ratio,seed,majority,steps,batch,num_codes,pool".split(",")
)
COLUMNS = (*SETTINGS, "score", "chance", "active", "votes", "seconds", "note")


class PCA:
    """The control: components of the images as codes."""

    def __init__(self, x, num_codes, seed):
        from sklearn.decomposition import PCA

        self.components = PCA(num_codes, random_state=seed).fit(self._flat(x))

    def latent_codes(self, x):
        return self.components.transform(self._flat(x))

    def _flat(self, x):
        return np.reshape(x, (len(x), -1)).astype("float32") / 255.0


def images(run, per_class, counts, seed):
    """Returns `(x, y, factors)` of the data set of a run."""
    if run["data"] == "shapes":
        size = int(run["size"])
        return kerasos.data.shapes(per_class, counts, size=size, seed=seed)
    return kerasos.data.dsprites(per_class, counts, seed=seed, data_dir=_DATA_DIR.value)


def plan():
    """Yields the settings of all runs, as the strings of their rows."""
    for seed, ratio, method in itertools.product(
        _SEEDS.value, _RATIOS.value, _METHODS.value
    ):
        trained = method != "pca"
        run = {
            "method": method,
            "options": json.dumps(OPTIONS.get(method, {})),
            "data": _DATA.value,
            "size": 64 if _DATA.value == "dsprites" else _SIZE.value,
            "ratio": f"{float(ratio):g}",
            "seed": int(seed),
            "majority": _MAJORITY.value,
            "steps": _STEPS.value if trained else 0,
            "batch": _BATCH.value if trained else 0,
            "num_codes": _CODES.value,
            "pool": _POOL.value,
        }
        yield {name: str(value) for name, value in run.items()}


def measure(run, pool):
    """Trains the method of one run and scores its codes; returns its row."""
    seed, majority = int(run["seed"]), int(run["majority"])
    minority = max(1, round(majority / float(run["ratio"])))
    counts = [majority, minority, minority]
    x, y, _ = images(run, majority, counts, _POOL_SEED + 1 + seed)
    folder = cell_folder(run)
    model = trained(run, x, y, folder)
    found = factor_vae_score(model.latent_codes, *pool, seed=seed)
    return {
        **run,
        "score": f"{found.score:.4f}",
        "chance": f"{found.chance:.4g}",
        "active": len(found.active),
        "votes": json.dumps(found.votes.tolist()),
        "seconds": round(training.read_progress(folder)["seconds"]),
        "note": provenance(_THREADS.value),
    }


def cell_folder(run):
    """Returns the folder of a run's backups and clock, made if need be."""
    name = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:16]
    root = _BACKUPS.value or pathlib.Path(_OUTPUT.value).parent / ".cells"
    folder = pathlib.Path(root) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def trained(run, x, y, folder):
    seed, codes = int(run["seed"]), int(run["num_codes"])
    if run["method"] == "pca":
        with training.timed(folder, 1.0):
            return PCA(x, codes, seed)
    model = kerasos.get_method(run["method"]).from_data(
        x, y, seed=seed, num_codes=codes, **json.loads(run["options"])
    )
    steps, batch = int(run["steps"]), min(int(run["batch"]), len(x))
    every = min(STEPS_PER_EPOCH, steps)
    data = kerasos.data.batches(x, y, batch, seed=seed, steps_per_epoch=every)
    training.fit(model, data, max(1, round(steps / every)), folder, "model")
    return model


def main(_):
    unknown = set(_METHODS.value) - {"pca", *kerasos.list_methods()}
    if unknown:
        kerasos.get_method(min(unknown))  # says what there is
    use_threads(_THREADS.value)
    training.backup_seconds = _BACKUP_SECONDS.value
    pool = functools.cache(lambda: images(run, _POOL.value, None, _POOL_SEED)[::2])
    for run in plan():
        label = f"{run['method']} | ratio {run['ratio']} | seed {run['seed']}"
        rows = read_rows(_OUTPUT.value, COLUMNS)
        if any(row.items() >= run.items() for row in rows):
            print(f"{label}: done before", flush=True)
            continue
        row = measure(run, pool())
        append_rows(_OUTPUT.value, COLUMNS, [row])
        print(f"{label}: {row['score']} in {row['seconds']} s", flush=True)


if __name__ == "__main__":
    app.run(main)
