"""Trained generators as files: `.keras`, and for tables with columns `.joblib`.

A `.keras` file holds networks and numbers, and Keras loads it in safe mode. That of a
table is a pickled dict, because columns and their types come back by the sampler's
encoder: `{"sampler": a fitted DeepOverSampler, "target": name, "columns": names in
order, "dtype": of the labels, "form": keyword arguments of a CSV file}`. Loading a
pickle runs the code in it, so such a file must come from somebody you trust.
"""

import pathlib

from kerasos.checks import unknown_name_message

TABLE, NETWORK = ".joblib", ".keras"


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

        table = joblib.load(path)
        if not isinstance(table, dict) or "sampler" not in table:
            raise ValueError(
                f"{path} is no generator of a table. Expected what `kerasos train` "
                f"wrote. Received: {type(table).__name__}."
            )
        return table["sampler"].model_, table
    model = keras.saving.load_model(path)
    if not isinstance(model, OversamplingModel):
        raise ValueError(
            f"{path} holds no method of kerasos. Expected what `kerasos train` or "
            f"`model.save` wrote. Received: {type(model).__name__}."
        )
    return model, None


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
