"""The package as the command sees it, before TensorFlow is loaded and after."""

import contextlib
import os
import pathlib
import re
import sys
import tempfile

from kerasos.checks import unknown_name_message

_ROOT = pathlib.Path(__file__).parents[1]
_REGISTERED = re.compile(r'^@register_method\("(\w+)"\)', re.MULTILINE)


def load(quiet=True):
    """Runs what `kerasos_command` left out: `import kerasos` as it is elsewhere.

    Args:
        quiet: Whether to keep back what TensorFlow's libraries print while they are
            loaded: no variable hides those lines, and they would stand before the one
            message of an error.
    """
    package = sys.modules["kerasos"]
    if hasattr(package, "list_methods"):
        return
    # TensorFlow leaves it off on many processors, where a step on images takes 1.6
    # times as long without it (docs/speed.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if not quiet:
        package.__spec__.loader.exec_module(package)
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _stderr_kept_back():
        package.__spec__.loader.exec_module(package)


@contextlib.contextmanager
def _stderr_kept_back():
    """Hides what C++ prints; shows it after all where something is raised."""
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(shown, kept.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def method_names(room="."):
    """Names of the registered methods, read off the source, without TensorFlow.

    Args:
        room: Folder of the package to look in: "methods" has those with a network.

    Returns:
        Sorted list of strings.
    """
    files = (_ROOT / room).rglob("*.py")
    texts = (path.read_text(encoding="utf-8") for path in files)
    return sorted(name for text in texts for name in _REGISTERED.findall(text))


def check_method(name):
    """Raises `ValueError`, with the nearest name, if no method is called so."""
    names = method_names()
    if name not in names:
        raise ValueError(unknown_name_message("method", name, names))
