"""Layers that the methods share."""

from kerasos.layers.convex import ConvexGenerator
from kerasos.layers.upsample_conv import UpsampleConv2D

__all__ = ["ConvexGenerator", "UpsampleConv2D"]
