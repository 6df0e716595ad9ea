"""A picture of what each code changes."""

import numpy as np

from kerasos.plots import check_drawable, image_grid, save_figure, to_display


def traversal_figure(model, label, values, path=None, codes=None, seed=0):
    """Draws one sample of a class while each code in turn takes each value.

    A row is a code, a column a value; noise and the other codes are those of `seed`
    in all images.

    Args:
        model: An `OversamplingModel` of images with codes: with `graph` and
            `traverse(label, code, values, seed)`.
        label: Integer, the class.
        values: Floats `(n,)`, e.g. `np.linspace(-1, 1, 9)`.
        path: Where to write the picture. Default: nowhere.
        codes: List of codes, by name or number. Default: all.
        seed: Integer. Default 0.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the samples are not grey or RGB images, a code is unknown, or
            there is no value.

    Example:

    >>> model.graph = model.graph.rename({"c0": "thickness"})
    >>> figure = traversal_figure(model, 3, np.linspace(-1, 1, 9), "threes.png")
    """
    check_drawable(model)
    values = np.asarray(values, "float32").reshape(-1)
    if not len(values):
        raise ValueError(
            "`values` must hold at least one value. Received none. Give e.g. "
            "np.linspace(-1, 1, 9)."
        )
    graph = model.graph
    chosen = (
        range(graph.num_codes) if codes is None else [graph.index(c) for c in codes]
    )
    rows = []
    for code in chosen:
        images = model.traverse(label, code, values, seed=seed)
        rows.append(list(to_display(images, model.spec.value_range)))
    names = model.spec.label_names
    title = f"class {label if names is None else names[label]}"
    columns = [(f"{value:.3g}", 1) for value in values]
    figure = image_grid(rows, [graph.names[code] for code in chosen], title, columns)
    if path is not None:
        save_figure(figure, path)
    return figure
