"""What the short names of papers, settings, metrics and methods mean, in words."""

import pathlib
import re

import pandas as pd

_ROWS = pd.read_csv(pathlib.Path(__file__).with_name("names.csv"), dtype=str)
NAMES = {
    kind: part.set_index("name").words.to_dict() for kind, part in _ROWS.groupby("kind")
}
THOUSANDS = re.compile(r"\d{4,}")


def title(place):
    """Returns the title of a published table at one data set and setting.

    Example:
        >>> title(("GAMO2019", "1", "MNIST", "IR=100"))
        'GAMO (Mullick et al., 2019), table 1: MNIST, imbalance ratio 100'
    """
    paper, table, dataset, setting = place
    parts = ", ".join(filter(None, (dataset, in_words(setting))))
    return f"{table_title(paper, table)}: {parts}"


def table_title(paper, table):
    """Returns a paper and its table in words."""
    name = f"table {table}" if table.isdigit() else NAMES["table"].get(table, table)
    return f"{NAMES['paper'].get(paper, paper)}, {name}"


def in_words(setting):
    """Returns a setting `name=value;name=value` in words; unknown parts as they are."""
    return ", ".join(map(_part, filter(None, setting.split(";"))))


def _part(part):
    name, _, value = part.partition("=")
    words = NAMES["setting"].get(part) or NAMES["setting"].get(name)
    if words is None or not value:
        return part
    value = THOUSANDS.sub(lambda digits: f"{int(digits[0]):,}", value)
    return words.format(value)


def metric(name):
    """Returns what a metric is in words, or None if it has none.

    Example:
        >>> metric("all_F1_last"), metric("FID_cnn_class3")[-18:]
        ('F1, mean over all classes; at the last checkpoint', 'is better; class 3')
    """
    ends, known = [], NAMES["metric"]
    while name not in known:
        ending = next((end for end in NAMES["ending"] if name.endswith(end)), None)
        of_class = re.search(r"_class(\w+)$", name)
        if ending:
            ends.insert(0, NAMES["ending"][ending])
            name = name.removesuffix(ending)
        elif of_class:
            ends.insert(0, f"class {of_class[1]}")
            name = name[: of_class.start()]
        else:
            return None
    return "; ".join([known[name], *ends])


def explained(names):
    """Returns `{name: words}` of the metrics among some names that have words."""
    return {name: metric(name) for name in names if metric(name)}


def methods(names):
    """Returns `{name: words}` of methods whose short name says little."""
    known = NAMES["method"]
    found = {name: known[name] for name in names if name in known}
    if any(name.endswith("+CN") for name in names):
        found = {"CN": known["CN"], **found}
    return found
