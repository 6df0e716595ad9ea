"""A CSV file as a table of classes, with errors that name the line."""

import csv

import numpy as np
import pandas as pd

from kerasos.checks import nearest_name


def read(path, target):
    """Returns the table as text and with types, and the name of the target column."""
    if not path.is_file():
        raise ValueError(
            f"There is no file {str(path)!r}. Give the path of a CSV file."
        )
    try:
        header = check_lines(path)
        check_header(path, header)
        options = {"encoding": "utf-8-sig", "index_col": False}
        text = pd.read_csv(path, dtype=str, keep_default_na=False, **options)
        zeros = [name for name in text if text[name].str.fullmatch(r"[+-]?0\d+").any()]
        frame = pd.read_csv(
            path,
            dtype=dict.fromkeys(zeros, "string"),
            dtype_backend="numpy_nullable",
            **options,
        )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{str(path)!r} is not UTF-8 text ({error.reason} at byte {error.start}). "
            "Save it as UTF-8 CSV."
        ) from error
    target = target or header[-1]
    if target not in frame:
        nearest = nearest_name(target, header)
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        raise ValueError(f"No column {target!r}. Expected one of {header}.{hint}")
    check_target(frame, target)
    return text, frame, target


def check_lines(path):
    """Returns the header, after counting the fields of every line."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        for fields in lines:
            if fields and len(fields) != len(header):
                raise ValueError(
                    f"Every line of {str(path)!r} must have as many fields as the "
                    f"header. Expected {len(header)}. Received: {len(fields)} in line "
                    f"{lines.line_num}. Quote text that holds a comma."
                )
    if not header:
        raise ValueError(f"{str(path)!r} is empty. Expected a header.")
    return header


def check_header(path, header):
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"Columns must have different names. Received twice: {twice}.")
    if len(header) < 2:
        raise ValueError(
            f"{str(path)!r} must have a column beside the target. Received: {header}. "
            "Is the separator a comma?"
        )


def check_target(frame, target):
    labels = frame[target]
    if not len(frame):
        raise ValueError("The file has a header and no rows.")
    if labels.isna().any():
        row = int(np.argmax(labels.isna())) + 2
        raise ValueError(
            f"Column {target!r} must have a label in every row. Received: none in line "
            f"{row} and {int(labels.isna().sum()) - 1} others. Fill in or drop them."
        )
    if pd.api.types.is_float_dtype(labels):
        raise ValueError(
            f"Column {target!r} must hold class labels. Received: fractions such as "
            f"{labels[labels != labels.round()].iloc[0]}. Choose another `--target`."
        )
    if labels.nunique() < 2:
        raise ValueError(
            f"Column {target!r} must have two classes at least. Received: only "
            f"{labels.iloc[0]!r}."
        )
    if labels.nunique() > max(2, len(labels) // 2):
        raise ValueError(
            f"Column {target!r} must hold classes. Received: {labels.nunique()} "
            f"different values in {len(labels)} rows. Choose another `--target`."
        )
