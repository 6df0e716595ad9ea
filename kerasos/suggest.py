"""Error messages that name the nearest valid spelling."""

import difflib
import numbers


def nearest_name(name, choices):
    """Returns the entry of `choices` spelt most like `name`, or `None`."""
    by_lower = {str(choice).lower(): choice for choice in choices}
    match = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[match[0]] if match else None


def unknown_name_message(kind, name, choices, where=None):
    """Says that `name` is unknown, what was expected, and what it may have meant.

    Args:
        kind: String, what the name stands for, e.g. `"method"`.
        name: The name received.
        choices: Iterable of valid names.
        where: String, the callable that got the name. Default: not mentioned.

    Returns:
        String, the text of an error.

    Example:

    >>> unknown_name_message("method", "gammo", ["cvae", "gamo"])
    "Unknown method 'gammo'. Expected one of: 'cvae', 'gamo'. Did you mean 'gamo'?"
    """
    choices = list(choices)
    message = f"Unknown {kind} {name!r}" + (f" for `{where}`." if where else ".")
    if not choices:
        return f"{message} There is none to choose from."
    message += f" Expected one of: {', '.join(repr(choice) for choice in choices)}."
    nearest = nearest_name(name, choices)
    return message if nearest is None else f"{message} Did you mean {nearest!r}?"


def check_options(options, allowed, where):
    """Refuses options that `where` does not take.

    Args:
        options: Dict or iterable of the option names received.
        allowed: Iterable of the option names taken.
        where: String, the callable that got them, e.g. `"GAMO.from_data"`.

    Raises:
        TypeError: If an option is not in `allowed`.

    Example:

    >>> check_options({"epochs": 3}, ["epochs"], "GAMO.from_data")
    """
    allowed = list(allowed)
    for name in options:
        if name not in allowed:
            if not allowed:
                raise TypeError(f"`{where}` takes no options. Received: {name!r}.")
            raise TypeError(unknown_name_message("option", name, allowed, where))


def check_choice(name, value, choices):
    """Raises `ValueError` unless `value` is one of `choices`.

    Args:
        name: String, the name of the argument.
        value: What was received.
        choices: Iterable of valid names.
    """
    if value not in choices:
        raise ValueError(
            f"Invalid `{name}`. " + unknown_name_message(name, value, choices)
        )


def check_count(name, value, least=1):
    """Raises `ValueError` unless `value` is an integer of at least `least`.

    Args:
        name: String, the name of the argument.
        value: What was received.
        least: Integer. Default 1.
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(
            f"`{name}` must be an integer of at least {least}. Received: {value!r}."
        )


def check_number(name, value, least=0.0, most=None):
    """Raises `ValueError` unless `value` is a number from `least` to `most`.

    Args:
        name: String, the name of the argument.
        value: What was received.
        least: Number. Default 0.
        most: Number, or None for no bound.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    # Not a number fails both comparisons.
    if not is_number or not value >= least:
        raise ValueError(
            f"`{name}` must be a number of at least {least:g}. Received: {value!r}."
        )
    if most is not None and not value <= most:
        raise ValueError(
            f"`{name}` must lie in [{least:g}, {most:g}]. Received: {value!r}."
        )
