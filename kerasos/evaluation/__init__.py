"""Classifiers, scores and diagnostics for judging an oversampler from outside."""

from kerasos.evaluation.augmentation import augmented
from kerasos.evaluation.classifiers import (
    fajardo_mlp,
    gamo_classifier,
    imsic_cnn,
    strong_cnn,
)
from kerasos.evaluation.code_dependence import CodeDependence, code_dependence
from kerasos.evaluation.compare import compare
from kerasos.evaluation.comparison import Comparison
from kerasos.evaluation.diagnostics import (
    GeneratorDiagnosis,
    GeneratorReport,
    diagnose,
)
from kerasos.evaluation.disentanglement import FactorVAEScore, factor_vae_score
from kerasos.evaluation.downstream import DownstreamScore
from kerasos.evaluation.fid import fid, frechet_distance
from kerasos.evaluation.quick import QuickClassifier
from kerasos.evaluation.significance import (
    holm,
    paired_t_test,
    ranking_agreement,
)
from kerasos.evaluation.weight_search import fit_weighted, search_sample_weight

__all__ = [
    "Comparison",
    "CodeDependence",
    "DownstreamScore",
    "FactorVAEScore",
    "GeneratorDiagnosis",
    "GeneratorReport",
    "QuickClassifier",
    "augmented",
    "compare",
    "code_dependence",
    "diagnose",
    "factor_vae_score",
    "fajardo_mlp",
    "fid",
    "fit_weighted",
    "frechet_distance",
    "gamo_classifier",
    "imsic_cnn",
    "holm",
    "paired_t_test",
    "ranking_agreement",
    "search_sample_weight",
    "strong_cnn",
]
