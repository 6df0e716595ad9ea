"""Types that signatures of the public surface share, for editors and type checkers."""

import os
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
from numpy.typing import ArrayLike

# Arrays, frames, or a dataset of samples and labels.
Samples = ArrayLike | tf.data.Dataset
PathLike = str | os.PathLike[str]
# As `kerasos.data.load` takes it: counts, counts by label, a ratio, or a protocol.
ClassCounts = Sequence[int] | dict[int, int] | float | str | None
# As imbalanced-learn has it.
Strategy = str | float | Mapping | Callable
