"""Whether rebalancing helps on your table, and which way of it.

    python examples/compare_methods.py --input=customers.csv --target=churned

writes `comparison/report.html` (opens without a network), `report.md`, `rows.csv` and
`model.joblib`, what the verdict recommends, trained on all rows, and prints the
verdict. `joblib.load("comparison/model.joblib").predict(frame)` takes frames with the
same columns; such a file runs code when it is loaded, so load none of a stranger.
Without `--input` it takes scikit-learn's breast cancer data with 30 of the malignant
cases. A run that was stopped goes on where it was, if started with the same flags.
"""

import pathlib
import sys

import csv_table
import joblib
import numpy as np
from absl import app, flags, logging
from sklearn.datasets import load_breast_cancer

from kerasos.data import subsample
from kerasos.evaluation import compare
from kerasos.files import whole_file

_INPUT = flags.DEFINE_string("input", None, "CSV file with a header.")
_TARGET = flags.DEFINE_string("target", None, "Column of labels. Default: the last.")
_SEPARATOR = flags.DEFINE_string("separator", ",", "Between two cells.")
_DECIMAL = flags.DEFINE_enum("decimal", ".", [".", ","], "Before the decimals.")
_ENCODING = flags.DEFINE_string("encoding", "utf-8", "Of the file, latin-1 say.")
_OBJECTIVE = flags.DEFINE_string(
    "objective", None, "Metric of the verdict. Default: balanced_accuracy."
)
_MISS = flags.DEFINE_float(
    "miss_cost", None, "Of a row of the rarer of two classes that is not found.", 0.0
)
_FALSE_ALARM = flags.DEFINE_float(
    "false_alarm_cost", 1.0, "Of a row of the other class; with --miss_cost.", 0.0
)
_METHODS = flags.DEFINE_list(
    "methods",
    "class_weights,threshold,random,smote,cvae,gamo",
    "As in `kerasos.evaluation.compare`: smote, or smote+isotonic.",
)
_CLASSIFIERS = flags.DEFINE_list(
    "classifiers",
    "logistic_regression,gradient_boosting",
    "As in `kerasos.evaluation.compare`: mlp, or balanced_random_forest.",
)
_FOLDS = flags.DEFINE_integer(
    "folds", None, "Folds, once. Default: five folds, five times.", 3
)
_GROUP = flags.DEFINE_string(
    "group", None, "Column that names what a row belongs to; no column to learn from."
)
_JOBS = flags.DEFINE_integer("jobs", 1, "Folds and methods that run at once.", 1)
_OUTPUT = flags.DEFINE_string("output_dir", "comparison", "Folder to write to.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes folds, samplers and classifiers.")


def breast_cancer():
    """The 357 benign cases and 30 malignant ones."""
    data = load_breast_cancer(as_frame=True)
    chosen = subsample(data.target.to_numpy(), [30, 357], seed=0)
    labels = np.array(data.target_names)[data.target[chosen]]
    return data.data.iloc[chosen], labels


def load():
    """Returns the table, its labels, and the group of each row or None."""
    if _INPUT.value is None:
        return (*breast_cancer(), None)
    _, frame, target = csv_table.read(
        pathlib.Path(_INPUT.value),
        _TARGET.value,
        _SEPARATOR.value,
        _DECIMAL.value,
        _ENCODING.value,
    )
    labels = frame.pop(target).to_numpy()
    if _GROUP.value is None:
        return frame, labels, None
    if _GROUP.value not in frame:
        raise ValueError(
            f"--group must name a column. Expected one of {list(frame)}. Received: "
            f"{_GROUP.value!r}."
        )
    return frame, labels, frame.pop(_GROUP.value).to_numpy()


def objective():
    """Returns a metric, costs, or None."""
    if _MISS.value is None:
        return _OBJECTIVE.value
    if _OBJECTIVE.value is not None:
        raise ValueError(
            "--objective and --miss_cost are two objectives. Expected one. Received: "
            f"{_OBJECTIVE.value!r} and {_MISS.value:g}."
        )
    return {"miss": _MISS.value, "false_alarm": _FALSE_ALARM.value}


def main(_):
    logging.set_verbosity(logging.ERROR)
    output = pathlib.Path(_OUTPUT.value)
    try:
        X, y, groups = load()
        result = compare(
            X,
            y,
            _METHODS.value,
            _CLASSIFIERS.value,
            _FOLDS.value,
            groups=groups,
            objective=objective(),
            n_jobs=_JOBS.value,
            random_state=_SEED.value,
            output_dir=output,
        )
        report = result.to_html(output / "report.html")
        with whole_file(output / "report.md", "The report") as draft:
            draft.write_text(result.to_markdown(), encoding="utf-8")
        model = output / "model.joblib"
        with whole_file(model, "The model") as draft:
            joblib.dump(result.estimator().fit(X, y), draft)
    except (OSError, TypeError, ValueError) as error:
        sys.exit(f"compare_methods: {error}")
    print(f"{result.verdict}\nTables and plots: {report}\nModel: {model}")


if __name__ == "__main__":
    app.run(main)
