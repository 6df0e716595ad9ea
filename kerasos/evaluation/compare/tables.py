"""Tables as `compare` takes them: a frame, and scikit-learn's classifiers."""

import time
import warnings

import joblib
import numpy as np

from kerasos.evaluation.compare.checks import check_data
from kerasos.evaluation.compare.contenders import (
    Rebalanced,
    as_frame,
    check_columns,
    encoder_for,
    make_classifiers,
    make_contenders,
)
from kerasos.randomness.seeds import derive_seed


class Tables:
    """What `compare` asks of its data; `images.Images` answers the same.

    Args:
        X, y, methods, classifiers, random_state: As in `compare`.

    Attributes:
        X: Frame `(n, num_features)`.
        y: Array `(n,)`, labels.
        classes: Array of the labels in order.
        codes: Integer array `(n,)`, places in `classes`.
        contenders: List of `Contender`, `none` first.
        classifiers: Dict of name to classifier.
        pictures: Empty dict.
    """

    def __init__(self, X, y, methods, classifiers, random_state, output_dir=None):
        del output_dir  # there are no pictures to keep
        self.contenders = make_contenders(methods)
        self.classifiers = make_classifiers(classifiers, self.contenders)
        if np.ndim(y) == 2 and np.shape(y)[1] == 1:
            y = np.ravel(y)
        self.classes, self.codes = check_data(X, y)
        self.X, self.y = as_frame(X), np.asarray(y)
        check_columns(self.X, self.classifiers)
        self.random_state = random_state
        self.pictures = {}

    def arranged(self, cv, groups, n_jobs):
        """Returns `cv` and `n_jobs` as they are to be; here as they are."""
        return cv, n_jobs

    def fingerprint(self):
        """Returns a string that equal data share."""
        kinds = self.X.dtypes.astype(str).tolist()
        return joblib.hash([self.X.to_numpy(object), kinds])

    def take(self, rows):
        """Returns the rows of these numbers, numbered from 0."""
        return self.X.iloc[rows].reset_index(drop=True)

    def look_at(self, fold, contender, X, X_res, codes):
        """Sees what a method made of the training rows; here nothing is kept."""

    def evaluate(self, name, contender, X, X_res, codes, test, fold):
        """Fits a classifier and asks it about the test rows.

        Args:
            name: String, of the classifier.
            contender: `Contender`.
            X: Frame, the training rows as they were.
            X_res, codes: Frame and integers, what to fit on.
            test: Integer array, numbers of rows.
            fold: Integer, number of the fold.

        Returns:
            `(predicted, probabilities, seconds)`: integers `(n_test,)`, floats
            `(n_test, num_classes)`, and how long fitting took.
        """
        from sklearn.exceptions import ConvergenceWarning

        classifier = self.classifiers[name]
        seed = derive_seed(self.random_state, "compare", "classifier")
        encoder = encoder_for(classifier, self.X).fit(X)
        model = Rebalanced(classifier, contender.kind, seed)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(encoder.transform(X_res), codes)
        seconds = time.perf_counter() - start
        x_test = encoder.transform(self.X.iloc[test])
        return *model.predict(x_test, len(self.classes)), seconds
