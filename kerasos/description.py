"""What an object prints as: its name and the facts about it, on a few lines."""

import reprlib

_WIDTH = 88
_SHORT = reprlib.Repr()
_SHORT.maxtuple = _SHORT.maxlist = 6
_SHORT.maxstring = _SHORT.maxother = 40


def described(owner, facts):
    """Returns the `repr` of an object.

    Args:
        owner: The object; its class gives the name.
        facts: `{name: value}`, in order. Long tuples, lists and texts are cut.

    Returns:
        String of lines of 88 characters at most, where values allow it.

    Example:

    >>> described(1j, {"class_counts": (9,) * 30, "seed": 0})
    'complex(class_counts=(9, 9, 9, 9, 9, 9, ...), seed=0)'
    """
    parts = [f"{name}={_SHORT.repr(value)}" for name, value in facts.items()]
    text = f"{type(owner).__name__}({', '.join(parts)})"
    first, *rest = text.split(", ")
    lines = [first]
    for piece in rest:  # between two values, and never within one
        if len(lines[-1]) + len(piece) + 3 <= _WIDTH:
            lines[-1] += f", {piece}"
        else:
            lines[-1] += ","
            lines.append(f"    {piece}")
    return "\n".join(lines)


def chosen(owner):
    """Returns the options of a method that are not at their default.

    Args:
        owner: An instance with `options` of its class, and attributes of their names.

    Returns:
        `{name: value}`, of values that print short: numbers, texts and tuples of them.
    """
    found = {}
    for name, option in type(owner).options.items():
        value = getattr(owner, name, None)
        value = tuple(value) if isinstance(value, list | tuple) else value
        plain = value if isinstance(value, tuple) else (value,)
        if value is None or not all(isinstance(v, int | float | str) for v in plain):
            continue
        if value != option.default:
            found[name] = value
    return found
