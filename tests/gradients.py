"""What TensorFlow keeps of graphs for as long as the process runs."""

import tensorflow as tf
from tensorflow.python.framework import ops  # there is no public name


def registered_gradients():
    """Returns names of registered gradients that keep variables in memory.

    A function with a gradient of its own registers it whenever it is traced. What it
    registers holds tensors of the graph, and so all variables that the graph captured.
    """
    names = ops.gradient_registry.list()
    found = {name for name in names if name.startswith("CustomGradient")}
    return {name for name in found if _keeps(ops.gradient_registry.lookup(name))}


def _keeps(value):
    """Whether variables can be reached from a function, or a list of tensors."""
    if isinstance(value, list | tuple):
        return any(map(_keeps, value))
    if isinstance(getattr(value, "graph", None), tf.__internal__.FuncGraph):
        return any(outer.dtype == tf.resource for outer, _ in value.graph.captures)
    cells = getattr(value, "__closure__", None) or ()
    return any(_keeps(cell.cell_contents) for cell in cells)
