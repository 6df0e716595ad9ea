"""What is done to estimators of scikit-learn from outside: a seed, and weights."""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter


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


def last_step(classifier):
    """Returns the classifier, of a pipeline its last step."""
    return classifier.steps[-1][1] if isinstance(classifier, Pipeline) else classifier


def takes_weights(classifier):
    """Whether `fit` takes a weight for each row."""
    return has_fit_parameter(last_step(classifier), "sample_weight")


def synthetic_weights(num_rows, num_real, weight):
    """Returns weights `(num_rows,)`: 1 of the real rows, the first, else `weight`."""
    return np.where(np.arange(num_rows) < num_real, 1.0, weight)


def weights_for(classifier, weights):
    """Returns the keyword arguments of `fit` that weigh rows."""
    prefix = ""
    if isinstance(classifier, Pipeline):
        prefix = f"{classifier.steps[-1][0]}__"
    return {f"{prefix}sample_weight": weights}
