"""Every check of an option or an argument, with errors that say the way out.

An option is a keyword argument whose annotation says what it may be:

    @checked
    def __init__(self, generator, *, loss: Literal["ls", "ce"] = "ls",
                 neighbors: Count = 5, cluster_weight: NonNegative | None = None):

`checked` refuses other values before the body runs, in the same words everywhere. NaN,
infinity, text, and booleans where a number is meant are refused, whatever the bounds.
"""

import collections
import collections.abc
import difflib
import functools
import inspect
import math
import numbers
import types
import typing

import numpy as np


def nearest_name(name, choices):
    """Returns the entry of `choices` spelt most like `name`, or `None`.

    Of a number it is the one of the same value: 1 for 10 would be no help.
    """
    if (value := _number(name)) is not None:
        same = (choice for choice in choices if _number(choice) == value)
        return next(same, None)
    by_lower = {str(choice).lower(): choice for choice in choices}
    match = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[match[0]] if match else None


def _number(name):
    try:
        return float(name)
    except (TypeError, ValueError):
        return None


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


class Kind:
    """A kind of values: whether a value fits, and in words what would."""

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self):
        return hash((type(self), *vars(self).values()))

    def __repr__(self):
        return f"{type(self).__name__}{tuple(vars(self).values())}"

    def fits(self, value):
        """Whether `value` is of this kind."""
        raise NotImplementedError


class Integer(Kind):
    """Integers from `least` to `most`, None for no bound; no booleans."""

    def __init__(self, least=None, most=None):
        self.least, self.most = least, most

    def fits(self, value):
        is_integer = isinstance(value, numbers.Integral)
        return is_integer and not isinstance(value, bool) and _within(self, value)

    def __str__(self):
        return "an integer" + _bounds(self)


class Number(Kind):
    """Finite numbers from `least` to `most`, `above` and `below` two others."""

    def __init__(self, least=None, most=None, above=None, below=None):
        self.least, self.most, self.above, self.below = least, most, above, below

    def fits(self, value):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            return False
        inside = (self.above is None or value > self.above) and (
            self.below is None or value < self.below
        )
        return math.isfinite(value) and inside and _within(self, value)

    def __str__(self):
        text = "a finite number" + _bounds(self)
        text += "" if self.above is None else f" above {self.above:g}"
        return text + ("" if self.below is None else f" below {self.below:g}")


class Boolean(Kind):
    """True or False."""

    def fits(self, value):
        return isinstance(value, bool | np.bool_)

    def __str__(self):
        return "True or False"


class OneOf(Kind):
    """One of some names."""

    def __init__(self, choices):
        self.choices = tuple(choices)

    def fits(self, value):
        return isinstance(value, str) and value in self.choices

    def __str__(self):
        return "one of " + ", ".join(repr(choice) for choice in self.choices)


class Listed(Kind):
    """A list or tuple of values that fit `kind`, `length` of them if that is given."""

    def __init__(self, kind, length=None):
        self.kind, self.length = kind, length

    def fits(self, value):
        fits = isinstance(value, list | tuple) and all(map(self.kind.fits, value))
        return fits and self.length in (None, len(value))

    def __str__(self):
        count = "" if self.length is None else f"{self.length} entries, each "
        return f"a list of {count}{self.kind}"


class AnyOf(Kind):
    """What fits one of several kinds; None among them is None."""

    def __init__(self, kinds):
        self.kinds = tuple(kinds)

    def fits(self, value):
        return any(_fits(kind, value) for kind in self.kinds)

    def __str__(self):
        return ", or ".join(str(kind) for kind in self.kinds)


Seed = typing.Annotated[int, Integer()]
Whole = typing.Annotated[int, Integer(0)]
Count = typing.Annotated[int, Integer(1)]
Real = typing.Annotated[float, Number()]
NonNegative = typing.Annotated[float, Number(0)]
Positive = typing.Annotated[float, Number(above=0)]
Share = typing.Annotated[float, Number(0, 1)]

Option = collections.namedtuple("Option", "name default check")
Option.__doc__ = """An option of a method.

Args:
    name: The name of the keyword argument.
    default: Its default value; None often stands for "by the data".
    check: The kind of values it takes, which in words is `str(check)`; None where the
        method checks by itself, because other options or the data decide.
"""


class Options:
    """The class attribute `options` of a method, its `OptionsOf`."""

    def __get__(self, instance, cls):
        return OptionsOf(cls)


class OptionsOf(dict):
    """`{name: Option}` of the `from_data` of a method.

    Made from the signature. What `from_data` does not annotate is of the kind that the
    constructor annotates.
    """

    def __init__(self, cls):
        kinds = _kinds_of_constructor(cls)
        super().__init__(
            (name, Option(name, parameter.default, kinds.get(name) or own))
            for name, parameter, own in _keywords(cls.from_data)
            if name != "seed"
        )
        self._of_constructor = [name for name in self if name in kinds]

    def given(self, values, defaults=None, to=None):
        """Returns what `from_data` hands on of its options.

        Args:
            values: Dict with all options: in `from_data`, `locals()`.
            defaults: Dict of what None stands for, where it stands for a value.
            to: Function whose keyword arguments they are. Default: the constructor.

        Returns:
            `{name: value}`.

        Example:

        >>> cls(*networks, spec=data.spec, **cls.options.given(locals()))
        """
        names = [name for name, *_ in _keywords(to)] if to else self._of_constructor
        given, defaults = {name: values[name] for name in names}, defaults or {}
        return {n: defaults.get(n) if v is None else v for n, v in given.items()}


def _keywords(function):
    """Lists `(name, parameter, kind)` of the keyword-only arguments."""
    return [
        (name, parameter, kind_of(parameter.annotation))
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


@functools.cache
def _kinds_of_constructor(cls):
    kinds = {}
    for part in reversed(cls.__mro__):
        if "__init__" in vars(part):
            for name, _, kind in _keywords(part.__init__):
                kinds[name] = kind or kinds.get(name)
    return kinds


def kind_of(annotation):
    """Returns the kind that an annotation stands for, or None for any value."""
    if annotation is bool:
        return Boolean()
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return parts[1]
    if origin is typing.Literal:
        return OneOf(parts)
    if origin in (typing.Union, types.UnionType):
        kinds = tuple(kind_of(part) for part in parts)
        unknown = kinds.count(None) - parts.count(type(None))
        return None if unknown else AnyOf(kinds)
    return None


# Where a user's mind is when a name is right, but of another call.
_ELSEWHERE = {
    "epochs": "`fit` takes it",
    "batch_size": "`fit` and `kerasos.data.batches` take it",
    "callbacks": "`fit` takes it",
    "validation_data": "`fit` takes it",
    "verbose": "`fit` and `sample` take it",
    "optimizer": "`compile` takes an optimizer for each player",
    "random_state": "here it is `seed`",
    "sampling_strategy": "`oversample` takes it",
}


F = typing.TypeVar("F", bound=collections.abc.Callable[..., typing.Any])


@typing.overload
def checked(function: F, *, hints: dict | None = None) -> F: ...


@typing.overload
def checked(
    function: None = None, *, hints: dict | None = None
) -> collections.abc.Callable[[F], F]: ...


def checked(function=None, *, hints=None):
    """Decorator that checks the arguments of a method before it runs.

    Args:
        function: A method, a constructor, or a class method (below `@classmethod`),
            whose keyword arguments are annotated with `bool`, `Literal[...]`, one of
            the kinds above, or a union of these with `|`. A default always passes.
            What a class method does not annotate is of the constructor's kind.
        hints: `{name: text}`, what to say when a name comes that it does not take.

    Returns:
        The function.

    Raises:
        TypeError: When called, if a name is unknown or missing; it says the nearest.
        ValueError: When called, if a value is not of its kind.
    """
    if function is None:
        return functools.partial(checked, hints=hints)
    is_constructor = function.__name__ == "__init__"

    @functools.wraps(function)
    def call(owner, *args, **kwargs):
        cls = owner if isinstance(owner, type) else type(owner)
        where = cls.__name__
        where += "" if is_constructor else f".{function.__name__}"
        signature, parameters = _signature(function)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            for name in kwargs:
                if name not in parameters:
                    known = _names_to_tell(parameters, is_constructor or cls is owner)
                    raise TypeError(_unknown_argument(name, known, where, hints))
        try:
            given = signature.bind(owner, *args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(_call_message(error, cls, where, is_constructor)) from None
        kinds = _kinds_of_constructor(cls) if cls is owner else {}
        for name in given.keys() & parameters.keys():
            value, default = given[name], parameters[name].default
            if value is not default:
                kind = kind_of(parameters[name].annotation) or kinds.get(name)
                check(name, value, kind, default)
        return function(owner, *args, **kwargs)

    return call


@functools.cache  # at the first call, not when the package is imported
def _signature(function):
    signature = inspect.signature(function)
    return signature, dict(list(signature.parameters.items())[1:])


def _names_to_tell(parameters, has_options):
    """Names for an error: the options alone, beside data or networks."""
    return [
        name
        for name, parameter in parameters.items()
        if not has_options or parameter.kind is parameter.KEYWORD_ONLY
    ]


def check(name, value, kind, default=inspect.Parameter.empty):
    """Raises `ValueError` unless `value` fits `kind`.

    Args:
        name: String, the name of the argument.
        value: What was received.
        kind: One of the kinds above; None lets everything pass.
        default: What leaving it out gives, for the way out.
    """
    if kind is None or kind.fits(value):
        return
    way_out = ""
    if default is None:
        way_out = " Leave it out for the default."
    elif default is not inspect.Parameter.empty:
        way_out = f" Leave it out for the default, {default!r}."
    choices = _choices(kind)
    if isinstance(value, str) and choices:
        nearest = nearest_name(value, choices)
        way_out = way_out if nearest is None else f" Did you mean {nearest!r}?"
    raise ValueError(
        f"Invalid `{name}`: it must be {kind}. Received: {name}={value!r}.{way_out}"
    )


def check_choice(name, value, choices):
    """Raises `ValueError` unless `value` is one of the names `choices`."""
    check(name, value, OneOf(tuple(choices)))


def check_count(name, value, least=1):
    """Raises `ValueError` unless `value` is an integer of at least `least`."""
    check(name, value, Integer(least))


def check_number(name, value, least=0.0, most=None):
    """Raises `ValueError` unless `value` is a number from `least` to `most`."""
    check(name, value, Number(least, most))


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
            raise TypeError(_unknown_argument(name, allowed, where))


def _unknown_argument(name, known, where, hints=None):
    hint = (hints or {}).get(name)
    if hint is None and name in _ELSEWHERE:
        hint = f"`{name}` does not belong here: {_ELSEWHERE[name]}."
    if hint is None and not known:
        return f"`{where}` takes no options. Received: {name!r}."
    message = unknown_name_message("option", name, known, where)
    return f"{message} {hint}" if hint else message


def _call_message(error, cls, where, is_constructor):
    if not is_constructor or not hasattr(cls, "from_data"):
        return f"`{where}`: {error}."
    return (
        f"`{where}` takes networks that are built already ({error}). To have them "
        f"built for your data, call `{where}.from_data(x, y)`."
    )


def _fits(kind, value):
    return value is None if kind is None else kind.fits(value)


def _choices(kind):
    kinds = kind.kinds if isinstance(kind, AnyOf) else (kind,)
    return [name for k in kinds if isinstance(k, OneOf) for name in k.choices]


def _within(kind, value):
    return (kind.least is None or value >= kind.least) and (
        kind.most is None or value <= kind.most
    )


def _bounds(kind):
    if kind.most is None:
        return "" if kind.least is None else f" of at least {kind.least:g}"
    if kind.least is None:
        return f" of at most {kind.most:g}"
    return f" in [{kind.least:g}, {kind.most:g}]"
