"""Data sets, imbalanced subsets of them, batches to train on, tables as matrices."""

from typing import TYPE_CHECKING

from kerasos.data.datasets import load
from kerasos.data.defects import defects
from kerasos.data.dsprites import dsprites
from kerasos.data.image_folder import read_image_folder, write_image_folder
from kerasos.data.imbalance import resolve_class_counts, subsample
from kerasos.data.pipeline import batches
from kerasos.data.shapes import draw_shapes, shapes
from kerasos.data.sources import as_arrays
from kerasos.data.spec import DataSpec

__all__ = [
    "DataSpec",
    "TabularEncoder",
    "as_arrays",
    "batches",
    "defects",
    "draw_shapes",
    "dsprites",
    "load",
    "read_image_folder",
    "resolve_class_counts",
    "shapes",
    "subsample",
    "write_image_folder",
]

if TYPE_CHECKING:
    from kerasos.tables.encoder import TabularEncoder


def __getattr__(name):
    # pandas and scikit-learn load on first use, so `import kerasos` stays light.
    if name == "TabularEncoder":
        from kerasos.tables.encoder import TabularEncoder

        return TabularEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
