"""Processor seconds of `random` and `smote` beside imbalanced-learn's own samplers.

    python benchmarks/over_sampling_time.py

Two classes, 2 % of the rows in the rarer, balanced: a dense table of 100,000 rows and
30 columns, a frame of 20,000 rows with four text columns among the 30, and a sparse
matrix like TF-IDF, 1,500 x 20,000. The samplers take turns, `--repeats` times; a line
tells each one's fastest run and their ratio. With `--max_ratio` the exit code says
whether all ratios stay below it.
"""

import sys
import time

import numpy as np
import pandas as pd
from absl import app, flags
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from scipy import sparse

from kerasos.over_sampling import DeepOverSampler

_ROWS = flags.DEFINE_integer("rows", 100_000, "Of the dense tables.", 500)
_WIDTH = flags.DEFINE_integer("width", 20_000, "Of the sparse matrix.", 10)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Runs of each.", 1)
_MAX_RATIO = flags.DEFINE_float("max_ratio", None, "Fail above it.")

TEXT = list("pqrs")


def tables(rows, width):
    """Returns {name: (X, y)}."""
    rng = np.random.default_rng(0)
    y = (rng.permutation(rows) < 0.02 * rows).astype("int64")
    dense = rng.normal(size=(rows, 30)) + 0.5 * y[:, None]
    part = rows // 5  # SMOTENC takes 20 s for it
    mixed = pd.DataFrame(dense[:part, : 30 - len(TEXT)]).rename(columns=str)
    for name in TEXT:
        mixed[name] = rng.choice([f"value {i}" for i in range(8)], part)
    few = (rng.permutation(1_500) < 30).astype("int64")
    words = sparse.random_array((1_500, width), density=0.005, format="csr", rng=rng)
    return {"dense": (dense, y), "mixed": (mixed, y[:part]), "sparse": (words, few)}


def peers(name):
    """Returns {method: imbalanced-learn's sampler for such a table}."""
    smote = SMOTENC(TEXT, random_state=0) if name == "mixed" else SMOTE(random_state=0)
    return {"random": RandomOverSampler(random_state=0), "smote": smote}


def seconds(sampler, X, y):
    start = time.process_time()
    sampler.fit_resample(X, y)
    return time.process_time() - start


def main(_):
    worst = 0.0
    for name, (X, y) in tables(_ROWS.value, _WIDTH.value).items():
        for method, peer in peers(name).items():
            own = DeepOverSampler(method, random_state=0)
            runs = [
                (seconds(own, X, y), seconds(peer, X, y))
                for _ in range(_REPEATS.value + 1)
            ][1:]  # the first loads modules
            ours, theirs = map(min, zip(*runs, strict=True))
            worst = max(worst, ours / theirs)
            print(
                f"{name:7} {method:7} kerasos {ours:7.3f} s   imbalanced-learn "
                f"{theirs:7.3f} s   ratio {ours / theirs:.2f}"
            )
    if _MAX_RATIO.value is not None and worst > _MAX_RATIO.value:
        sys.exit(f"A ratio of {worst:.2f} is above {_MAX_RATIO.value}.")


if __name__ == "__main__":
    app.run(main)
