"""Whether the codes of generated images depend on each other as the graph says.

Observed codes are drawn at random and given to the generator; latent codes are read
off its images. An edge that the graph has and the images do not show is a code that
does nothing, or not what it should.
"""

import dataclasses
from typing import Any

import numpy as np

from kerasos.annotations import PathLike
from kerasos.methods.infogan.code_graph import CodeGraph
from kerasos.randomness.seeds import derive_seed


@dataclasses.dataclass(frozen=True)
class CodeDependence:
    """Correlations of latent codes with all codes, beside the graph.

    Print it, or `plot` it.

    Attributes:
        graph: The `CodeGraph`.
        correlation: Float array `(d, 2d)`: of the latent codes, in rows, with
            `graph.variables`; 0 with a code that is constant.
        bound: Float, what the largest of all correlations stays below in 95 of 100
            random pairings of the rows.
        missing: List of `(parent, latent)`, the edges that do not hold.
        unexpected: List of `(variable, latent)`, pairs that should be independent
            and are not.
        findings: List of strings, a sentence for each edge that holds, for each that
            does not, and for each unexpected dependence.
    """

    graph: CodeGraph
    correlation: np.ndarray
    bound: float
    missing: list
    unexpected: list
    findings: list

    @property
    def holds(self) -> bool:
        """Whether every edge holds and no other dependence was found."""
        return not self.missing and not self.unexpected

    def between(self, variable: str, latent: str) -> Any:
        """Returns the correlation of two variables, e.g. `("c1", "l1")`."""
        column = self.graph.variables.index(variable)
        row = self.graph.variables.index(latent) - self.graph.num_codes
        return float(self.correlation[row, column])

    def plot(self, path: PathLike | None = None) -> Any:
        """Draws the correlations beside the graph; edges that do not hold are dashed.

        Args:
            path: Where to write the picture. Default: nowhere.

        Returns:
            A `matplotlib.figure.Figure`.
        """
        from kerasos.methods.infogan.plots import plot_dependence

        return plot_dependence(self, path)

    def __str__(self):
        names = self.graph.display_names
        width = 1 + max(7, *(len(name) for name in names))
        lines = [" " * width + "".join(name.rjust(width) for name in names)]
        latents = names[self.graph.num_codes :]
        for name, row in zip(latents, self.correlation, strict=True):
            lines.append(name.rjust(width) + "".join(f"{r:{width}.2f}" for r in row))
        return "\n".join([*lines, *self.findings])


def code_dependence(
    source: Any,
    graph: Any = None,
    *,
    num_samples: int = 2000,
    labels: Any = None,
    seed: int = 0,
    min_edge: float = 0.3,
    max_non_edge: float = 0.2,
    permutations: int = 200,
) -> "CodeDependence":
    """Compares the correlations of latent codes with the graph.

    An edge holds if its correlation is above both `min_edge` in size and the bound
    that chance keeps to. A dependence is unexpected if the graph says independent and
    the correlation is above both `max_non_edge` and that bound. Pairs that share an
    ancestor without an edge may be correlated or not: nothing is said of them.

    Args:
        source: A model with codes (`IMSIC`, `InfoGAN`), or `(codes, latents)`, arrays
            `(n, d)` of observed codes and of the latent codes of their images.
        graph: The `CodeGraph`. Default: that of the model; needed for arrays.
        num_samples: Integer, images to generate, the classes in turn. Default 2000.
        labels: Integers, the classes to generate. Default: all that the model can.
        seed: Integer behind codes, images and permutations. Default 0.
        min_edge: Float in [0, 1]. Default 0.3, ours: a code that follows k parents
            alike has a correlation of 1 / sqrt(k) with each, .58 of three.
        max_non_edge: Float in [0, 1]. Default 0.2, ours.
        permutations: Integer, random pairings behind the bound. Default 200.

    Returns:
        A `CodeDependence`.

    Raises:
        ValueError: If arrays do not fit the graph, or there is none.

    Example:

    >>> found = code_dependence(model)
    >>> found.holds
    False
    >>> found.findings[-1]
    'l3 does not follow c3: correlation 0.23, expected at least 0.30 in size. ...'
    """
    if isinstance(source, tuple):
        codes, latents = (np.asarray(part, "float64") for part in source)
    else:
        graph = source.graph if graph is None else graph
        codes, latents = _of_model(source, num_samples, labels, seed)
    _check(codes, latents, graph)
    rows = _standardised(latents)
    every = np.concatenate([_standardised(codes), rows], axis=1)
    correlation = rows.T @ every / len(rows)
    bound = _chance_bound(rows, every, permutations, seed)
    missing, unexpected, findings = [], [], []
    for i, latent in enumerate(graph.variables[graph.num_codes :]):
        for parent in graph.parents[i]:
            r = correlation[i, graph.variables.index(parent)]
            if abs(r) > max(min_edge, bound):
                findings.append(f"{latent} follows {_name(graph, parent)}: {r:.2f}.")
                continue
            missing.append((parent, latent))
            advice = (
                f"{latent} is the same in all images."
                if not rows[:, i].any()
                else "Images do not show it: train longer, or raise `lambda_con`."
            )
            findings.append(
                f"{latent} does not follow {_name(graph, parent)}: correlation "
                f"{r:.2f}, expected at least {max(min_edge, bound):.2f} in size. "
                + advice
            )
    for variable, latent in _independent_pairs(graph):
        i = graph.variables.index(latent) - graph.num_codes
        r = correlation[i, graph.variables.index(variable)]
        if abs(r) > max(max_non_edge, bound):
            unexpected.append((variable, latent))
            findings.append(
                f"{latent} depends on {_name(graph, variable)}, of which the graph "
                f"says it is independent: correlation {r:.2f}, expected at most "
                f"{max(max_non_edge, bound):.2f} in size."
            )
    return CodeDependence(graph, correlation, bound, missing, unexpected, findings)


def _of_model(model, num_samples, labels, seed):
    classes = model.sampled_labels if labels is None else labels
    labels = np.resize(np.asarray(classes), num_samples)
    source = np.random.default_rng(derive_seed(seed, "codes"))
    shape = (num_samples, model.graph.num_codes)
    if model.code_prior == "uniform":
        codes = source.uniform(-1.0, 1.0, shape)
    else:
        codes = source.standard_normal(shape)
    codes = codes.astype("float32")
    images = model.sample(labels, seed=seed, codes=codes, verbose=0)
    return codes.astype("float64"), np.asarray(model.latent_codes(images), "float64")


def _check(codes, latents, graph):
    if graph is None:
        raise ValueError(
            "Arrays of codes need the graph. Received: graph=None. Give the "
            "`CodeGraph`, e.g. `model.graph`."
        )
    expected = (len(codes), graph.num_codes)
    for name, array in (("codes", codes), ("latents", latents)):
        if array.shape != expected or len(array) < 3:
            raise ValueError(
                f"`{name}` must have a row for each image, three at least, and a "
                f"column for each code. Expected shape (n, {graph.num_codes}), n "
                f"alike in both. Received: {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` must be finite. Received: NaN or infinity.")


def _standardised(values):
    centred = values - values.mean(axis=0)
    scale = centred.std(axis=0)
    # A constant leaves rounding errors.
    varies = scale > 1e-9 * np.maximum(1.0, np.abs(values).max(axis=0))
    return np.where(varies, centred / np.where(varies, scale, 1.0), 0.0)


def _chance_bound(rows, every, permutations, seed):
    """95 % quantile of the largest correlation when all columns are independent."""
    source = np.random.default_rng(derive_seed(seed, "permutations"))
    largest = []
    for _ in range(permutations):
        shuffled = source.permuted(every, axis=0)
        largest.append(np.abs(rows.T @ shuffled).max() / len(rows))
    return float(np.quantile(largest, 0.95))


def _independent_pairs(graph):
    """Pairs that the graph calls independent, two latent codes once."""
    seen = set()
    for i, negatives in enumerate(graph.negatives):
        for variable in negatives:
            if frozenset((variable, f"l{i}")) not in seen:
                seen.add(frozenset((variable, f"l{i}")))
                yield variable, f"l{i}"


def _name(graph, variable):
    return graph.display_names[graph.variables.index(variable)]
