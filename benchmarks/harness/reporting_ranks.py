"""Rankings of the report: do paper and rows order the methods alike, and which of our
methods differ by more than chance.
"""

import dataclasses
import math
import warnings

import numpy as np
import pandas as pd

from harness import reporting

SIGNIFICANCE = 0.05


def lower_is_better(metric):
    return metric.startswith("FID") or metric == "seconds"


def agreement(section, budget, metric):
    """Returns Kendall's tau-b between the published and our order of the methods.

    Args:
        section: `harness.reporting.Section`.
        budget: Float; only lines of this budget.
        metric: Ours; `published_name` says what it is compared with.

    Returns:
        (tau, n, p); tau and p are None below three methods or where all tie.
    """
    from scipy.stats import kendalltau

    scores, figures = section.at(budget, section.scores), section.published
    figures = figures[figures.metric == reporting.published_name(metric)]
    figures = dict(zip(figures.method, figures.figure, strict=True))
    scores = scores[(scores.metric == metric) & scores.method.isin(list(figures))]
    scores = scores[np.isfinite(scores["mean"])]
    ours, theirs = scores["mean"], scores.method.map(figures)
    if len(ours) < 3 or min(ours.nunique(), theirs.nunique()) == 1:
        return None, len(ours), None
    tau, p = kendalltau(theirs, ours)
    return float(tau), len(ours), float(p)


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Average ranks of methods (1 is best) over blocks: repeats, or settings.

    Args:
        metric: What was ranked.
        budget: Of all lines compared.
        average: `{method: rank}`, best first.
        blocks: Names of the blocks.
        critical: Nemenyi's critical difference at `SIGNIFICANCE`.
        p: Of Friedman's test that all methods rank alike.
        left_out: Methods with too few of the blocks.
    """

    metric: str
    budget: float
    average: dict
    blocks: tuple
    critical: float
    p: float
    left_out: tuple


def critical_difference(methods, blocks):
    """Nemenyi's: `q sqrt(k (k + 1) / (6 N))`, q a studentized range over sqrt(2).

    Reference: Demsar. Statistical comparisons of classifiers over multiple data sets.
        JMLR 7, 2006.
    """
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - SIGNIFICANCE, methods, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(methods * (methods + 1) / (6 * blocks)))


def rank(table, metric, budget):
    """Ranks methods over the blocks that they share.

    The method with the fewest blocks is left out until three blocks are shared.

    Args:
        table: Frame of values, a block a row and a method a column; NaN: none.
        metric: Name of the values; says which end is best.
        budget: Of the values.

    Returns:
        `Ranks`, or None below three methods or three shared blocks.
    """
    from scipy.stats import friedmanchisquare

    known, kept = np.isfinite(table.to_numpy(float)), list(range(table.shape[1]))
    left_out = []
    while (blocks := known[:, kept].all(axis=1)).sum() < 3 <= len(kept):
        left_out.append(min(reversed(kept), key=lambda method: known[:, method].sum()))
        kept.remove(left_out[-1])
    if len(kept) < 3:
        return None
    shared = table.loc[blocks, table.columns[kept]]
    ranks = shared.rank(axis=1, ascending=lower_is_better(metric))
    with warnings.catch_warnings():
        # All tie: 0 / 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        p = float(friedmanchisquare(*shared.to_numpy().T).pvalue)
    return Ranks(
        metric,
        budget,
        ranks.mean().sort_values(kind="stable").to_dict(),
        tuple(shared.index),
        critical_difference(*ranks.shape[::-1]),
        1.0 if math.isnan(p) else p,
        tuple(table.columns[left_out]),
    )


def ranked_metrics(section):
    """The metrics worth a diagram: scores, of many those over all classes."""
    known = section.published_metrics
    return overall(
        metric
        for metric in section.metrics
        if not (metric.endswith("_last") or "_class" in metric or metric == "seconds")
        and (not known or reporting.published_name(metric) in known)
    )


def overall(metrics):
    """Of more than four metrics those over all classes, if there are such."""
    metrics = list(metrics)
    chosen = [metric for metric in metrics if metric.startswith("all_")]
    return chosen if chosen and len(metrics) > 4 else metrics


def repeat_ranks(section):
    """Returns `Ranks` over the repeats of one section, by budget and metric."""
    found = []
    for budget in section.budgets:
        runs = section.at(budget, section.runs)
        for metric in ranked_metrics(section):
            part = runs[runs.metric == metric].set_index(["repeat", "label"]).value
            table = part.unstack(sort=False).sort_index()
            found.append(rank(table, metric, budget))
    return [ranks for ranks in found if ranks]


def setting_ranks(sections):
    """Returns [(paper, table, `Ranks`)] over the settings of a published table.

    A block is a setting, its value the mean over repeats.
    """
    tables = {}
    for section in sections:
        setting = " ".join(section.place[2:])
        for budget in section.budgets:
            scores = section.at(budget, section.scores)
            for metric in ranked_metrics(section):
                part = scores[scores.metric == metric].set_index("label")["mean"]
                key = (section.paper, section.table, budget, metric)
                if len(part):
                    tables.setdefault(key, {})[setting] = part
    found = [
        (paper, table, rank(pd.DataFrame(blocks).T, metric, budget))
        for (paper, table, budget, metric), blocks in tables.items()
    ]
    return [entry for entry in found if entry[2]]
