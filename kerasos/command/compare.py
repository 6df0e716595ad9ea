"""Whether rebalancing helps on your table, and which way of it.

    kerasos compare customers.csv --target=churned
    kerasos compare customers.csv --target=churned --miss_cost=100
    kerasos compare customers.csv --methods=class_weights,smote,flow --folds=10

writes `comparison/report.html` (opens without a network), `report.md`, `rows.csv` and
`model.joblib`, what the verdict recommends, trained on all rows, and prints the
verdict. `joblib.load("comparison/model.joblib").predict(frame)` takes frames with the
same columns, dates as pandas' dates (`pd.to_datetime`); loading runs code, so load no
`.joblib` file of a stranger's. Without a file it takes scikit-learn's breast cancer
data with 30 of the malignant cases. A run that was stopped goes on where it was, if
started with the same flags.
"""

import pathlib

import numpy as np
from absl import flags

from kerasos.command import csv_table, package
from kerasos.files import whole_file

ARGUMENTS = {"input": False}


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_string("input", None, "CSV file with a header.", to)
    flags.DEFINE_string("target", None, "Column of labels. Default: the last.", to)
    csv_table.define(to)
    flags.DEFINE_string(
        "objective", None, "Metric of the verdict. Default: balanced_accuracy.", to
    )
    flags.DEFINE_float(
        "miss_cost",
        None,
        "Of a row of the rarer of two classes that is not found.",
        0.0,
        flag_values=to,
    )
    flags.DEFINE_float(
        "false_alarm_cost",
        1.0,
        "Of a row of the other class; with --miss_cost.",
        0.0,
        flag_values=to,
    )
    flags.DEFINE_list(
        "methods",
        "class_weights,threshold,random,smote,cvae,flow",
        "As in `kerasos.evaluation.compare`: smote, smote+isotonic, or "
        "smote+weight=0.1.",
        to,
    )
    flags.DEFINE_list(
        "classifiers",
        "logistic_regression,gradient_boosting",
        "As in `kerasos.evaluation.compare`: mlp, or balanced_random_forest.",
        to,
    )
    flags.DEFINE_integer(
        "folds",
        None,
        "Folds, once. Default: five folds, five times.",
        3,
        flag_values=to,
    )
    flags.DEFINE_string(
        "group",
        None,
        "Column that names what a row belongs to; no column to learn from.",
        to,
    )
    flags.DEFINE_integer(
        "jobs", 1, "Folds and methods that run at once.", 1, flag_values=to
    )
    flags.DEFINE_string("output_dir", "comparison", "Folder to write to.", to)
    flags.DEFINE_integer(
        "seed", 0, "Fixes folds, samplers and classifiers.", flag_values=to
    )


def run(options):
    """Compares, writes and prints; `options` holds the flags."""
    costs, table = objective(options), None
    if options.input is not None:
        table = load(options)
    package.load()
    import joblib

    from kerasos.evaluation import compare

    X, y, groups = table or (*breast_cancer(), None)
    output = pathlib.Path(options.output_dir)
    result = compare(
        X,
        y,
        options.methods,
        options.classifiers,
        options.folds,
        groups=groups,
        objective=costs,
        n_jobs=options.jobs,
        random_state=options.seed,
        output_dir=output,
    )
    report = result.to_html(output / "report.html")
    with whole_file(output / "report.md", "The report") as draft:
        draft.write_text(result.to_markdown(), encoding="utf-8")
    model = output / "model.joblib"
    with whole_file(model, "The model") as draft:
        joblib.dump(result.estimator().fit(X, y), draft)
    print(f"{result.verdict}\nTables and plots: {report}\nModel: {model}")


def breast_cancer():
    """The 357 benign cases and 30 malignant ones, and their labels."""
    from sklearn.datasets import load_breast_cancer

    from kerasos.data import subsample

    data = load_breast_cancer(as_frame=True)
    chosen = subsample(data.target.to_numpy(), [30, 357], seed=0)
    labels = np.array(data.target_names)[data.target[chosen]]
    return data.data.iloc[chosen], labels


def load(options):
    """Returns the table, its labels, and the group of each row or None."""
    _, frame, target = csv_table.read(
        pathlib.Path(options.input),
        options.target,
        options.separator,
        options.decimal,
        options.encoding,
    )
    labels = frame.pop(target).to_numpy()
    if options.group is None:
        return frame, labels, None
    if options.group not in frame:
        raise ValueError(
            f"--group must name a column. Expected one of {list(frame)}. Received: "
            f"{options.group!r}."
        )
    return frame, labels, frame.pop(options.group).to_numpy()


def objective(options):
    """Returns a metric, costs, or None."""
    if options.miss_cost is None:
        return options.objective
    if options.objective is not None:
        raise ValueError(
            "--objective and --miss_cost are two objectives. Expected one. Received: "
            f"{options.objective!r} and {options.miss_cost:g}."
        )
    return {"miss": options.miss_cost, "false_alarm": options.false_alarm_cost}
