"""Layers that the methods share."""

from kerasos.layers.batch_norm import GlobalBatchNormalization
from kerasos.layers.diff_augment import CountedShift
from kerasos.layers.label_map import LabelMap
from kerasos.layers.upsample_conv import UpsampleConv2D

__all__ = [
    "ConvexGenerator",
    "CountedShift",
    "GlobalBatchNormalization",
    "LabelMap",
    "NormalizedDense",
    "UpsampleConv2D",
]


def __getattr__(name):
    # Of one method or loss, which imports these layers, so not the other way round.
    if name == "ConvexGenerator":
        from kerasos.methods.gamo.generators import ConvexGenerator

        return ConvexGenerator
    if name == "NormalizedDense":
        from kerasos.losses.long_tail import NormalizedDense

        return NormalizedDense
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
