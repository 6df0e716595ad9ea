"""Trained generators as files: `.keras`, and for tables with columns `.joblib`.

A `.keras` file holds networks and numbers, and Keras loads it in safe mode. That of a
table is a pickled dict, because columns and their types come back by the sampler's
encoder: `{"sampler": a fitted DeepOverSampler, "target": name, "columns": names in
order, "dtype": of the labels, "form": keyword arguments of a CSV file, "cells": how it
spells, "layout": its byte order mark and line ends}`. Loading a pickle runs the code in
it, so such a file must come from somebody you trust. Files that do not begin as ours do
are not loaded: that is against mistakes, and no protection, as whatever begins so may
go on with any code.
"""

import contextlib
import io
import itertools
import pathlib
import pickletools

from kerasos.checks import unknown_name_message

TABLE, NETWORK = ".joblib", ".keras"
# What a table's file names first, and how far into it that is at most.
_BEGINNING = ["sampler", "kerasos.over_sampling.deep", "DeepOverSampler"]
_OPCODES, _BYTES = 20, 1024


def check_model(path):
    """Returns the path of a saved generator, after checking that it can be one."""
    path = pathlib.Path(path)
    if path.suffix not in (TABLE, NETWORK):
        raise ValueError(
            f"A generator is a file that `kerasos train` or `model.save` wrote. "
            f"Expected {NETWORK} or {TABLE}. Received: {path}."
        )
    if not path.is_file():
        there = [str(p) for s in (TABLE, NETWORK) for p in path.parent.glob(f"*{s}")]
        hint = f" There: {', '.join(sorted(there))}." if there else ""
        raise ValueError(f"There is no file {path}.{hint} `kerasos train` makes one.")
    return path


def load_model(path):
    """Returns the model, and the dict of a table or None.

    Raises:
        ValueError: If the file is not one of a kerasos generator.
    """
    import keras

    from kerasos.methods import OversamplingModel

    if path.suffix == TABLE:
        import joblib

        if (names := _first_names(path))[: len(_BEGINNING)] != _BEGINNING:
            what = ".".join(names[:2]) if names else "no pickle"
            raise ValueError(
                f"{path} is no generator of a table, and was not loaded: loading a "
                f"{TABLE} file runs the code in it. Expected what `kerasos train` of a "
                f"CSV file wrote. Received: {what}. If you trust it, `joblib.load` in "
                "Python shows what it is."
            )
        table = joblib.load(path)
        return table["sampler"].model_, table
    model = keras.saving.load_model(path)
    if not isinstance(model, OversamplingModel):
        raise ValueError(
            f"{path} holds no method of kerasos. Expected what `kerasos train` or "
            f"`model.save` wrote. Received: {type(model).__name__}."
        )
    return model, None


def _first_names(path):
    """Lists the words at the beginning of a pickle, whose code is not run."""
    names = []
    with open(path, "rb") as file:  # a word in it may claim to be of any length
        begin = io.BytesIO(file.read(_BYTES))
    with contextlib.suppress(ValueError):  # no pickle, from there on
        for _, word, _ in itertools.islice(pickletools.genops(begin), _OPCODES):
            names += [word] if isinstance(word, str) else []
    return names


def codes_of(texts, names, allowed):
    """Returns labels, given as text on the command line, as integers.

    Args:
        texts: List of strings, empty for all labels.
        names: Names or values of the labels by place, or None for integers.
        allowed: List of integers that the model generates.

    Raises:
        ValueError: If a text is no label; it says the nearest.
    """
    known = {str(k if names is None else names[k]): k for k in allowed}
    for text in texts:
        if text not in known:
            raise ValueError(unknown_name_message("label", text, known))
    return [known[text] for text in texts] or list(allowed)
