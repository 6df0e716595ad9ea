"""Which generated rows are worth keeping: right by their label, new, near the border.

Ours. A generator may make rows of another class under the label asked for, copies of
the few rows it has seen, and rows far inside a class, from which no classifier learns
where it ends. Each of the three is measured by what the real rows do: by the
probability that a classifier gives to real rows it has not seen (as in ActiveGAN's idea
of generating near the border, without its loop), and by the distances of real rows to
each other.
"""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from kerasos.checks import AnyOf, Integer, Number, check
from kerasos.over_sampling.estimators import seeded
from kerasos.over_sampling.inputs import check_containers, checked_labels
from kerasos.tables.encoder import TabularEncoder

# Wider rows, of images above all, are judged by so many principal components.
WIDTH = 64


class SampleFilter(BaseEstimator):
    """Tells generated rows that are worth keeping from others.

    A row is kept if all of this holds:

    -   a classifier that has not seen the real row nearest to it gives it to its label
        with a probability that real rows reach, too: at least the `agreement` quantile
        of what those of the class get from classifiers that have not seen them;
    -   it is no copy: its distance to the nearest real row of its class is at least
        `distance` times the median of the real rows' distances to each other;
    -   with `nearness`, its distance to the nearest real row of its class, over that to
        the nearest of the other classes, is at most what real rows of the class reach:
        what looks like another class is out, where a class has too few rows for a
        classifier to know them, too;
    -   with `border`, its margin, the probability of its label less the largest of the
        others, is at most that quantile of the real rows' margins.

    Args:
        classifier: Unfitted classifier of scikit-learn with `predict_proba`, on float
            matrices. Default None: a random forest whose classes weigh alike, on the
            first 64 principal components if the rows are wider (images).
        agreement: Share of the real rows of a class that would fall out as too unlike
            it, in [0, 1). 0.1 by default; None asks for no agreement.
        distance: Float, at least 0. 0.1 by default; 0 lets copies pass.
        nearness: Share of the real rows of a class that would fall out as too near to
            other classes, in [0, 1); None (default) asks for no nearness.
        border: Share of the real rows of a class that are near enough to the border, in
            (0, 1]; None (default) lets all pass.
        folds: Integer, at least 2: of the classifiers that see real rows as new. Fewer
            where a class has fewer rows; a class of one row is not judged by agreement
            and border.
        random_state: Integer or None.

    Attributes:
        classes_: Labels in order.
        classifiers_: List of the fitted classifiers, one a fold.
        least_probability_: Float array `(num_classes,)`.
        least_distance_: Float array `(num_classes,)`.
        most_ratio_: Float array `(num_classes,)`, of the two distances of `nearness`.
        most_margin_: Float array `(num_classes,)`.

    Raises:
        TypeError, ValueError: If an argument or the data are not what they must be.

    Example:

    >>> kept = SampleFilter().fit(X, y).mask(X_new, y_new)
    >>> sampler = DeepOverSampler("flow", filter=SampleFilter(border=0.5))
    """

    def __init__(
        self,
        classifier: Any = None,
        *,
        agreement: float | None = 0.1,
        distance: float = 0.1,
        nearness: float | None = None,
        border: float | None = None,
        folds: int = 5,
        random_state: int | None = 0,
    ) -> None:
        self.classifier = classifier
        self.agreement = agreement
        self.distance = distance
        self.nearness = nearness
        self.border = border
        self.folds = folds
        self.random_state = random_state

    def check_options(self):
        """Raises `ValueError` for an argument that is not what it must be."""
        check("agreement", self.agreement, AnyOf((Number(0, below=1), None)), 0.1)
        check("distance", self.distance, Number(0), 0.1)
        check("nearness", self.nearness, AnyOf((Number(0, below=1), None)), None)
        check("border", self.border, AnyOf((Number(above=0, most=1), None)), None)
        check("folds", self.folds, Integer(2), 5)
        needed = ("fit", "get_params", "predict_proba")
        if self.classifier is not None and not all(
            hasattr(self.classifier, name) for name in needed
        ):
            raise TypeError(
                "Invalid `classifier`: expected an unfitted classifier of scikit-learn "
                f"with `predict_proba`. Received: {self.classifier!r}. Leave it out "
                "for a random forest."
            )

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learns from real rows what generated ones have to reach.

        Args:
            X: Table (array or frame) or images, `(n, ...)`.
            y: Labels `(n,)`.
        """
        self.check_options()
        check_containers(X, y)
        self.classes_, codes = np.unique(checked_labels(y), return_inverse=True)
        self.encoder_ = None
        if np.ndim(X) == 2:
            self.encoder_ = TabularEncoder(numeric="quantile").fit(_dense(X), codes)
        rows = self._rows(X)
        if len(rows) != len(codes) or len(self.classes_) < 2:
            raise ValueError(
                "A filter learns from labelled rows of two classes or more. Expected "
                f"as many labels as rows. Received: {len(rows)} rows, {len(codes)} "
                f"labels, classes {self.classes_.tolist()}. Pass the training data."
            )
        if not rows.shape[1]:
            raise ValueError(
                "A filter tells rows by columns whose values differ. Received: "
                f"{np.shape(X)[1]} columns of one value each. Give columns that say "
                "something of the classes."
            )
        return self._fit_rows(rows, codes)

    def _fit_rows(self, rows, codes):
        counts = np.bincount(codes)
        size = len(counts)
        self.classifiers_ = []
        self.least_probability_ = np.zeros(size)
        self.most_margin_ = np.full(size, np.inf)
        fold = np.zeros(len(codes), int)
        # Classes of one row cannot be left out of a fold and be known in it.
        judged = np.flatnonzero(counts > 1)
        if len(judged) > 1 and not (self.agreement is None and self.border is None):
            usable = np.flatnonzero(np.isin(codes, judged))
            splits = StratifiedKFold(
                int(min(self.folds, counts[judged].min())),
                shuffle=True,
                random_state=self.random_state,
            )
            probability = np.zeros((len(codes), size))
            for number, (train, test) in enumerate(splits.split(usable, codes[usable])):
                train, test = usable[train], usable[test]
                fitted = self._new_classifier(rows[train]).fit(
                    rows[train], codes[train]
                )
                self.classifiers_.append(fitted)
                probability[test] = self._of_all(fitted, rows[test])
                fold[test] = number
            for label in judged:
                own, margin = _own_and_margin(probability[codes == label], label)
                if self.agreement is not None:
                    self.least_probability_[label] = np.quantile(own, self.agreement)
                if self.border is not None:
                    self.most_margin_[label] = np.quantile(margin, self.border)
        self._fit_distances(rows, codes, fold)
        return self

    def _fit_distances(self, rows, codes, fold):
        self.least_distance_ = np.zeros(codes.max() + 1)
        self._real, distinct = {}, {}
        for label in np.unique(codes):
            chosen = codes == label
            own, first = np.unique(rows[chosen], axis=0, return_index=True)
            found = NearestNeighbors(n_neighbors=1).fit(own)
            self._real[label] = found, fold[chosen][first]
            distinct[label] = own
            if len(own) > 1:
                to_next = found.kneighbors()[0][:, 0]
                self.least_distance_[label] = self.distance * np.median(to_next)
        # All of the above first: a class is held against the others.
        self.most_ratio_ = np.full(codes.max() + 1, np.inf)
        if self.nearness is None:
            return
        for label, (found, _) in self._real.items():
            if len(distinct[label]) > 1:
                to_own = found.kneighbors()[0][:, 0]
                ratio = self._ratio(distinct[label], label, to_own)
                self.most_ratio_[label] = np.quantile(ratio, 1.0 - self.nearness)

    def _ratio(self, rows, label, to_own):
        """Distance to a class over that to the nearest row of all others."""
        others = [real for other, (real, _) in self._real.items() if other != label]
        to_others = np.min([real.kneighbors(rows)[0][:, 0] for real in others], axis=0)
        equal = (to_own == 0.0) & (to_others == 0.0)  # the same row in two classes
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(equal, 1.0, to_own / to_others)

    def _new_classifier(self, rows):
        if self.classifier is not None:
            return seeded(self.classifier, self.random_state)
        forest = RandomForestClassifier(
            100,
            min_samples_leaf=2,
            class_weight="balanced_subsample",
            random_state=self.random_state,
        )
        size = min(WIDTH, len(rows))
        if rows.shape[1] <= size:
            return forest
        components = PCA(size, svd_solver="randomized", random_state=self.random_state)
        return make_pipeline(components, forest)

    def _of_all(self, classifier, rows):
        """Returns probabilities `(n, num_classes)`, 0 for classes it has not seen."""
        found = np.zeros((len(rows), len(self.classes_)))
        found[:, classifier.classes_] = classifier.predict_proba(rows)
        return found

    def _rows(self, X):
        if self.encoder_ is not None:
            return self.encoder_.transform(_dense(X))
        rows = np.asarray(X)
        return rows.reshape(len(rows), -1).astype("float32")

    def mask(self, X: Any, y: ArrayLike) -> np.ndarray:
        """Returns a boolean array `(n,)`: which generated rows are worth keeping.

        Args:
            X: Generated rows, in the form of the real ones.
            y: Labels `(n,)`, known ones.
        """
        return self.excess(X, y) < 0

    def excess(self, X: Any, y: ArrayLike) -> np.ndarray:
        """Returns how far generated rows are from being kept, negative for the kept.

        Args:
            X, y: As in `mask`.

        Returns:
            Float array `(n,)`: the largest lack, of probability, of margin, or of a
            distance or ratio of distances as a share of the bound.
        """
        check_is_fitted(self, "least_distance_")
        labels = np.asarray(checked_labels(y))
        codes = pd.Index(self.classes_).get_indexer(labels)
        if (codes < 0).any():
            unknown = pd.unique(labels[codes < 0]).tolist()
            raise ValueError(
                f"Labels must be those of the real rows, {self.classes_.tolist()}. "
                f"Received: {unknown}. Leave such rows out."
            )
        rows = self._rows(X)
        amount = np.full(len(rows), -1.0)
        fold = np.zeros(len(rows), int)
        for label in np.unique(codes):
            chosen, (real, folds) = codes == label, self._real[label]
            distances, nearest = real.kneighbors(rows[chosen])
            fold[chosen] = folds[nearest[:, 0]]
            if self.least_distance_[label] > 0:
                share = distances[:, 0] / self.least_distance_[label]
                amount[chosen] = 1.0 - share
            if np.isfinite(self.most_ratio_[label]):
                ratio = self._ratio(rows[chosen], label, distances[:, 0])
                above = ratio / self.most_ratio_[label] - 1.0
                amount[chosen] = np.maximum(amount[chosen], above)
        for number, classifier in enumerate(self.classifiers_):
            asked = np.flatnonzero(fold == number)
            if len(asked):
                found = self._of_all(classifier, rows[asked])
                own, margin = _own_and_margin(found, codes[asked])
                lacking = self.least_probability_[codes[asked]] - own
                inside = margin - self.most_margin_[codes[asked]]
                amount[asked] = np.max([amount[asked], lacking, inside], axis=0)
        return np.where(amount > 0, amount, -1.0)  # what equals a bound is kept


def _dense(X):
    return X.toarray() if sparse.issparse(X) else X


def _own_and_margin(probability, codes):
    """Returns the probability of the label, and how far it is above all others."""
    places = np.arange(len(probability))
    own = probability[places, codes]
    others = probability.copy()
    others[places, codes] = -np.inf
    return own, own - others.max(axis=1)


def keep(
    X_new: Any, y_new: ArrayLike, X: Any, y: ArrayLike, **options: Any
) -> np.ndarray:
    """Returns which generated rows are worth keeping, given the real ones.

    Args:
        X_new, y_new: Generated rows and their labels.
        X, y: Real rows, of the training part only, and their labels.
        **options: Of `SampleFilter`.

    Returns:
        Boolean array `(n,)`.

    Raises:
        TypeError, ValueError: As `SampleFilter`.

    Example:

    >>> X_res, y_res = SMOTE().fit_resample(X, y)
    >>> X_new, y_new = X_res[len(X):], y_res[len(X):]
    >>> good = keep(X_new, y_new, X, y, border=0.5)
    """
    return SampleFilter(**options).fit(X, y).mask(X_new, y_new)


def warn_of_unmet(excess, codes, classes):
    """Warns of samples that no draw brought past a filter.

    Args:
        excess: Array `(n,)` of what was kept in the end.
        codes: Their labels, places in `classes`.
        classes: Labels.
    """
    unmet = np.bincount(codes[excess >= 0], minlength=len(classes))
    if unmet.any():
        counts = np.bincount(codes, minlength=len(classes))
        said = [
            f"{unmet[k]} of {counts[k]} of class {classes[k]}"
            for k in np.flatnonzero(unmet)
        ]
        warnings.warn(
            f"The filter let no draw pass for {', '.join(said)} samples; what came "
            "nearest was taken. Train longer, or ask less of them.",
            stacklevel=3,
        )
