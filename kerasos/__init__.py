"""Deep oversampling for imbalanced classification, on Keras 3."""

import importlib
from typing import TYPE_CHECKING

from kerasos import data
from kerasos.checks import nearest_name
from kerasos.methods import (
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
    FlowMatching,
    GAMO2pix,
    InfoGAN,
    OversamplingModel,
    TwoStageCVAE,
)
from kerasos.methods.infogan.code_graph import CodeGraph
from kerasos.over_sampling import baselines as _baselines  # registers them
from kerasos.registry import get_method, list_methods, register_method
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
    "DeepOverSampler",
    "DeepSMOTE",
    "FeatureClassifier",
    "GAMO",
    "FlowMatching",
    "GAMO2pix",
    "IMSIC",
    "InfoGAN",
    "OversamplingModel",
    "TwoStageCVAE",
    "__version__",
    "callbacks",
    "compare",
    "data",
    "evaluation",
    "get_method",
    "list_methods",
    "losses",
    "metrics",
    "over_sampling",
    "register_method",
]
del _baselines

if TYPE_CHECKING:
    from kerasos import callbacks, evaluation, losses, metrics, over_sampling
    from kerasos.evaluation import compare
    from kerasos.over_sampling.deep import DeepOverSampler
    from kerasos.over_sampling.feature_classifier import FeatureClassifier

# Loaded on first use, with pandas, SciPy and scikit-learn: `{name: module}`.
_LAZY = {
    "DeepOverSampler": "kerasos.over_sampling",
    "FeatureClassifier": "kerasos.over_sampling",
    "compare": "kerasos.evaluation",
}


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in __all__:
        return importlib.import_module(f"kerasos.{name}")
    message = f"module 'kerasos' has no attribute {name!r}."
    nearest = nearest_name(name, [*list_methods(), *__all__])
    if nearest in __all__:
        message += f" Did you mean `kerasos.{nearest}`?"
    elif nearest is not None:
        message += f" Did you mean `kerasos.get_method({nearest!r})`?"
    raise AttributeError(message)


def __dir__():
    return sorted({*globals(), *__all__})
