"""The oversampling methods by name. This module imports none of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import keras

from kerasos.checks import unknown_name_message

T = TypeVar("T")
_METHODS: dict[str, Any] = {}


def register_method(name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator that makes a method known under `name`.

    Sets `method_name` on the class. A `keras.Model` also becomes serialisable
    in the package `"kerasos"`, so saved files load by class name.

    Args:
        name: String in lower case, e.g. `"gamo"`.

    Returns:
        The decorator; it returns the class it was given.

    Raises:
        ValueError: If another class already holds the name.

    Example:

    ```python
    @register_method("my_method")
    class MyMethod(kerasos.OversamplingModel):
        ...

    kerasos.get_method("my_method")  # MyMethod
    ```
    """

    def register(cls):
        holder = _METHODS.get(name, cls)
        if _origin(holder) != _origin(cls):
            raise ValueError(
                f"A method can be registered once. Received {name!r} for "
                f"{_origin(cls)}, but {_origin(holder)} holds that name. "
                "Choose another name."
            )
        if issubclass(cls, keras.Model):
            keras.saving.register_keras_serializable(package="kerasos")(cls)
        cls.method_name = name
        _METHODS[name] = cls
        return cls

    return register


def get_method(name: str) -> type[Any]:
    """Returns the class registered under `name`.

    Args:
        name: String, one of `list_methods()`.

    Returns:
        The class; build it with its `from_data`.

    Raises:
        ValueError: If no method has that name. The message suggests the nearest.

    Example:

    ```python
    model = kerasos.get_method("cvae").from_data(x, y, seed=0)
    ```
    """
    if not isinstance(name, str) or name not in _METHODS:
        raise ValueError(unknown_name_message("method", name, list_methods()))
    return _METHODS[name]


def list_methods() -> list[str]:
    """Returns the names of all registered methods, sorted."""
    return sorted(_METHODS)


def _origin(cls):
    # A reloaded module defines the same class anew; that is no clash.
    return f"{cls.__module__}.{cls.__qualname__}"
