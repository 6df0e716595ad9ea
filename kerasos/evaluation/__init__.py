"""Classifiers, scores and diagnostics for judging an oversampler from outside."""

from kerasos.evaluation.classifiers import gamo_classifier
from kerasos.evaluation.diagnostics import (
    GeneratorDiagnosis,
    GeneratorReport,
    diagnose,
)
from kerasos.evaluation.downstream import DownstreamScore
from kerasos.evaluation.quick import QuickClassifier

__all__ = [
    "DownstreamScore",
    "GeneratorDiagnosis",
    "GeneratorReport",
    "QuickClassifier",
    "diagnose",
    "gamo_classifier",
]
