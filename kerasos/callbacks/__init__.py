"""Keras callbacks: pictures, scores and diagnostics while a generator trains."""

from kerasos.callbacks.backup import AtomicBackup
from kerasos.callbacks.deferred_reweighting import DeferredReweighting
from kerasos.callbacks.early_stopping import GeneratorEarlyStopping
from kerasos.callbacks.effective_anchors import EffectiveAnchors
from kerasos.callbacks.evaluation_csv import EvaluationCSV
from kerasos.callbacks.generator_diagnostics import GeneratorDiagnostics
from kerasos.callbacks.sample_grid import SampleGrid

__all__ = [
    "AtomicBackup",
    "DeferredReweighting",
    "EffectiveAnchors",
    "EvaluationCSV",
    "GeneratorDiagnostics",
    "GeneratorEarlyStopping",
    "SampleGrid",
]
