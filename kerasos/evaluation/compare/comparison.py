"""The result of `compare`: rows, tests against `none`, and what they say in words."""

import dataclasses
import pathlib

import numpy as np

from kerasos.evaluation.compare.scores import METRICS
from kerasos.evaluation.compare.significance import holm, paired_t_test

LEVEL = 0.05
REFERENCE = "none"
CHEAP = ("class_weights", "threshold")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` found out.

    Attributes:
        rows: Frame, a row for each fold, method and classifier.
        summary: Frame, a row for each metric, classifier and method: `mean`, `std`
            over folds, `mean_rank` (1 is best), `difference` to `none` with its 95 %
            interval `low`, `high`, `p_value`, `adjusted_p` for all methods of that
            classifier, and `outcome`: "better", "worse" or "" at 5 %.
        verdict: String, the sentences to remember.
        metrics, methods, classifiers: Names, in order.
        counts: Dict of rows by class.
    """

    rows: object
    summary: object
    verdict: str
    metrics: list
    methods: list
    classifiers: list
    counts: dict

    @classmethod
    def of_rows(cls, rows, *, metrics, methods, classifiers, counts):
        """Builds the result from dicts; all folds must have all combinations."""
        import pandas as pd

        rows = pd.DataFrame(rows)
        summary = summarize(rows, metrics, methods, classifiers)
        verdict = in_words(summary, metrics[0], classifiers)
        return cls(rows, summary, verdict, metrics, methods, classifiers, counts)

    def mean_ranks(self, metric=None):
        """Returns a dict of method to its mean rank over folds and classifiers."""
        part = self.summary[self.summary.metric == (metric or self.metrics[0])]
        ranks = part.groupby("method").mean_rank.mean()
        return ranks.sort_values(kind="stable").to_dict()

    def to_markdown(self):
        """Returns the verdict and a table for each classifier."""
        from kerasos.evaluation.compare.comparison_report import markdown

        return markdown(self)

    def to_html(self, path):
        """Writes a page that needs no other file and no network; returns its path."""
        from kerasos.evaluation.compare.comparison_report import html_page

        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html_page(self), encoding="utf-8")
        return path


def summarize(rows, metrics, methods, classifiers):
    """Returns the frame `Comparison.summary`."""
    import pandas as pd

    ratio = float((rows.n_test / rows.n_train).mean())
    found = []
    for metric in metrics:
        for classifier in classifiers:
            part = rows[rows.classifier == classifier]
            scores = part.pivot(index="fold", columns="method", values=metric)[methods]
            sign = -1.0 if METRICS[metric] else 1.0
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
                        tests[method],
                        adjusted[method],
                        METRICS[metric],
                        (scores[method] - scores[REFERENCE]).std(),
                        ratio,
                    )
                else:
                    row |= dict.fromkeys(("difference", "low", "high"), 0.0)
                    row |= {"p_value": 1.0, "adjusted_p": 1.0, "outcome": ""}
                mine = part[part.method == method]
                row["resample_seconds"] = mine.resample_seconds.mean()
                row["fit_seconds"] = mine.fit_seconds.mean()
                found.append(row)
    return pd.DataFrame(found)


def _tested(test, adjusted_p, more_is_better, deviation, ratio):
    from scipy import stats

    folds = test.degrees_of_freedom + 1
    half = stats.t.ppf(0.975, test.degrees_of_freedom)
    half *= deviation * np.sqrt(1.0 / folds + ratio)
    outcome = ""
    if adjusted_p < LEVEL:
        ahead = (test.mean_difference > 0) == more_is_better
        outcome = "better" if ahead else "worse"
    return {
        "difference": test.mean_difference,
        "low": test.mean_difference - half,
        "high": test.mean_difference + half,
        "p_value": test.p_value,
        "adjusted_p": float(adjusted_p),
        "outcome": outcome,
    }


def in_words(summary, metric, classifiers):
    """Returns the sentences of `Comparison.verdict`."""
    sentences, any_better = [], False
    for classifier in classifiers:
        part = summary[summary.classifier == classifier]
        main = part[part.metric == metric].set_index("method")
        better = _ordered(main[main.outcome == "better"], metric)
        any_better = any_better or bool(better)
        sentences.append(_of_classifier(classifier, main, better, metric))
        sentences += _costs(part, better, metric)
        worse = _ordered(main[main.outcome == "worse"], metric)
        if worse:
            sentences.append(f"Worse than `none` there: {_named(main, worse)}.")
    if not any_better:
        name = metric.replace("_", " ")
        first = f"Nothing beats doing nothing here, by {name} and at 5 %."
        sentences.insert(0, first)
    return " ".join(sentences)


def _ordered(part, metric):
    """Names of methods, the best first."""
    return part.sort_values(
        "mean", ascending=not METRICS[metric], kind="stable"
    ).index.tolist()


def _named(main, names):
    return ", ".join(f"`{name}` ({main.difference[name]:+.3f})" for name in names)


def _of_classifier(classifier, main, better, metric):
    name = classifier.replace("_", " ")
    if not better:
        best = [m for m in _ordered(main, metric) if m != REFERENCE][0]
        return (
            f"With {name}, no method differs from `none` for the better; the nearest "
            f"is {_named(main, [best])}, adjusted p = {main.adjusted_p[best]:.2g}."
        )
    text = f"With {name}, better than `none` ({main['mean'][REFERENCE]:.3f}) are "
    text = f"{text if len(better) > 1 else text.replace(' are ', ' is ')}"
    text += f"{_named(main, better)}."
    cheap = [m for m in better if m in CHEAP]
    generated = [m for m in better if m not in CHEAP]
    if cheap and generated:
        gain = main["mean"][generated[0]] - main["mean"][cheap[0]]
        gain = gain if METRICS[metric] else -gain
        if gain <= 0:
            text += f" No generated rows beat `{cheap[0]}`, which generates none."
        else:
            text += (
                f" `{generated[0]}` is {gain:.3f} ahead of `{cheap[0]}`, which "
                "generates no rows."
            )
    elif cheap:
        text += " Nothing that generates rows is."
    return text


def _costs(part, better, metric):
    """Other scores that the winners make worse."""
    found = []
    for other in dict.fromkeys(part.metric):
        if other != metric:
            scores = part[part.metric == other].set_index("method")
            worse = [m for m in better if scores.outcome[m] == "worse"]
            if worse:
                label = other.replace("_", " ")
                found.append(f"{label} gets worse with {_named(scores, worse)}")
    return [f"The price: {'; '.join(found)}."] if found else []
