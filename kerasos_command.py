"""Where the command `kerasos` begins, beside the package and not in it.

`import kerasos` loads TensorFlow, so that Keras knows the methods by name; that takes
seconds. `kerasos --help` and an error about a file need none of it. Here the package is
made but not run, as `importlib` allows: its light modules can be imported, and
`kerasos.command.package.load` runs the rest when the work begins.
"""

import importlib.util
import sys


def main() -> int:
    """Runs the command that `sys.argv` holds; returns the exit status."""
    if "kerasos" not in sys.modules:
        spec = importlib.util.find_spec("kerasos")
        if spec is not None:
            sys.modules["kerasos"] = importlib.util.module_from_spec(spec)
    from kerasos.command.main import main as run

    return run(sys.argv[1:])
