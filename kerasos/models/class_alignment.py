"""Which class code makes which class, where the codes were trained without labels."""

import warnings

import numpy as np
import tensorflow as tf

from kerasos.data.pipeline import every_row

LEAST_AGREEMENT = 0.5


class ClassAlignment:
    """Assigns class codes to classes after training.

    For an `OversamplingModel` with `class_probabilities`. The assignment is a weight,
    `code_of_class`, saved and exported with the model; at first code k is class k.
    """

    def make_assignment(self):
        """Makes the weight; call in the constructor."""
        self.code_of_class = self.add_weight(
            shape=(self.spec.num_classes,),
            dtype="int32",
            initializer=lambda shape, dtype=None: tf.range(shape[0], dtype=dtype),
            trainable=False,
            aggregation="only_first_replica",
            name="code_of_class",
        )

    def align_classes(self, x, y=None):
        """Assigns each class the code that D's class head sees in its samples.

            A[k, j] = mean over real samples x of class k of q_j(x)

        and the assignment is the permutation with the largest sum of A, by the
        Hungarian method.

        Args:
            x: Samples in the user's units, or a dataset of `(x, y)`, read once.
            y: Integer labels, when `x` is an array.

        Returns:
            Array A `(num_classes, num_classes)`, codes in columns.

        Raises:
            ValueError: If the data do not fit the model or lack a class.
        """
        from scipy.optimize import linear_sum_assignment

        agreement = self._agreement(x, y)
        _, codes = linear_sum_assignment(-agreement)
        self.code_of_class.assign(codes.astype("int32"))
        matched = agreement[np.arange(len(codes)), codes]
        doubtful = np.flatnonzero(matched < LEAST_AGREEMENT)
        if len(doubtful):
            found = {int(k): round(float(matched[k]), 2) for k in doubtful}
            warnings.warn(
                "The class codes do not stand for single classes, so what is generated "
                "under these labels is likely to be something else (label: mean "
                f"probability of its code on its own samples): {found}. Train longer, "
                "or build the model with `class_code='supervised'`.",
                stacklevel=2,
            )
        return agreement

    def _agreement(self, x, y):
        num_classes = self.spec.num_classes
        sums, counts = np.zeros((num_classes, num_classes)), np.zeros(num_classes)
        parts = every_row(x) if isinstance(x, tf.data.Dataset) else [(x, y)]
        for samples, labels in parts:
            labels = np.asarray(labels)
            self.spec.check_compatible(samples, labels)
            np.add.at(sums, labels, self.class_probabilities(samples))
            counts += np.bincount(labels, minlength=num_classes)
        if not counts.all():
            raise ValueError(
                "Every class needs a real sample to find its code. Received none of "
                f"class {int(counts.argmin())}. Pass the training data."
            )
        return sums / counts[:, None]


def check_readable(x):
    """Raises if the training data cannot be read once more after training."""
    if isinstance(x, tf.distribute.DistributedDataset) or (
        isinstance(x, tf.data.Dataset)
        and x.cardinality() == tf.data.INFINITE_CARDINALITY
    ):
        raise ValueError(
            "`class_code='unsupervised'` reads the training data once after training, "
            "to find the class of each code. Expected arrays or a finite dataset. "
            f"Received: a {type(x).__name__} without end, or distributed. Use "
            "`kerasos.data.batches(x, y, 64)`."
        )
