"""A script of the project: in a process of its own, or as a module."""

import contextlib
import importlib.util
import os
import pathlib
import subprocess
import sys

import forked
from absl import flags

from kerasos import registry

ROOT = pathlib.Path(__file__).parents[1]


def run(path, *options, folder=None, python=None):
    """Runs the script at `path`, or `-c`, in `folder` with this checkout."""
    return subprocess.run(
        [python or forked.python(), str(path), *map(str, options)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )


@contextlib.contextmanager
def loaded(path):
    """Yields the script at `path` as a module.

    Two scripts may define one flag; here they share a process. So flags of others are
    taken away while the module is in use, and the module's own afterwards.
    """
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # where it finds what stands beside it
    others = _take_flags()
    try:
        spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        _take_flags()
        for flag in others:
            flags.FLAGS[flag.name] = flag


@contextlib.contextmanager
def registered(path):
    """Yields the script at `path`; methods that it registers are forgotten then."""
    before = dict(registry._METHODS)
    try:
        with loaded(path) as module:
            yield module
    finally:
        registry._METHODS.clear()
        registry._METHODS.update(before)


def _take_flags():
    """Removes and returns all flags but absl's."""
    taken = {}
    for name in list(flags.FLAGS):
        module = flags.FLAGS.find_module_defining_flag(name, "")
        if not module.startswith("absl."):
            flag = flags.FLAGS[name]
            taken[flag.name] = flag
            delattr(flags.FLAGS, name)
    return list(taken.values())
