"""Data sets, imbalanced subsets of them, and batches to train on."""

from kerasos.data.arrays import as_arrays
from kerasos.data.datasets import load
from kerasos.data.imbalance import resolve_class_counts, subsample
from kerasos.data.pipeline import batches
from kerasos.data.spec import DataSpec

__all__ = [
    "DataSpec",
    "as_arrays",
    "batches",
    "load",
    "resolve_class_counts",
    "subsample",
]
