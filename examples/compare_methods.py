"""Whether rebalancing helps on your table, and which way of it.

    python examples/compare_methods.py --input=customers.csv --target=churned

writes `comparison/report.html` (opens without a network), `report.md` and `rows.csv`,
and prints the verdict. Without `--input` it takes scikit-learn's breast cancer data
with 30 of the malignant cases. A run that was stopped goes on where it was, if started
with the same flags.
"""

import pathlib
import sys

import csv_table
import numpy as np
from absl import app, flags, logging
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import RepeatedStratifiedKFold

from kerasos.data import subsample
from kerasos.evaluation import compare

_INPUT = flags.DEFINE_string("input", None, "CSV file with a header.")
_TARGET = flags.DEFINE_string("target", None, "Column of labels. Default: the last.")
_SEPARATOR = flags.DEFINE_string("separator", ",", "Between two cells.")
_DECIMAL = flags.DEFINE_enum("decimal", ".", [".", ","], "Before the decimals.")
_ENCODING = flags.DEFINE_string("encoding", "utf-8", "Of the file, latin-1 say.")
_METHODS = flags.DEFINE_list(
    "methods",
    "class_weights,threshold,random,smote,cvae,gamo",
    "class_weights, threshold, random, smote and methods of kerasos.",
)
_CLASSIFIERS = flags.DEFINE_list(
    "classifiers",
    "logistic_regression,gradient_boosting",
    "logistic_regression, gradient_boosting, mlp.",
)
_REPEATS = flags.DEFINE_integer("repeats", 5, "Of two folds each.", 2)
_OUTPUT = flags.DEFINE_string("output_dir", "comparison", "Folder to write to.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes folds, samplers and classifiers.")


def breast_cancer():
    """The 357 benign cases and 30 malignant ones."""
    data = load_breast_cancer(as_frame=True)
    chosen = subsample(data.target.to_numpy(), [30, 357], seed=0)
    labels = np.array(data.target_names)[data.target[chosen]]
    return data.data.iloc[chosen], labels


def load():
    """Returns the table and its labels."""
    if _INPUT.value is None:
        return breast_cancer()
    _, frame, target = csv_table.read(
        pathlib.Path(_INPUT.value),
        _TARGET.value,
        _SEPARATOR.value,
        _DECIMAL.value,
        _ENCODING.value,
    )
    return frame.drop(columns=target), frame[target].to_numpy()


def main(_):
    logging.set_verbosity(logging.ERROR)
    output = pathlib.Path(_OUTPUT.value)
    try:
        X, y = load()
        result = compare(
            X,
            y,
            _METHODS.value,
            _CLASSIFIERS.value,
            RepeatedStratifiedKFold(
                n_splits=2, n_repeats=_REPEATS.value, random_state=_SEED.value
            ),
            random_state=_SEED.value,
            output_dir=output,
        )
    except (TypeError, ValueError) as error:
        sys.exit(f"compare_methods: {error}")
    (output / "report.md").write_text(result.to_markdown(), encoding="utf-8")
    report = result.to_html(output / "report.html")
    print(f"{result.verdict}\nTables and plots: {report}")


if __name__ == "__main__":
    app.run(main)
