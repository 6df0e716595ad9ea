"""Deep oversampling for imbalanced classification, on Keras 3."""

from kerasos import data
from kerasos.code_graph import CodeGraph
from kerasos.models import (
    ACGAN,
    BAGAN,
    CDCGAN,
    CGAN,
    CVAE,
    DGC,
    DOS,
    GAMO,
    IMSIC,
    ActiveGAN,
    ConditionalWAE,
    DeepSMOTE,
    GAMO2pix,
    InfoGAN,
    OversamplingModel,
    TwoStageCVAE,
)
from kerasos.over_sampling import baselines as _baselines  # registers them
from kerasos.registry import get_method, list_methods
from kerasos.version import __version__

__all__ = [
    "ACGAN",
    "ActiveGAN",
    "BAGAN",
    "CDCGAN",
    "CGAN",
    "CVAE",
    "CodeGraph",
    "ConditionalWAE",
    "DGC",
    "DOS",
    "DeepSMOTE",
    "GAMO",
    "GAMO2pix",
    "IMSIC",
    "InfoGAN",
    "OversamplingModel",
    "TwoStageCVAE",
    "__version__",
    "data",
    "get_method",
    "list_methods",
]
del _baselines
