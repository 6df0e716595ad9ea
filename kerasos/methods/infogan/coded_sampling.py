"""The codes of samples as users give them: arrays, or some of them by name."""

import warnings
from collections.abc import Mapping

import numpy as np

# Beyond these, images of the codes' prior are no guide: a uniform one ends at 1.
FAR = {"uniform": 1.5, "normal": 3.0}


def code_columns(codes, n, graph, prior):
    """Brings codes that a user gave into columns.

    Args:
        codes: None; an array `(n, num_codes)` or `(num_codes,)`; or a dict from some
            codes, by name or number, to a number or an array `(n,)`.
        n: Integer, the number of samples.
        graph: The `CodeGraph` of the model, which knows the names.
        prior: "uniform" or "normal", of the codes in training.

    Returns:
        Float32 array `(n, num_codes)`, NaN where a code is to be drawn.

    Raises:
        TypeError: If a code is given neither by name nor by number.
        ValueError: If there is no such code, or values do not fit.
    """
    columns = np.full((n, graph.num_codes), np.nan, "float32")
    if codes is None:
        return columns
    if isinstance(codes, Mapping):
        given = [(graph.index(code), value) for code, value in codes.items()]
        if len(dict(given)) < len(given):
            raise ValueError(
                f"A code may be given once. Received: {list(codes)}, two of which "
                "are names of the same one."
            )
        wanted = f"a number or a vector of {n} numbers for each code"
    else:
        given = [(slice(None), codes)]
        wanted = f"shape {(n, graph.num_codes)} or {(graph.num_codes,)}"
    for place, value in given:
        try:
            value = np.asarray(value, "float32")
            columns[:, place] = value
        except (TypeError, ValueError):
            value = None
        if value is None or not np.isfinite(value).all():
            raise ValueError(
                f"`codes` must be finite and fit the {n} labels. Expected {wanted}."
                f" Received: {codes!r}. Leave out a code that is to be drawn."
            )
    far = np.nanmax(np.abs(columns), initial=0.0)
    if far > FAR[prior]:
        warnings.warn(
            f"Codes up to {far:.3g} in size lie far outside the {prior} prior that "
            "the generator was trained with: expect artefacts, and samples of another "
            f"class. Keep them within {FAR[prior]}.",
            stacklevel=4,  # past `sample` or `traverse` and the check of its arguments
        )
    return columns
