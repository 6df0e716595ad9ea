"""What the report begins with: methods beside doing nothing, in sentences and a plot.

The methods and their plain baselines are the lines of `overview.csv`.
"""

import dataclasses
import math

from harness.reporting_ranks import SIGNIFICANCE
from harness.summary import OVERVIEW

PLAIN = ("random copies", "SMOTE")


@dataclasses.dataclass(frozen=True)
class Difference:
    """A method less doing nothing, in points of a score.

    Args:
        points: Of a hundred.
        error: Standard error of the difference, of independent draws; NaN where one of
            the two ran once.
        p: Of Welch's t-test, which knows how few draws there are; NaN as `error`.
    """

    points: float
    error: float
    p: float


@dataclasses.dataclass(frozen=True)
class Finding:
    """A method of a paper on one data set.

    Args:
        about: The images and the score, in words.
        method: Its name.
        share: Of the published steps.
        scores: `(method's, nothing's)`, rows with `mean`, `std` and `n`.
        differences: `{name: Difference}` to nothing: the method's, under its name,
            and those of "random copies" and "SMOTE" where they ran.
    """

    about: str
    method: str
    share: float
    scores: tuple
    differences: dict

    def sentence(self):
        own, nothing = self.scores
        found = self.differences[self.method]
        percent = own.metric.endswith("_pct")
        form = "{:.1f}" if percent else "{:.3f}"
        texts = [form.format(score.mean) for score in (own, nothing)]
        if math.isnan(found.p):
            verdict, error = "one draw, so nothing can be told", ""
        else:
            verdict = "not told apart from doing nothing"
            error = f" ± {found.error:.1f}"
            if found.p < SIGNIFICANCE:
                verdict = "better" if found.points > 0 else "worse"
                verdict = f"{verdict} than doing nothing (p {found.p:.3f})"
        others = "; ".join(
            f"{name} {other.points:+.1f}"
            for name, other in self.differences.items()
            if name != self.method
        )
        steps = "" if self.share == 1 else f", at {self.share:g} of the steps"
        return (
            f"{self.about}: **{self.method}{steps}**, {verdict}: {texts[0]} beside "
            f"{texts[1]}, {found.points:+.1f}{error} points"
            + (f" ({others})." if others else ".")
        )


def findings(sections):
    """Returns a `Finding` for each line of the overview that ran.

    Args:
        sections: List of `reporting.Section`.
    """
    by_place = {section.place: section for section in sections}
    found = []
    for row in OVERVIEW.to_dict("records"):
        place = tuple(row[name] for name in ("paper", "table", "dataset", "setting"))
        if place not in by_place:
            continue
        scores = by_place[place].scores
        scores = scores[(scores.metric == row["metric"]) & scores["first"]]
        scores = scores.sort_values("budget", ascending=False, kind="stable")
        lines = {line.method: line for line in reversed([*scores.itertuples()])}
        own, nothing = lines.get(row["method"]), lines.get(row["nothing added"])
        if own is None or nothing is None:
            continue
        names = {row["method"]: row["method"]}
        names |= {name: row[name] for name in PLAIN}
        differences = {
            words: difference(lines[name], nothing)
            for words, name in names.items()
            if name in lines
        }
        found.append(
            Finding(
                row["images and score"],
                row["method"],
                own.budget,
                (own, nothing),
                differences,
            )
        )
    return found


def difference(score, nothing):
    """Returns the `Difference` of two scores, rows with `mean`, `std` and `n`."""
    from scipy.stats import ttest_ind_from_stats

    scale = 1.0 if score.metric.endswith("_pct") else 100.0
    errors = [one.std / math.sqrt(one.n) for one in (score, nothing)]
    error = math.hypot(*errors)
    p = float(score.mean == nothing.mean) if error == 0 else math.nan
    if error > 0:  # neither ran once
        sides = [(one.mean, one.std, one.n) for one in (score, nothing)]
        p = ttest_ind_from_stats(*sides[0], *sides[1], equal_var=False).pvalue
    return Difference(scale * (score.mean - nothing.mean), scale * error, float(p))
