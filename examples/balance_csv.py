"""Balances the classes of a CSV file with generated rows.

    python examples/balance_csv.py --input=customers.csv --target=churned

writes `customers_balanced.csv`: the rows of the file, then generated ones that are
spelt as the file spells its own, with a column `is_synthetic` behind them; and
`customers_balanced.md`, a report that puts each column's distribution in the generated
rows beside that of the real rows of the same class. The input is never written to.

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
from scipy.stats import ks_2samp

import kerasos
from kerasos.over_sampling import DeepOverSampler
from kerasos.tables.csv_file import spelt, typed

_INPUT = flags.DEFINE_string("input", None, "CSV file with a header.", required=True)
_TARGET = flags.DEFINE_string("target", None, "Column of the class labels.")
_SEPARATOR = flags.DEFINE_string("separator", ",", "Between two cells.")
_DECIMAL = flags.DEFINE_enum("decimal", ".", [".", ","], "Before the decimals.")
_ENCODING = flags.DEFINE_string("encoding", "utf-8", "Of the file, latin-1 say.")
_METHOD = flags.DEFINE_enum("method", "gamo", kerasos.list_methods(), "What generates.")
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
            raise ValueError(f"There is no folder {path.resolve().parent} to write to.")
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


def is_number(column):
    dtype = column.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(
        dtype
    )


def summary(column):
    """One cell: mean, deviation and range, or the most frequent values."""
    known = column.dropna()
    cell = ""
    if is_number(column) and len(known):
        mean, deviation = known.mean(), known.astype("float64").std(ddof=0)
        cell = f"{mean:.4g} ± {deviation:.3g} [{known.min():.4g}, {known.max():.4g}]"
    elif len(known):
        shares = known.astype(str).value_counts(normalize=True)
        parts = [f"{value} {share:.0%}" for value, share in shares[:4].items()]
        cell = ", ".join(parts) + (" …" if len(shares) > 4 else "")
    if len(known) < len(column):
        cell += f" ({column.isna().mean():.0%} missing)"
    return cell.replace("|", "\\|").replace("\n", " ").strip()


def distance(real, new):
    """Largest gap of the distribution functions, or half the sum of share gaps."""
    real, new = real.dropna(), new.dropna()
    if not len(real) or not len(new):
        return "-"
    if is_number(real):
        value = ks_2samp(real.astype("float64"), new.astype("float64")).statistic
    else:
        shares = [column.value_counts(normalize=True) for column in (real, new)]
        value = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    return f"{value:.2f}"


def markdown(frame, new, target, source):
    counts, added = frame[target].value_counts(), new[target].value_counts()
    lines = [
        f"# {source.name}, balanced by `{_METHOD.value}`",
        "",
        f"| {target} | real rows | generated rows |",
        "|---|---|---|",
        *(f"| {k} | {count} | {added.get(k, 0)} |" for k, count in counts.items()),
        "",
        f"Seed {_SEED.value}, kerasos {kerasos.__version__}. "
        f"{copies(frame, new)} of {len(new)} generated rows equal a real one.",
        "",
        "Numbers: mean ± standard deviation [smallest, largest]. Distance: 0 for equal "
        "distributions, 1 for disjoint ones (Kolmogorov-Smirnov; for categories half "
        "the sum of the shares' differences).",
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
    for label in added.index:
        real, made = frame[frame[target] == label], new[new[target] == label]
        lines += [
            "",
            f"## {target} = {label}",
            "",
            f"| column | {len(real)} real | {len(made)} generated | distance |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {summary(real[name])} | {summary(made[name])} "
            f"| {distance(real[name], made[name])} |"
            for name in frame.columns.drop(target)
        ]
    return "\n".join(lines) + "\n"


def copies(frame, new):
    known = set(map(tuple, frame.astype(str).to_numpy()))
    return sum(row in known for row in map(tuple, new.astype(str).to_numpy()))


def main(_):
    logging.set_verbosity(logging.ERROR)
    source = pathlib.Path(_INPUT.value)
    try:
        output, report = paths(source, _OUTPUT.value, _REPORT.value)
        text, frame, target = read(source, _TARGET.value)
        new = balance(frame, target)
    except (TypeError, ValueError) as error:
        sys.exit(f"balance_csv: {error}")
    made = spelt(new, frame, text, _DECIMAL.value)
    for name in new:  # with as many decimals as are written
        if pd.api.types.is_float_dtype(new[name]):
            new[name] = typed(made[[name]], _DECIMAL.value)[name].astype("Float64")
    everything = pd.concat([text, made], ignore_index=True)
    everything[MARK] = (np.arange(len(everything)) >= len(text)).astype(int)
    csv_table.write(everything, output, source, _SEPARATOR.value, _ENCODING.value)
    report.write_text(markdown(frame, new, target, source), encoding="utf-8")
    print(f"{len(text)} rows and {len(new)} generated ones in {output}; see {report}")


if __name__ == "__main__":
    app.run(main)
