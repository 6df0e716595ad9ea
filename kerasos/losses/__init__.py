"""Losses of classifiers on imbalanced classes, for `model.compile(loss=...)`.

Beside them what methods train with, as pure functions: one value a sample out; of
codes and latents, one a batch.
"""

# Not on first use: Keras loads a saved model's loss only if it knows the class.
from kerasos.losses.long_tail import (
    LDAM,
    BalancedSoftmax,
    ClassBalancedFocal,
    LogitAdjusted,
    adjust_logits,
    adjust_probabilities,
    class_balanced_weights,
)

__all__ = [
    "BalancedSoftmax",
    "ClassBalancedFocal",
    "LDAM",
    "LogitAdjusted",
    "adjust_logits",
    "adjust_probabilities",
    "class_balanced_weights",
]
