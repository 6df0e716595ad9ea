"""Numbers that several others give, as its parts give a total.

Reference:
    Allen, The Relationship between Variable Selection and Data Augmentation and a
    Method for Prediction, Technometrics 1974 (residuals of rows left out).
"""

import numpy as np
import pandas as pd

TIGHT = 0.99  # correlation of numbers of which one all but gives the other
RELATIONS = "column others real synthetic rows_real rows_synthetic".split()
_RIDGE = 1e-3  # of the variance of a number, in the regressions
_PER_NUMBER = 2  # rows at least for each number in them
_WEIGHT = 0.2  # of the largest coefficient, for an other to be named


def relations(real, new, names):
    """Returns the numbers that others give in real rows, and what is left of that.

    Each column is regressed on all others in real rows. With K, the inverse of their
    correlations (and a ridge), column j is off by (x K)_j / K_jj in a row x. Over
    1 - h, with h the leverage of the row in that regression, it is what a regression
    without that row is off by (Allen, 1974), which is what counts in real rows.

    Args:
        real, new: Float matrices `(n, d)` and `(m, d)`, NaN for missing.
        names: List of the `d` columns.

    Returns:
        Frame of `RELATIONS`: the column, the `others` of weight (a list of names, the
        largest first), R squared in real and in generated rows, and how many rows of
        both know all columns (of the generated ones, not far off the real ones). First
        is what small changes of the others change least, as a total before its parts.
    """
    kept, found = _complete(real), []
    real, new = (x[:, kept][~np.isnan(x[:, kept]).any(axis=1)] for x in (real, new))
    if len(kept) < 2 or len(new) == 0:
        return _frame(found)
    middle, scale = real.mean(axis=0), real.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    real, new = ((x - middle) / scale for x in (real, new))
    alone = _without_doubles(real)
    kept, real, new = kept[alone], real[:, alone], new[:, alone]
    new = new[_near(new, real)]
    if len(new) == 0:
        return _frame(found)
    k = np.linalg.inv(real.T @ real / len(real) + _RIDGE * np.eye(len(kept)))
    own = np.diag(k)
    hat = np.sum(real @ k * real, axis=1, keepdims=True) - (real @ k) ** 2 / own
    left_out = real @ k / own / (1.0 - (1.0 + hat) / len(real))
    usual = _spread(real)
    known = 1.0 - np.max([_deviation(left_out), _spread(left_out) / usual], axis=0) ** 2
    off = new @ k / own
    of_new = 1.0 - np.min([_deviation(off), _spread(off) / usual], axis=0) ** 2
    weights = np.abs(k / own) * (1.0 - np.eye(len(kept)))  # one column each
    for place in np.argsort((weights**2).sum(axis=0), kind="stable"):
        if known[place] > TIGHT**2:
            weight = weights[:, place]
            others = np.argsort(-weight, kind="stable")
            others = others[weight[others] > _WEIGHT * weight.max()]
            others = [names[kept[other]] for other in others]
            r2 = known[place], max(0.0, of_new[place])
            found.append([names[kept[place]], others, *r2, len(real), len(new)])
    return _frame(found)


def _frame(found):
    frame = pd.DataFrame(found, columns=RELATIONS)
    return frame.astype(dict.fromkeys(RELATIONS[2:], float))


def _complete(rows):
    """Places of as many columns as enough rows know all of, those without gaps first.

    Columns of one value are left out.
    """
    gaps = np.isnan(rows).sum(axis=0)
    order = np.argsort(gaps, kind="stable")
    varied = [len(np.unique(c[~np.isnan(c)])) > 1 for c in rows[:, order].T]
    order = order[np.array(varied, bool)]
    known = np.logical_and.accumulate(~np.isnan(rows[:, order]), axis=1).sum(axis=0)
    enough = known >= _PER_NUMBER * np.arange(1, len(order) + 1)
    return np.sort(order[enough])


def _without_doubles(rows):
    """Places of standardised columns, but for those that another one all but gives."""
    r, kept = np.abs(rows.T @ rows) / len(rows), []
    for place in range(len(r)):
        if r[place, place] > 0 and not (r[place, kept] > TIGHT).any():
            kept.append(place)
    return kept


def _near(rows, real):
    """Which rows are off the range of each real number by at most its width.

    Beyond, what the ridge takes from a coefficient is more than what a relation leaves.
    """
    low, high = real.min(axis=0), real.max(axis=0)
    away = np.maximum(low - rows, rows - high)
    return (away <= high - low).all(axis=1)


def _deviation(errors):
    return np.sqrt((errors**2).mean(axis=0))


def _spread(errors):
    """Half the width of the middle nine tenths around 0, that a few rows do not move.

    Over 1.645, which makes it the standard deviation of a Gaussian.
    """
    return np.quantile(np.abs(errors), 0.9, axis=0).clip(1e-9) / 1.645
