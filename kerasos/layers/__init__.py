"""Layers that the methods share."""

from kerasos.layers.convex import ConvexGenerator

__all__ = ["ConvexGenerator"]
