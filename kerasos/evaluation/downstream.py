"""What oversampling is for: the score of a classifier trained on the result."""

import numpy as np

from kerasos.evaluation.quick import MAX_ROWS, QuickClassifier
from kerasos.metrics.imbalance import acsa


class DownstreamScore:
    """Balanced accuracy on held-out data after training on oversampled data.

    Call it with an oversampler (anything with `oversample`): it balances the training
    data, fits a quick classifier to them and scores that.

    Args:
        x, y: Training data, the user's units.
        x_test, y_test: Held-out data that no oversampler has seen.
        fit_classifier: Function from `(x, y)` to an object with `predict` that
            returns labels. Default: `QuickClassifier`, on `max_rows` rows a class.
        sampling_strategy: As in `oversample`.
        max_rows: Integer, rows a class that the quick classifier trains on.
        seed: Integer, for the generated samples and the quick classifier: the same
            at each call, so that scores of one generator at two times compare.

    Returns:
        Float in [0, 1] from a call.

    Example:

    >>> score = DownstreamScore(x, y, x_test, y_test)
    >>> score(kerasos.get_method("smote").from_data(x, y))
    0.93
    """

    def __init__(
        self,
        x,
        y,
        x_test,
        y_test,
        fit_classifier=None,
        sampling_strategy="auto",
        max_rows=MAX_ROWS,
        seed=0,
    ):
        self.data = np.asarray(x), np.asarray(y)
        self.held_out = np.asarray(x_test), np.asarray(y_test)
        for name, (samples, labels) in (("", self.data), ("_test", self.held_out)):
            if len(samples) != len(labels) or not len(labels):
                raise ValueError(
                    f"`x{name}` and `y{name}` must be samples and as many labels. "
                    f"Received: {len(samples)} samples and {len(labels)} labels."
                )
        self.fit_classifier = fit_classifier
        self.sampling_strategy = sampling_strategy
        self.max_rows, self.seed = max_rows, seed

    def __call__(self, model):
        x, y, _ = model.oversample(
            *self.data, sampling_strategy=self.sampling_strategy, seed=self.seed
        )
        if self.fit_classifier is None:
            classifier = QuickClassifier(x, y, self.max_rows, self.seed)
        else:
            classifier = self.fit_classifier(x, y)
        x_test, y_test = self.held_out
        return float(acsa(y_test, np.asarray(classifier.predict(x_test))))
