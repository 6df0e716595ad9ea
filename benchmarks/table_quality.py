"""How much the rows that `DeepOverSampler` makes look like the data, jointly.

    python benchmarks/table_quality.py --methods=flow,cvae,smote --seeds=0,1,2

For three tables that scikit-learn brings, each method makes a thousand rows of the
rarest class. A line says how far they are off, real to generated: correlation of the
strongly correlated pairs, rows with a value at a column's end, rate of missing values,
shares of categories, standard deviations, values on their column's decimal grid.
`--output` names a CSV file that gets a row for each figure, in place of earlier ones of
the same method, table and seed.
"""

import pathlib
import time

import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness.provenance import provenance, use_threads
from sklearn.datasets import load_breast_cancer, load_wine

from kerasos.over_sampling import DeepOverSampler

_METHODS = flags.DEFINE_list("methods", "random,smote,cvae,flow", "Names of methods.")
_TABLES = flags.DEFINE_list("tables", "breast_cancer,wine,mixed", "Names of tables.")
_SEEDS = flags.DEFINE_list("seeds", "0", "Each gives a line.")
_THREADS = flags.DEFINE_integer("threads", 1, "Of TensorFlow; 0: all.", 0)
_OUTPUT = flags.DEFINE_string("output", None, "CSV file for the figures.")
KEY = ["method", "table", "seed", "measure"]


def breast_cancer():
    """Returns 30 numeric columns, and labels with 1 for the rarer class."""
    data = load_breast_cancer(as_frame=True)
    return data.data, data.target.eq(0).to_numpy().astype(int)


def wine():
    """Returns 13 numeric columns, and labels of three classes."""
    data = load_wine(as_frame=True)
    return data.data, data.target.to_numpy()


def mixed():
    """Breast cancer with what other tables have: text, gaps, counts, zeros, prices."""
    x, y = breast_cancer()
    names = ["mean radius", "mean texture", "mean smoothness", "worst area"]
    frame = x[names].copy()
    source = np.random.default_rng(0)
    radius = x["worst radius"].rank(pct=True)
    frame["size"] = pd.cut(
        radius, [0, 0.1, 0.5, 0.8, 1], labels=["xs", "s", "m", "l"]
    ).astype(object)
    draw = source.uniform(size=len(x))
    frame["site"] = np.select([draw < 0.09, draw < 0.4], ["rare", "left"], "right")
    frame["count"] = source.poisson(1 + 3 * x["mean concavity"] / 0.1)
    concave = x["worst concave points"]
    frame["area error"] = x["area error"].round(1).where(concave > 0.1, 0.0)
    gap = source.uniform(size=len(x)) < 0.2 + 0.3 * radius
    frame["symmetry"] = x["mean symmetry"].mask(gap)
    frame["price"] = (x["mean area"] * source.uniform(0.9, 1.1, len(x))).round(2)
    frame["halves"] = (2 * x["mean texture"]).round() / 2
    return frame, y


TABLES = {table.__name__: table for table in (breast_cancer, wine, mixed)}
DECIMALS = {"area error": 1, "price": 2, "halves": 1, "count": 0}


def generated(method, table, seed=0):
    """Returns the real rows of the rarest class, and a thousand generated ones."""
    x, y = TABLES[table]()
    rare = np.bincount(y).argmin()
    real = x[y == rare]
    sampler = DeepOverSampler(
        method, sampling_strategy={rare: len(real) + 1000}, random_state=seed
    )
    x_res, _ = sampler.fit_resample(x, y)
    return real, x_res[sampler.sample_is_synthetic_]


def deviations(real, new):
    """Returns `{name: (real, generated, deviation)}`.

    - correlation: mean absolute value over the pairs above .5 in the real rows; the
      generated one counts against its sign if it has the other; difference.
    - ends: share of rows with a column's smallest or largest value; difference.
    - missing: rates of the column that is furthest off; difference.
    - category: shares of the category, of at least 4 %, that is furthest off; factor.
    - deviation: median over columns of the generated standard deviation, as a multiple
      of the real one, in whichever direction it is; factor less 1.
    - grid: share of values with no more decimals than the column's; difference.
    """
    numbers = real.select_dtypes("number").columns
    found = {}
    pairs = np.triu_indices(len(numbers), 1)
    own, other = (rows[numbers].corr().to_numpy()[pairs] for rows in (real, new))
    strong = np.abs(own) > 0.5
    own, other = np.abs(own[strong]).mean(), (other * np.sign(own))[strong].mean()
    found["correlation"] = own, other, own - other
    low, high = real[numbers].min(), real[numbers].max()
    own, other = (
        ((rows[numbers] == low) | (rows[numbers] == high)).any(axis=1).mean()
        for rows in (real, new)
    )
    found["ends"] = own, other, other - own
    own, other = real.isna().mean(), new.isna().mean()
    worst = (own - other).abs().idxmax()
    found["missing"] = own[worst], other[worst], abs(own[worst] - other[worst])
    found["category"] = 1.0, 1.0, 1.0
    for name in real.columns.difference(numbers):
        shares = real[name].value_counts(normalize=True)
        made = new[name].value_counts(normalize=True)
        for value, own in shares[shares >= 0.04].items():
            other = made.get(value, 0.0)
            factor = max(own, other) / max(min(own, other), 1e-9)
            if factor > found["category"][2]:
                found["category"] = own, other, factor
    ratios = new[numbers].std() / real[numbers].std()
    factor = np.exp(np.log(ratios.clip(1e-9)).abs().median())
    found["deviation"] = 1.0, ratios.median(), factor - 1.0
    grids = [n for n in numbers if n in DECIMALS and _share_on_grid(real[n]) == 1]
    if grids:
        on_grid = np.mean([_share_on_grid(new[name]) for name in grids])
        found["grid"] = 1.0, on_grid, 1.0 - on_grid
    return found


def _share_on_grid(column):
    return (column == column.round(DECIMALS[column.name])).mean()


def write(path, method, table, seed, found, versions):
    """Puts the figures of one run into a CSV file, a row for each measure."""
    rows = [
        dict(zip(KEY, (method, table, seed, measure), strict=True))
        | dict(zip(("real", "generated", "deviation"), figures, strict=True))
        for measure, figures in found.items()
    ]
    rows = pd.DataFrame(rows).assign(versions=versions).round(4)
    path = pathlib.Path(path)
    if path.is_file():
        rows = pd.concat([pd.read_csv(path), rows])
    rows.drop_duplicates(KEY, keep="last").to_csv(path, index=False)


def main(_):
    logging.set_verbosity(logging.ERROR)
    use_threads(_THREADS.value)
    for table in _TABLES.value:
        for method in _METHODS.value:
            for seed in map(int, _SEEDS.value):
                start = time.process_time()
                found = deviations(*generated(method, table, seed))
                cells = [f"{n} {a:.2f} > {b:.2f}" for n, (a, b, _) in found.items()]
                seconds = time.process_time() - start
                line = f"{table} {method} seed {seed}: {', '.join(cells)}"
                print(f"{line}; {seconds:.0f} s", flush=True)
                if _OUTPUT.value:
                    versions = provenance(_THREADS.value)
                    write(_OUTPUT.value, method, table, seed, found, versions)


if __name__ == "__main__":
    app.run(main)
