"""Balances the classes of a CSV file with generated rows.

    kerasos balance customers.csv --target=churned
    kerasos balance excel.csv --target=Art --separator=";" --decimal=","
    kerasos balance customers.csv --target=churned --method=smote --output=more.csv

writes `customers_balanced.csv`: the rows of the file, then generated ones that are
spelt as the file spells its own, with a column `is_synthetic` behind them; and
`customers_balanced.md`, a report that says what is wrong with the generated rows
(`kerasos.evaluation.quality`) and puts each column's distribution in them beside that
of the real rows of the same class. The worst of it is printed. The input is never
written to.

Train on the result, and test on rows that were never in the input: split first, then
balance the training part. Columns of codes (postal codes, say) are taken for numbers
unless a value starts with a zero or holds a letter. Empty cells are missing everywhere,
words such as NA and null among numbers only: elsewhere they are values like others.
"""

import pathlib

import numpy as np
import pandas as pd
from absl import flags

from kerasos.command import csv_table, package
from kerasos.files import check_writable, whole_file
from kerasos.tables.csv_file import spelt, typed

ARGUMENTS = {"input": True}
MARK = "is_synthetic"


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_string("input", None, "CSV file with a header.", to)
    flags.DEFINE_string("target", None, "Column of labels. Default: the last.", to)
    csv_table.define(to)
    flags.DEFINE_string("method", "flow", "What generates; cvae, smote, random ...", to)
    flags.DEFINE_string("output", None, "File to write. Default: INPUT_balanced.", to)
    flags.DEFINE_string("report", None, "Markdown file. Default: OUTPUT.md.", to)
    flags.DEFINE_integer("epochs", None, "Passes; default: by size.", 1, flag_values=to)
    flags.DEFINE_integer("seed", 0, "Fixes weights, batches and noise.", flag_values=to)


def run(options):
    """Balances, writes and prints; `options` holds the flags."""
    package.check_method(options.method)
    source, decimal = pathlib.Path(options.input), options.decimal
    form = {"separator": options.separator, "encoding": options.encoding}
    output, report = paths(source, options.output, options.report)
    text, frame, target = read(source, options.target, decimal=decimal, **form)
    package.load()
    new = balance(frame, target, options)
    made = spelt(new, frame, text, decimal)
    for name in new:  # with as many decimals as are written
        if pd.api.types.is_float_dtype(new[name]):
            new[name] = typed(made[[name]], decimal)[name].astype("Float64")
    everything = pd.concat([text, made], ignore_index=True)
    everything[MARK] = (np.arange(len(everything)) >= len(text)).astype(int)
    csv_table.write(everything, output, source, **form)
    verdict, found = judge(frame, new, target, options.seed)
    page = markdown(frame, new, target, source, options) + found
    with whole_file(report, "The report") as draft:
        draft.write_text(page, encoding="utf-8")
    ones = "one" if len(new) == 1 else "ones"
    print(f"{len(text)} rows and {len(new)} generated {ones} in {output}")
    print(verdict)
    leaks = "; `kerasos quality`, with --holdout, tests for leaks, too" * (len(new) > 1)
    print(f"More in {report}{leaks}.")


def read(path, target, **form):
    """Returns the table as text and with types, and the name of the target column."""
    text, frame, target = csv_table.read(path, target, **form)
    if MARK in frame:
        raise ValueError(
            f"There is a column {MARK!r} already: the file seems to be a result of "
            "this command. Balance the original, or rename the column."
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


def balance(frame, target, options):
    """Returns the generated rows, with the target."""
    from kerasos.over_sampling import DeepOverSampler

    x, y = frame.drop(columns=target), frame[target]
    sampler = DeepOverSampler(
        options.method, epochs=options.epochs, random_state=options.seed, verbose=0
    )
    x_res, y_res = sampler.fit_resample(x, y.to_numpy())
    new = x_res.assign(**{target: pd.array(y_res, dtype=y.dtype)})[list(frame)]
    return new[sampler.sample_is_synthetic_].reset_index(drop=True)


def judge(frame, new, target, seed):
    """Returns what to say of the generated rows, and what the report says of them."""
    from kerasos.evaluation import quality

    counts = [table[target].value_counts() for table in (frame, new)]
    verdict = None
    if not len(new):
        verdict = "Every class has as many rows as the largest: none were generated."
    elif not (pd.concat(counts, axis=1).min(axis=1, skipna=False) >= 2).any():
        verdict = "Not compared: no class has two real and two generated rows."
    if verdict:
        return verdict, f"\n{verdict}\n"
    report = quality(frame, new, target=target, random_state=seed)
    explained = (
        "Numbers: mean ± standard deviation [smallest, largest]. Distance: 0 for equal "
        "distributions, 1 for disjoint ones (Kolmogorov-Smirnov; for categories half "
        "the sum of the shares' differences). The measures are explained in "
        "`help(kerasos.evaluation.quality)`."
    )
    return report.verdict, f"\n{explained}\n\n{report.to_markdown()}"


def is_measured(column):
    """Whether a column is decimals or dates, which differ from row to row."""
    types = pd.api.types
    return types.is_float_dtype(column) or types.is_datetime64_any_dtype(column)


def markdown(frame, new, target, source, options):
    """Returns the beginning of the report."""
    from kerasos.version import __version__

    counts, added = frame[target].value_counts(), new[target].value_counts()
    lines = [
        f"# {source.name}, balanced by `{options.method}`",
        "",
        f"| {target} | real rows | generated rows |",
        "|---|---|---|",
        *(f"| {k} | {count} | {added.get(k, 0)} |" for k, count in counts.items()),
        "",
        f"Seed {options.seed}, kerasos {__version__}.",
    ]
    identifiers = [
        name
        for name in frame.columns.drop(target)
        if not is_measured(frame[name]) and frame[name].is_unique
    ]
    if identifiers and len(frame) > 20:
        lines += [
            "",
            f"{', '.join(identifiers)}: different in every row. If that is an "
            "identifier, drop it before training anything.",
        ]
    return "\n".join([*lines, ""])
