"""A classifier on rebalanced rows, as `compare` evaluates it and a user ships it."""

import numpy as np
import pandas as pd
from imblearn.ensemble import BalancedBaggingClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils.validation import check_is_fitted

from kerasos.evaluation.compare.checks import check_real_first
from kerasos.evaluation.compare.encoding import as_frame, encoder_for
from kerasos.evaluation.compare.scores import logit
from kerasos.over_sampling.estimators import seeded, synthetic_weights, weights_for
from kerasos.over_sampling.prior_correction import shift_priors
from kerasos.randomness.seeds import derive_seed

INNER_FOLDS = 5
RECALIBRATIONS = {"isotonic": "isotonic", "platt": "sigmoid"}
PRIOR_CORRECTED = "prior_corrected"


class Rebalanced(ClassifierMixin, BaseEstimator):
    """Trains a classifier on rebalanced rows, and decides as a method says.

    Args:
        classifier: Unfitted, with `predict_proba`.
        kind: What is done besides sampling: "none", "class_weights", "cost_weights",
            "threshold" or "balanced_bagging".
        sampler: Object with `fit_resample`, or None.
        recalibration: None, "prior_corrected", "isotonic" or "platt".
        costs: Array `(num_classes, num_classes)` of a true class decided as another,
            or None. Where the probabilities are meant for the data as they are, the
            decision is then that of the least expected cost (Elkan, 2001, eq. 1).
        tuned_for: Name of a metric, see `best_threshold`.
        random_state: Integer behind folds, sampler and classifier.
        synthetic_weight: What a row that the sampler adds weighs in training, a number
            above 0, where a real row weighs 1; None for no weights. The sampler must
            leave the real rows in front.

    Attributes:
        classes_: Labels in order.
        classifier_: The fitted classifier, on encoded rows and places of labels.
        threshold_: Probability from which on the second class is decided for, or None.
        shares_, trained_shares_: Of the classes, in the data and as trained on, rows
            counted by their weights.
    """

    def __init__(
        self,
        classifier,
        kind="none",
        sampler=None,
        recalibration=None,
        costs=None,
        tuned_for="balanced_accuracy",
        random_state=0,
        synthetic_weight=None,
    ):
        self.classifier = classifier
        self.kind = kind
        self.sampler = sampler
        self.recalibration = recalibration
        self.costs = costs
        self.tuned_for = tuned_for
        self.random_state = random_state
        self.synthetic_weight = synthetic_weight

    def fit(self, X, y):
        """Resamples `X` (frame or array of a table), `y` and trains; returns self."""
        X, y = as_frame(X), np.asarray(y)
        return self.fit_resampled(X, y, *self.resample(X, y), self.resample_inner(X, y))

    def resample(self, X, y, seed=None):
        """Returns rows and labels to train on; the same where nothing is sampled."""
        if self.sampler is None:
            return X, y
        seed = self.random_state if seed is None else seed
        X_res, y_res = seeded(self.sampler, seed).fit_resample(X, y)
        if not isinstance(X_res, pd.DataFrame) or list(X_res) != list(X):
            received = type(X_res).__name__
            if isinstance(X_res, pd.DataFrame):
                received = f"columns {list(X_res)}"
            raise TypeError(
                "A sampler must give back a frame with the columns that it got, whose "
                "values mean what those of the test rows mean. Expected columns "
                f"{list(X)}. Received: {received}. Scaling and encoding go into the "
                "classifier, `make_pipeline(StandardScaler(), classifier)`."
            )
        if self.synthetic_weight is not None:
            check_real_first(X, y, X_res, y_res)
        return X_res, np.asarray(y_res)

    def resample_inner(self, X, y, seed=None):
        """Returns what recalibration by real rows needs; no classifier is involved.

        Returns:
            List of a resampled training part, its labels, and the places of the rows
            left out, for each inner fold; empty where nothing is needed.
        """
        if self.recalibration not in RECALIBRATIONS:
            return []
        seed = self.random_state if seed is None else seed
        return [
            (
                *self.resample(X.iloc[train].reset_index(drop=True), y[train], own),
                test,
            )
            for train, test, own in inner_splits(y, seed)
        ]

    def fit_resampled(self, X, y, X_res, y_res, inner):
        """Trains on what `resample` and `resample_inner` made of `X, y`."""
        self.columns_ = list(X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.shares_ = np.bincount(codes) / len(codes)
        if self.recalibration in RECALIBRATIONS:
            held_out = np.zeros((len(codes), len(self.classes_)))
            for X_part, y_part, test in inner:
                self._fit_classifier(X, X_part, y_part, len(codes) - len(test))
                held_out[test] = self._trained_probabilities(X.iloc[test])
            self.calibrator_ = calibrator(
                held_out, codes, RECALIBRATIONS[self.recalibration]
            )
        self._fit_classifier(X, X_res, y_res, len(codes))
        self.threshold_ = None
        counts = np.bincount(codes)
        if self.kind == "threshold" and len(counts) == 2 and counts.min() > 1:
            self.threshold_ = best_threshold(
                self._new_classifier(),
                self.encoder_.transform(X),
                codes,
                self.random_state,
                self.tuned_for,
                self.costs,
            )
        return self

    def _new_classifier(self):
        return seeded(self.classifier, self.random_state)

    def _fit_classifier(self, X, X_res, y_res, num_real):
        """Encodings come from the real rows, of which so many are the first ones."""
        self.encoder_ = encoder_for(self.classifier, X).fit(X)
        codes = np.searchsorted(self.classes_, y_res)
        classifier, fit_params = self._new_classifier(), {}
        of_class, weights = np.ones(len(self.classes_)), np.ones(len(codes))
        if self.synthetic_weight is not None:
            weights = synthetic_weights(len(codes), num_real, self.synthetic_weight)
        counts = np.bincount(codes, weights, minlength=len(of_class))
        if self.kind in ("class_weights", "balanced_bagging"):
            of_class = len(codes) / (len(counts) * counts)
        elif self.kind == "cost_weights":
            costs = np.asarray(self.costs, "float64")
            of_class = costs.sum(axis=1) - costs.diagonal()
            of_class *= len(codes) / (counts @ of_class)
        weighs = self.kind in ("class_weights", "cost_weights")
        weighs = weighs or self.synthetic_weight is not None
        self.trained_shares_ = counts * of_class / (counts @ of_class)
        if self.kind == "balanced_bagging":
            classifier = BalancedBaggingClassifier(
                classifier, random_state=self.random_state
            )
        elif weighs:
            fit_params = weights_for(classifier, weights * of_class[codes])
        self.classifier_ = classifier.fit(
            self.encoder_.transform(X_res), codes, **fit_params
        )

    def _trained_probabilities(self, X):
        return self.classifier_.predict_proba(self.encoder_.transform(X))

    def corrected(self, probabilities):
        """Probabilities for the classes' real shares, or None if trained on those."""
        if np.allclose(self.trained_shares_, self.shares_):
            return None
        return shift_priors(probabilities, self.trained_shares_, self.shares_)

    def predict_both(self, X):
        """Returns labels `(n,)` and probabilities `(n, num_classes)` for a frame."""
        trained = probabilities = self._trained_probabilities(X)
        if self.recalibration == PRIOR_CORRECTED:
            corrected = self.corrected(trained)
            probabilities = trained if corrected is None else corrected
        elif self.recalibration is not None:
            probabilities = self.calibrator_.predict_proba(trained)
        if self.kind == "threshold" and self.threshold_ is not None:
            places = (trained[:, 1] >= self.threshold_).astype(int)
        elif self.kind == "threshold" and self.costs is None:
            places = (trained / self.shares_).argmax(axis=1)
        elif self._by_costs():
            places = (probabilities @ np.asarray(self.costs)).argmin(axis=1)
        elif self.recalibration is not None:
            places = probabilities.argmax(axis=1)
        else:
            places = self.classifier_.predict(self.encoder_.transform(X))
        return self.classes_[places], probabilities

    def _by_costs(self):
        """Whether the decision is that of the least expected cost."""
        if self.costs is None:
            return False
        untouched = self.sampler is None and self.kind in ("none", "threshold")
        return untouched or self.recalibration is not None

    def predict(self, X):
        """Returns labels `(n,)`."""
        return self.predict_both(self._checked(X))[0]

    def predict_proba(self, X):
        """Returns probabilities `(n, num_classes)` in the order of `classes_`."""
        return self.predict_both(self._checked(X))[1]

    def _checked(self, X):
        check_is_fitted(self)
        X = as_frame(X)
        if list(X) != self.columns_:
            raise ValueError(
                f"`X` must have the columns of the training rows, {self.columns_}. "
                f"Received: {list(X)}."
            )
        return X


def inner_splits(y, seed):
    """Lists places to train on, those left out, and a seed, for each inner fold."""
    cv = StratifiedKFold(
        min(INNER_FOLDS, np.unique(y, return_counts=True)[1].min()),
        shuffle=True,
        random_state=seed,
    )
    return [
        (train, test, derive_seed(seed, "inner", number))
        for number, (train, test) in enumerate(cv.split(y, y))
    ]


def calibrator(probabilities, codes, method):
    """Fits scikit-learn's calibration of probabilities of rows left out."""
    passed = FrozenEstimator(_Passed().fit(probabilities, codes))
    # Two folds, for the smallest classes: what is frozen says the same in all.
    return CalibratedClassifierCV(passed, method=method, cv=2).fit(probabilities, codes)


class _Passed(ClassifierMixin, BaseEstimator):
    """Gives back the probabilities that are its inputs, as log odds to Platt."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]

    def decision_function(self, X):
        odds = logit(X)
        return odds[:, 1] if len(self.classes_) == 2 else odds


def best_threshold(classifier, x, y, seed, metric="balanced_accuracy", costs=None):
    """Returns the probability from which on the second class has the better score.

    The score is taken on rows that the classifier was not fitted on, over at most five
    stratified folds; the threshold lies between two of their probabilities.
    scikit-learn's `TunedThresholdClassifierCV` tries thresholds at even distances, too
    coarse where a rare class has small probabilities (glass5 and flare-F lose 2
    points), in 20 to 30 times the time, and refuses a constant classifier.

    Args:
        classifier: Unfitted, of two classes.
        x, y: Encoded rows and labels 0 and 1, two rows a class at least.
        seed: Integer, for the folds.
        metric: Name; "g_mean", "macro_f1", "mcc" and "cost" are what is tuned for,
            balanced accuracy is for all others.
        costs: As in `Rebalanced`, for "cost".
    """
    folds = int(min(INNER_FOLDS, np.unique(y, return_counts=True)[1].min()))
    cv = StratifiedKFold(folds, shuffle=True, random_state=seed)
    found = cross_val_predict(classifier, x, y, cv=cv, method="predict_proba")[:, 1]
    false, true, values = roc_curve(y, found, drop_intermediate=False)
    negatives, positives = np.bincount(y)
    scores = _scores(true * positives, false * negatives, positives, negatives)
    if metric == "cost":
        best = int(_cost(true * positives, false * negatives, y, costs).argmin())
        ends = (np.inf, 0.0)  # what costs little may never pay
    else:
        best = int(np.argmax(scores.get(metric, scores["balanced_accuracy"])))
        ends = (0.5, 0.5)  # all rows to one class: nothing to gain
    if best in (0, len(values) - 1):
        return ends[best > 0]
    return float(values[best : best + 2].mean())


def _scores(tp, fp, positives, negatives):
    """Metrics of all thresholds, from their counts of positives that are true, false.

    Where all rows go to one class, 0 over 0 counts as 0.
    """
    fn, tn = positives - tp, negatives - fp
    sensitivity, specificity = tp / positives, tn / negatives
    decided = np.maximum((tp + fp) * (tn + fn), 1)
    return {
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "g_mean": np.sqrt(sensitivity * specificity),
        "macro_f1": tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn),
        "mcc": (tp * tn - fp * fn) / np.sqrt(decided * positives * negatives),
    }


def _cost(tp, fp, y, costs):
    negatives, positives = np.bincount(y)
    parts = np.array([[negatives - fp, fp], [positives - tp, tp]])
    return np.einsum("ijn,ij->n", parts, costs)
