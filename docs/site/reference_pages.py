"""The API reference: a page for each package with public names, from its `__all__`."""

import importlib
import inspect
import pathlib

import kerasos

PACKAGE = pathlib.Path(kerasos.__file__).parent
# Where the docstring of one object is shown if several packages offer it: the first.
FIRST = ("kerasos", "kerasos.data", "kerasos.over_sampling", "kerasos.evaluation")


def public_names():
    """Returns `{package: names}` of all packages that say `__all__`.

    `kerasos.evaluation.compare` is left out: as an attribute it is the function.
    """
    found = {}
    for path in sorted(PACKAGE.rglob("__init__.py")):
        parts = path.parent.relative_to(PACKAGE.parent).parts
        name = ".".join(parts)
        module = importlib.import_module(name)
        if hasattr(module, "__all__") and name != "kerasos.evaluation.compare":
            found[name] = sorted(module.__all__, key=str.lower)
    order = {name: place for place, name in enumerate(FIRST)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], 9), item)))


def api_pages():
    """Returns `{file: text}`: an index, and a page a package."""
    pages, homes = {}, {}
    packages = public_names()
    for package, names in packages.items():
        pages[f"api/{package}.rst"] = _page(package, names, packages, homes)
    listed = [
        f"   * - :doc:`{package}`\n     - {_summary(package)}" for package in packages
    ]
    entries = "\n".join(f"   {package}" for package in packages)
    pages["api/index.rst"] = f"""API reference
=============

Every public name, by the package that it is imported from. What is not here may change
without notice. A method's equations and options are on :doc:`its own page
<../methods/index>`.

.. list-table::
   :widths: 30 70

{chr(10).join(listed)}

.. toctree::
   :hidden:

{entries}
"""
    return pages


def _summary(package):
    return inspect.getdoc(importlib.import_module(package)).splitlines()[0]


def _page(package, names, packages, homes):
    module = importlib.import_module(package)
    text = [package, "=" * len(package), "", _summary(package), ""]
    text += [f".. py:module:: {package}", ""]
    for name in names:
        value, full = getattr(module, name), f"{package}.{name}"
        if inspect.ismodule(value):
            text += [f"The package :doc:`{full}`.", ""]
        elif isinstance(value, str):
            text += [f".. py:data:: {name}", "", f"   {value!r}.", ""]
        elif id(value) in homes:
            text += [f".. py:data:: {name}", ""]
            text += [f"   The same as :py:obj:`{homes[id(value)]}`.", ""]
        else:
            homes[id(value)] = full
            text += _documented(name, value)
    return "\n".join(text)


def _documented(name, value):
    if not inspect.isclass(value):
        return [f".. autofunction:: {name}", ""]
    text = [f".. autoclass:: {name}", "   :members:"]
    if value is kerasos.OversamplingModel:
        text.append("   :inherited-members: Model")
    return [*text, ""]
