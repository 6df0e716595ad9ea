"""Deep oversampling for imbalanced classification, on Keras 3."""

from kerasos import data
from kerasos.code_graph import CodeGraph
from kerasos.models import (
    ACGAN,
    BAGAN,
    CDCGAN,
    CGAN,
    CVAE,
    GAMO,
    IMSIC,
    InfoGAN,
    OversamplingModel,
)
from kerasos.over_sampling import baselines as _baselines  # registers them
from kerasos.registry import get_method, list_methods
from kerasos.version import __version__

__all__ = [
    "ACGAN",
    "BAGAN",
    "CDCGAN",
    "CGAN",
    "CVAE",
    "CodeGraph",
    "GAMO",
    "IMSIC",
    "InfoGAN",
    "OversamplingModel",
    "__version__",
    "data",
    "get_method",
    "list_methods",
]
del _baselines
