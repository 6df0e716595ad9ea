"""How often `compare` finds a gain that is there, and one that is not, by its folds.

    python benchmarks/compare_power.py --output=benchmarks/results/compare_power.csv

Tables with 15 % of rare rows; `none` and five contenders are linear discriminants that
share five columns and have a sixth each of their own. The sixth of the first contender
is better than that of `none`, so that its balanced accuracy is higher by `gain` where
there are rows without end; those of the other four are as good as that of `none`: their
rows differ, their worth does not. Each contender is tested against `none` as `compare`
does it, by the corrected t-test with Holm's correction for five. A row of the file for
each number of rows, gain, and design of the cross-validation:

- `power`: share of tables where the first contender is named better at 5 %,
- `family_wise_error`: share where any of those without a gain is named better or worse,
- `found_gain`: mean difference of the first contender, at this number of rows,
- `length`: mean length of its 95 % interval.
"""

import pathlib

import numpy as np
import pandas as pd
from absl import app, flags
from scipy import stats
from sklearn.model_selection import RepeatedStratifiedKFold

from kerasos.evaluation.compare.significance import holm, paired_t_test

_ROWS = flags.DEFINE_list("rows", "200,1000,5000", "Numbers of rows.")
_GAINS = flags.DEFINE_list("gains", "0,0.02,0.05,0.1", "Gains in balanced accuracy.")
_DESIGNS = flags.DEFINE_list("designs", "2x5,5x1,5x5,10x1,10x3", "Folds x repeats.")
_TABLES = flags.DEFINE_integer("tables", 500, "Of each kind.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the tables and folds.", 0)
_OUTPUT = flags.DEFINE_string(
    "output", None, "CSV file; rows that it has are not run again."
)

RARE = 0.15
BASE = 0.75  # balanced accuracy of `none` on rows without end
SHARED, CONTENDERS = 5, 5
OWN = 0.5  # distance of the classes in a sixth column, in standard deviations


def distance(accuracy):
    """Of two Gaussian classes that a discriminant of equal priors tells apart so."""
    return 2 * stats.norm.ppf(accuracy)


def table(rows, gain, source):
    """Returns columns, the shared ones first and then one a contender, and labels."""
    shared = np.sqrt((distance(BASE) ** 2 - OWN**2) / SHARED)
    better = np.sqrt(distance(BASE + gain) ** 2 - SHARED * shared**2)
    shift = np.array([shared] * SHARED + [OWN, better] + [OWN] * (CONTENDERS - 1))
    y = np.zeros(rows, int)
    y[: round(RARE * rows)] = 1
    return source.standard_normal((rows, len(shift))) + y[:, None] * shift, y


def scores_of(x, y, train, test):
    """Balanced accuracies on the test rows: of `none`, then of each contender."""
    x_train, y_train = x[train], y[train]
    means = np.stack([x_train[y_train == label].mean(axis=0) for label in (0, 1)])
    within = x_train - means[y_train]
    covariance = within.T @ within / (len(train) - 2)
    found = []
    for own in range(SHARED, SHARED + CONTENDERS + 1):
        columns = [*range(SHARED), own]
        weights = np.linalg.solve(
            covariance[np.ix_(columns, columns)], (means[1] - means[0])[columns]
        )
        middle = means[:, columns].mean(axis=0)
        right = ((x[test][:, columns] - middle) @ weights > 0) == (y[test] == 1)
        found.append(np.mean([right[y[test] == label].mean() for label in (0, 1)]))
    return found


def tested(x, y, folds, repeats, seed):
    """Returns, for each contender, (difference, length of interval, adjusted p)."""
    cv = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    scores = np.array([scores_of(x, y, *split) for split in cv.split(x, y)]).T
    ratio = 1.0 / (folds - 1)
    tests = [paired_t_test(own, scores[0], ratio) for own in scores[1:]]
    lengths = [np.ptp(test.interval()) for test in tests]
    adjusted = holm([test.p_value for test in tests])
    return [t.mean_difference for t in tests], lengths, adjusted


def simulate(rows, gain, folds, repeats, tables, seed):
    """Returns the row of the file."""
    source = np.random.default_rng([seed, rows, round(1000 * gain), folds, repeats])
    differences, lengths, power, errors = [], [], [], []
    for _ in range(tables):
        x, y = table(rows, gain, source)
        found = tested(x, y, folds, repeats, int(source.integers(2**31)))
        difference, length, adjusted = map(np.asarray, found)
        named = adjusted < 0.05
        differences.append(difference[0])
        lengths.append(length[0])
        power.append(named[0] and difference[0] > 0)
        errors.append(named[1 if gain else 0 :].any())
    return {
        "rows": rows,
        "rare_rows": round(RARE * rows),
        "gain": gain,
        "folds": folds,
        "repeats": repeats,
        "power": np.mean(power),
        "family_wise_error": np.mean(errors),
        "found_gain": np.mean(differences),
        "length": np.mean(lengths),
        "tables": tables,
        "seed": seed,
    }


def main(_):
    path = pathlib.Path(_OUTPUT.value) if _OUTPUT.value else None
    found = pd.read_csv(path).to_dict("records") if path and path.exists() else []
    keys = ("rows", "gain", "folds", "repeats", "tables", "seed")
    done = {tuple(row[key] for key in keys) for row in found}
    for rows in map(int, _ROWS.value):
        for gain in map(float, _GAINS.value):
            for design in _DESIGNS.value:
                folds, repeats = map(int, design.split("x"))
                rest = (_TABLES.value, _SEED.value)
                if (rows, gain, folds, repeats, *rest) not in done:
                    found.append(simulate(rows, gain, folds, repeats, *rest))
                    print(pd.DataFrame(found[-1:]).to_string(header=len(found) == 1))
                    if path:  # a run that was stopped goes on
                        pd.DataFrame(found).round(4).to_csv(path, index=False)


if __name__ == "__main__":
    app.run(main)
