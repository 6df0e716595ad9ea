"""Probabilities for the world as it is, from a classifier trained on balanced data."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


def shift_priors(probabilities, trained_priors, priors):
    """Returns the probabilities of the classes under other priors.

        p(k | x) = q(k | x) priors_k / trained_k / sum_j (the same of class j)

    (Saerens et al., 2002, eq. 2.4; Elkan, 2001, theorem 2, for two classes.) Exact if
    resampling changed the classes' shares and left what each looks like.

    Args:
        probabilities: Array `(n, num_classes)`, q, rows that sum to 1.
        trained_priors: Array `(num_classes,)`, shares of the classes in training.
        priors: Array `(num_classes,)`, their shares where the classifier is used.

    Returns:
        Float array `(n, num_classes)`, rows that sum to 1.

    Example:

    >>> shift_priors([[0.5, 0.5]], [0.5, 0.5], [0.9, 0.1])
    array([[0.9, 0.1]])

    Reference:
        Saerens, Latinne, Decaestecker. Adjusting the Outputs of a Classifier to New a
        Priori Probabilities, Neural Computation 2002. Elkan. The Foundations of
        Cost-Sensitive Learning, IJCAI 2001.
    """
    ratio = np.asarray(priors, "float64") / np.asarray(trained_priors, "float64")
    shifted = np.asarray(probabilities, "float64") * ratio
    return shifted / shifted.sum(axis=1, keepdims=True)


def prior_corrected(
    clf: Any,
    y: ArrayLike | None = None,
    *,
    priors: Any = None,
    trained_priors: Any = "balanced",
) -> Any:
    """Returns a fitted classifier with its probabilities corrected for resampling.

    Balancing raises the shares of rare classes, and with them the probabilities that a
    classifier reports. Ranks of a two-class problem stay; calibration and the decision
    at 0.5 return to those of the original data. `clf` is used as it is, not trained.

    Args:
        clf: Fitted classifier with `predict_proba`, a pipeline for instance.
        y: Labels before resampling, whose frequencies are the priors.
        priors: In place of `y`: dict of shares by label, or array in the order of
            `clf.classes_`.
        trained_priors: Shares in the resampled data: "balanced" (default), a dict, an
            array, or "sampler": as the over-sampler in the pipeline `clf` left them.

    Returns:
        A fitted `PriorCorrectedClassifier`.

    Raises:
        TypeError: If `clf` has no `predict_proba`.
        ValueError: If both or none of `y` and `priors` are given, or shares are not
            positive numbers that sum to 1.

    Example:

    >>> X_res, y_res = DeepOverSampler("gamo", random_state=0).fit_resample(X, y)
    >>> clf = prior_corrected(RandomForestClassifier().fit(X_res, y_res), y)
    >>> clf.predict_proba(X_test)
    """
    if (y is None) == (priors is None):
        raise ValueError(
            "`prior_corrected` needs the original priors once. Expected `y`, the "
            "labels before resampling, or `priors`. Received: "
            + ("neither." if y is None else "both.")
        )
    check_is_fitted(clf)
    corrected = PriorCorrectedClassifier(
        clf, priors=priors, trained_priors=trained_priors
    )
    return corrected._adopt(clf, y)


def _can_predict(self):
    return hasattr(getattr(self, "estimator_", self.estimator), "predict_proba")


class PriorCorrectedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Trains a resampling pipeline and reports probabilities for the original priors.

    For cross-validation and searches; `prior_corrected` is for a classifier that is
    trained already.

    Args:
        estimator: Classifier with `predict_proba`: an imbalanced-learn pipeline with
            one over-sampler, or any other with `trained_priors` told.
        priors: Shares of the classes where the classifier is used: None (those in the
            `y` of `fit`), a dict by label, or an array in sorted order of the labels.
        trained_priors: Shares that the classifier was trained on: "sampler" (default,
            read from the pipeline's over-sampler), "balanced" (equal, as by
            `class_weight="balanced"`), a dict or an array.

    Attributes:
        estimator_: The fitted classifier.
        classes_: Labels in the order of the columns of `predict_proba`.
        priors_, trained_priors_: Shares in that order.

    Raises:
        TypeError: If the classifier has no `predict_proba`.
        ValueError: If the shares are not positive numbers that sum to 1, or are to be
            read from a pipeline that has not one over-sampler.

    Example:

    >>> pipeline = make_pipeline(DeepOverSampler("gamo"), LogisticRegression())
    >>> corrected = PriorCorrectedClassifier(pipeline)
    >>> cross_val_score(corrected, X, y, scoring="neg_log_loss")
    """

    def __init__(
        self, estimator: Any, *, priors: Any = None, trained_priors: Any = "sampler"
    ) -> None:
        self.estimator = estimator
        self.priors = priors
        self.trained_priors = trained_priors

    def fit(self, X: Any, y: ArrayLike, **fit_params: Any) -> Self:
        """Fits a clone of the estimator on `X, y`; returns the classifier."""
        return self._adopt(clone(self.estimator).fit(X, y, **fit_params), y)

    def _adopt(self, fitted, y):
        if not hasattr(fitted, "predict_proba"):
            raise TypeError(
                "Only probabilities can be corrected. Expected a classifier with "
                f"`predict_proba`. Received: {type(fitted).__name__}. Wrap it in "
                "scikit-learn's `CalibratedClassifierCV`."
            )
        self.estimator_, self.classes_ = fitted, fitted.classes_
        if hasattr(fitted, "n_features_in_"):
            self.n_features_in_ = fitted.n_features_in_
        if hasattr(fitted, "feature_names_in_"):
            self.feature_names_in_ = fitted.feature_names_in_
        counts = None
        if y is not None:
            labels = np.ravel(np.asarray(y))
            counts = np.array([np.sum(labels == label) for label in self.classes_])
        self.priors_ = self._shares("priors", self.priors, counts)
        self.trained_priors_ = self._trained(counts)
        return self

    def _trained(self, counts):
        given = self.trained_priors
        if isinstance(given, str) and given == "balanced":
            return np.full(len(self.classes_), 1.0 / len(self.classes_))
        if isinstance(given, str) and given == "sampler":
            if counts is None:
                raise ValueError(
                    "`trained_priors='sampler'` needs `y`, the labels before "
                    "resampling. Received: y=None."
                )
            added = _over_sampler(self.estimator_).sampling_strategy_
            added = [added.get(label, 0) for label in self.classes_.tolist()]
            return self._shares("trained_priors", None, counts + added)
        return self._shares("trained_priors", given, None)

    def _shares(self, name, given, counts):
        """Returns shares in the order of the classes, as given or from counts."""
        expected = f"one share for each of {self.classes_.tolist()}"
        if given is None and counts is not None:
            shares = counts / max(counts.sum(), 1)
        elif isinstance(given, Mapping):
            if set(given) != set(self.classes_.tolist()):
                raise ValueError(
                    f"`{name}` must have {expected}. Received: labels {list(given)}."
                )
            shares = np.array([given[label] for label in self.classes_.tolist()])
        elif given is None or isinstance(given, str):
            raise ValueError(
                f"`{name}` must be {expected}, as a dict or an array. "
                f"Received: {given!r}."
            )
        else:
            shares = np.asarray(given, "float64")
        fits = shares.shape == self.classes_.shape and (shares > 0).all()
        if not fits or not np.isclose(shares.sum(), 1.0):
            raise ValueError(
                f"`{name}` must be positive, sum to 1 and have {expected}. "
                f"Received: {shares.tolist()}. Leave out classes that never occur."
            )
        return shares

    @available_if(_can_predict)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Returns the corrected probabilities `(n, num_classes)`."""
        check_is_fitted(self)
        probabilities = self.estimator_.predict_proba(X)
        return shift_priors(probabilities, self.trained_priors_, self.priors_)

    @available_if(_can_predict)
    def predict(self, X: Any) -> np.ndarray:
        """Returns the class of the largest corrected probability."""
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_[places]

    def __sklearn_tags__(self):
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        return tags


def _over_sampler(pipeline):
    from imblearn.over_sampling.base import BaseOverSampler

    steps = [step for _, step in getattr(pipeline, "steps", [])]
    samplers = [step for step in steps if hasattr(step, "fit_resample")]
    if len(samplers) != 1 or not isinstance(samplers[0], BaseOverSampler):
        raise ValueError(
            "`trained_priors='sampler'` reads the shares from the over-sampler of a "
            "pipeline. Expected an imbalanced-learn pipeline with one over-sampler and "
            f"no other sampler. Received: {type(pipeline).__name__} with "
            f"{[type(sampler).__name__ for sampler in samplers]}. Give "
            "`trained_priors='balanced'`, or the shares."
        )
    return samplers[0]
