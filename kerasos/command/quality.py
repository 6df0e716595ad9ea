"""Says what is wrong with generated rows, and how safe they are, beside real ones.

    kerasos quality customers.csv customers_balanced.csv --target=churned
    kerasos quality train.csv generated.csv --holdout=test.csv --report=quality.md

Both files have the same columns; of a result of `kerasos balance` the generated rows
alone are looked at. With `--target` each class is looked at by itself. `--holdout`
names real rows that the generator has not seen: only with them is there a test for
leaks. What the numbers mean is in `help(kerasos.evaluation.quality)`.
"""

import pathlib

import pandas as pd
from absl import flags

from kerasos.checks import nearest_name
from kerasos.command import csv_table, package
from kerasos.command.balance import MARK
from kerasos.files import whole_file
from kerasos.tables.csv_file import (
    read_text,
    refuse_other_dates,
    refuse_other_numbers,
    typed,
)

ARGUMENTS = {"real": True, "generated": True}


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_string("real", None, "CSV file of the rows trained on.", to)
    flags.DEFINE_string("generated", None, "CSV file of generated rows.", to)
    flags.DEFINE_string("holdout", None, "CSV file of other real rows.", to)
    flags.DEFINE_string("target", None, "Column of labels. Default: none.", to)
    csv_table.define(to)
    flags.DEFINE_string("report", None, "Markdown file to write, too.", to)
    flags.DEFINE_integer("seed", 0, "Fixes draws and classifiers.", flag_values=to)


def run(options):
    """Compares and prints; `options` holds the flags."""
    frames = read(options)
    package.load()
    from kerasos.evaluation import quality

    report = quality(*frames, target=options.target, random_state=options.seed)
    if options.report:
        text = f"# {options.generated}\n\n{report.to_markdown()}"
        with whole_file(options.report, "The report") as draft:
            draft.write_text(text, encoding="utf-8")
    print(report)


def read(options):
    """Returns the tables, each column of one type in all of them."""
    texts = []
    for path in filter(None, (options.real, options.generated, options.holdout)):
        if not pathlib.Path(path).is_file():
            raise ValueError(f"There is no file {path!r}. Give the path of a CSV file.")
        texts.append(read_text(path, options.separator, options.encoding)[0])
    columns = list(texts[0])
    if MARK in texts[1] and MARK not in columns:
        texts[1] = texts[1][texts[1][MARK] == "1"].drop(columns=MARK)
    for text in texts[1:]:
        missing = [name for name in columns if name not in text]
        further = [name for name in text if name not in columns]
        if missing or further:
            raise ValueError(
                f"The files must have the same columns. Expected: {columns}. Received: "
                f"{list(text)}."
            )
    target = options.target
    if target is not None and target not in columns:
        nearest = nearest_name(target, columns)
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        raise ValueError(f"No column {target!r}. Expected one of {columns}.{hint}")
    text = pd.concat([text[columns] for text in texts], keys=range(len(texts)))
    whole = typed(text, options.decimal, labels=options.target)
    refuse_other_numbers(text, whole, options.decimal)
    refuse_other_dates(text, whole)
    parts = (whole.loc[part] for part in range(len(texts)))
    return [part.reset_index(drop=True) for part in parts]
