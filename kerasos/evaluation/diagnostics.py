"""Tells a user when a generator has failed, and how.

Three questions a class, each answered against real data, because no number of a
generator alone says much: do the samples differ among each other, do they show the
class that was asked for, and are they more than copies of training rows?
"""

import dataclasses
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasos.checks import check_count, check_options
from kerasos.data.arrays import rows_of_each_class
from kerasos.evaluation.downstream import QuickClassifier, flat, samples_and_labels

THRESHOLDS = {
    "spread": 0.3,
    "variety": 0.1,
    "conditioning": 0.5,
    "judge": 0.3,
    "near": 0.2,
    "copies": 0.5,
}
_FOLDS = 3


def diagnose(
    model: Any, x: ArrayLike, y: ArrayLike, classifier: Any = None, **options: Any
) -> "GeneratorReport":
    """Compares generated samples with real ones, class by class.

    Args:
        model: An `OversamplingModel`, or `(samples, labels)`.
        x: Array `(n, ...)`, the training data in the user's units.
        y: Integer array `(n,)`.
        classifier: As in `GeneratorDiagnosis`.
        **options: `samples_per_class` (200) and `seed` (0) of the samples, and
            `thresholds` of `GeneratorDiagnosis`.

    Returns:
        A `GeneratorReport`; print it.

    Raises:
        TypeError: If an option is unknown.
        ValueError: If data or samples do not fit together.

    Example:

    >>> report = diagnose(model, x, y)
    >>> report.findings
    ['Class 3: the samples are all alike. ...']
    >>> report[3]["spread"]
    0.04
    """
    diagnosis = GeneratorDiagnosis(x, y, classifier, **options)
    if isinstance(model, tuple):
        return diagnosis.of_samples(*model)
    return diagnosis(model)


class GeneratorReport(dict):
    """`{label: {name: number}}`, with sentences on what is wrong.

    Of each class:
        spread: Mean distance between two samples, over that of real rows.
        variety: Median distance of a sample to the nearest other one, over that of
            as many real rows.
        agreement: Share of samples in which the classifier sees their class.
        conditioning: Agreement less the share of other classes' samples in which it
            sees this one, over the same on real rows it was not trained on: 0 for a
            generator that ignores the label, about 1 for real data.
        nearest: Median distance of a sample to the nearest training row of its
            class, over that between training rows.
        copies: Share of samples that are near copies of a training row.

    A number is NaN where the class has too few real rows to tell.

    Attributes:
        findings: List of strings, one for each thing wrong; empty is good.
        means: `{name: mean over classes}`.
    """

    def __init__(self, classes, findings):
        super().__init__(classes)
        self.findings = list(findings)

    @property
    def means(self):
        names = next(iter(self.values()), {})
        return {name: _mean([entry[name] for entry in self.values()]) for name in names}

    def __str__(self):
        names = list(self.means)
        lines = ["class".rjust(6) + "".join(name.rjust(14) for name in names)]
        for label, entry in self.items():
            numbers = "".join(f"{entry[name]:14.3f}" for name in names)
            lines.append(f"{label:6d}{numbers}")
        return "\n".join([*lines, *(self.findings or ["Nothing was found wrong."])])


@dataclasses.dataclass
class _Reference:
    """What is known of the real rows of one class."""

    rows: np.ndarray  # numbers
    spread: float
    nearest: float  # median distance to the nearest other row
    already_near: float  # share of real rows that nearly repeat another


class GeneratorDiagnosis:
    """Holds what is needed of the real data, to look at a generator repeatedly.

    Call it with a model. Distances are Euclidean, between images as they are and
    between table rows with columns divided by their standard deviation. Memory is
    bounded: distances are computed in parts, from at most 500 real rows and 1000
    samples of a class to all its real rows.

    Args:
        x: Array `(n, ...)`, the training data in the user's units.
        y: Integer array `(n,)`.
        classifier: An independent judge: a Keras model that gives probabilities, or
            an object whose `predict` takes samples and returns labels. Default: a
            `QuickClassifier` on `x, y`, and on two thirds of them for its own
            error.
        samples_per_class: Integer. Default 200.
        seed: Integer, of the samples and of all draws of rows. Default 0.
        thresholds: Dict; all are ours. Something is found where
            `spread` < 0.3 or `variety` < 0.1 (real data have about 1);
            `conditioning` < 0.5, judged where the classifier itself has an
            informedness of at least `judge`, 0.3, on the class;
            `copies` > 0.5, above the share of real rows that repeat another, where
            a copy is nearer to a training row than `near`, 0.2, of the median
            distance between a training row and the nearest other one.

    Raises:
        TypeError: If a threshold is unknown.
        ValueError: If `x` and `y` do not fit together.
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        classifier: Any = None,
        samples_per_class: int = 200,
        seed: int = 0,
        thresholds: dict[str, float] | None = None,
    ) -> None:
        check_options(thresholds or {}, THRESHOLDS, "thresholds")
        self.thresholds = {**THRESHOLDS, **(thresholds or {})}
        self.x, self.y = samples_and_labels(x, y)
        check_count("samples_per_class", samples_per_class, 2)
        self.samples_per_class, self.seed = int(samples_per_class), int(seed)
        self._scale: Any = 1.0
        if self.x.ndim == 2:
            spread = self.x.std(axis=0, dtype="float64")
            self._scale = np.where(spread > 0, spread, 1.0)
        self._references = {}
        self._set_references()
        self._set_judge(classifier)

    def __call__(self, model):
        """Returns the `GeneratorReport` of samples of `model`."""
        if not model.produces_samples:
            raise ValueError(
                f"`{type(model).__name__}` generates features, which cannot be "
                "compared with samples. Expected a model that produces samples."
            )
        labels = np.repeat(model.sampled_labels, self.samples_per_class)
        samples = model.sample(labels, seed=self.seed, verbose=0)
        return self.of_samples(samples, labels)

    def of_samples(self, samples: ArrayLike, labels: ArrayLike) -> "GeneratorReport":
        """Returns the `GeneratorReport` of these samples.

        Args:
            samples: Array `(m, ...)` in the units of the real data.
            labels: Integer array `(m,)`, the classes asked for; at least two
                samples a class.
        """
        samples, labels = np.asarray(samples), np.asarray(labels)
        self._check(samples, labels)
        predicted = self._predict(samples)
        classes, findings = {}, []
        for label in np.unique(labels).tolist():
            entry = self._distances(samples[labels == label], label)
            entry.update(self._conditioning(labels, predicted, label))
            classes[label] = entry
            findings += self._findings(label, entry)
        return GeneratorReport(classes, findings)

    # Real data.

    def _rows(self, x):
        return flat(x) / self._scale

    def _set_references(self):
        for label in np.unique(self.y).tolist():
            rows = np.flatnonzero(self.y == label)
            some = rows_of_each_class(self.y[rows], 500, self.seed)
            queries = self._rows(self.x[rows[some]])
            if len(rows) > 1:
                nearest = nearest_distances(queries, self._parts(rows), own=True)
                typical = float(np.median(nearest))
                near = float(np.mean(nearest < self.thresholds["near"] * typical))
                spread = _mean_distance(queries)
            else:
                typical = near = spread = np.nan
            self._references[label] = _Reference(rows, spread, typical, near)
        # A class of one row borrows the distance from the others.
        typical = [r.nearest for r in self._references.values()]
        for reference in self._references.values():
            if np.isnan(reference.nearest):
                reference.nearest = _mean(typical)
                reference.already_near = 0.0

    def _parts(self, rows, size=2048):
        from sklearn.utils import gen_batches

        for part in gen_batches(len(rows), size):
            yield self._rows(self.x[rows[part]])

    def _set_judge(self, classifier):
        if classifier is None and len(self._references) > 1:
            predicted = self._predicted_out_of_fold()
            classifier = QuickClassifier(self.x, self.y, seed=self.seed)
            self._classifier, known = classifier, self._tried
        elif classifier is None:
            self._classifier = None
            return
        else:
            self._classifier = classifier
            known = rows_of_each_class(self.y, 500, self.seed)
            predicted = self._predict(self.x[known])
        self._real_informedness = {
            label: _informedness(self.y[known], predicted, label)[1]
            for label in self._references
        }

    def _predicted_out_of_fold(self):
        from sklearn.model_selection import StratifiedKFold

        self._tried = rows_of_each_class(self.y, 500, self.seed)
        x, y = self.x[self._tried], self.y[self._tried]
        predicted = np.full(len(y), -1)
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=self.seed)
        with warnings.catch_warnings():
            # A class smaller than the folds: it is known badly, which is the result.
            warnings.simplefilter("ignore", UserWarning)
            for train, test in folds.split(np.zeros(len(y)), y):
                if len(np.unique(y[train])) > 1:
                    judge = QuickClassifier(x[train], y[train], seed=self.seed)
                    predicted[test] = judge.predict(x[test])
        return predicted

    def _predict(self, samples):
        if self._classifier is None:
            return None
        import keras

        options = {"verbose": 0} if isinstance(self._classifier, keras.Model) else {}
        predicted = np.asarray(self._classifier.predict(samples, **options))
        return predicted.argmax(axis=-1) if predicted.ndim > 1 else predicted

    # Generated samples.

    def _check(self, samples, labels):
        if samples.shape[1:] != self.x.shape[1:] or len(samples) != len(labels):
            raise ValueError(
                f"Samples must have the shape of the real ones, {self.x.shape[1:]}, "
                f"and a label each. Received: samples of shape {samples.shape} and "
                f"{len(labels)} labels."
            )
        found, counts = np.unique(labels, return_counts=True)
        unknown = sorted(set(found.tolist()) - set(self._references))
        if unknown or not len(found) or counts.min() < 2:
            raise ValueError(
                "Samples must be of classes in `y`, at least two a class. Expected "
                f"labels in {sorted(self._references)}. Received: "
                f"{dict(zip(found.tolist(), counts.tolist(), strict=True))}."
            )

    def _distances(self, samples, label):
        reference = self._references[label]
        rows = self._rows(samples[:1000])
        nearest = nearest_distances(rows, self._parts(reference.rows))
        near = self.thresholds["near"] * reference.nearest
        return {
            "spread": _ratio(_mean_distance(rows), reference.spread),
            "variety": self._variety(rows, reference),
            "nearest": _ratio(np.median(nearest), reference.nearest),
            "copies": float(np.mean(nearest < near)) if near > 0 else np.nan,
        }

    def _variety(self, rows, reference):
        # Of equal numbers: the more points, the nearer the nearest.
        size = min(len(rows), len(reference.rows), 500)
        if size < 2:
            return np.nan
        chosen = np.random.default_rng(self.seed).permutation(reference.rows)[:size]
        real = self._rows(self.x[chosen])
        return _ratio(
            np.median(nearest_distances(rows[:size], [rows[:size]], own=True)),
            np.median(nearest_distances(real, [real], own=True)),
        )

    def _conditioning(self, labels, predicted, label):
        if predicted is None:
            return {"agreement": np.nan, "conditioning": np.nan}
        agreement, informedness = _informedness(labels, predicted, label)
        real = self._real_informedness[label]
        known = real >= self.thresholds["judge"]
        return {
            "agreement": agreement,
            "conditioning": _ratio(informedness, real) if known else np.nan,
        }

    def _findings(self, label, entry):
        limits, name = self.thresholds, f"Class {label}"
        repeated = self._references[label].already_near
        copied = entry["copies"] - repeated > limits["copies"]
        if entry["spread"] < limits["spread"]:
            yield (
                f"{name}: the samples are all alike. Their mean distance is "
                f"{entry['spread']:.0%} of that between real ones (expected at "
                f"least {limits['spread']:.0%}): the generator has collapsed."
            )
        elif entry["variety"] < limits["variety"] and not copied:
            yield (
                f"{name}: the samples repeat a few. The distance of one to the "
                f"nearest other is {entry['variety']:.0%} of that between real ones "
                f"(expected at least {limits['variety']:.0%}): the generator has "
                "collapsed to some modes."
            )
        if entry["conditioning"] < limits["conditioning"]:
            yield (
                f"{name}: the samples do not show the class asked for. A classifier "
                f"sees it in {entry['agreement']:.0%} of them, and the label changes "
                f"that by {max(entry['conditioning'], 0.0):.0%} of what it does for "
                f"real data (expected at least {limits['conditioning']:.0%})."
            )
        if copied:
            yield (
                f"{name}: {entry['copies']:.0%} of the samples nearly copy a "
                f"training row (expected at most {limits['copies'] + repeated:.0%}): "
                "the generator has memorised them, and adds little to random "
                "oversampling."
            )


def nearest_distances(queries, parts, own=False):
    """Distance of each query to the nearest point, in parts of bounded size.

    scikit-learn's `NearestNeighbors` needs all points at once, as scaled floats.

    Args:
        queries: Array `(n, width)`.
        parts: Iterable of arrays `(rows, width)`, together the points.
        own: Whether the queries are among the points; the smallest distance, to
            itself, then does not count (that to a duplicate does).

    Returns:
        Float array `(n,)`; infinite where there is no point.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    kept = 2 if own else 1
    smallest = np.full((len(queries), kept), np.inf)
    for part in parts:
        found = np.hstack([smallest, euclidean_distances(queries, part)])
        smallest = np.partition(found, kept - 1, axis=1)[:, :kept]
    return smallest[:, kept - 1]


def _mean_distance(rows):
    """Mean distance between two of the first 200 rows."""
    from scipy.spatial.distance import pdist

    return float(np.mean(pdist(rows[:200])))


def _informedness(labels, predicted, label):
    """Share of hits, and that share less the share of false alarms."""
    asked = labels == label
    hits = float(np.mean(predicted[asked] == label))
    if np.all(asked):
        return hits, hits
    return hits, hits - float(np.mean(predicted[~asked] == label))


def _ratio(value, reference):
    return float(value / reference) if reference > 0 else np.nan


def _mean(values):
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
