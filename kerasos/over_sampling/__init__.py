"""Oversamplers without a network, and what all oversamplers share."""

from kerasos.over_sampling.baselines import (
    AugmentOversampler,
    NoOversampler,
    RandomOversampler,
    SMOTEOversampler,
)
from kerasos.over_sampling.resample import append, samples_to_add

__all__ = [
    "AugmentOversampler",
    "NoOversampler",
    "RandomOversampler",
    "SMOTEOversampler",
    "append",
    "samples_to_add",
]
