"""How much generated rows should weigh, searched inside the training data."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing as rows_of
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from kerasos.checks import Number, check
from kerasos.over_sampling.estimators import (
    seeded,
    synthetic_weights,
    takes_weights,
    weights_for,
)
from kerasos.over_sampling.inputs import check_containers, checked_labels
from kerasos.randomness.seeds import derive_seed


def _can_predict(self):
    return hasattr(getattr(self, "classifier_", self.classifier), "predict_proba")


class SyntheticWeightClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Trains on real and generated rows, and finds out what the latter are worth.

    Real rows weigh 1 and generated ones w, the value of `weights` with the best mean
    score on real rows left out; of several that one which is smallest. 0 stands for
    none of them, and is an answer. A search after Fajardo et al., with one change:
    every fold has an over-sampler of its own, which has seen nothing of the rows that
    the fold is judged by.

    Args:
        classifier: Unfitted, whose `fit` takes `sample_weight`; or a `Pipeline` of
            scikit-learn that ends with such a one.
        sampler: Over-sampler of imbalanced-learn or a `DeepOverSampler`.
        weights: Weights to try, at least 0. Each costs a fit of the classifier a fold.
        scoring: Name or scorer of scikit-learn.
        cv: Folds, or a splitter of scikit-learn; each trains an over-sampler.
        random_state: Integer or None: of folds, samplers and classifiers.

    Attributes:
        weight_: The weight that was found.
        scores_: Dict of weight to the list of the folds' scores.
        classifier_, sampler_: Fitted on all rows with it; with weight 0 no sampler is,
            and `sampler_` is None.
        classes_: Labels in order.

    Raises:
        TypeError: If the classifier takes no weights, or the sampler is none that adds
            rows.
        ValueError: If a weight is negative, or a class has too few rows for the folds.

    Example:

    >>> clf = SyntheticWeightClassifier(LogisticRegression(), DeepOverSampler("flow"))
    >>> clf.fit(X, y).weight_, clf.scores_

    Reference:
        Fajardo et al. On Oversampling Imbalanced Data with Deep Conditional Generative
        Models, Expert Systems with Applications 2021 (section 4).
    """

    def __init__(
        self,
        classifier: Any,
        sampler: Any,
        *,
        weights: Sequence[float] = (0.0, 0.1, 0.3, 1.0, 3.0),
        scoring: Any = "balanced_accuracy",
        cv: Any = 3,
        random_state: int | None = 0,
    ) -> None:
        self.classifier = classifier
        self.sampler = sampler
        self.weights = weights
        self.scoring = scoring
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Searches the weight on `X, y` and trains with it; returns the classifier."""
        check_containers(X, y)
        y = np.ravel(np.asarray(checked_labels(y)))
        weights = self._checked_weights()
        scorer = get_scorer(self.scoring)
        cv = check_cv(self.cv, y, classifier=True)
        if isinstance(self.cv, int):
            cv.shuffle, cv.random_state = True, self.random_state
            self._check_counts(y)
        self.classes_ = np.unique(y)
        self.scores_ = {weight: [] for weight in weights}
        for number, (train, test) in enumerate(cv.split(X, y)):
            data = self._resampled(rows_of(X, train), y[train], number)
            for weight in weights:
                fitted = self._fitted(weight, *data)
                score = scorer(fitted, rows_of(X, test), y[test])
                self.scores_[weight].append(float(score))
        means = np.array([np.mean(self.scores_[weight]) for weight in weights])
        self.weight_ = weights[int(np.argmax(means))]
        self.sampler_ = None
        data = X, y, len(y)
        if self.weight_ > 0:
            data = self._resampled(X, y, "all", keep=True)
        self.classifier_ = self._fitted(self.weight_, *data)
        return self

    def _checked_weights(self):
        weights = sorted({float(weight) for weight in np.ravel(self.weights)})
        for weight in weights:
            check("weights", weight, Number(0))
        if not weights:
            raise ValueError("`weights` is empty. Expected a weight at least, (0, 1).")
        if not takes_weights(self.classifier):
            raise TypeError(
                "The classifier must take a weight for each row. Expected one whose "
                f"`fit` takes `sample_weight`. Received: {self.classifier!r}. Use for "
                "instance `LogisticRegression()`."
            )
        if not isinstance(self.sampler, BaseOverSampler):
            raise TypeError(
                "The sampler must add rows and leave the real ones in front. Expected "
                "an over-sampler of imbalanced-learn or a `DeepOverSampler`. Received: "
                f"{type(self.sampler).__name__}."
            )
        return weights

    def _check_counts(self, y):
        labels, counts = np.unique(y, return_counts=True)
        if counts.min() < self.cv:
            raise ValueError(
                f"Each of the {self.cv} folds needs a row of each class. Expected at "
                f"least {self.cv} rows a class. Received: {counts.min()} of class "
                f"{labels[counts.argmin()]}. Lower `cv`, or join small classes."
            )

    def _seed(self, *tags):
        seed = 0 if self.random_state is None else self.random_state
        return derive_seed(seed, "synthetic_weight", *tags)

    def _resampled(self, X, y, tag, keep=False):
        """Returns rows, their labels, and how many of them are real: the first."""
        sampler = clone(self.sampler)
        if self.random_state is not None:
            sampler = seeded(sampler, self._seed("sampler", tag))
        X_res, y_res = sampler.fit_resample(X, y)
        if keep:
            self.sampler_ = sampler
        return X_res, y_res, len(y)

    def _fitted(self, weight, X, y, num_real):
        classifier = clone(self.classifier)
        if self.random_state is not None:
            classifier = seeded(classifier, self._seed("classifier"))
        if weight == 0:  # some refuse rows without weight
            return classifier.fit(rows_of(X, np.arange(num_real)), y[:num_real])
        weights = synthetic_weights(len(y), num_real, weight)
        return classifier.fit(X, y, **weights_for(classifier, weights))

    def predict(self, X: Any) -> np.ndarray:
        """Returns labels `(n,)`."""
        check_is_fitted(self)
        return self.classifier_.predict(X)

    @available_if(_can_predict)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Returns probabilities `(n, num_classes)` in the order of `classes_`."""
        check_is_fitted(self)
        return self.classifier_.predict_proba(X)
