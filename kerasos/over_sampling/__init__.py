"""Oversamplers behind one call: `DeepOverSampler`, and baselines without a network."""

from typing import TYPE_CHECKING

from kerasos.over_sampling.baselines import (
    AugmentOversampler,
    ConvexOversampler,
    NoOversampler,
    RandomOversampler,
    SMOTEOversampler,
)

__all__ = [
    "AugmentOversampler",
    "ConvexOversampler",
    "DeepOverSampler",
    "FeatureClassifier",
    "NoOversampler",
    "PriorCorrectedClassifier",
    "RandomOversampler",
    "SMOTEOversampler",
    "SampleFilter",
    "SyntheticWeightClassifier",
    "keep",
    "prior_corrected",
]

if TYPE_CHECKING:
    from kerasos.over_sampling.deep import DeepOverSampler
    from kerasos.over_sampling.feature_classifier import FeatureClassifier
    from kerasos.over_sampling.filters import SampleFilter, keep
    from kerasos.over_sampling.prior_correction import (
        PriorCorrectedClassifier,
        prior_corrected,
    )
    from kerasos.over_sampling.synthetic_weight import SyntheticWeightClassifier


def __getattr__(name):
    # imbalanced-learn and scikit-learn load on first use: `import kerasos` is light.
    if name == "DeepOverSampler":
        from kerasos.over_sampling.deep import DeepOverSampler

        return DeepOverSampler
    if name == "FeatureClassifier":
        from kerasos.over_sampling.feature_classifier import FeatureClassifier

        return FeatureClassifier
    if name == "SyntheticWeightClassifier":
        from kerasos.over_sampling import synthetic_weight

        return synthetic_weight.SyntheticWeightClassifier
    if name in ("SampleFilter", "keep"):
        from kerasos.over_sampling import filters

        return getattr(filters, name)
    if name in ("PriorCorrectedClassifier", "prior_corrected"):
        from kerasos.over_sampling import prior_correction

        return getattr(prior_correction, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
