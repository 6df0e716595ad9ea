"""The result of `compare`: rows, tests against `none`, and what they say in words."""

import dataclasses
import math
import pathlib
from typing import Any

from kerasos.annotations import PathLike
from kerasos.evaluation.compare.scores import (
    COST,
    GUARD,
    judged,
    more_is_better,
    spoken,
    worth_having,
    written,
)
from kerasos.evaluation.compare.significance import holm, paired_t_test
from kerasos.files import whole_file

LEVEL = 0.05
REFERENCE = "none"
# Where several are as good: what leaves the probabilities as they are, what adds no
# rows, and what takes the least to add them; then the rest by score.
PLAINEST = ("threshold", "class_weights", "cost_weights", "random", "smote")
PROBABILITIES = ("brier", "log_loss", "calibration_error")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` found out.

    Attributes:
        rows: Frame, a row for each fold, method and classifier.
        summary: Frame, a row for each metric, classifier and method: `mean`, `std`
            over folds, `mean_rank` (1 is best), `difference` to `none` with its 95 %
            interval `low`, `high`, `p_value`, `adjusted_p` for all methods of that
            classifier, `outcome`: "better", "worse" or "" at 5 %, and `excluded`:
            whether the interval excludes a gain worth having.
        verdict: String, what to ship and the sentences to remember.
        shipped: `(classifier, method)`, what the verdict begins with.
        metrics, methods, classifiers: Names, in order.
        counts: Dict of rows by class.
        smallest_gain: As in `compare`.
        models: Dict of `(classifier, method)` to what was evaluated, unfitted; see
            `estimator`.
        pictures: Dict of method to a picture of the images that it generated in the
            first fold: uint8 array `(rows, columns)` or `(rows, columns, 3)`, the
            classes below each other in the order of `counts`, at most eight of each,
            black where it made none. Empty for tables.
    """

    rows: Any
    summary: Any
    verdict: str
    metrics: list
    methods: list
    classifiers: list
    counts: dict
    shipped: tuple
    smallest_gain: float = 0.01
    models: dict = dataclasses.field(default_factory=dict, repr=False)
    pictures: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of_rows(
        cls,
        rows,
        *,
        metrics,
        methods,
        classifiers,
        counts,
        smallest_gain=0.01,
        note="",
        guarded=(),
        models=None,
        pictures=None,
        ratio=None,
    ):
        """Builds the result from dicts; all folds must have all combinations.

        `note` ends the verdict. A gain in the metrics `guarded` counts only with one
        in balanced accuracy. `ratio` is that of `paired_t_test`, by default rows to
        test on over rows to train on.
        """
        import pandas as pd

        rows = pd.DataFrame(rows)
        if ratio is None:
            ratio = float((rows.n_test / rows.n_train).mean())
        summary = summarize(
            rows, metrics, methods, classifiers, smallest_gain, guarded, ratio
        )
        words = _Words(rows, summary, metrics[0], classifiers, smallest_gain, ratio)
        shipped, verdict = words.verdict()
        if note:
            verdict += f" {note}"
        return cls(
            rows,
            summary,
            verdict,
            metrics,
            methods,
            classifiers,
            counts,
            shipped,
            smallest_gain,
            models or {},
            pictures or {},
        )

    def estimator(
        self, classifier: str | None = None, method: str | None = None
    ) -> Any:
        """Returns what to ship, unfitted: it does all that `compare` evaluated.

        A classifier of scikit-learn's interface from the frame or array as it is to
        labels and probabilities: resampling, encoding, weights, threshold and
        recalibration included. Fit it on all rows, and keep it by `joblib.dump`.
        Such a file runs code when it is loaded: load none of a stranger.

        Args:
            classifier, method: Names. Default: those that the verdict begins with.

        Raises:
            ValueError: If they were not compared, or on images, whose networks only
                `compare` itself trains.

        Example:

        >>> model = result.estimator().fit(frame, target)
        >>> model.predict(new_rows)
        """
        from sklearn.base import clone

        if not self.models:
            raise ValueError(
                "`estimator` is for tables. Received: a comparison on images. Train a "
                "network of your own as `verdict` says, with `kerasos.losses` or "
                "`kerasos.DeepOverSampler`, weights as the `sample_weight` of `fit`."
            )
        names = classifier or self.shipped[0], method or self.shipped[1]
        if names not in self.models:
            raise ValueError(
                f"There is no model of {names}. Expected one of {self.classifiers} and "
                f"one of {self.methods}."
            )
        return clone(self.models[names], safe=False)

    def to_frame(self) -> Any:
        """Returns the means: a row for each classifier and method, metrics beside."""
        wide = self.summary.pivot(
            index=["classifier", "method"], columns="metric", values="mean"
        )
        order = [(c, m) for c in self.classifiers for m in self.methods]
        return wide.loc[order, self.metrics].rename_axis(columns=None)

    def _repr_html_(self):
        from kerasos.evaluation.compare.comparison_report import notebook_head

        return notebook_head(self)

    def __repr__(self):
        return f"{self.verdict}\n\n{self.to_frame().round(3).to_string()}"

    def mean_ranks(self, metric: str | None = None) -> Any:
        """Returns a dict of method to its mean rank over folds and classifiers."""
        part = self.summary[self.summary.metric == (metric or self.metrics[0])]
        ranks = part.groupby("method").mean_rank.mean()
        return ranks.sort_values(kind="stable").to_dict()

    def to_markdown(self) -> str:
        """Returns the verdict and a table for each classifier."""
        from kerasos.evaluation.compare.comparison_report import markdown

        return markdown(self)

    def to_html(self, path: PathLike) -> Any:
        """Writes a page that needs no other file and no network; returns its path."""
        from kerasos.evaluation.compare.comparison_report import html_page

        path = pathlib.Path(path)
        with whole_file(path, "The report") as draft:
            draft.write_text(html_page(self), encoding="utf-8")
        return path


def summarize(rows, metrics, methods, classifiers, smallest_gain, guarded, ratio):
    """Returns the frame `Comparison.summary`."""
    import pandas as pd

    rows = judged(rows)
    found = []
    for metric in dict.fromkeys([*metrics, *([GUARD] if guarded else [])]):
        for classifier in classifiers:
            part = rows[rows.classifier == classifier]
            scores = part.pivot(index="fold", columns="method", values=metric)[methods]
            worth = worth_having(metric, smallest_gain, scores[REFERENCE].mean())
            sign = -1.0 if more_is_better(metric) else 1.0
            ranks = (sign * scores).round(12).rank(axis=1).mean()
            others = [method for method in methods if method != REFERENCE]
            tests = {
                method: paired_t_test(
                    scores[method].to_numpy(), scores[REFERENCE].to_numpy(), ratio
                )
                for method in others
            }
            adjusted = dict(
                zip(others, holm([tests[m].p_value for m in others]), strict=True)
            )
            for method in methods:
                row = {
                    "metric": metric,
                    "classifier": classifier,
                    "method": method,
                    "mean": scores[method].mean(),
                    "std": scores[method].std(),
                    "mean_rank": ranks[method],
                }
                if method in tests:
                    row |= _tested(
                        tests[method], adjusted[method], more_is_better(metric), worth
                    )
                else:
                    row |= dict.fromkeys(("difference", "low", "high"), 0.0)
                    row |= {"p_value": 1.0, "adjusted_p": 1.0, "outcome": ""}
                    row |= {"excluded": True}
                mine = part[part.method == method]
                row["resample_seconds"] = mine.resample_seconds.mean()
                row["fit_seconds"] = mine.fit_seconds.mean()
                found.append(row)
    summary = pd.DataFrame(found)
    if guarded:
        by_chance = _without_guard(summary, guarded)
        summary.loc[by_chance, "outcome"] = ""
    return summary[summary.metric.isin(metrics)].reset_index(drop=True)


def _without_guard(summary, guarded):
    """Which gains in a metric that chance raises have none in the guard beside them."""
    keys = summary.classifier + "\n" + summary.method
    sure = keys[(summary.metric == GUARD) & (summary.outcome == "better")]
    gains = summary.metric.isin(guarded) & (summary.outcome == "better")
    return gains & ~keys.isin(sure)


def _tested(test, adjusted_p, more, worth):
    low, high = test.interval(LEVEL)
    outcome = ""
    if adjusted_p < LEVEL:
        ahead = (test.mean_difference > 0) == more
        outcome = "better" if ahead else "worse"
    return {
        "difference": test.mean_difference,
        "low": low,
        "high": high,
        "p_value": test.p_value,
        "adjusted_p": float(adjusted_p),
        "outcome": outcome,
        "excluded": (high if more else -low) < worth,
    }


def _is_weighed(name):
    """Whether a name, or what is behind one, ends in a weight."""
    return name.rpartition("+")[2].startswith("weight=")


class _Words:
    """The sentences of `Comparison.verdict`."""

    def __init__(self, rows, summary, metric, classifiers, smallest_gain, ratio):
        self.rows, self.summary, self.metric = judged(rows), summary, metric
        self.ratio = ratio
        self.classifiers, self.smallest_gain = classifiers, smallest_gain
        self.sign = 1.0 if more_is_better(metric) else -1.0
        self.adds_rows = rows.groupby("method").n_added.max() > 0
        self.main = {
            name: summary[
                (summary.classifier == name) & (summary.metric == metric)
            ].set_index("method")
            for name in classifiers
        }
        self.better = {
            name: self._ordered(part[part.outcome == "better"])
            for name, part in self.main.items()
        }

    def verdict(self):
        """Returns `((classifier, method), text)`."""
        shipped, sentences = self._shipped()
        for classifier in self.classifiers:
            mine = shipped[1] if shipped[0] == classifier else None
            sentences += self._of_classifier(classifier, mine)
        return shipped, " ".join(sentences)

    def _shipped(self):
        """What to ship, and the sentences that say so."""
        cells = [
            (classifier, method)
            for classifier in self.classifiers
            for method in (REFERENCE, *self.better[classifier])
        ]
        best = max(cells, key=lambda cell: self.sign * self._mean(cell))
        name = spoken(self.metric)
        if not any(self.better.values()):
            plain = f"Ship {spoken(best[0])} {self._as_they_are()}"
            if self._all_excluded(self.classifiers):
                return best, [
                    f"{plain}: nothing beats doing nothing here. By {name}, gains of "
                    f"{self._smallest()} or more are excluded for every method."
                ]
            return best, [
                f"{plain}: by {name}, no method could be told apart from doing "
                "nothing, which is not to say that none helps."
            ]
        if best[1] == REFERENCE:
            return best, [
                f"Ship {spoken(best[0])} {self._as_they_are()}, "
                f"{self._written(self._mean(best))} by {name}: what helps the others "
                "does not bring them so far."
            ]
        as_good = [
            cell for cell in cells if cell[1] != REFERENCE and self._as_good(cell, best)
        ]
        chosen = min(as_good, key=self._order)
        row = self.main[chosen[0]].loc[chosen[1]]
        text = (
            f"Ship `{chosen[1]}` with {spoken(chosen[0])}: "
            f"{self._written(row['mean'])} by {name}, {self._changed(row)}"
        )
        if chosen[1] == "threshold":
            text += ", and the probabilities stay as they are"
        others = [cell for cell in as_good if cell != chosen]
        sentences = [f"{text}."]
        if others:
            told = ", ".join(
                f"`{cell[1]}` with {spoken(cell[0])} "
                f"({self._written(self._mean(cell))})"
                for cell in others
            )
            sentences.append(f"Not told apart from the best mean: {told}.")
        return chosen, sentences + self._price(*chosen)

    def _price(self, classifier, method):
        """What gets worse by what is shipped, and a way to mend it."""
        part = self.summary[self.summary.classifier == classifier]
        mine = part[(part.method == method) & (part.metric != self.metric)]
        mine = mine[mine.outcome == "worse"]
        if mine.empty:
            return []
        told = ", ".join(
            f"{spoken(row.metric)} ({written(row.metric, row.difference, '+')})"
            for row in mine.itertuples()
        )
        sentences = [f"The price: worse {told}."]
        worse = set(part[part.outcome == "worse"].method)
        spared = [name for name in self.better[classifier] if name not in worse]
        if spared:
            named = self._named(self.main[classifier], spared)
            sentences.append(f"Better, and in nothing found worse: {named}.")
        if set(mine.metric) & set(PROBABILITIES):
            sentences += self._untried(method)
        return sentences

    def _untried(self, method):
        """What else might cost the probabilities less, behind the same name."""
        start = f"{method}+"
        names = [name for name in self.adds_rows.index if name.startswith(start)]
        tails = [name.removeprefix(start) for name in names]
        sentences = []
        if ("+" not in method or _is_weighed(method)) and all(map(_is_weighed, tails)):
            sentences.append(
                f"`{method}+isotonic` among the methods would say whether mended "
                "probabilities are worth it."
            )
        weighed = any(tail.startswith("weight=") for tail in tails)
        if self.adds_rows[method] and "+" not in method and not weighed:
            sentences.append(
                f"`{method}+weight=0.1` would say what is left of gain and price where "
                "added rows weigh less."
            )
        return sentences

    def _written(self, value, sign=""):
        return written(self.metric, value, sign)

    def _changed(self, row):
        low, high = (self._written(end, "+") for end in (row.low, row.high))
        return (
            f"{self._written(row.difference, '+')} to `none` (95 % interval {low} to "
            f"{high})"
        )

    def _as_they_are(self):
        return "on the data as they are" + (
            ", its decisions those of least expected cost"
            if self.metric == COST
            else ""
        )

    def _smallest(self):
        if self.metric == COST:
            return f"{100 * self.smallest_gain:g} %"
        return f"{self.smallest_gain:g}"

    def _named(self, main, names):
        return ", ".join(
            f"`{name}` ({self._written(main.difference[name], '+')})" for name in names
        )

    def _order(self, cell):
        """Plainest first, then the better."""
        plain = PLAINEST.index(cell[1]) if cell[1] in PLAINEST else len(PLAINEST)
        return plain, -self.sign * self._mean(cell)

    def _mean(self, cell):
        return self.main[cell[0]]["mean"][cell[1]]

    def _scores(self, cell):
        rows = self.rows[
            (self.rows.classifier == cell[0]) & (self.rows.method == cell[1])
        ]
        return rows.sort_values("fold")[self.metric].to_numpy()

    def _as_good(self, cell, best):
        return cell == best or self._test(cell, best).p_value >= LEVEL

    def _test(self, cell, other):
        return paired_t_test(self._scores(cell), self._scores(other), self.ratio)

    def _all_excluded(self, classifiers):
        return all(self.main[name].excluded.all() for name in classifiers)

    def _of_classifier(self, classifier, shipped):
        main, better = self.main[classifier], self.better[classifier]
        name = spoken(classifier)
        if better:
            sentences = [self._told(name, main, better)]
        elif self._all_excluded([classifier]):
            sentences = [
                f"With {name}, every interval ends below a gain of {self._smallest()}."
            ]
        else:
            sentences = [self._untold(classifier, name, main)]
        sentences += self._prices(classifier, [m for m in better if m != shipped])
        worse = self._ordered(main[main.outcome == "worse"])
        if worse:
            sentences.append(f"Worse than `none` there: {self._named(main, worse)}.")
        return sentences

    def _untold(self, classifier, name, main):
        open_ones = self._ordered(main[~main.excluded])
        best = next(m for m in open_ones if m != REFERENCE)
        row = main.loc[best]
        return (
            f"With {name}, the nearest is `{best}`, {self._changed(row)}, adjusted p = "
            f"{row.adjusted_p:.2g}; "
            f"{self._what_would_tell(classifier, best, row)}."
        )

    def _what_would_tell(self, classifier, method, row):
        """Folds, or else rows, with which such a gain is found four times in five.

        The test's error is the deviation over folds times the root of 1/J + ratio; the
        deviation falls with the root of the number of rows.
        """
        from scipy import stats

        least = worth_having(
            self.metric, self.smallest_gain, self._mean((classifier, REFERENCE))
        )
        gain = max(self.sign * row.difference, least)
        test = self._test((classifier, method), (classifier, REFERENCE))
        folds, ratio = test.degrees_of_freedom + 1, self.ratio
        quantiles = stats.t.ppf(1 - LEVEL / 2, folds - 1) + stats.norm.ppf(0.8)
        needed = (quantiles * test.standard_error / gain) ** 2
        told = f"a gain of {self._written(gain)} would be told by"
        left = (1 / folds + ratio) / needed - ratio
        if 1 / (10 * folds) < left < 1 / folds:
            return f"{told} about {math.ceil(1 / left)} folds"
        if needed > 100:
            return f"{told} more than a hundred times as many rows"
        times = max(needed, 1.1)
        return f"{told} about {times:.{1 if times < 10 else 0}f} times as many rows"

    def _told(self, name, main, better):
        verb = "are" if len(better) > 1 else "is"
        reference = self._written(main["mean"][REFERENCE])
        text = (
            f"With {name}, better than `none` ({reference}) {verb} "
            f"{self._named(main, better)}."
        )
        cheap = [m for m in better if not self.adds_rows[m]]
        generated = [m for m in better if self.adds_rows[m]]
        if cheap and generated:
            gain = self.sign * (main["mean"][generated[0]] - main["mean"][cheap[0]])
            if gain <= 0:
                text += f" No generated rows beat `{cheap[0]}`, which generates none."
            else:
                text += (
                    f" `{generated[0]}` is {self._written(gain)} ahead of "
                    f"`{cheap[0]}`, which generates no rows."
                )
        elif cheap:
            text += " Nothing that generates rows is."
        return text

    def _prices(self, classifier, better):
        """Other scores that the winners that are not shipped make worse."""
        part = self.summary[self.summary.classifier == classifier]
        found = []
        for other in dict.fromkeys(part.metric):
            if other != self.metric:
                scores = part[part.metric == other].set_index("method")
                worse = [m for m in better if scores.outcome[m] == "worse"]
                if worse:
                    told = ", ".join(
                        f"`{m}` ({written(other, scores.difference[m], '+')})"
                        for m in worse
                    )
                    found.append(f"{spoken(other)} gets worse with {told}")
        if not found:
            return []
        told = "; ".join(found)
        return [f"{told[0].upper()}{told[1:]}."]

    def _ordered(self, part):
        """Names of methods, the best first."""
        return part.sort_values(
            "mean", ascending=self.sign < 0, kind="stable"
        ).index.tolist()
