"""A support vector machine with class probabilities, and its form as arrays.

The settings come from a grid search by scikit-learn; the probabilities from one SVM a
class, each calibrated by a sigmoid on held-out folds. A multi-class `SVC` calibrated
directly would be of no use here: its one-vs-rest decision values are counts of votes.
"""

import numpy as np

from kerasos.checks import check_choice
from kerasos.randomness.seeds import derive_seed

FOLDS = 3
# Ours; the paper (Kong et al. 2019) does not state its grid.
GRID = (
    {"kernel": ["linear"], "C": [0.1, 1.0, 10.0, 100.0]},
    {
        "kernel": ["rbf"],
        "C": [0.1, 1.0, 10.0, 100.0],
        "gamma": ["scale", 1e-3, 1e-4],
    },
)


def search_svm(features, y, *, seed=0, class_weight=None, standardize=True):
    """Finds the settings of an SVM by macro F1 over three stratified folds.

    Args:
        features: Float array `(n, num_features)`.
        y: Integer labels `(n,)`.
        seed: Integer; it decides the folds.
        class_weight: As in `sklearn.svm.SVC`: None, or "balanced".
        standardize: Whether each feature is scaled to variance 1. Not for pixels:
            those that are nearly always dark would count as much as the others.

    Returns:
        A fitted `sklearn.model_selection.GridSearchCV`, refit on all rows: its
        `predict` gives labels, and `svm_settings` the settings found.
    """
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    grid = [{f"svc__{k}": v for k, v in part.items()} for part in GRID]
    search = GridSearchCV(
        _pipeline(SVC(class_weight=class_weight), standardize),
        grid,
        scoring="f1_macro",
        cv=_folds(seed),
    )
    return search.fit(*with_all_folds(features, y))


def svm_settings(search):
    """Returns what `search_svm` found, e.g. `{"C": 1.0, "kernel": "linear"}`."""
    return {k.removeprefix("svc__"): v for k, v in search.best_params_.items()}


def calibrated_svm(
    features, y, settings, *, seed=0, class_weight=None, standardize=True
):
    """Fits one SVM a class and calibrates them to probabilities.

        CalibratedClassifierCV(OneVsRestClassifier(SVC(**settings)), ensemble=False)

    Args:
        features, y, seed, class_weight, standardize: As in `search_svm`.
        settings: Dict of `kernel` ("linear" or "rbf"), `C` and `gamma`.

    Returns:
        A fitted scikit-learn classifier with `predict_proba`.

    Raises:
        ValueError: If the kernel is another one.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    check_choice("kernel", settings.get("kernel", "rbf"), ("linear", "rbf"))
    if settings.get("gamma", "scale") == "scale":
        # One number for all folds, and for `support_arrays`.
        rows = StandardScaler().fit_transform(features) if standardize else features
        variance = np.var(rows)
        gamma = 1.0 / (features.shape[1] * float(variance)) if variance else 1.0
        settings = {**settings, "gamma": gamma}
    one_a_class = OneVsRestClassifier(SVC(**settings, class_weight=class_weight))
    calibrated = CalibratedClassifierCV(
        _pipeline(one_a_class, standardize),
        method="sigmoid",
        ensemble=False,
        cv=_folds(seed),
    )
    return calibrated.fit(*with_all_folds(features, y))


def support_arrays(calibrated):
    """Returns the arrays that `calibrated_svm` comes down to.

    With the features z = (x - mean) / scale and for class k

        f_k = sum_i dual_ik K(z, support_i) + intercept_k
        p_k = 1 / (1 + exp(slope_k f_k + offset_k)),    then scaled to sum 1

    where two classes have one k, the second of them. The support vectors of all
    classes are one set, so that K is computed once.

    Args:
        calibrated: What `calibrated_svm` returned.

    Returns:
        Dict of float arrays: `mean`, `scale` `(num_features,)`, `support`
        `(m, num_features)`, `dual` `(m, k)`, `intercept`, `slope`, `offset` `(k,)`,
        and `gamma` `()`. For the linear kernel the sum over i is carried out:
        `support` is empty, and f = z dual + intercept with `dual`
        `(num_features, k)`.
    """
    (fitted,) = calibrated.calibrated_classifiers_
    *before, one_a_class = (step for _, step in fitted.estimator.steps)
    machines = one_a_class.estimators_
    width = machines[0].n_features_in_
    arrays = {"mean": np.zeros(width), "scale": np.ones(width)}
    if before:
        arrays = {"mean": before[0].mean_, "scale": before[0].scale_}
    if machines[0].kernel == "linear":
        arrays["support"] = np.zeros((0, width))
        arrays["dual"] = np.stack([m.coef_[0] for m in machines], 1)
    else:
        rows = sorted(set().union(*(m.support_.tolist() for m in machines)))
        place = {row: i for i, row in enumerate(rows)}
        arrays["support"] = np.empty((len(rows), width))
        arrays["dual"] = np.zeros((len(rows), len(machines)))
        for k, machine in enumerate(machines):
            places = [place[row] for row in machine.support_.tolist()]
            arrays["support"][places] = machine.support_vectors_
            arrays["dual"][places, k] = machine.dual_coef_[0]
    arrays["gamma"] = float(machines[0].gamma)
    arrays["intercept"] = np.array([m.intercept_[0] for m in machines])
    arrays["slope"] = np.array([c.a_ for c in fitted.calibrators])
    arrays["offset"] = np.array([c.b_ for c in fitted.calibrators])
    return arrays


def with_all_folds(features, y):
    """Repeats rows of classes with fewer than three, so that each fold has one.

    Returns:
        `(features, y)`, the rows given first.
    """
    places, counts = [np.arange(len(y))], np.bincount(y)
    for label in np.flatnonzero((counts > 0) & (counts < FOLDS)):
        own = np.flatnonzero(y == label)
        places.append(np.resize(own, FOLDS - len(own)))
    places = np.concatenate(places)
    return features[places], np.asarray(y)[places]


def _pipeline(classifier, standardize):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(*([StandardScaler()] if standardize else []), classifier)


def _folds(seed):
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "svm"))
