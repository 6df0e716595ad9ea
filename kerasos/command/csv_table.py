"""A CSV file as a table of classes, with errors that name the line."""

import numpy as np
import pandas as pd
from absl import flags

from kerasos.checks import nearest_name
from kerasos.files import whole_file
from kerasos.tables.csv_file import (
    read_text,
    refuse_other_dates,
    refuse_other_numbers,
    typed,
)


def define(to):
    """Defines in `to`, a `FlagValues`, how CSV files are written."""
    flags.DEFINE_string("separator", ",", "Between two cells.", to)
    flags.DEFINE_enum("decimal", ".", [".", ","], "Before the decimals.", to)
    flags.DEFINE_string("encoding", "utf-8", "Of the file, latin-1 say.", to)


def read(path, target, separator=",", decimal=".", encoding="utf-8"):
    """Returns the table as text and with types, and the name of the target column."""
    if not path.is_file():
        raise ValueError(
            f"There is no file {str(path)!r}. Give the path of a CSV file."
        )
    text, lines = read_text(path, separator, encoding)
    header = list(text)
    if len(header) < 2:
        raise ValueError(
            f"{str(path)!r} must have a column beside the target. Received: {header}. "
            f"If {separator!r} is not what separates them, set `--separator`."
        )
    target = target or header[-1]
    if target not in text:
        nearest = nearest_name(target, header)
        hint = f" Did you mean {nearest!r}?" if nearest else " Choose another."
        raise ValueError(
            f"{str(path)!r} has no column {target!r}. Expected one of {header}.{hint}"
        )
    frame = typed(text, decimal, labels=target)
    features = text.drop(columns=target), frame.drop(columns=target)
    refuse_other_numbers(*features, decimal)
    refuse_other_dates(*features)
    frame[target] = checked_labels(frame[target], lines, path)
    return text, frame, target


def layout(source, encoding="utf-8"):
    """Returns the encoding of a file, with its byte order mark, and its line ends."""
    with open(source, "rb") as file:
        first = file.readline()
    return {
        "encoding": "utf-8-sig" if first.startswith(b"\xef\xbb\xbf") else encoding,
        "lineterminator": "\r\n" if first.endswith(b"\r\n") else "\n",
    }


def write(text, path, source, separator=",", encoding="utf-8"):
    """Writes text with the line ends and the byte order mark of another file."""
    form = layout(source, encoding)
    with whole_file(path, "The table") as draft:
        text.to_csv(draft, index=False, sep=separator, **form)


def checked_labels(labels, lines, path):
    """Returns the labels, numbers such as 0.0 as integers."""
    column = f"Column {labels.name!r} of {str(path)!r}"
    if not len(labels):
        raise ValueError(
            f"{str(path)!r} has a header and no rows. Expected some of two classes. "
            "Give another file."
        )
    if labels.isna().any():
        line = lines[int(np.argmax(labels.isna()))]
        raise ValueError(
            f"{column} must have a label in every row. Received: none in line "
            f"{line} and {int(labels.isna().sum()) - 1} others. Fill in or drop them."
        )
    if pd.api.types.is_float_dtype(labels):
        values = labels.to_numpy("float64")
        fractions = values[~(np.abs(values) < 2**53) | (values != np.rint(values))]
        if len(fractions):
            raise ValueError(
                f"{column} must hold class labels. Received: fractions such as "
                f"{fractions[0]}. Choose another `--target`."
            )
        labels = labels.astype("Int64")
    if labels.nunique() < 2:
        raise ValueError(
            f"{column} must have two classes at least. Received: only "
            f"{labels.iloc[0]!r}. Choose another `--target`, or add rows of others."
        )
    if labels.nunique() > max(2, len(labels) // 2):
        raise ValueError(
            f"{column} must hold classes. Received: {labels.nunique()} "
            f"different values in {len(labels)} rows. Choose another `--target`."
        )
    return labels
