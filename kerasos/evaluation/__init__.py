"""Classifiers and scores for judging an oversampler from outside."""

from kerasos.evaluation.classifiers import gamo_classifier

__all__ = ["gamo_classifier"]
