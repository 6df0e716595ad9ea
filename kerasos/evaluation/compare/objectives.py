"""What the user of `compare` cares about: metrics by name, scorers, costs."""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names, precision_recall_curve

from kerasos.checks import unknown_name_message
from kerasos.evaluation.compare.scores import COST, METRICS, RAISED_BY_CHANCE

RECALL_AT = re.compile(r"recall[ _]at[ _]precision[ _]([0-9.]+)")
COST_KEYS = {"miss", "false_alarm"}
# Scores of decisions in which those at random do not beat one constant decision.
SAFE_SCORES = (
    *("accuracy_score", "balanced_accuracy_score"),
    *("matthews_corrcoef", "cohen_kappa_score"),
)


@dataclasses.dataclass(frozen=True)
class Metrics:
    """The metrics of a comparison.

    Attributes:
        names: List, what the verdict is about first.
        others: Dict of name to a function of labels, decisions, probabilities
            `(n, num_classes)` and the rare label, for what `scores.METRICS` lacks.
        guarded: List of those that decisions at random can raise.
        costs: Array `(num_classes, num_classes)` of a true class decided as another,
            or None.
    """

    names: list
    others: dict
    guarded: list
    costs: np.ndarray | None


def make_metrics(metrics, objective, classes, codes):
    """Returns `Metrics`.

    Args:
        metrics: List of names, or dict of a name to a name or a scorer.
        objective: None, a name, a scorer, `{"miss": 100, "false_alarm": 1}`, or costs
            `(num_classes, num_classes)`.
        classes: Labels in order.
        codes: Places of the rows' labels in `classes`.

    Raises:
        ValueError: If a name is unknown, or costs make no sense.
        TypeError: If something else is given.
    """
    if isinstance(metrics, str):
        metrics = [metrics]
    if not isinstance(metrics, Mapping):
        metrics = {_name_of(value): value for value in metrics}
    costs = None
    if objective is not None:
        if isinstance(objective, str) or callable(objective):
            name = _name_of(objective)
            metrics = {name: metrics.get(name, objective)} | metrics
        else:
            costs = _costs(objective, classes, codes)
            metrics = {COST: Cost(costs.tolist())} | metrics
    if not metrics:
        raise ValueError(f"`metrics` is empty. Expected some of {list(METRICS)}.")
    others = {}
    for name, value in metrics.items():
        found = _metric(name, value, classes, codes)
        if found is not None:
            others[name] = found
    guarded = [
        name
        for name in metrics
        if name in RAISED_BY_CHANCE
        or (isinstance(others.get(name), Scorer) and others[name].raised_by_chance)
    ]
    return Metrics(list(metrics), others, guarded, costs)


def _name_of(value):
    if isinstance(value, str):
        return value
    function = getattr(value, "_score_func", None)
    if function is None or not callable(value):
        raise TypeError(
            "A metric must be a name or a scorer by scikit-learn's `make_scorer`. "
            f"Received: {value!r}."
        )
    return function.__name__


def _metric(name, value, classes, codes):
    if isinstance(value, Cost):
        return value
    for known in {name, value if isinstance(value, str) else name} & set(METRICS):
        if name != value:
            raise ValueError(
                f"{known!r} is a metric of `compare` and goes by its name. Received: "
                f"{value!r} under the name {name!r}. Choose another name for it."
            )
        return None
    if isinstance(value, str):
        match = RECALL_AT.fullmatch(value)
        if match:
            return RecallAtPrecision(_precision(value, match[1]))
        if value == COST:
            raise ValueError(
                "'cost' needs costs. Expected `objective={'miss': 100, "
                "'false_alarm': 1}` or costs (num_classes, num_classes). Received: the "
                "name alone."
            )
        if value not in get_scorer_names():
            known = [*METRICS, "recall at precision 0.9"]
            raise ValueError(
                f"{unknown_name_message('metric', value, known)} Names of "
                "scikit-learn's `get_scorer_names()` do as well."
            )
        value = get_scorer(value)
    _name_of(value)
    scorer = Scorer(value, classes.tolist())
    try:
        scorer(codes, codes, np.eye(len(classes))[codes], 0)
    except Exception as error:
        raise ValueError(
            f"The metric {name!r} cannot score labels such as "
            f"{classes.tolist()[0]!r}: {error} Use scikit-learn's `make_scorer` with "
            "what it needs, `pos_label` or `average` say."
        ) from error
    return scorer


def _precision(text, number):
    try:
        precision = float(number)
    except ValueError:
        precision = 0.0
    if not 0 < precision <= 1:
        raise ValueError(
            "A precision must be above 0 and at most 1. Expected, say, 'recall at "
            f"precision 0.9'. Received: {text!r}."
        )
    return precision


def _costs(given, classes, codes):
    """Returns an array; of two classes the rarer is what is missed."""
    size = len(classes)
    if isinstance(given, Mapping):
        if set(given) != COST_KEYS or size != 2:
            raise ValueError(
                "Costs by name are `{'miss': 100, 'false_alarm': 1}`, of two classes. "
                f"Received: {dict(given)!r} for {size} classes. Of more, give costs "
                "(num_classes, num_classes): what a row of a class costs if decided "
                "as each."
            )
        rare = int(np.bincount(codes).argmin())
        table = [[0, 0], [0, 0]]
        table[rare][1 - rare] = given["miss"]
        table[1 - rare][rare] = given["false_alarm"]
        given = table
    try:
        costs = np.asarray(given, "float64")
    except (TypeError, ValueError):
        costs = np.zeros(())
    if costs.shape != (size, size) or not np.isfinite(costs).all():
        raise ValueError(
            f"Costs must be finite numbers ({size}, {size}) for the classes "
            f"{classes.tolist()}: what a row of a class costs if decided as each. "
            f"Received: {given!r}. Of two classes, `{{'miss': 100, 'false_alarm': 1}}` "
            "does as well."
        )
    mistakes = costs[~np.eye(size, dtype=bool)].reshape(size, size - 1)
    if not (mistakes > costs.diagonal()[:, None]).all():
        raise ValueError(
            "A mistake must cost more than the right decision. Received: "
            f"{costs.tolist()}, a row for each of {classes.tolist()}."
        )
    return costs


@dataclasses.dataclass(frozen=True)
class Cost:
    """Mean cost of a row's decision, in the units of the costs."""

    costs: list

    def __call__(self, y_true, y_pred, probabilities, rare):
        return float(np.asarray(self.costs)[y_true, y_pred].mean())


@dataclasses.dataclass(frozen=True)
class RecallAtPrecision:
    """The largest recall among thresholds whose precision is at least `precision`.

    Of the rarer of two classes, or the mean over classes; 0 where none reaches it.
    """

    precision: float

    def __call__(self, y_true, y_pred, probabilities, rare):
        labels = (
            [rare] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        )
        found = []
        for label in labels:
            precision, recall, _ = precision_recall_curve(
                np.equal(y_true, label), probabilities[:, label]
            )
            found.append(recall[precision >= self.precision].max())
        return float(np.mean(found))


@dataclasses.dataclass(frozen=True)
class Scorer:
    """A scorer of scikit-learn, on decisions and probabilities that are there."""

    scorer: object
    classes: list

    @property
    def raised_by_chance(self):
        """Whether it may be; it is not known of functions of the user's."""
        of_decisions = self.scorer._response_method == "predict"
        return of_decisions and self.scorer._score_func.__name__ not in SAFE_SCORES

    def __call__(self, y_true, y_pred, probabilities, rare):
        classes = np.asarray(self.classes)
        decided = _Decided(classes, classes[y_pred], probabilities)
        rows = np.arange(len(y_pred))[:, None]
        return float(self.scorer(decided, rows, classes[y_true]))


class _Decided(ClassifierMixin, BaseEstimator):
    """What scorers take for a fitted classifier; its inputs are row numbers."""

    def __init__(self, classes, labels, probabilities):
        self.classes_, self.labels, self.probabilities = classes, labels, probabilities

    def predict(self, X):
        return self.labels[X[:, 0]]

    def predict_proba(self, X):
        return self.probabilities[X[:, 0]]
