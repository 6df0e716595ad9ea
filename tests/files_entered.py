"""Which files of the package a call enters: how far its reader must walk."""

import pathlib
import sys

import kerasos

_PACKAGE = pathlib.Path(kerasos.__file__).parent


def files_entered(function):
    """Calls `function()` and returns what it entered.

    Args:
        function: Callable without arguments, for example one eager `train_step` of a
            batch that is prepared.

    Returns:
        Set of strings, paths under `kerasos/` with forward slashes, e.g.
        `"methods/gamo/gamo.py"`.
    """
    entered, before = set(), sys.getprofile()

    def profile(frame, event, argument):
        entered.add(frame.f_code.co_filename)

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(before)
    paths = map(pathlib.Path, entered)
    return {
        path.relative_to(_PACKAGE).as_posix()
        for path in paths
        if path.is_relative_to(_PACKAGE)
    }
