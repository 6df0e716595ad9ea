"""What a row was measured with: threads, versions and the commit."""

import importlib.metadata
import pathlib
import platform
import subprocess

import tensorflow as tf

import kerasos


def use_threads(threads):
    """Limits TensorFlow to that many threads, before its first operation; 0: all."""
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def provenance(threads, **others):
    """Returns what a reader needs to run the same code again, as `name=value;...`.

    Args:
        threads: As given to `use_threads`.
        **others: Further facts; those without a value are left out.
    """
    facts = {
        "kerasos": kerasos.__version__,
        "commit": _commit(),
        "keras": importlib.metadata.version("keras"),
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "threads": threads or "all",
        **others,
    }
    return ";".join(f"{name}={value}" for name, value in facts.items() if value)


def _commit():
    """Returns the commit of this checkout, marked where its code differs from it."""
    try:
        commit = _git("describe", "--always", "--exclude=*")
        # Rows that runs append are no other code.
        places = (":/", ":(top,exclude)benchmarks/results")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", *places)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed else "")


def _git(*arguments):
    here = pathlib.Path(__file__).parent
    found = subprocess.run(
        ["git", *arguments], cwd=here, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()
