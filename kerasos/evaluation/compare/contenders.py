"""What `compare` sets against each other: ways of rebalancing, and classifiers."""

import dataclasses

import numpy as np
import pandas as pd
from imblearn.ensemble import (
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from kerasos.checks import check_choice
from kerasos.over_sampling.deep import DeepOverSampler
from kerasos.over_sampling.prior_correction import shift_priors
from kerasos.registry import get_method, list_methods
from kerasos.tables.columns import column_kind

REFERENCE = "none"
# Without new rows: nothing, weights of the classes, another threshold.
UNSAMPLED = (REFERENCE, "class_weights", "threshold")
UNDER_SAMPLING = "under_sampling"
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
LARGEST = 1e150  # of a number, so that its variance is one
DEFAULT_CLASSIFIERS = tuple(CLASSIFIERS)[:3]


@dataclasses.dataclass(frozen=True)
class Contender:
    """A way of rebalancing: its name in the rows, and what it does.

    Attributes:
        name: As the user called it.
        kind: "none", "class_weights", "threshold" or "sampler"; for images others.
        sampler: Object with `fit_resample`, or None.
        loss: Function from class counts to a Keras loss, for networks, or None.
    """

    name: str
    kind: str
    sampler: object = None
    loss: object = None

    def resample(self, X, y, seed):
        """Returns a balanced `(X, y)`; the same where nothing is sampled."""
        if self.sampler is None:
            return X, y
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
        return X_res, y_res


def make_contenders(methods, contender_of=None):
    """Returns a list of `Contender`, `none` first.

    Args:
        methods: List of names, or dict of a name to a name or a sampler.
        contender_of: Function from a name of the user's and what is meant by it, a
            string or an object, to a contender. Default: the one for tables.

    Raises:
        ValueError: If a name is unknown, or there is nothing to compare.
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
    contender_of = contender_of or _contender
    return [contender_of(name, value) for name, value in methods.items()]


def _contender(name, value):
    if not isinstance(value, str):
        refuse_class("method", name, value)
        if not hasattr(value, "fit_resample"):
            raise TypeError(
                f"The method {name!r} must be a name or a sampler with "
                f"`fit_resample`. Received: {type(value).__name__}."
            )
        return Contender(name, "sampler", value)
    known = [*UNSAMPLED, UNDER_SAMPLING, *FOR_IMAGES, *list_methods()]
    check_choice("method", value, dict.fromkeys(known))
    if value in FOR_IMAGES:
        raise ValueError(
            f"{value!r} is for networks, which `compare` trains on images. Received: a "
            "table. 'class_weights' and 'threshold' do for its classifiers what such "
            "losses do for networks; or give image stacks (n, height, width)."
        )
    if value in UNSAMPLED:
        return Contender(name, value)
    if value == UNDER_SAMPLING:
        return Contender(name, "sampler", RandomUnderSampler())
    check_makes(value, "tables")
    return Contender(name, "sampler", DeepOverSampler(value))


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
    weighted = any(each.kind == "class_weights" for each in contenders)
    for name, classifier in classifiers.items():
        refuse_class("classifier", name, classifier)
        if not hasattr(classifier, "fit") or not hasattr(classifier, "predict_proba"):
            raise TypeError(
                f"The classifier {name!r} must have `fit` and `predict_proba`. "
                f"Received: {classifier!r}. Wrap it in scikit-learn's "
                "`CalibratedClassifierCV`."
            )
        if weighted and not has_fit_parameter(_last(classifier), "sample_weight"):
            raise TypeError(
                "'class_weights' needs classifiers whose `fit` takes `sample_weight`. "
                f"Received: {name!r}, a {type(_last(classifier)).__name__}, which does "
                "not. Leave out one of the two."
            )
    return classifiers


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


def _last(classifier):
    return classifier.steps[-1][1] if isinstance(classifier, Pipeline) else classifier


def encoder_for(classifier, X):
    """Returns an unfitted transformer from the frame to what the classifier takes.

    One-hot for categories. Numbers are standardised, and medians put where they are
    missing, except for gradient boosting, which does not ask for it. A pipeline gets
    the frame as it is.
    """
    if isinstance(classifier, Pipeline):
        return FunctionTransformer()
    kinds = [column_kind(X[name], name) for name in X]
    categories = [place for place, kind in enumerate(kinds) if kind == "categorical"]
    numbers = [place for place, kind in enumerate(kinds) if kind != "categorical"]
    steps = [FunctionTransformer(_to_float)]
    if not isinstance(classifier, HistGradientBoostingClassifier):
        imputer = SimpleImputer(
            strategy="median", add_indicator=True, keep_empty_features=True
        )
        steps += [imputer, StandardScaler()]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    text = FunctionTransformer(_to_text)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(*steps), numbers),
            ("categories", make_pipeline(text, one_hot), categories),
        ],
        sparse_threshold=0.0,
    )


def check_columns(X, classifiers):
    """Refuses columns that the classifiers' encoder cannot take, before any fold.

    Args:
        X: Frame.
        classifiers: Dict of name to classifier; a pipeline takes what it takes.

    Raises:
        TypeError: If a column holds dates or objects.
        ValueError: If a number is infinite, or its square is.
    """
    if all(isinstance(classifier, Pipeline) for classifier in classifiers.values()):
        return
    for name in X:
        try:
            kind = column_kind(X[name], name)
        except TypeError as error:
            received = pd.api.types.infer_dtype(X[name], skipna=True)
            raise TypeError(
                f"The classifiers cannot take column {name!r}. Expected numbers, "
                f"booleans, strings or categories. Received: {received}. Replace dates "
                "by numbers that matter, such as `.dt.month`, drop the column, or give "
                "classifiers that are pipelines with an encoder of their own."
            ) from error
        if kind != "categorical":
            values = _to_float(X[[name]])
            far = values[np.abs(values) > LARGEST]
            if len(far):
                raise ValueError(
                    f"Numbers must be finite, and so must their squares. Received: "
                    f"{far[0]:g} in column {name!r}. Clip it, or mark it as missing."
                )


def _to_float(frame):
    columns = [
        frame[name].to_numpy("float64", na_value=np.nan)[:, None] for name in frame
    ]
    return np.hstack(columns)


def _to_text(frame):
    missing = frame.isna().to_numpy()
    return np.where(missing, "missing", frame.astype(object).astype(str).to_numpy())


class Rebalanced(BaseEstimator):
    """A classifier fitted as a method says; what `compare` evaluates.

    Args:
        classifier: Unfitted.
        kind: As in `Contender`.
        seed: Integer.
    """

    def __init__(self, classifier, kind, seed):
        self.classifier = classifier
        self.kind = kind
        self.seed = seed

    def fit(self, x, y):
        """Fits on encoded rows and integer labels."""
        classifier = seeded(self.classifier, self.seed)
        fit_params = {}
        if self.kind == "class_weights":
            prefix = ""
            if isinstance(classifier, Pipeline):
                prefix = f"{classifier.steps[-1][0]}__"
            weights = compute_sample_weight("balanced", y)
            fit_params[f"{prefix}sample_weight"] = weights
        counts = np.bincount(y)
        counts = counts[counts > 0]
        self._priors = self._threshold = None
        if self.kind == "threshold":
            if len(counts) == 2 and counts.min() > 1:
                self._threshold = best_threshold(classifier, x, y, self.seed)
            else:
                self._priors = counts / counts.sum()
        self.fitted_ = classifier.fit(x, y, **fit_params)
        return self

    def predict(self, x, num_classes):
        """Returns labels `(n,)` and probabilities `(n, num_classes)`."""
        classes = self.fitted_.classes_
        found = self.fitted_.predict_proba(x)
        if self._priors is not None:
            equal = np.full(len(classes), 1.0 / len(classes))
            labels = classes[shift_priors(found, self._priors, equal).argmax(axis=1)]
        elif self._threshold is not None:
            labels = classes[(found[:, 1] >= self._threshold).astype(int)]
        else:
            labels = self.fitted_.predict(x)
        probabilities = np.zeros((len(found), num_classes))
        probabilities[:, classes] = found
        return np.asarray(labels), probabilities


def best_threshold(classifier, x, y, seed):
    """Returns the probability from which on the second class has the better score.

    The score is balanced accuracy on rows that the classifier was not fitted on, over
    at most five stratified folds; the threshold lies between two of their
    probabilities. scikit-learn's `TunedThresholdClassifierCV` tries thresholds at even
    distances, too coarse where a rare class has small probabilities (glass5 and flare-F
    lose 2 points), in 20 to 30 times the time, and refuses a constant classifier.

    Args:
        classifier: Unfitted, of two classes.
        x, y: Encoded rows and integer labels, two rows a class at least.
        seed: Integer, for the folds.
    """
    folds = int(min(5, np.unique(y, return_counts=True)[1].min()))
    cv = StratifiedKFold(folds, shuffle=True, random_state=seed)
    found = cross_val_predict(classifier, x, y, cv=cv, method="predict_proba")[:, 1]
    positive = y == y.max()
    wrong, right, values = roc_curve(positive, found, drop_intermediate=False)
    best = int(np.argmax(right - wrong))
    if not 0 < best < len(values) - 1:  # all rows to one class: nothing to gain
        return 0.5
    return float(values[best : best + 2].mean())


def seeded(estimator, seed):
    """Returns a clone with every `random_state`, nested ones too, set to `seed`."""
    copy = clone(estimator, safe=False)
    if not hasattr(copy, "get_params"):
        return copy
    names = [
        name
        for name in copy.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    ]
    return copy.set_params(**dict.fromkeys(names, seed)) if names else copy


def as_frame(X):
    """Returns a table as a frame whose columns are named by strings.

    Raises:
        ValueError: If two names are the same as strings.
    """
    if isinstance(X, pd.DataFrame):
        names = X.columns.map(str)
        if not names.is_unique:
            twice = names[names.duplicated()].unique().tolist()
            raise ValueError(
                "Columns must have names that differ as strings. Received twice: "
                f"{twice}. Rename them."
            )
        return X.reset_index(drop=True).set_axis(names, axis=1)
    X = np.asarray(X)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    return frame.infer_objects() if X.dtype == object else frame
