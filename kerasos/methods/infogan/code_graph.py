"""The graph that says which latent code follows which codes (IMSIC, figure 4).

Observed codes c_0 .. c_{d-1} are drawn and given to the generator; latent codes
l_0 .. l_{d-1} (the paper's c') are what the network reads off an image. In the
directed acyclic graph B the observed codes have no parents, every latent one has.
"""

import dataclasses
import functools
import numbers
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from kerasos.annotations import PathLike
from kerasos.checks import Integer, check_choice, unknown_name_message

# Parents of l0, l1, ... IMSIC's figure 2, its figure 4c as the text describes it (the
# third code carries the others jointly), and the authors' code.
_PRESETS = {
    "figure2": (("c0",), ("c1",), ("c2",), ("c3", "l1", "l2")),
    "entangled3": (("c0",), ("c1",), ("c0", "c1", "c2")),
    "repo4": (("c0",), ("c1",), ("c2",), ("c0", "c1", "c2", "c3")),
}
PRESETS = ("one_to_one", *_PRESETS)


@keras.saving.register_keras_serializable(package="kerasos")
@dataclasses.dataclass(frozen=True, repr=False)
class CodeGraph:
    """A directed acyclic graph over d observed and d latent codes.

    Variables are called `"c0"`, `"c1"`, ... (observed) and `"l0"`, `"l1"`, ...
    (latent); observed codes may get names of their own, which are then accepted
    wherever `"c0"` is. A graph cannot be changed once made.

    Args:
        parents: List of d lists of names, the parents of l0, l1, ...: observed codes
            or other latent ones, at least one each.
        names: List of d distinct strings, the names of the observed codes, e.g.
            what each turned out to change. Default: `"c0"`, `"c1"`, ...

    Attributes:
        parents: Tuple of d tuples of variables.
        names: Tuple of d strings.

    Raises:
        TypeError: If `parents` is no list of lists of strings, or a name no string.
        ValueError: If a latent code has no parent, itself or the same one twice; if a
            name is unknown, or names two variables; if there is a cycle.

    Example:

    >>> graph = CodeGraph([["c0"], ["c1"], ["c0", "l1", "c2"]], ["slant", "c1", "c2"])
    >>> graph.parents[2]
    ('c0', 'c2', 'l1')
    >>> graph.negatives
    (('c1', 'c2', 'l1'), ('c0', 'c2', 'l0'), ())
    >>> graph.index("slant")
    0

    Reference: He, Lin, Yuan and Tzeng, "Interpretable Minority Synthesis for
    Imbalanced Classification", IJCAI 2021.
    """

    parents: Sequence[Sequence[str]]
    names: Any = None

    def __post_init__(self):
        given = _as_lists(self.parents)
        object.__setattr__(self, "names", _check_names(self.names, len(given)))
        parents = tuple(self._check_parents(f"l{i}", r) for i, r in enumerate(given))
        object.__setattr__(self, "parents", parents)
        self._check_acyclic()

    @classmethod
    def preset(cls, name: str, d: int | None = None) -> Self:
        """Returns a graph of the paper or of its authors' code.

        Args:
            name: One of
                `"one_to_one"`: each latent code follows its own observed one
                    (figure 4a); any d;
                `"figure2"`: so do l0, l1 and l2, and l3 follows c3, l1 and l2; d = 4;
                `"entangled3"`: so do l0 and l1, and l2 follows c0, c1 and c2
                    (figure 4c); d = 3;
                `"repo4"`: so do l0, l1 and l2, and l3 follows c0 to c3 (the authors'
                    code); d = 4.
            d: Number of observed codes; needed for `"one_to_one"` alone.

        Raises:
            ValueError: If the name is unknown or the graph has no such size.

        Example:

        >>> CodeGraph.preset("one_to_one", 2)
        CodeGraph(parents=[['c0'], ['c1']])
        """
        check_choice("preset", name, PRESETS)
        if name in _PRESETS:
            size = len(_PRESETS[name])
            if d not in (None, size):
                raise ValueError(
                    f"The preset {name!r} has {size} codes. Expected d={size} or "
                    f"none. Received: d={d}. Take 'one_to_one', or give the parents."
                )
            return cls(_PRESETS[name])
        if not Integer(1).fits(d):
            raise ValueError(
                "The preset 'one_to_one' needs the number of codes. Expected an "
                f"integer `d` of at least 1. Received: d={d}."
            )
        return cls([[f"c{i}"] for i in range(d or 0)])

    @classmethod
    def from_networkx(cls, digraph: Any) -> Self:
        """Makes a graph of a `networkx.DiGraph` with nodes c0, c1, ... and l0, l1, ...

        There are as many observed codes as latent ones; an observed code without
        edges may be left out. An attribute `label` of an observed node is its name.

        Raises:
            TypeError: If it is no directed graph.
            ValueError: If a node has another name, an observed code has parents, or as
                for `CodeGraph`.

        Example:

        >>> CodeGraph.from_networkx(networkx.DiGraph([("c0", "l0"), ("c1", "l1")]))
        CodeGraph(parents=[['c0'], ['c1']])
        """
        if not getattr(digraph, "is_directed", lambda: False)():
            raise TypeError(
                "A graph of codes has directed edges. Expected a `networkx.DiGraph`. "
                f"Received: {type(digraph).__name__}."
            )
        d = sum(str(node).startswith("l") for node in digraph.nodes)
        observed, latent = _variables(d)
        for node in digraph.nodes:
            if node not in observed + latent:
                message = unknown_name_message("node", node, observed + latent)
                raise ValueError(
                    f"{message} Latent codes are l0, l1, ... without a gap, and there "
                    f"are as many observed ones. Received: {d} latent codes."
                )
        for parent, child in digraph.edges:
            if child in observed:
                raise ValueError(
                    "Observed codes are drawn and have no parents. Received the edge "
                    f"{parent} -> {child}. Turn it round, or leave it out."
                )
        labels = {node: label for node, label in digraph.nodes(data="label") if label}
        return cls(
            [list(digraph.predecessors(node)) for node in latent],
            [labels.get(node, node) for node in observed],
        )

    # What is in it.

    @functools.cached_property
    def num_codes(self):
        """d, the number of observed codes and of latent ones."""
        return len(self.names)

    @property
    def variables(self):
        """Tuple `("c0", ..., "l0", ...)`, the columns of the weights."""
        return sum(_variables(self.num_codes), ())

    @property
    def display_names(self) -> Any:
        """Tuple of 2d strings: `variables` under the names the user gave."""
        return self.names + self.variables[self.num_codes :]

    @functools.cached_property
    def _canonical(self):
        """`{name: variable}`, of all names that a variable goes by."""
        names = {name: f"c{i}" for i, name in enumerate(self.names)}
        return names | {name: name for name in self.variables}

    @functools.cached_property
    def negatives(self):
        """Tuple of d tuples: the variables marginally independent of each latent code.

        Those with which it shares no ancestor, each variable being one of its own
        (d-separation by the empty set). May be empty.
        """
        import networkx

        graph = self.to_networkx()
        roots = {v: networkx.ancestors(graph, v) | {v} for v in self.variables}
        return tuple(
            tuple(q for q in self.variables if not roots[q] & roots[latent])
            for latent in self.variables[self.num_codes :]
        )

    @functools.cached_property
    def parent_weights(self):
        """Float32 array `(d, 2d)`: 1 / |Pa(i)| at the parents of latent code i."""
        return self._weights(self.parents)

    @functools.cached_property
    def negative_weights(self):
        """Float32 array `(d, 2d)`: 1 / |Neg(i)| at the negatives of latent code i.

        A row is 0 where a latent code is independent of nothing.
        """
        return self._weights(self.negatives)

    def index(self, code: str) -> int:
        """Returns the number of an observed code, given by name or by number.

        Raises:
            TypeError: If `code` is neither.
            ValueError: If there is no such code.

        Example:

        >>> CodeGraph.preset("entangled3").index("c2")
        2
        """
        if isinstance(code, numbers.Integral) and not isinstance(code, bool):
            if 0 <= code < self.num_codes:
                return int(code)
            raise ValueError(
                f"There are {self.num_codes} codes. Expected a number from 0 to "
                f"{self.num_codes - 1}. Received: {code}."
            )
        if not isinstance(code, str):
            raise TypeError(
                "An observed code is given by name or number. Expected one of "
                f"{list(self.names)}. Received: {code!r}."
            )
        variable = self._canonical.get(code, "")
        if not variable.startswith("c"):
            raise ValueError(unknown_name_message("code", code, self.names))
        return int(variable[1:])

    # Other forms.

    def rename(self, names) -> Self:
        """Returns the same graph with other names of observed codes.

        Args:
            names: Dict from present names, or `"c0"` and so on, to new ones.

        Example:

        >>> CodeGraph.preset("one_to_one", 2).rename({"c0": "thickness"}).names
        ('thickness', 'c1')
        """
        new = list(self.names)
        for code, name in names.items():
            new[self.index(code)] = name
        return type(self)(self.parents, new)

    def to_networkx(self) -> Any:
        """Returns a `networkx.DiGraph` of the variables, names as `label`s."""
        import networkx

        graph = networkx.DiGraph()
        for variable, name in zip(self.variables, self.display_names, strict=True):
            graph.add_node(variable, label=name)
        for i, parents in enumerate(self.parents):
            graph.add_edges_from((parent, f"l{i}") for parent in parents)
        return graph

    def plot(self, path: PathLike | None = None) -> Any:
        """Draws the graph, observed codes at the left.

        Args:
            path: Where to write the picture, e.g. `"graph.png"`. Default: nowhere.

        Returns:
            A `matplotlib.figure.Figure`.
        """
        from kerasos.methods.infogan.plots import plot_code_graph

        return plot_code_graph(self, path)

    def get_config(self) -> dict[str, Any]:
        return {
            "parents": [list(row) for row in self.parents],
            "names": list(self.names) if self._is_named else None,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def __repr__(self):
        config = self.get_config()
        names = f", names={config['names']}" if self._is_named else ""
        return f"CodeGraph(parents={config['parents']}{names})"

    @property
    def _is_named(self):
        return self.names != self.variables[: self.num_codes]

    def _weights(self, rows):
        weights = np.zeros((self.num_codes, 2 * self.num_codes), np.float32)
        for i, row in enumerate(rows):
            for name in row:
                weights[i, self.variables.index(name)] = 1.0 / len(row)
        weights.setflags(write=False)
        return weights

    def _check_parents(self, latent, given):
        found = []
        for name in given:
            if name not in self._canonical:
                message = unknown_name_message("parent", name, self.display_names)
                raise ValueError(
                    f"{message} It is listed as a parent of {latent}; {self.num_codes} "
                    f"latent codes go with {self.num_codes} observed ones."
                )
            parent = self._canonical[name]
            if parent == latent:
                raise ValueError(
                    f"A code cannot be its own parent. Received the edge {latent} -> "
                    f"{latent}. Leave it out."
                )
            if parent in found:
                raise ValueError(
                    f"An edge may be given once. Received {name} -> {latent} twice."
                )
            found.append(parent)
        if not found:
            raise ValueError(
                f"Every latent code needs a parent. Received none for {latent}. Give "
                f"it its own code, ['c{latent[1:]}'], or leave the two codes out."
            )
        return tuple(sorted(found, key=self.variables.index))

    def _check_acyclic(self):
        import networkx

        graph = self.to_networkx()
        if not networkx.is_directed_acyclic_graph(graph):
            path = [edge[0] for edge in networkx.find_cycle(graph)]
            raise ValueError(
                "The graph must have no cycle. Received the cycle "
                f"{' -> '.join([*path, path[0]])}. Leave out one of its edges."
            )


def _variables(d):
    return tuple(f"c{i}" for i in range(d)), tuple(f"l{i}" for i in range(d))


def _as_lists(parents):
    rows = parents if isinstance(parents, list | tuple) else [None]
    for row in rows:
        if not isinstance(row, list | tuple) or any(
            not isinstance(name, str) for name in row
        ):
            raise TypeError(
                "`parents` must be a list with a list of names for every latent code, "
                f"e.g. [['c0'], ['c1', 'l0']]. Received: {parents!r}."
            )
    if not rows:
        raise ValueError(
            "`parents` must have a list for every latent code. Received none. Give "
            "at least [['c0']]."
        )
    return rows


def _check_names(names, d):
    observed, latent = _variables(d)
    if names is None:
        return observed
    names = tuple(names) if isinstance(names, list | tuple) else (names,)
    if any(not isinstance(name, str) for name in names):
        raise TypeError(f"`names` must be strings. Received: {names}.")
    if len(names) != d:
        raise ValueError(
            f"`names` must name every observed code. Expected {d} names, one per "
            f"latent code in `parents`. Received: {len(names)}, {list(names)}."
        )
    for i, name in enumerate(names):
        taken = name in observed + latent and name != observed[i]
        if not name or taken or names.index(name) != i:
            reason = "is another variable's" if name else "is empty"
            raise ValueError(
                "Names of codes must differ from each other and from other variables. "
                f"Received {name!r} for c{i}, which {reason}. Choose another name."
            )
    return names
