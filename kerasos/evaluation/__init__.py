"""Classifiers, scores and diagnostics for judging an oversampler from outside."""

from kerasos.evaluation.augmentation import augmented
from kerasos.evaluation.classifiers import (
    fajardo_mlp,
    gamo_classifier,
    imsic_cnn,
    small_cnn,
    strong_cnn,
)
from kerasos.evaluation.codes.dependence import CodeDependence, code_dependence
from kerasos.evaluation.codes.factor_vae import FactorVAEScore, factor_vae_score
from kerasos.evaluation.compare.comparison import Comparison
from kerasos.evaluation.compare.networks import ImageClassifier
from kerasos.evaluation.compare.plan import compare
from kerasos.evaluation.compare.significance import (
    holm,
    paired_t_test,
    ranking_agreement,
)
from kerasos.evaluation.diagnostics import (
    GeneratorDiagnosis,
    GeneratorReport,
    diagnose,
)
from kerasos.evaluation.downstream import DownstreamScore, QuickClassifier
from kerasos.evaluation.fid import fid, frechet_distance
from kerasos.evaluation.quality import quality
from kerasos.evaluation.quality_report import QualityReport

__all__ = [
    "Comparison",
    "CodeDependence",
    "DownstreamScore",
    "FactorVAEScore",
    "GeneratorDiagnosis",
    "GeneratorReport",
    "ImageClassifier",
    "QualityReport",
    "QuickClassifier",
    "augmented",
    "compare",
    "code_dependence",
    "diagnose",
    "factor_vae_score",
    "fajardo_mlp",
    "fid",
    "frechet_distance",
    "gamo_classifier",
    "imsic_cnn",
    "holm",
    "paired_t_test",
    "quality",
    "ranking_agreement",
    "small_cnn",
    "strong_cnn",
]
