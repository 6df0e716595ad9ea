"""What a method must know about a data set."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.data.arrays import (
    check_labels,
    check_same_length,
    check_samples,
    value_bounds,
)
from kerasos.data.labels import checked_names, codes_of
from kerasos.data.sources import dataset_specs, summarize
from kerasos.description import described

# How far outside of the range values may lie, as a share of its width: augmentation
# overshoots by less, other units by more.
_SLACK = 0.1
# Floats within [-1, 1] have other units than a range this wide.
_WIDE = 50.0


@dataclasses.dataclass(frozen=True, repr=False)
class DataSpec:
    """Shape, dtype, value range and class counts of a labelled data set.

    Args:
        shape: Tuple of positive integers, one sample: `(28, 28, 1)` for an
            image, `(30,)` for a table row.
        dtype: Name of the dtype of the user's samples, e.g. `"uint8"`.
        value_range: `(low, high)`, in the user's units.
        class_counts: Samples per class, in label order, each at least 1.
        label_names: Names in label order, or None.

    Raises:
        ValueError: If a field is not as described.

    Example:

    >>> spec = DataSpec((2,), "float32", (0, 1), class_counts=(7, 2, 5))
    >>> spec.num_classes, spec.majority_count, spec.minority_labels
    (3, 7, [1, 2])
    """

    shape: tuple
    dtype: str
    value_range: tuple
    class_counts: tuple
    label_names: tuple | None = None

    def __post_init__(self):
        def put(field, value):
            object.__setattr__(self, field, value)

        put("shape", tuple(int(size) for size in self.shape))
        put("dtype", np.dtype(self.dtype).name)
        put("value_range", _check_range(self.value_range))
        put("class_counts", tuple(int(count) for count in self.class_counts))
        if not self.shape or min(self.shape) < 1:
            raise ValueError(
                "`shape` must be the positive sizes of one sample. Received: "
                f"{self.shape}."
            )
        if len(self.class_counts) < 2 or min(self.class_counts) < 1:
            raise ValueError(
                "`class_counts` must have at least two classes of at least one "
                f"sample. Received: {self.class_counts}."
            )
        if self.label_names is not None:
            put("label_names", checked_names(self.label_names, self.num_classes))

    @classmethod
    def of(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
        num_classes: int | None = None,
    ) -> Self:
        """Builds the spec of a data set after checking it as `as_arrays` does.

        Args:
            x: Array of samples, or a dataset as `as_pairs` takes it, read once and
                never held.
            y: Integer labels `(n,)`, or names; None when `x` is a dataset.
            value_range: `(low, high)` that holds every value. Default:
                `(0, 255)` for uint8, for the images of a folder, and for images
                between 0 and 255 that reach 128; `(0, 1)` or `(-1, 1)` for floats that
                lie inside, the second when one is negative.
            label_names: Names in label order. Default: the `class_names` of a dataset,
                or the names in `y`, sorted.
            num_classes: Number of classes to insist on, or None.

        Returns:
            A `DataSpec`.

        Raises:
            TypeError, ValueError: As `as_arrays`; also when the range of the
                values is unknown or does not hold them.
        """
        data = summarize(x, y, label_names)
        class_counts = np.bincount(data.y)
        if num_classes is not None and num_classes != len(class_counts):
            raise ValueError(
                "`y` must have samples of every class. Expected labels "
                f"0..{num_classes - 1}. Received: labels "
                f"0..{len(class_counts) - 1}. Give a sample of every class, or "
                "the right `num_classes`."
            )
        is_folder = hasattr(x, "file_paths")
        value_range = _resolve_range(data, value_range, is_folder)
        counts = tuple(class_counts)
        return cls(data.shape, data.dtype, value_range, counts, data.names)

    @functools.cached_property
    def num_classes(self) -> int:
        return len(self.class_counts)

    @functools.cached_property
    def num_features(self) -> int:
        return math.prod(self.shape)

    @functools.cached_property
    def majority_count(self) -> int:
        return max(self.class_counts)

    @property
    def minority_labels(self) -> list[int]:
        """Labels with fewer samples than the largest class, rarest first."""
        labels = [
            label
            for label, count in enumerate(self.class_counts)
            if count < self.majority_count
        ]
        return sorted(labels, key=lambda label: self.class_counts[label])

    def __repr__(self):
        named = {} if self.label_names is None else {"label_names": self.label_names}
        facts = {
            "shape": self.shape,
            "dtype": self.dtype,
            "value_range": self.value_range,
            "num_classes": self.num_classes,
            "class_counts": self.class_counts,
        }
        return described(self, facts | named)

    def codes_of(self, labels: ArrayLike) -> Any:
        """Returns names of classes as integers; other labels stay as they are."""
        return codes_of(labels, self.label_names)

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    def check_compatible(self, x: Samples, y: ArrayLike | None = None) -> None:
        """Raises `ValueError` unless `x` and `y` fit this spec.

        Args:
            x: Array of samples, or a `tf.data.Dataset` of `(x, y)`, of which
                only the element spec is read.
            y: Integer labels `(n,)`, or None.

        Raises:
            TypeError: If `x` is not numeric or `y` holds no numbers.
            ValueError: If one sample has another shape, if its dtype could mean
                other units (floats of another width are fine), if its values do
                (see `check_values`), or if a label is not one of
                `0..num_classes - 1`.
        """
        if isinstance(x, tf.data.Dataset):
            x_spec, _, batched = dataset_specs(x)
            shape = tuple(x_spec.shape[1 if batched else 0 :])
            dtype = np.dtype(x_spec.dtype.as_numpy_dtype)
        else:
            x = check_samples(x)
            shape, dtype = x.shape[1:], x.dtype
        if shape != self.shape:
            raise ValueError(
                "Samples must have the shape the model was built for. Expected "
                f"{self.shape} for one sample. Received: {shape}. Reshape the "
                "samples, or build a model with `from_data` on them."
            )
        both_float = dtype.kind == "f" and np.dtype(self.dtype).kind == "f"
        if dtype.name != self.dtype and not both_float:
            raise ValueError(
                "Samples must be in the units the model was built for. Expected "
                f"dtype {self.dtype} in {self.value_range}. Received: dtype "
                f"{dtype.name}. Convert the samples to those units and dtype."
            )
        if not isinstance(x, tf.data.Dataset) and not self._holds_any(dtype):
            self.check_values(*value_bounds(x))
        if y is not None:
            y = check_labels(y)
            check_same_length(x, y)
            self.check_largest_label(y.max())

    def check_values(self, low: float, high: float) -> None:
        """Raises `ValueError` if samples from `low` to `high` are in other units.

        They are if they lie outside of the range by more than a tenth of its width, or
        all within [-1, 1] where the range is 50 wide or more (floats only).
        """
        if not self._is_inside(low, high) or self._is_narrow(low, high):
            raise ValueError(
                "Samples must be in the units the model was built for. Expected values "
                f"in {self.value_range}. Received: values from {low:g} to {high:g}. "
                "Scale the samples, clip what lies outside, or build a model with "
                "`from_data` on them."
            )

    def check_largest_label(self, label: int) -> None:
        """Raises `ValueError` if `label` is beyond the classes."""
        if label >= self.num_classes:
            raise ValueError(
                "Labels must be classes the model was built for. Expected "
                f"0..{self.num_classes - 1}. Received: label {label}. Build a model "
                "with `from_data` on data that hold it, or leave such samples out."
            )

    def fits(self, x: Any, y: Any, is_first: bool) -> Any:
        """Whether a batch passes `check_compatible`, as far as its values go.

        Args:
            x: Tensor `(batch, *shape)` of the dtype of the spec, or another float.
            y: Integer tensor `(batch,)`.
            is_first: Boolean tensor. Later batches may be as narrow as they like.

        Returns:
            Boolean tensor, false too for NaN and infinity.
        """
        y = tf.cast(y, tf.int64)
        known = tf.reduce_all((y >= 0) & (y < self.num_classes))
        if self._holds_any(x.dtype.as_numpy_dtype):
            return known
        # A comparison with NaN is false; a minimum might skip it.
        values = tf.cast(x, tf.float64 if x.dtype == tf.float64 else tf.float32)
        low, high = self._limits
        known &= tf.reduce_all((values >= low) & (values <= high))
        if self._is_narrow(0.0, 1.0):
            known &= ~is_first | tf.reduce_any(tf.abs(values) > 1.0)
        return known

    def _holds_any(self, dtype):
        """Whether no value of an integer dtype is outside of the range."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "iu":
            return False
        return self._is_inside(np.iinfo(dtype).min, np.iinfo(dtype).max)

    @property
    def _limits(self):
        low, high = self.value_range
        slack = _SLACK * (high - low)
        return low - slack, high + slack

    def _is_inside(self, low, high):
        start, end = self._limits
        return start <= low and high <= end

    def _is_narrow(self, low, high):
        start, end = self.value_range
        is_float = np.dtype(self.dtype).kind == "f"
        return is_float and end - start >= _WIDE and -1 <= low < high <= 1

    def get_config(self) -> dict[str, Any]:
        """Returns the fields as values that JSON can hold."""
        return {
            "shape": list(self.shape),
            "dtype": self.dtype,
            "value_range": list(self.value_range),
            "class_counts": list(self.class_counts),
            "label_names": self.label_names and list(self.label_names),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)


def _check_range(value_range):
    try:
        low, high = (float(bound) for bound in value_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            "`value_range` must be two finite numbers `(low, high)` with low < "
            f"high. Received: {value_range!r}."
        )
    return low, high


def range_seen(shape, dtype, bounds, is_folder=False):
    """Returns the range of values that data show, or None.

    Args:
        shape, dtype: Of a sample.
        bounds: Smallest and largest value.
        is_folder: Whether they are images of files.
    """
    low, high = bounds
    grey_levels = len(shape) == 3 and 0 <= low and high <= 255
    if dtype == np.uint8 or (grey_levels and (is_folder or high > 127)):
        return 0.0, 255.0
    if dtype.kind == "f" and -1 <= low and high <= 1:
        return (-1.0 if low < 0 else 0.0), 1.0
    return None


def _resolve_range(data, value_range, is_folder):
    """Returns the given range, or the one the data show; checks that it holds."""
    low, high = data.bounds
    if value_range is None:
        seen = range_seen(data.shape, data.dtype, data.bounds, is_folder)
        if seen is not None:
            return seen
        raise ValueError(
            "`value_range` must be given for these data. It is known only for "
            "uint8, for floats in [0, 1] or [-1, 1], and for images that fill 0..255. "
            f"Received: dtype {data.dtype} from {low:g} to {high:g}. Pass "
            "`value_range=(low, high)`."
        )
    given = _check_range(value_range)
    if low < given[0] or high > given[1]:
        raise ValueError(
            f"`value_range` must hold every value of `x`. Received: {given}, and "
            f"values from {low:g} to {high:g}. Widen it, or clip the data."
        )
    return given
