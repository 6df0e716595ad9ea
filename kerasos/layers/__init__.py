"""Layers that the methods share."""

from kerasos.layers.convex import ConvexGenerator
from kerasos.layers.counted_shift import CountedShift
from kerasos.layers.upsample_conv import UpsampleConv2D

__all__ = ["ConvexGenerator", "CountedShift", "UpsampleConv2D"]
