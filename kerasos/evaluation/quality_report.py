"""The result of `quality`: numbers, sentences, a page and a picture."""

import dataclasses
import html
from typing import Any

import numpy as np
import pandas as pd

FEWEST = 10  # rows of both kinds for what looks at whole rows
_PANELS = 12
_LABELS = 30  # columns that heat maps name
_COLOURS = {"real": "#14607a", "synthetic": "#d0722b"}


@dataclasses.dataclass(frozen=True, repr=False)
class QualityReport:
    """What `quality` found; its docstring explains the tables.

    Attributes:
        findings: List of sentences on what is wrong, the worst first; empty is good.
        tables: Dict of frames: "summary", "columns", "shares", "pairs", "relations",
            "usefulness".
        counts: Frame of rows by class, a column for each of the tables compared.
        notes: List of sentences on how the numbers came about.
    """

    findings: list
    tables: dict
    counts: Any
    notes: list

    @property
    def verdict(self) -> str:
        """The worst finding in a sentence, or that nothing was found wrong."""
        if not self.findings:
            return self._said()[0]
        count = len(self.findings)
        head = "Found wrong" + (f", the worst of {count}" if count > 1 else "")
        return f"{head}: {self.findings[0]}"

    def to_frame(self) -> Any:
        """Returns `tables["summary"]`, a row for each class and measure."""
        return self.tables["summary"].copy()

    def __repr__(self):
        text = [self._head(), *(f"- {finding}" for finding in self._said())]
        for frame in self._overview():
            text += ["", frame.to_string()]
        return "\n".join([*text, "", *self.notes])

    def to_markdown(self, heading: str = "## ") -> str:
        """Returns the findings, the measures, and the columns of each class.

        Args:
            heading: String before the name of a class.
        """
        text = [self._head(), "", *(f"- {finding}" for finding in self._said())]
        for frame in self._overview():
            text += ["", _markdown(frame.reset_index())]
        text += ["", *self.notes]
        shares = self.tables["shares"]
        for label, columns in self.tables["columns"].groupby("class", sort=False):
            rows = [row for _, row in columns.iterrows()]
            of_class = shares[shares["class"] == label]
            counts = self.counts.loc[label]
            cells = {"column": columns.column}
            for side, name in (("real", "real"), ("synthetic", "generated")):
                cells[f"{counts[side]} {name}"] = [
                    _cell(row, side, of_class) for row in rows
                ]
            cells["distance"] = columns.distance.map("{:.2f}".format)
            text += ["", heading + self._name(label), ""]
            text.append(_markdown(pd.DataFrame(cells)))
        return "\n".join([*text, ""])

    def _repr_html_(self):
        items = "".join(f"<li>{html.escape(finding)}</li>" for finding in self._said())
        parts = [f"<p>{html.escape(self._head())}</p><ul>{items}</ul>"]
        parts += [frame.to_html() for frame in self._overview()]
        return "".join(parts + [f"<p>{html.escape(note)}</p>" for note in self.notes])

    def figure(self, label: Any = None, columns: Any = None) -> Any:
        """Draws real beside generated columns, and the associations of both.

        Args:
            label: The class. Default: that with most generated rows.
            columns: List of names. Default: the 12 with the largest distance.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ValueError: If there is no such class or column.
        """
        from matplotlib.figure import Figure

        label = self.counts.synthetic.idxmax() if label is None else label
        found = self.tables["columns"]
        found = found[found["class"] == label]
        _check_among("label", [label], self.tables["columns"]["class"].unique())
        if columns is None:
            order = found.sort_values("distance", ascending=False, kind="stable")
            columns = list(order.column[:_PANELS])
        _check_among("columns", columns, found.column)
        shares, pairs = (self.tables[name] for name in ("shares", "pairs"))
        shares, pairs = (t[t["class"] == label] for t in (shares, pairs))
        depth = -(-len(columns) // 4)
        figure = Figure((12, 2.1 * depth + 4.5), layout="constrained")
        upper, lower = figure.subfigures(  # type: ignore[misc]
            2, 1, height_ratios=[2.1 * depth, 4.5]
        )
        found = {row.column: row for _, row in found.iterrows()}
        panels = upper.subplots(depth, 4, squeeze=False).ravel()
        for axes, name in zip(panels, columns, strict=False):
            _draw_column(axes, found[name].kind, _of_column(shares, name))
            missing = [found[name][f"missing_{side}"] for side in _COLOURS]
            title = f"{name} (missing {missing[0]:.0%}, {missing[1]:.0%})"
            axes.set_title(title if any(missing) else str(name), fontsize=9)
        for axes in panels[len(columns) :]:
            axes.set_axis_off()
        handles, names = panels[0].get_legend_handles_labels()
        upper.legend(handles, names, loc="outside upper right", ncols=2, fontsize=8)
        names = list(found)
        for axes, side in zip(lower.subplots(1, 2), _COLOURS, strict=True):
            picture = _draw_pairs(axes, names, pairs, side)
        lower.colorbar(picture, ax=lower.axes, shrink=0.8, label="association")
        return figure

    def _head(self):
        counts = self.counts.sum()
        head = f"{counts.synthetic} generated rows beside {counts.real} real ones"
        return head + (f", {counts.holdout} held out." if "holdout" in counts else ".")

    def _said(self):
        if self.findings:
            return self.findings
        most = self.counts[["real", "synthetic"]].min(axis=1).max()
        few = f", but {most} rows of a class show little" if most < FEWEST else ""
        return [f"Nothing was found wrong{few}."]

    def _name(self, label):
        several = len(self.counts) > 1
        return f"{self.counts.index.name} = {label}" if several else str(label)

    def _overview(self):
        """Frames of text: the measures with a column for each class, and usefulness."""
        summary = self.tables["summary"]
        cells = summary.synthetic.map("{:.3f}".format)
        errors = summary.error.map(" ± {:.3f}".format).where(summary.error.notna(), "")
        cells += errors + summary.reference.map(" ({:.3f})".format)
        cells = cells.str.replace("nan", "-")
        cells = cells.set_axis([summary.measure, summary["class"]]).unstack(sort=False)
        cells = cells.fillna("")
        cells.columns = [self._name(label) for label in cells.columns]
        yield cells.rename_axis("generated (real)")
        scores = self.tables["usefulness"].drop(columns="test")
        if len(scores):
            yield scores.set_index("train").map("{:.3f}".format)


def _markdown(frame):
    lines = [frame.columns, ["---"] * frame.shape[1], *frame.to_numpy()]
    safe = ([str(x).replace("|", "\\|").replace("\n", " ") for x in ln] for ln in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in safe)


def _cell(row, side, shares):
    """Mean, deviation and range, or the most frequent values; the missing share."""
    cell = ""
    if row.kind != "category" and row[f"missing_{side}"] < 1:
        mean, std, low, high = (
            row[f"{name}_{side}"] for name in ("mean", "std", "min", "max")
        )
        if row.kind == "date":
            days = (np.datetime64(int(day // 1), "D") for day in (mean, low, high))
            cell = "{} ± {:.3g} days [{}, {}]".format(next(days), std, *days)
        else:
            cell = f"{mean:.4g} ± {std:.3g} [{low:.4g}, {high:.4g}]"
            cell += " days" if row.kind == "duration" else ""
    elif row.kind == "category":
        found = _of_column(shares, row.column)
        found = found[found[side] > 0].sort_values(side, ascending=False, kind="stable")
        frequent = zip(found.value[:4], found[side][:4], strict=True)
        parts = [f"{value} {share:.0%}" for value, share in frequent]
        cell = ", ".join(parts) + (" …" if len(found) > 4 else "")
    if row[f"missing_{side}"] > 0:
        cell += f" ({row[f'missing_{side}']:.0%} missing)"
    return cell.strip()


def _of_column(shares, name):
    """Rows of one column, whose name may be a tuple, which pandas takes for a list."""
    return shares[[column == name for column in shares.column]]


def _check_among(name, values, known):
    wrong = [value for value in values if value not in set(known)]
    if wrong:
        raise ValueError(
            f"Invalid `{name}`: it was not compared. Expected of {list(known)[:20]}. "
            f"Received: {wrong}. Leave it out for the default."
        )


def _draw_column(axes, kind, shares):
    axes.tick_params(labelsize=7)
    if kind == "category":
        shares = shares.head(10)
        places = np.arange(len(shares))
        for shift, side in ((-0.2, "real"), (0.2, "synthetic")):
            axes.bar(
                places + shift, shares[side], 0.4, color=_COLOURS[side], label=side
            )
        axes.set_xticks(places, [str(v)[:12] for v in shares.value], rotation=30)
        return
    middles = shares.value.astype(float)
    for side, colour in _COLOURS.items():
        axes.step(middles, shares[side], where="mid", color=colour, label=side)
        axes.fill_between(middles, shares[side], step="mid", color=colour, alpha=0.2)


def _draw_pairs(axes, names, pairs, side):
    grid, places = np.eye(len(names)), {name: i for i, name in enumerate(names)}
    rows, others = ([places[name] for name in pairs[c]] for c in ("column", "other"))
    grid[rows, others] = grid[others, rows] = pairs[side]
    axes.set_title(side, fontsize=9)
    if len(names) <= _LABELS:
        ticks = [str(name)[:18] for name in names]
        axes.set_xticks(range(len(names)), ticks, rotation=90, fontsize=6)
        axes.set_yticks(range(len(names)), ticks, fontsize=6)
    return axes.imshow(grid, cmap="RdBu_r", vmin=-1, vmax=1)
