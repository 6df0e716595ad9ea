"""Pictures of a graph of codes, of how far codes follow it, and of what they change."""

import numpy as np

from kerasos.plots import DPI, check_drawable, image_grid, save_figure, to_display

_OBSERVED, _LATENT = "#f0e6c8", "#cfe3f5"
_WRONG = "#c0392b"
_PITCH = np.array((1.6, 0.7))  # inches between layers and between rows
_BENDS = (0.0, 0.15, -0.15, 0.3, -0.3)


def plot_code_graph(graph, path=None):
    """Draws a `CodeGraph` and, if there is a path, writes the picture.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figure_size(graph), dpi=DPI, layout="constrained")
    draw_code_graph(figure.add_subplot(), graph)
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_dependence(dependence, path=None):
    """Draws a `CodeDependence`: the graph at the left, the correlations at the right.

    Edges that do not hold are dashed; in the map, edges are framed, and what should be
    independent and is not is framed by dashes.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    from matplotlib.figure import Figure

    graph, d = dependence.graph, dependence.graph.num_codes
    width, height = figure_size(graph)
    map_width = 1.2 + 0.55 * 2 * d
    figure = Figure((width + map_width, height + 0.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(width, map_width))
    dashed = {"linestyle": "--", "color": _WRONG}
    draw_code_graph(left, graph, dict.fromkeys(dependence.missing, dashed))
    names = graph.display_names
    image = right.imshow(dependence.correlation, cmap="RdBu_r", vmin=-1, vmax=1)
    figure.colorbar(image, ax=right, label="correlation")
    right.set_xticks(range(2 * d), names, rotation=45, ha="right", fontsize=8)
    right.set_yticks(range(d), names[d:], fontsize=8)
    for (i, j), value in np.ndenumerate(dependence.correlation):
        colour = "white" if abs(value) > 0.6 else "black"
        right.text(j, i, f"{value:.2f}", ha="center", va="center", c=colour, size=7)
    edges = [(p, f"l{i}") for i, row in enumerate(graph.parents) for p in row]
    _frame(right, graph, edges)
    _frame(right, graph, dependence.unexpected, linestyle="--")
    key = "solid frame: edge of the graph\ndashed: should be independent, is not"
    right.set_title(key, fontsize=8)
    if path is not None:
        save_figure(figure, path)
    return figure


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


def _frame(axes, graph, pairs, **style):
    from matplotlib.patches import Rectangle

    for variable, latent in pairs:
        corner = (graph.variables.index(variable) - 0.45, int(latent[1:]) - 0.45)
        options = {"fill": False, "linewidth": 1.8, **style}
        axes.add_patch(Rectangle(corner, 0.9, 0.9, **options))


def figure_size(graph):
    """Inches that a picture of the graph needs: `(width, height)`."""
    last = max(layer for layer, _ in positions(graph).values())
    return 1.6 + _PITCH[0] * last, 0.6 + _PITCH[1] * graph.num_codes


def positions(graph):
    """Returns `{variable: (layer, -row)}`: a layer is longer paths from the left.

    Observed codes are layer 0; l_i is in the row of c_i.
    """
    import networkx

    layers = {}
    for layer, nodes in enumerate(
        networkx.topological_generations(graph.to_networkx())
    ):
        layers.update(dict.fromkeys(nodes, layer))
    return {name: (layers[name], -int(name[1:])) for name in graph.variables}


def draw_code_graph(axes, graph, edge_styles=None):
    """Draws the graph into matplotlib axes.

    Args:
        axes: `matplotlib.axes.Axes`.
        graph: A `CodeGraph`.
        edge_styles: Dict from `(parent, latent)` to options of
            `matplotlib.patches.FancyArrowPatch`. Default: black arrows.
    """
    places, styles = positions(graph), edge_styles or {}
    for i, parents in enumerate(graph.parents):
        for parent in parents:
            start, end = places[parent], places[f"l{i}"]
            others = [p for n, p in places.items() if n not in (parent, f"l{i}")]
            options = {
                "arrowstyle": "-|>",
                "connectionstyle": f"arc3,rad={_clear_bend(start, end, others)}",
                "color": "black",
                "shrinkA": 16,
                "shrinkB": 16,
                **styles.get((parent, f"l{i}"), {}),
            }
            axes.annotate("", xy=end, xytext=start, arrowprops=options)
    for variable, name in zip(graph.variables, graph.display_names, strict=True):
        colour = _OBSERVED if variable.startswith("c") else _LATENT
        axes.text(
            *places[variable],
            name,
            ha="center",
            va="center",
            fontsize=10,
            bbox={"boxstyle": "round,pad=0.4", "facecolor": colour},
        )
    columns, rows = zip(*places.values(), strict=True)
    axes.set(xlim=(-0.6, max(columns) + 0.6), ylim=(min(rows) - 0.6, 0.6))
    axes.set_axis_off()


def _clear_bend(start, end, others):
    """The first bend with which an edge keeps a third of an inch off other nodes.

    Where there is none, the one that keeps off most.
    """
    start, end = np.array(start) * _PITCH, np.array(end) * _PITCH
    others = np.array(others).reshape(-1, 2) * _PITCH
    across = np.array((end - start)[::-1]) * (1, -1)
    at = np.linspace(0.0, 1.0, 33)[:, None]
    distances = []
    for bend in _BENDS:
        middle = (start + end) / 2 + bend * across  # as arc3 has it
        curve = (1 - at) ** 2 * start + 2 * at * (1 - at) * middle + at**2 * end
        gaps = np.linalg.norm(curve[:, None] - others, axis=-1)
        distances.append(min(gaps.min(initial=np.inf), 1 / 3))
    return _BENDS[int(np.argmax(distances))]
