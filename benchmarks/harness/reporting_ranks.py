"""Rankings of the report: do paper and rows order the methods alike, and which of our
methods differ by more than chance.
"""

import dataclasses
import math
import statistics
import warnings

from harness import reporting

SIGNIFICANCE = 0.05


def lower_is_better(metric):
    return metric.startswith("FID") or metric == "seconds"


def agreement(section, budget, metric):
    """Returns Kendall's tau-b between the published and our order of the methods.

    Args:
        section: `Section`.
        budget: Float; only lines of this budget.
        metric: Ours; `published_name` says what it is compared with.

    Returns:
        (tau, n, p); tau and p are None below three methods or where all tie.
    """
    pairs = []
    for line in section.lines_at(budget):
        figure = section.figure(line.method, reporting.published_name(metric))
        score = line.scores.get(metric)
        if figure and score and math.isfinite(score.mean):
            pairs.append((figure.mean, score.mean))
    if len(pairs) < 3 or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return None, len(pairs), None
    from scipy.stats import kendalltau

    tau, p = kendalltau(*zip(*pairs, strict=True))
    return float(tau), len(pairs), float(p)


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
        table: `{method: {block: value}}`.
        metric: Name of the values; says which end is best.
        budget: Of the values.

    Returns:
        `Ranks`, or None below three methods or three shared blocks.
    """
    from scipy.stats import friedmanchisquare, rankdata

    table = {
        method: {b: v for b, v in values.items() if math.isfinite(v)}
        for method, values in table.items()
    }
    left_out = []
    while len(table) >= 3:
        blocks = set.intersection(*(set(values) for values in table.values()))
        if len(blocks) >= 3:
            break
        fewest = min(reversed(table), key=lambda method: len(table[method]))
        left_out.append(fewest)
        del table[fewest]
    else:
        return None
    blocks = [b for b in next(iter(table.values())) if b in blocks]
    if all(isinstance(block, int) for block in blocks):
        blocks.sort()
    columns = [[values[b] for b in blocks] for values in table.values()]
    sign = 1 if lower_is_better(metric) else -1
    ranks = [rankdata([sign * v for v in block]) for block in zip(*columns)]  # noqa: B905
    average = [statistics.fmean(map(float, column)) for column in zip(*ranks)]  # noqa: B905
    with warnings.catch_warnings():
        # All tie: 0 / 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        p = float(friedmanchisquare(*columns).pvalue)
    order = sorted(zip(average, table, strict=True), key=lambda pair: pair[0])
    return Ranks(
        metric,
        budget,
        {method: value for value, method in order},
        tuple(blocks),
        critical_difference(len(table), len(blocks)),
        1.0 if math.isnan(p) else p,
        tuple(left_out),
    )


def ranked_metrics(section):
    """The metrics worth a diagram: scores, of many those over all classes."""
    found = [
        metric
        for metric in section.run_metrics
        if not metric.endswith("_last") and "_class" not in metric
    ]
    found = [metric for metric in found if metric != "seconds"]
    if section.published:
        known = section.published_metrics
        found = [
            metric for metric in found if reporting.published_name(metric) in known
        ]
    return overall(found)


def overall(metrics):
    """Of more than four metrics those over all classes, if there are such."""
    chosen = [metric for metric in metrics if metric.startswith("all_")]
    return chosen if chosen and len(metrics) > 4 else list(metrics)


def repeat_ranks(section):
    """Returns `Ranks` over the repeats of one section, by budget and metric."""
    found = []
    for budget in section.budgets:
        for metric in ranked_metrics(section):
            table = {
                section.label(line.method): line.scores[metric].values
                for line in section.lines_at(budget)
                if metric in line.scores
            }
            found.append(rank(table, metric, budget))
    return [ranks for ranks in found if ranks]


def setting_ranks(sections):
    """Returns [(paper, table, `Ranks`)] over the settings of a published table.

    A block is a setting, its value the mean over repeats.
    """
    tables = {}
    for section in sections:
        name = f"{section.dataset} {section.setting}"
        for budget in section.budgets:
            for metric in ranked_metrics(section):
                key = (section.paper, section.table, budget, metric)
                for line in section.lines_at(budget):
                    if metric in line.scores:
                        methods = tables.setdefault(key, {})
                        blocks = methods.setdefault(section.label(line.method), {})
                        blocks[name] = line.scores[metric].mean
    found = []
    for (paper, table, budget, metric), methods in tables.items():
        ranks = rank(methods, metric, budget)
        if ranks:
            found.append((paper, table, ranks))
    return found
