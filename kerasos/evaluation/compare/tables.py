"""Tables as `compare` takes them: a frame, and scikit-learn's classifiers."""

import dataclasses
import warnings

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from kerasos.evaluation.compare.checks import check_data
from kerasos.evaluation.compare.contenders import (
    check_dates,
    check_recalibration,
    make_classifiers,
    make_contenders,
)
from kerasos.evaluation.compare.encoding import as_frame, check_columns
from kerasos.evaluation.compare.objectives import make_metrics
from kerasos.evaluation.compare.plan import Evaluated, Training, timed
from kerasos.evaluation.compare.rebalanced import RECALIBRATIONS, Rebalanced
from kerasos.randomness.seeds import derive_seed


class Tables:
    """What `compare` asks of its data; `images.Images` answers the same.

    Args:
        X, y, methods, classifiers, objective, metrics, random_state: As in `compare`.

    Attributes:
        X: Frame `(n, num_features)`.
        y: Array `(n,)`, labels.
        classes: Array of the labels in order.
        codes: Integer array `(n,)`, places in `classes`.
        metrics: `objectives.Metrics`.
        contenders: List of `Contender`, `none` first.
        classifiers: Dict of name to classifier.
        pictures: Empty dict.
    """

    def __init__(self, X, y, methods, classifiers, objective, metrics, random_state):
        if np.ndim(y) == 2 and np.shape(y)[1] == 1:
            y = np.ravel(y)
        self.classes, self.codes = check_data(X, y)
        self.metrics = make_metrics(metrics, objective, self.classes, self.codes)
        self.contenders = make_contenders(methods, self.metrics.costs)
        self.classifiers = make_classifiers(classifiers, self.contenders)
        self.X, self.y = as_frame(X), np.asarray(y)
        check_columns(self.X, self.classifiers)
        check_dates(self.contenders, self.X)
        self.random_state = random_state
        self.pictures = {}

    def open(self, folder):
        """Gets the folder of the comparison, or None; there are no pictures to keep."""

    def arranged(self, cv, groups, n_jobs):
        """Returns `cv` and `n_jobs` as they are to be; here as they are."""
        return cv, n_jobs

    def check_folds(self, folds):
        """Raises `ValueError` if a method cannot do with the folds."""
        fewest = min(np.bincount(self.codes[train]).min() for train, _ in folds)
        check_recalibration(self.contenders, fewest)

    def fingerprint(self):
        """Returns a string that equal data share."""
        kinds = self.X.dtypes.astype(str).tolist()
        return joblib.hash([self.X.to_numpy(object), kinds])

    def models(self):
        """Returns what is evaluated, unfitted, by classifier and method."""
        return {
            (name, contender.name): self._model(contender, name)
            for name in self.classifiers
            for contender in self.contenders
        }

    def _model(self, contender, classifier):
        return Rebalanced(
            self.classifiers[classifier],
            contender.kind,
            contender.sampler,
            contender.recalibration,
            self.metrics.costs,
            self.metrics.names[0],
            derive_seed(self.random_state, "compare", "classifier"),
            contender.synthetic_weight,
        )

    def training(self, fold, contender, train, seed, like=None):
        """Returns the `Training` of a fold's rows, resampled as a method says.

        `like` is that of a contender with the same sampler, whose rows are taken.
        """
        model = self._model(contender, next(iter(self.classifiers)))
        if like is None:
            X, y = self.X.iloc[train].reset_index(drop=True), self.y[train]
            resampled, seconds = timed(model.resample, X, y, seed)
            like = Training(fold, X, y, *resampled, seconds)
        if contender.recalibration in RECALIBRATIONS and not like.inner:
            inner, seconds = timed(model.resample_inner, like.X, like.y, seed)
            like = dataclasses.replace(like, inner=inner, inner_seconds=seconds)
        return like

    def evaluate(self, name, contender, training, test):
        """Fits a classifier and asks it about the test rows; returns `Evaluated`."""
        model, it = self._model(contender, name), training
        rows = it.X, it.y, it.X_res, it.y_res, it.inner
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, seconds = timed(model.fit_resampled, *rows)
        decided, probabilities = model.predict_both(self.X.iloc[test])
        corrected = None
        if contender.recalibration is None:
            corrected = model.corrected(probabilities)
        places = np.searchsorted(self.classes, decided)
        return Evaluated(places, probabilities, corrected, seconds)
