"""A cell: one method on one data set, setting and repeat. Its name and its rows."""

import dataclasses
import hashlib
import json

import kerasos
from harness.rows import KEY

# Raise it when a change to a recipe makes earlier rows of it wrong.
RECIPE_VERSIONS = {
    "activegan": 1,
    "class_fid": 1,
    "dgc": 1,
    "fajardo": 1,
    "gamo": 1,
    "generator": 1,
    "imsic": 2,
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One independent piece of work; the smallest thing that is run or skipped.

    Args:
        protocol: `harness.protocols.Protocol`.
        method: `harness.protocols.Method`.
        repeat: Integer; also the seed of the subsample and of the networks.
        budget: Float, fraction of the published steps of training.
    """

    protocol: object
    method: object
    repeat: int
    budget: float

    @property
    def config(self):
        """All that the result depends on, in plain JSON types."""
        protocol = dataclasses.asdict(self.protocol)
        # A new row of a table or another output changes no other cell.
        for name in ("methods", "outputs", "repeats"):
            del protocol[name]
        # Fields left at their defaults count for nothing: a new field changes no hash.
        method = {k: v for k, v in dataclasses.asdict(self.method).items() if v}
        config = {
            "protocol": protocol,
            "method": method,
            "repeat": self.repeat,
            "budget": self.budget,
            "version": RECIPE_VERSIONS.get(self.protocol.recipe),
        }
        return json.loads(json.dumps(config))

    @property
    def hash(self):
        text = json.dumps(self.config, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def label(self):
        protocol = self.protocol
        budget = "" if self.budget == 1 else f", budget {self.budget:g}"
        return (
            f"{protocol.dataset} {protocol.setting} | {self.method.name} "
            f"| repeat {self.repeat}{budget}"
        )

    @property
    def missing(self):
        """What this cell waits for, in words; None if it can run."""
        if self.method.oversampler not in kerasos.list_methods():
            return f"no method {self.method.oversampler!r} yet"
        if self.protocol.recipe not in RECIPE_VERSIONS:
            return f"no recipe {self.protocol.recipe!r} yet"
        return None

    @property
    def trained_as(self):
        """The cell whose training is this one's too, or None."""
        name = self.method.trained_as
        if not name:
            return None
        (method,) = (m for m in self.protocol.methods if m.name == name)
        return dataclasses.replace(self, method=method)

    def steps(self, published):
        """Returns `published` steps or epochs at this cell's budget, at least 1."""
        return max(1, round(published * self.budget))

    def rows(self, scores, **common):
        """Returns the result rows.

        Args:
            scores: `{name: value or (value, spread inside the cell)}`.
            **common: `steps`, `seconds`, `peak_mb` and `note` of the cell.
        """
        rows = []
        for name, value in scores.items():
            if name in self.protocol.outputs:
                table, setting, metric = self.protocol.outputs[name]
                mean, std = value if isinstance(value, tuple) else (value, None)
                place = (self.protocol.paper, table, self.protocol.dataset, setting)
                row = dict(zip(KEY, (*place, self.method.name, metric), strict=True))
                row |= {
                    "mean": f"{mean:.6g}",
                    "std": "" if std is None else f"{std:.4g}",
                    "n_repeats": 1,
                    "repeat": self.repeat,
                    "seed": self.repeat,
                    "budget": f"{self.budget:g}",
                    "cell": self.hash,
                }
                rows.append({**row, **common})
        return rows


def expand(protocols, repeats=None, budget=1.0, methods=None):
    """Returns the cells, repeat by repeat, so that a stopped run has whole repeats.

    Args:
        protocols: Iterable of `Protocol`.
        repeats: Iterable of repeat numbers; None for all of each protocol.
        budget: Float in (0, 1].
        methods: Names of methods, or of oversamplers, to keep; None for all.
    """
    cells = []
    for protocol in protocols:
        for repeat in range(protocol.repeats) if repeats is None else repeats:
            for method in protocol.methods:
                if methods and not {method.name, method.oversampler} & set(methods):
                    continue
                cells.append(Cell(protocol, method, int(repeat), float(budget)))
    return sorted(cells, key=lambda cell: cell.repeat)


def estimated_seconds(cell, rows):
    """Returns the time that earlier cells like it took, or None.

    The median over finished cells of the same paper, data set and method, scaled by
    the budget. Other methods tell nothing: some need a second, some a day.
    """
    like = {
        "paper": cell.protocol.paper,
        "dataset": cell.protocol.dataset,
        "method": cell.method.name,
    }
    found = rows[(rows[list(like)] == list(like.values())).all(axis=1)]
    found = found.drop_duplicates("cell")
    seconds = found.seconds.astype(float) / found.budget.astype(float) * cell.budget
    return float(seconds.median()) if len(found) else None
