"""Oversamplers behind one call: the baselines that need no network."""

from kerasos.over_sampling.baselines import (
    AugmentOversampler,
    NoOversampler,
    RandomOversampler,
    SMOTEOversampler,
)

__all__ = [
    "AugmentOversampler",
    "NoOversampler",
    "RandomOversampler",
    "SMOTEOversampler",
]
