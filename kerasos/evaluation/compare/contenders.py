"""What `compare` sets against each other: ways of rebalancing, and classifiers."""

import dataclasses

import numpy as np
from imblearn.ensemble import (
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.under_sampling import (
    EditedNearestNeighbours,
    NearMiss,
    RandomUnderSampler,
)
from imblearn.under_sampling.base import BaseCleaningSampler, BaseUnderSampler
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline

from kerasos.checks import Number, check_choice, unknown_name_message
from kerasos.evaluation.compare.encoding import encoder_for
from kerasos.evaluation.compare.rebalanced import PRIOR_CORRECTED, RECALIBRATIONS
from kerasos.over_sampling.dates import refuse_dates_as_text
from kerasos.over_sampling.deep import TABLE_METHOD, DeepOverSampler
from kerasos.over_sampling.estimators import last_step, takes_weights
from kerasos.registry import get_method, list_methods

REFERENCE = "none"
COST_WEIGHTS = "cost_weights"
WEIGHTS = ("class_weights", COST_WEIGHTS)
THRESHOLD = "threshold"
BAGGING = "balanced_bagging"
# Without new rows: nothing, weights, another threshold, bags.
UNSAMPLED = (REFERENCE, *WEIGHTS, THRESHOLD, BAGGING)
AFTERWARDS = (PRIOR_CORRECTED, *RECALIBRATIONS)
WEIGHT = "weight="
# What networks are trained with, see `networks` and `images`.
FOR_IMAGES = (
    "augment",
    "balanced_softmax",
    "class_balanced_focal",
    "ldam",
    "logit_adjusted",
    "mixup",
)
CLASSIFIERS = {
    "logistic_regression": LogisticRegression(max_iter=1000),
    "gradient_boosting": HistGradientBoostingClassifier(),
    "mlp": MLPClassifier(max_iter=300),
    "balanced_random_forest": BalancedRandomForestClassifier(),
    "easy_ensemble": EasyEnsembleClassifier(),
    "rus_boost": RUSBoostClassifier(),
}
DEFAULT_CLASSIFIERS = tuple(CLASSIFIERS)[:3]


class ByDistance(BaseEstimator):
    """An under-sampler that sees encoded rows; what it keeps is rows as they are."""

    def __init__(self, sampler):
        self.sampler = sampler

    def fit_resample(self, X, y):
        encoded = encoder_for(None, X).fit_transform(X)
        sampler = clone(self.sampler)
        sampler.fit_resample(encoded, y)
        kept = sampler.sample_indices_
        return X.iloc[kept].reset_index(drop=True), np.asarray(y)[kept]


UNDER_SAMPLERS = {
    "under_sampling": RandomUnderSampler(),
    "near_miss": ByDistance(NearMiss()),
    "edited_nearest_neighbours": ByDistance(EditedNearestNeighbours()),
}


@dataclasses.dataclass(frozen=True)
class Contender:
    """A way of rebalancing: its name in the rows, and what it does.

    Attributes:
        name: As the user called it.
        kind: As in `Rebalanced`.
        sampler: Object with `fit_resample`, or None; contenders that have the same
            one train on the same rows.
        recalibration: As in `Rebalanced`.
        loss: Function from class counts to a Keras loss, for networks, or None.
        synthetic_weight: As in `Rebalanced`.
    """

    name: str
    kind: str = REFERENCE
    sampler: object = None
    recalibration: str | None = None
    loss: object = None
    synthetic_weight: float | None = None


def make_contenders(methods, costs=None, contender_of=None):
    """Returns a list of `Contender`, `none` first.

    Args:
        methods: List of names, or dict of a name to a name or a sampler.
        costs: Array `(num_classes, num_classes)`, or None.
        contender_of: Function from a name of the user's and what is meant by it (a
            string or an object) to a contender. Default: the one for tables.

    Raises:
        ValueError: If a name is unknown or needs costs, what is behind its + does not
            fit, or there is nothing to compare.
        TypeError: If an object has no `fit_resample`.
    """
    if isinstance(methods, str):
        methods = [methods]
    if not isinstance(methods, dict):
        refuse_unnamed("sampler", methods)
        methods = {name: name for name in methods}
    methods = {REFERENCE: REFERENCE, **methods}  # the first, wherever it was named
    if methods[REFERENCE] != REFERENCE:
        raise ValueError(
            "The name 'none' is the classifier on the data as they are. Received: "
            f"{methods[REFERENCE]!r} under that name. Choose another."
        )
    if len(methods) < 2:
        raise ValueError(
            "There is nothing to compare with `none`. Expected one more method at "
            "least. Received: none."
        )
    found, samplers = [], {}
    for name, value in methods.items():
        contender = _named(name, value, methods, contender_of or _contender, samplers)
        if contender.kind == COST_WEIGHTS and costs is None:
            raise ValueError(
                f"{contender.kind!r} needs costs. Expected `objective={{'miss': 100, "
                "'false_alarm': 1}` or costs (num_classes, num_classes). Received: "
                "none."
            )
        found.append(contender)
    return found


def _named(name, value, methods, contender_of, samplers):
    """Makes a contender, also of a name with + and a weight, or a recalibration.

    `samplers` holds those made so far: one for each method, whatever is behind the +.
    """
    base, seen, weight, afterwards = value, {name}, None, None
    while isinstance(value, str) and "+" in value:
        base, _, last = value.rpartition("+")
        is_weight = last.startswith(WEIGHT)
        if not is_weight:
            check_choice("recalibration", last, (*AFTERWARDS, f"{WEIGHT}W"))
        if weight is not None or (afterwards is not None and not is_weight):
            raise ValueError(
                "Added rows are weighed once, and then probabilities recalibrated once."
                f" Expected a name, '+{WEIGHT}0.1' or nothing, and '+', one of "
                f"{', '.join(AFTERWARDS)}, or nothing. Received: {methods[name]!r}."
            )
        if is_weight:
            weight = _weight_of(last.removeprefix(WEIGHT), methods[name])
        else:
            afterwards = last
        # A name of the user's, or of ours: {"smote": "smote+platt"} means our smote.
        value = base if base in seen else methods.get(base, base)
        seen.add(base)
    contender = contender_of(name, value)
    method = value if isinstance(value, str) else id(value)
    sampler = samplers.setdefault(method, contender.sampler)
    is_sampled = contender.sampler is not None
    if weight is not None and (not is_sampled or _takes_away(value)):
        raise ValueError(
            f"{base!r} adds no rows, which the weight is of. Expected what adds some "
            "after the real ones: 'smote', 'flow', or another over-sampler. Received: "
            f"{methods[name]!r}. Leave '+{WEIGHT}{weight:g}' out."
        )
    weighs = is_sampled or contender.kind in (*WEIGHTS, BAGGING)
    if afterwards == PRIOR_CORRECTED and not weighs:
        raise ValueError(
            f"{base!r} trains on the classes' own shares, so there is nothing to "
            f"correct. Received: {methods[name]!r}. Use '{base}+isotonic' or "
            f"'{base}+platt'."
        )
    weight = None if weight == 1 else weight  # as real rows: then none is needed
    return dataclasses.replace(
        contender,
        sampler=sampler,
        recalibration=afterwards,
        synthetic_weight=weight,
    )


def _weight_of(text, given):
    try:
        weight = float(text)
    except ValueError:
        weight = text
    kind = Number(above=0)
    if not kind.fits(weight):
        raise ValueError(
            f"The weight of added rows must be {kind}, where real rows weigh 1. "
            f"Received: {given!r}. A tenth is '+{WEIGHT}0.1'; 0 is `none`, which is "
            "always compared with."
        )
    return weight


def _takes_away(value):
    """Whether a method takes rows away, as far as its name or class tells."""
    if isinstance(value, str):
        return value in UNDER_SAMPLERS
    return isinstance(value, BaseUnderSampler | BaseCleaningSampler)


def _contender(name, value):
    if not isinstance(value, str):
        refuse_class("method", name, value)
        if not hasattr(value, "fit_resample"):
            raise TypeError(
                f"The method {name!r} must be a name or a sampler with "
                f"`fit_resample`. Received: {type(value).__name__}."
            )
        return Contender(name, sampler=value)
    if value in FOR_IMAGES:
        raise ValueError(
            f"{value!r} is for networks, which `compare` trains on images. Received: a "
            "table. 'class_weights' and 'threshold' do for its classifiers what such "
            "losses do for networks; or give image stacks (n, height, width)."
        )
    known = [*UNSAMPLED, *UNDER_SAMPLERS, *list_methods()]
    if value not in known:
        message = unknown_name_message("method", value, known)
        raise ValueError(
            f"{message} One of {', '.join(f'+{each}' for each in AFTERWARDS)} behind a "
            f"name mends its probabilities, '+{WEIGHT}0.1' weighs the rows it adds."
        )
    if value in UNSAMPLED:
        return Contender(name, value)
    if value in UNDER_SAMPLERS:
        return Contender(name, sampler=UNDER_SAMPLERS[value])
    check_makes(value, "tables")
    return Contender(name, sampler=DeepOverSampler(value))


def check_makes(name, kind):
    """Raises `ValueError` unless the method `name` makes "tables" or "images"."""
    makes = get_method(name).makes
    if kind not in makes:
        able = [other for other in list_methods() if kind in get_method(other).makes]
        what = " and ".join(makes) or "features, and neither tables nor images"
        raise ValueError(
            f"{name!r} makes {what}. Expected one of {able}. Received: {kind}. Choose "
            "another method."
        )


def make_classifiers(classifiers, contenders):
    """Returns a dict of name to unfitted classifier.

    Args:
        classifiers: None (`DEFAULT_CLASSIFIERS`), a list of names of `CLASSIFIERS`, or
            a dict of name to classifier.
        contenders: List of `Contender`, whose needs are checked.

    Raises:
        ValueError: If a name is unknown.
        TypeError: If a classifier lacks what is needed.
    """
    if isinstance(classifiers, str):
        classifiers = [classifiers]
    if not isinstance(classifiers, dict):
        names = DEFAULT_CLASSIFIERS if classifiers is None else list(classifiers)
        refuse_unnamed("classifier", names)
        for name in names:
            check_choice("classifier", name, CLASSIFIERS)
        classifiers = {name: CLASSIFIERS[name] for name in names}
    if not classifiers:
        raise ValueError("There is no classifier. Expected one at least.")
    weighted = [
        each.name
        for each in contenders
        if each.kind in WEIGHTS or each.synthetic_weight is not None
    ]
    bagged = [each.name for each in contenders if each.kind == BAGGING]
    for name, classifier in classifiers.items():
        refuse_class("classifier", name, classifier)
        if not hasattr(classifier, "fit") or not hasattr(classifier, "predict_proba"):
            raise TypeError(
                f"The classifier {name!r} must have `fit` and `predict_proba`. "
                f"Received: {classifier!r}. Wrap it in scikit-learn's "
                "`CalibratedClassifierCV`."
            )
        if weighted and not takes_weights(classifier):
            raise TypeError(
                f"{weighted[0]!r} needs classifiers whose `fit` takes `sample_weight`. "
                f"Received: {name!r}, a {type(last_step(classifier)).__name__}, which "
                "does not. Leave out one of the two."
            )
        if bagged and isinstance(classifier, Pipeline):
            raise TypeError(
                f"{bagged[0]!r} takes classifiers of encoded rows. Received: {name!r}, "
                "a Pipeline, which takes the frame. Leave out one of the two, or put "
                "imbalanced-learn's `BalancedBaggingClassifier` into the pipeline."
            )
    return classifiers


def check_recalibration(contenders, fewest):
    """Refuses what is to recalibrate on a class of one row.

    Args:
        contenders: List of `Contender`.
        fewest: Integer, the fewest rows of a class in a training part.

    Raises:
        ValueError: If there are too few.
    """
    for each in contenders:
        if each.recalibration in RECALIBRATIONS and fewest < 2:
            raise ValueError(
                f"{each.name!r} recalibrates on rows that are left out. Expected two "
                f"training rows of each class at least. Received: {fewest}. Use "
                f"'+{PRIOR_CORRECTED}', or join small classes."
            )


def check_dates(contenders, X):
    """Refuses dates as text before any fold, if a method would in the first.

    Args:
        contenders: List of `Contender`.
        X: Frame.

    Raises:
        TypeError: If a column is dates or times as text.
    """
    samplers = [each.sampler for each in contenders]
    methods = [
        get_method(sampler.method or TABLE_METHOD)
        for sampler in samplers
        if isinstance(sampler, DeepOverSampler)
    ]
    if not all(method.takes_any_column for method in methods):
        for name in X:
            refuse_dates_as_text(X[name], name)


def refuse_unnamed(what, given):
    unnamed = [type(each).__name__ for each in given if not isinstance(each, str)]
    if unnamed:
        raise TypeError(
            f"{what.capitalize()}s need a name. Expected a list of names, or a dict of "
            f"name to {what}. Received objects in a list: {unnamed}. Use "
            f"`{{'my {what}': {what}}}`."
        )


def refuse_class(what, name, value):
    if isinstance(value, type):
        raise TypeError(
            f"The {what} {name!r} must be an object. Received: the class "
            f"{value.__name__}. Make one, `{value.__name__}()`."
        )
