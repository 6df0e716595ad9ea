"""Ways of rebalancing tables, on many tables, by what classifiers then score.

    python benchmarks/tabular.py --data_dir DIR --output_dir OUT

For every `*.csv` of the folder (last column `target`) `kerasos.evaluation.compare` runs
`--repeats` times `--folds` stratified folds, the smallest table first, and keeps each
finished row in `OUT/rows/TABLE/rows.csv`: the same command goes on where a killed run
stopped. After each table `OUT/tabular.csv` gets the rows of all finished tables and
`OUT/tabular.md` their summary, with a diagram of the mean ranks for each classifier
(Demsar. Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006).
Repeated rows of a table stay in, so in `flare-F` equal rows are on both sides.
"""

import dataclasses
import os
import pathlib
import re

import numpy as np
import pandas as pd
from absl import app, flags, logging
from harness import reporting_page, reporting_plots, reporting_ranks
from harness.provenance import use_threads
from harness.tables import read_table
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

from kerasos.evaluation import compare
from kerasos.over_sampling import DeepOverSampler, SampleFilter

_DATA = flags.DEFINE_string("data_dir", None, "Folder of CSV files.", required=True)
_OUTPUT = flags.DEFINE_string("output_dir", "benchmarks/results", "Folder to write to.")
_TABLES = flags.DEFINE_list("tables", None, "Names of tables; default: all.")
_METHODS = flags.DEFINE_list(
    "methods",
    "none,class_weights,threshold,random,smote,cvae,cgan,gamo,deepsmote",
    "As in `compare`; behind a name of a network `~filtered` or `~border` for a filter "
    "and `@0.25` for as many rows as close that share of the gap to the largest class.",
)
_CLASSIFIERS = flags.DEFINE_list(
    "classifiers", "logistic_regression,gradient_boosting", "As in `compare`."
)
_REPEATS = flags.DEFINE_integer("repeats", 5, "Of the cross-validation.", 1)
_FOLDS = flags.DEFINE_integer("folds", 2, "Of each repeat.", 2)
_THREADS = flags.DEFINE_integer("threads", 0, "Processor threads; 0: all.", 0)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes folds, samplers and classifiers.")
_NOTE = flags.DEFINE_string("note", "", "For the column of that name.")

METRIC = "balanced_accuracy"
# Name and whether more is better.
PROBABILITIES = {
    "average_precision": ("average precision", True),
    "brier": ("Brier score", False),
}
SIMPLE = ("none", "class_weights", "threshold", "random", "smote")


# What may follow the name of a method with a network, and the filter it stands for.
OWN_NAME = re.compile(r"(\w+)(?=[~@])(?:~(filtered|border))?(?:@(0?\.\d*[1-9]))?")
FILTERS = {None: None, "filtered": SampleFilter(), "border": SampleFilter(border=0.5)}


@dataclasses.dataclass(frozen=True)
class ShareOfGap:
    """Totals of classes that are brought part of the way to the largest one."""

    share: float

    def __call__(self, y):
        labels, counts = np.unique(y, return_counts=True)
        gaps = counts.max() - counts
        totals = counts + np.rint(self.share * gaps).astype(int)
        return dict(zip(labels.tolist(), totals.tolist(), strict=True))


def named_methods(names):
    """Returns a dict of names to what `compare` takes."""
    found = {}
    for name in names:
        parts = OWN_NAME.fullmatch(name)
        if parts:
            method, kind, share = parts.groups()
            strategy = ShareOfGap(float(share)) if share else "auto"
            found[name] = DeepOverSampler(
                method, sampling_strategy=strategy, filter=FILTERS[kind]
            )
        elif "+" in name or not set(name) & set("~@"):
            found[name] = name
        else:
            raise app.UsageError(
                "--methods: expected behind a name ~filtered or ~border, @ and a share "
                f"in (0, 1), or both. Received: {name!r}."
            )
    return found


def run(path, output):
    """Compares on one table; returns its rows."""
    frame, y = read_table(path)
    result = compare(
        frame,
        y,
        named_methods(_METHODS.value),
        _CLASSIFIERS.value,
        RepeatedStratifiedKFold(
            n_splits=_FOLDS.value, n_repeats=_REPEATS.value, random_state=_SEED.value
        ),
        random_state=_SEED.value,
        output_dir=output / "rows" / path.stem,
    )
    rows = result.rows.copy()
    rows.insert(0, "table", path.stem)
    return rows.assign(threads=_THREADS.value, note=_NOTE.value)


def means_of(rows, *columns, metric=METRIC):
    """Returns the mean scores over the folds: a frame, a method a column."""
    return rows.groupby([*columns, "method"])[metric].mean().unstack()


def ranks_of(rows, classifier):
    """Returns `reporting_ranks.Ranks` over the tables, or None for too few."""
    means = means_of(rows[rows.classifier == classifier], "table").round(12)
    return reporting_ranks.rank(means, METRIC, 1.0)


def against_none(rows):
    """Returns a frame by method: mean rank, and points of balanced accuracy to none.

    A case is a table with a classifier; `losses` are those more than 2 points below.
    """
    means = means_of(rows, "table", "classifier")
    ranks = means.round(12).rank(axis=1, ascending=False).mean()
    points = 100 * means.sub(means["none"], axis=0)
    return pd.DataFrame(
        {
            "rank": ranks,
            "points": points.mean(),
            "ahead": (points > 0).sum(),
            "behind": (points < 0).sum(),
            "losses": (points < -2).sum(),
            "worst": points.min(),
            "worst_case": [" / ".join(points[m].idxmin()) for m in points],
        }
    ).sort_values("rank", kind="stable")


def verdict(summary):
    """Sentences on the best method with a network."""
    deep = [name for name in summary.index if name not in SIMPLE]
    if not deep:
        return []
    best = summary.loc[deep[0]]
    found = [f"Best with a network: `{deep[0]}`, mean rank {best['rank']:.2f}."]
    if "smote" in summary.index:
        smote = summary["rank"]["smote"]
        word = "ahead of" if best["rank"] < smote else "not ahead of"
        found.append(f"That is {word} `smote`, {smote:.2f}.")
    if best.losses:
        found.append(
            f"It is more than 2 points below `none` in {best.losses:.0f} of the cases, "
            f"{-best.worst:.1f} in the worst ({best.worst_case})."
        )
    else:
        found.append("It is nowhere more than 2 points below `none`.")
    return found


def markdown(rows, pictures):
    """Returns the summary of the finished tables."""
    summary = against_none(rows)
    names = list(dict.fromkeys(rows.table))
    cases = rows.groupby(["table", "classifier"]).ngroups
    seconds = rows.groupby("method").resample_seconds.mean()
    others = {}
    for metric, (_, more) in PROBABILITIES.items():
        means = means_of(rows, "table", "classifier", metric=metric).round(12)
        ranks = means.rank(axis=1, ascending=not more).mean()[summary.index]
        others[f"by {PROBABILITIES[metric][0]}"] = ranks.map("{:.2f}".format)
    lines = pd.DataFrame(
        {
            "method": summary.index,
            "mean rank": summary["rank"].map("{:.2f}".format),
            **others,
            "points to `none`": summary.points.map("{:+.2f}".format),
            **summary[["ahead", "behind", "losses"]],
            "worst": summary.worst.map("{:+.1f} (".format) + summary.worst_case + ")",
            "seconds to resample": seconds.map("{:.1f}".format)[summary.index],
        }
    )
    text = [
        "# Rebalancing tables",
        f"{len(names)} tables ({', '.join(names)}), {rows.classifier.nunique()} "
        f"classifiers, {rows.fold.nunique()} folds; balanced accuracy, and mean ranks "
        f"by two scores of the probabilities. {cases} cases (a table with a "
        "classifier). Losses: cases more than 2 points below `none`.",
        " ".join(verdict(summary)),
        reporting_page.table(lines),
    ]
    for classifier in dict.fromkeys(rows.classifier):
        text.append(f"## {classifier}")
        if classifier in pictures:
            text.append(f"![Mean ranks]({pictures[classifier]})")
        means = means_of(rows[rows.classifier == classifier], "table")
        means = means.loc[names, summary.index]
        cells = means.map("{:.3f}".format)
        best = means.eq(means.max(axis=1), axis=0)
        cells = cells.mask(best, "**" + cells + "**")
        text.append(reporting_page.table(cells.reset_index()))
    return "\n\n".join([*text, rows.versions.iloc[0] + ".\n"])


def write(rows, output):
    """Writes the rows, the summary and the pictures."""
    output.mkdir(parents=True, exist_ok=True)
    draft = output / "tabular.csv.part"
    rows.to_csv(draft, index=False)
    os.replace(draft, output / "tabular.csv")
    pictures = {}
    for classifier in dict.fromkeys(rows.classifier):
        ranks = ranks_of(rows, classifier)
        if ranks is not None:
            figure = reporting_plots.critical_difference(ranks)
            pictures[classifier] = f"tabular_ranks_{classifier}.png"
            figure.savefig(output / pictures[classifier], dpi=150, facecolor="white")
    (output / "tabular.md").write_text(markdown(rows, pictures), encoding="utf-8")


def main(_):
    logging.set_verbosity(logging.ERROR)
    if _THREADS.value:  # of TensorFlow, and of OpenMP and BLAS here and in children
        use_threads(_THREADS.value)
        os.environ["OMP_NUM_THREADS"] = str(_THREADS.value)
        threadpool_limits(_THREADS.value)
    paths = sorted(pathlib.Path(_DATA.value).glob("*.csv"))
    if _TABLES.value:
        known = {path.stem: path for path in paths}
        missing = [name for name in _TABLES.value if name not in known]
        if missing or not known:
            raise app.UsageError(f"No table {missing} among {list(known)}.")
        paths = [known[name] for name in _TABLES.value]
    paths.sort(key=lambda path: path.stat().st_size)
    output, found = pathlib.Path(_OUTPUT.value), []
    for path in paths:
        print(path.stem, flush=True)
        found.append(run(path, output))
        write(pd.concat(found, ignore_index=True), output)
    print((output / "tabular.md").read_text(encoding="utf-8").split("\n## ")[0])


if __name__ == "__main__":
    app.run(main)
