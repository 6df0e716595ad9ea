"""Balances the classes of a CSV file with generated rows.

    python examples/balance_csv.py --input=customers.csv --target=churned

writes `customers_balanced.csv`: the rows of the file, then generated ones that are
spelt as the file spells its own, with a column `is_synthetic` behind them; and
`customers_balanced.md`, a report that says what is wrong with the generated rows
(`kerasos.evaluation.quality`) and puts each column's distribution in them beside that
of the real rows of the same class. The input is never written to.

Train on the result, and test on rows that were never in the input: split first, then
balance the training part. Columns of codes (postal codes, say) are taken for numbers
unless a value starts with a zero or holds a letter. Empty cells are missing everywhere,
words such as NA and null among numbers only: elsewhere they are values like others.
Files with semicolons and decimal commas: `--separator=";" --decimal=","`.
"""

import pathlib
import sys

import csv_table
import numpy as np
import pandas as pd
from absl import app, flags, logging

import kerasos
from kerasos.evaluation import quality
from kerasos.files import check_writable, whole_file
from kerasos.over_sampling import DeepOverSampler
from kerasos.tables.csv_file import spelt, typed

_INPUT = flags.DEFINE_string("input", None, "CSV file with a header.", required=True)
_TARGET = flags.DEFINE_string("target", None, "Column of the class labels.")
_SEPARATOR = flags.DEFINE_string("separator", ",", "Between two cells.")
_DECIMAL = flags.DEFINE_enum("decimal", ".", [".", ","], "Before the decimals.")
_ENCODING = flags.DEFINE_string("encoding", "utf-8", "Of the file, latin-1 say.")
_METHOD = flags.DEFINE_enum("method", "flow", kerasos.list_methods(), "What generates.")
_OUTPUT = flags.DEFINE_string("output", None, "File to write. Default: INPUT_balanced.")
_REPORT = flags.DEFINE_string("report", None, "Markdown file. Default: OUTPUT.md.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Passes; default: by size.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes weights, batches and noise.")

MARK = "is_synthetic"


def read(path, target):
    """Returns the table as text and with types, and the name of the target column."""
    text, frame, target = csv_table.read(
        path, target, _SEPARATOR.value, _DECIMAL.value, _ENCODING.value
    )
    if MARK in frame:
        raise ValueError(
            f"There is a column {MARK!r} already: the file seems to be a result of "
            "this script. Balance the original, or rename the column."
        )
    return text, frame, target


def paths(source, output, report):
    """Returns where to write, after refusing to write over the input."""
    output = pathlib.Path(output or source.with_name(f"{source.stem}_balanced.csv"))
    report = pathlib.Path(report or output.with_suffix(".md"))
    if len({path.resolve() for path in (source, output, report)}) < 3:
        raise ValueError(
            "`--input`, `--output` and `--report` must be three files: the input is "
            f"never overwritten. Received: {source}, {output}, {report}."
        )
    for path in (output, report):
        if not path.resolve().parent.is_dir():
            raise ValueError(
                f"There is no folder {path.resolve().parent} to write to. Make it, or "
                "choose another place."
            )
        check_writable(path.resolve().parent, f"{path.name!r}")
    return output, report


def balance(frame, target):
    """Returns the generated rows, with the target."""
    x, y = frame.drop(columns=target), frame[target]
    sampler = DeepOverSampler(
        _METHOD.value, epochs=_EPOCHS.value, random_state=_SEED.value, verbose=0
    )
    x_res, y_res = sampler.fit_resample(x, y.to_numpy())
    new = x_res.assign(**{target: pd.array(y_res, dtype=y.dtype)})[list(frame)]
    return new[sampler.sample_is_synthetic_].reset_index(drop=True)


def markdown(frame, new, target, source):
    counts, added = frame[target].value_counts(), new[target].value_counts()
    lines = [
        f"# {source.name}, balanced by `{_METHOD.value}`",
        "",
        f"| {target} | real rows | generated rows |",
        "|---|---|---|",
        *(f"| {k} | {count} | {added.get(k, 0)} |" for k, count in counts.items()),
        "",
        f"Seed {_SEED.value}, kerasos {kerasos.__version__}.",
    ]
    identifiers = [
        name
        for name in frame.columns.drop(target)
        if pd.api.types.is_integer_dtype(frame[name]) and frame[name].is_unique
    ]
    if identifiers and len(frame) > 20:
        lines += [
            "",
            f"{', '.join(identifiers)}: different in every row. If that is an "
            "identifier, drop it before training anything.",
        ]
    try:
        report = quality(frame, new, target=target, random_state=_SEED.value)
    except ValueError as error:  # none or one generated row, for instance
        return "\n".join([*lines, "", f"Not compared: {error}", ""])
    lines += [
        "",
        "Numbers: mean ± standard deviation [smallest, largest]. Distance: 0 for equal "
        "distributions, 1 for disjoint ones (Kolmogorov-Smirnov; for categories half "
        "the sum of the shares' differences). The measures are explained in "
        "`help(kerasos.evaluation.quality)`.",
        "",
    ]
    return "\n".join(lines) + "\n" + report.to_markdown()


def main(_):
    logging.set_verbosity(logging.ERROR)
    source = pathlib.Path(_INPUT.value)
    try:
        output, report = paths(source, _OUTPUT.value, _REPORT.value)
        text, frame, target = read(source, _TARGET.value)
        new = balance(frame, target)
    except (OSError, TypeError, ValueError) as error:
        sys.exit(f"balance_csv: {error}")
    made = spelt(new, frame, text, _DECIMAL.value)
    for name in new:  # with as many decimals as are written
        if pd.api.types.is_float_dtype(new[name]):
            new[name] = typed(made[[name]], _DECIMAL.value)[name].astype("Float64")
    everything = pd.concat([text, made], ignore_index=True)
    everything[MARK] = (np.arange(len(everything)) >= len(text)).astype(int)
    text_of_report = markdown(frame, new, target, source)
    try:
        csv_table.write(everything, output, source, _SEPARATOR.value, _ENCODING.value)
        with whole_file(report, "The report") as draft:
            draft.write_text(text_of_report, encoding="utf-8")
    except OSError as error:
        sys.exit(f"balance_csv: {error}")
    print(f"{len(text)} rows and {len(new)} generated ones in {output}; see {report}")


if __name__ == "__main__":
    app.run(main)
