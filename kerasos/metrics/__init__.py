"""Metrics that weigh every class alike, however few its samples."""

from kerasos.metrics.imbalance import (
    ACSA,
    GMean,
    MacroF1,
    PerClassRecall,
    acsa,
    confusion_matrix,
    g_mean,
    macro_f1,
    per_class_recall,
)

__all__ = [
    "ACSA",
    "GMean",
    "MacroF1",
    "PerClassRecall",
    "acsa",
    "confusion_matrix",
    "g_mean",
    "macro_f1",
    "per_class_recall",
]
