"""Oversamplers without a network: `none`, `random`, `smote`, `convex` and `augment`.

They share the interface of `OversamplingModel` as far as it makes sense (`from_data`,
`sample`, `oversample`, `options` and the flags), so one loop can compare them with the
networks. Tables they take as they are: frames, sparse matrices and arrays of any dtype.
"""

import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples, Strategy
from kerasos.checks import Count, Number, Options, Positive, Seed, Whole, checked
from kerasos.data.arrays import (
    as_array,
    check_classes,
    check_labels,
    check_same_length,
    value_bounds,
)
from kerasos.data.labels import (
    check_names,
    checked_names,
    codes_of,
    labels_like,
    named,
    strategy_of,
)
from kerasos.data.resample import samples_to_add, to_dtype
from kerasos.data.sources import as_arrays, is_dataset
from kerasos.data.spec import DataSpec, range_seen
from kerasos.data.stream import Maker, balanced_stream, filled_up
from kerasos.description import chosen, described
from kerasos.methods.sampling import SAMPLE_HINTS
from kerasos.methods.shared.moved_copies import check_images, fill_up
from kerasos.randomness.seeds import derive_seed, fresh_seed
from kerasos.registry import register_method

CHUNK_FLOATS = 2**23  # values of images worked on at once: 32 MiB per float32 copy
_OF_NETWORKS = ("call", "compile", "export", "fit", "predict", "save")

BelowOne = Annotated[float, Number(0, below=1)]


class Baseline:
    """Draws samples from data; subclasses say how. `from_data` is the way in.

    Keeps a reference to the data, for `sample`; nothing is learnt from them.

    Args:
        x, y, seed: As in `from_data`.

    Attributes:
        makes: What it makes new ones of: "images", "tables" or both.
        options: `{name: Option}` of `from_data`, with default and what it may be.
        takes_tables: True: `DeepOverSampler` hands over the user's own table, and no
            matrix that stands for it.
        takes_any_column: Whether columns may hold what no method can mix, lists say.
        label_names: Names of the labels; None for the integers.
    """

    produces_samples = False
    makes: tuple[str, ...] = ("images", "tables")
    trains_classifier = False
    trains = False
    takes_tables = True
    takes_any_column = False
    label_names = None
    options = Options()

    def __init__(self, x, y=None, *, seed=None, label_names=None):
        if label_names is None and is_dataset(x):
            label_names = getattr(x, "class_names", None)
        elif label_names is None and y is not None and named(y):
            label_names = np.unique(np.asarray(y)).tolist()
        self.x, self.y = _samples_and_labels(x, codes_of(y, label_names))
        self.sample_shape = self.x.shape[1:]
        self.num_classes = int(self.y.max()) + 1
        if label_names is not None:
            label_names = checked_names(label_names, self.num_classes)
            check_names(x, label_names)
        self.label_names = label_names
        self.seed = seed

    def __repr__(self):
        facts = {
            "shape": self.sample_shape,
            "samples": self.x.shape[0],
            "num_classes": self.num_classes,
            **chosen(self),
            "seed": self.seed,
        }
        return described(self, facts)

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Checks the data and returns an oversampler for data of that shape.

        Args:
            x: Images `(n, height, width, channels)`; a table `(n, num_features)`: an
                array, a frame or a sparse matrix; or a dataset as those of a folder,
                which is read into memory.
            y: Integer array `(n,)`, labels `0..num_classes-1`, or names.
            seed: Integer, used by `oversample` and `sample` when they are given none.
            label_names: Names of the classes, as in `OversamplingModel.from_data`.

        Returns:
            An instance of the class, whose options are arguments, too.

        Raises:
            TypeError: If an option is unknown.
            ValueError: If the data or the value of an option cannot be used.
        """
        return cls(x, y, seed=seed, label_names=label_names)

    def oversample(
        self,
        x: Samples,
        y: ArrayLike | None = None,
        sampling_strategy: Strategy = "auto",
        seed: int | None = None,
        mark_synthetic: bool = False,
    ) -> Any:
        """Returns the originals followed by new samples.

        Args:
            x, y: As in `from_data`.
            sampling_strategy: As in imbalanced-learn: `"auto"` brings every class to
                the size of the largest; or a dict of totals by label, a float
                (two classes), a callable, or one of its other strings.
            seed: Integer. Default: the seed of `from_data`, and without that a
                fresh one.
            mark_synthetic: As in `OversamplingModel.oversample`.

        Returns:
            `(x_res, y_res, is_synthetic)`: the originals first and unchanged, in
            the container and dtypes of `x` and `y`; `is_synthetic` boolean. For a
            dataset a dataset, as in `OversamplingModel.oversample`.

        Raises:
            ValueError: If the data do not match those of `from_data`, or
                imbalanced-learn refuses the strategy.
        """
        from kerasos.over_sampling.rows import stack

        strategy = strategy_of(sampling_strategy, self.label_names)
        if is_dataset(x):
            seed = self.seed if seed is None else seed
            return filled_up(self._maker(), x, y, strategy, seed, mark_synthetic)
        given, y = y, codes_of(y, self.label_names)
        if x is not self.x or y is not self.y:
            x, y = _samples_and_labels(x, y)
        if x.shape[1:] != self.sample_shape:
            raise ValueError(
                "Samples must have the shape given to `from_data`. Expected: "
                f"{self.sample_shape}. Received: {x.shape[1:]}. Call `from_data` "
                "with these data."
            )
        labels = self._labels_to_add(y, strategy)
        x_new = (
            self._synthesize(x, y, labels, self._seed(seed)) if len(labels) else None
        )
        y_new = labels_like(labels, given, self.label_names)
        y_res = np.concatenate([np.asarray(given), y_new])
        return stack(x, x_new), y_res, np.arange(len(y_res)) >= len(y)

    def balanced_dataset(
        self,
        x: Samples,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> tf.data.Dataset:
        """As `OversamplingModel.balanced_dataset`, of images and arrays of numbers."""
        if not isinstance(self.x, np.ndarray) or self.x.dtype.kind not in "iuf":
            raise TypeError(
                "A balanced dataset has arrays of numbers. Received: a "
                f"{type(self.x).__name__} with other columns. Call `oversample`."
            )
        if kwargs.get("seed") is None:
            kwargs["seed"] = self.seed
        return balanced_stream(self._maker(), x, y, batch_size, **kwargs)

    def _maker(self):
        return Maker(
            lambda labels, seed: self.sample(labels, seed=seed),
            [] if type(self) is NoOversampler else list(range(self.num_classes)),
            self.sample_shape,
            self.x.dtype,
            self.num_classes,
            self.label_names,
            self._check_values,
        )

    def _check_values(self, low, high):
        """Raises `ValueError` for images in other units than those given."""
        dtype, bounds = self.x.dtype, value_bounds(self.x)
        units = range_seen(self.sample_shape, dtype, bounds)
        if len(self.sample_shape) == 3 and units is not None:
            counts = np.bincount(self.y)
            DataSpec(self.sample_shape, dtype, units, counts).check_values(low, high)

    @checked(hints=SAMPLE_HINTS)
    def sample(self, labels: ArrayLike, seed: Seed | None = None) -> np.ndarray:
        """Makes one sample for each label, from the data given to `from_data`.

        Args:
            labels: Integers `(n,)`, or names of the classes where the data had some.
            seed: As in `oversample`.

        Returns:
            Samples `(n, *sample_shape)` in the container and dtypes of the data.

        Raises:
            ValueError: If a label is not one of the data.
        """
        labels = np.asarray(codes_of(labels, self.label_names))
        known = np.isin(labels, np.arange(self.num_classes))
        integers = not labels.size or labels.dtype.kind in "iu"
        if labels.ndim != 1 or not integers or not known.all():
            raise ValueError(
                "`labels` must be a vector of labels of the data, integers from 0 to "
                f"{self.num_classes - 1}. Received: shape {labels.shape}, dtype "
                f"{labels.dtype}, unknown {labels[~known][:10].tolist()}. Pass for "
                "example `[1] * 100`."
            )
        from kerasos.over_sampling.rows import take

        if not len(labels):
            return self.x[:0]
        order = np.argsort(labels, kind="stable")
        labels = labels[order].astype("int64")
        x_new = self._synthesize(self.x, self.y, labels, self._seed(seed))
        return take(x_new, np.argsort(order))

    def __getattr__(self, name):
        if name in _OF_NETWORKS:
            raise AttributeError(
                f"`{self.method_name}` has nothing to train; call `oversample`. There "
                f"is no `{name}`."
            )
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}.")

    def __call__(self, *args, **kwargs):
        return self.call(*args, **kwargs)

    def _seed(self, seed):
        seed = fresh_seed(self.seed if seed is None else seed)
        return derive_seed(seed, self.method_name)

    def _labels_to_add(self, y, sampling_strategy):
        return samples_to_add(y, sampling_strategy, self.num_classes)

    def _synthesize(self, x, y, labels, seed):
        """Returns one sample per entry of `labels`, sorted and at least one."""
        raise NotImplementedError


@register_method("none")
class NoOversampler(Baseline):
    """Adds nothing, whatever `sampling_strategy` says: the imbalanced baseline.

    Example:

    ```python
    x_res, y_res, is_synthetic = NoOversampler.from_data(x, y).oversample(x, y)
    ```
    """

    takes_any_column = True

    def _labels_to_add(self, y, sampling_strategy):
        return np.empty(0, "int64")

    def _synthesize(self, x, y, labels, seed):
        raise ValueError(
            f"`none` makes no samples. Received: {len(labels)} labels. Choose "
            "another method, `random` for instance."
        )


@register_method("random")
class RandomOversampler(Baseline):
    """Adds copies of samples of the same class, drawn with replacement.

    Draws as imbalanced-learn's `RandomOverSampler` does. Any column of a table is
    copied as it is, times, lists and missing values, too.

    Example:

    ```python
    sampler = RandomOversampler.from_data(x, y, seed=0)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    ```
    """

    takes_any_column = True

    def _synthesize(self, x, y, labels, seed):
        from kerasos.over_sampling.rows import take

        return take(x, _drawn_rows(y, labels, np.random.RandomState(seed)))


@register_method("smote")
class SMOTEOversampler(Baseline):
    """Adds points between a sample and one of its neighbours in the same class.

        x_new = x_i + u (x_nn - x_i),    u uniform in [0, 1), one per new sample

    In the units of the data, with Euclidean distances, as imbalanced-learn's `SMOTE`;
    images are flattened. Integers are rounded, and columns of a table whose values all
    lie on a grid (prices with two decimals, halves, counts) return to it; of a sparse
    matrix those of whole numbers. Between neighbours the spread is smaller, by a fifth.
    A class of `k_neighbors` samples or fewer uses all its others as neighbours, with a
    warning; a class of one sample is copied, with a warning.

    Tables come as frames, arrays or sparse matrices, which stay sparse:

    - A category is the most frequent one among the neighbours of x_i, as of `SMOTENC`,
      so rare categories become rarer. Two rows of unlike categories are as far apart in
      them as the median standard deviation of the class's numbers.
    - Tables of categories alone follow `SMOTEN`: the value difference metric says who
      the neighbours are, and x_i counts among them.
    - Booleans are numbers, rounded: one-hot columns stay one-hot.
    - A missing value is a column's mean in distances. A new one is missing where it is
      in the nearer of the two parents, so as often as in the data; where the other
      parent alone lacks it, the value is that of the nearer one.
    - Dates and objects have no place between two of them and are refused; `random`
      copies them.

    Args:
        k_neighbors: Integer, at least 1. Default 5 (paper).
        min_anchors: Integer, ours, off (0) by default, for images: of a class with
            fewer the new ones lie between its images and shifted, turned and zoomed
            copies of them, together this many.

    Raises:
        TypeError: If a column of a table holds times, dates as text, or objects.
        ValueError: If a value is infinite, or missing in a sparse matrix.

    Reference:
        Chawla, Bowyer, Hall, Kegelmeyer, SMOTE: Synthetic Minority Over-sampling
        Technique, JAIR 2002.

    Example:

    ```python
    sampler = SMOTEOversampler.from_data(x, y, seed=0, k_neighbors=3)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    ```
    """

    def __init__(
        self, x, y=None, *, seed=None, k_neighbors=5, min_anchors=0, label_names=None
    ):
        super().__init__(x, y, seed=seed, label_names=label_names)
        self.k_neighbors = k_neighbors
        self.min_anchors = min_anchors
        check_images(min_anchors, self.sample_shape)

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        k_neighbors: Count = 5,
        min_anchors: Whole = 0,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """As that of `RandomOversampler`; see the class for the options."""
        options = {"seed": seed, "label_names": label_names}
        return cls(x, y, k_neighbors=k_neighbors, min_anchors=min_anchors, **options)

    def _synthesize(self, x, y, labels, seed):
        from kerasos.over_sampling.smote import smote

        x, y = _filled_up(x, y, labels, self.min_anchors, seed)
        classes = np.unique(labels)
        neighbours = dict.fromkeys(classes, self.k_neighbors)
        for label, size in zip(classes, np.bincount(y)[classes], strict=True):
            if size <= self.k_neighbors:
                neighbours[label] = k = size - 1
                what = f"uses {k} neighbours" if k else "copies its one sample"
                name = label if self.label_names is None else self.label_names[label]
                warnings.warn(
                    f"Class {name} is too small for SMOTE with k_neighbors="
                    f"{self.k_neighbors}, which takes {self.k_neighbors + 1} samples. "
                    f"Received: {size}. SMOTE {what}.",
                    stacklevel=3,
                )
        return smote(x, y, labels, neighbours, seed)


@register_method("convex")
class ConvexOversampler(Baseline):
    """Adds random convex mixtures of several samples of the same class.

        x_new = sum_j w_j x_(i_j),    i_1 .. i_k uniform in the class, with replacement,
                                      w ~ Dirichlet(a, .., a)

    What GAMO's generator learns to do, drawn at random: a control for it in the units
    of the data, and in the features of a trained network (`FeatureClassifier`) a way to
    fill the hull of a small class where `smote` stays on lines between neighbours. The
    class's mean is kept; the variance is (1 + a) / (1 + k a) of the real one, .73 by
    default. For k = 1 the new ones are copies.

    Containers, dtypes and grids of columns are those of `smote`. Categories, missing
    values and columns of two values (one-hot ones) come from the sample with the
    largest weight, so their shares are those of the class, and one-hot columns stay
    one-hot; a table of nothing else gives copies. Dates and objects are refused.

    Args:
        points: Integer k, samples in a mixture, at least 1. Default 5 (ours).
        concentration: a, above 0. Default 0.1 (ours): mostly one sample, and something
            of the others; 1 draws evenly from the simplex; a large one gives the mean.
        min_anchors: As of `SMOTEOversampler`.

    Raises:
        TypeError: If a column of a table holds times, dates as text, or objects.
        ValueError: If a value is infinite, or missing in a sparse matrix.

    Reference:
        Mullick, Datta, Das, Generative Adversarial Minority Oversampling, ICCV 2019,
        for the convex hull of a class. The random weights are ours.

    Example:

    ```python
    sampler = ConvexOversampler.from_data(x, y, seed=0, points=3, concentration=1.0)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    ```
    """

    def __init__(
        self,
        x,
        y=None,
        *,
        seed=None,
        points=5,
        concentration=0.1,
        min_anchors=0,
        label_names=None,
    ):
        super().__init__(x, y, seed=seed, label_names=label_names)
        self.points, self.concentration = points, concentration
        self.min_anchors = min_anchors
        check_images(min_anchors, self.sample_shape)

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        points: Count = 5,
        concentration: Positive = 0.1,
        min_anchors: Whole = 0,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """As that of `RandomOversampler`; see the class for the options."""
        options = {"seed": seed, "label_names": label_names, "min_anchors": min_anchors}
        return cls(x, y, points=points, concentration=concentration, **options)

    def _synthesize(self, x, y, labels, seed):
        from kerasos.over_sampling.convex import convex

        x, y = _filled_up(x, y, labels, self.min_anchors, seed)
        return convex(x, y, labels, self.points, self.concentration, seed)


@register_method("augment")
class AugmentOversampler(Baseline):
    """Adds shifted, turned and zoomed copies of images of the same class.

    The source images are drawn with replacement; Keras's preprocessing layers
    transform them, with edges repeated outwards. Defaults are ours: Mullick et
    al. compare with an augmented set but do not state its transformations.

    Args:
        shift: Float in [0, 1), the largest shift as a fraction of height and of
            width. Default 0.1.
        rotation: Float in [0, 180], the largest angle in degrees. Default 15.
        zoom: Float in [0, 1), the largest change of size. Default 0.1.
        flip: Boolean, whether to mirror left and right at random. Default False,
            because digits and letters do not survive it.

    Reference:
        Mullick, Datta, Das, Generative Adversarial Minority Oversampling, ICCV
        2019 (the compared "Augment+CN").

    Example:

    ```python
    sampler = AugmentOversampler.from_data(x, y, seed=0, flip=True)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    ```
    """

    makes = ("images",)
    moves = ("shift", "rotation", "zoom", "flip")

    def __init__(
        self,
        x,
        y=None,
        *,
        seed=None,
        shift=0.1,
        rotation=15.0,
        zoom=0.1,
        flip=False,
        label_names=None,
    ):
        super().__init__(x, y, seed=seed, label_names=label_names)
        if len(self.sample_shape) != 3:
            raise ValueError(
                "`augment` transforms images (n, height, width, channels). "
                f"Received: samples of shape {self.sample_shape}. For tables use "
                "`smote` or `random`."
            )
        self.shift, self.rotation, self.zoom, self.flip = shift, rotation, zoom, flip

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        shift: BelowOne = 0.1,
        rotation: Annotated[float, Number(0, 180)] = 15.0,
        zoom: BelowOne = 0.1,
        flip: bool = False,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """As that of `RandomOversampler`; see the class for the options."""
        options = {"seed": seed, "label_names": label_names}
        return cls(
            x, y, shift=shift, rotation=rotation, zoom=zoom, flip=flip, **options
        )

    def _synthesize(self, x, y, labels, seed):
        rows = _drawn_rows(y, labels, np.random.default_rng(seed))
        layers = self._layers(seed)
        x_new = np.empty((len(labels), *x.shape[1:]), x.dtype)
        chunk = max(1, CHUNK_FLOATS // int(np.prod(self.sample_shape)))
        for start in range(0, len(rows), chunk):
            images = x[rows[start : start + chunk]].astype("float32")
            for layer in layers:
                images = layer(images, training=True)
            images = keras.ops.convert_to_numpy(images)
            x_new[start : start + chunk] = to_dtype(images, x.dtype)
        return x_new

    def _layers(self, seed):
        edges = {"fill_mode": "nearest"}
        layers = keras.layers
        transforms = [
            ("flip", layers.RandomFlip, ["horizontal"], {}),
            ("shift", layers.RandomTranslation, [self.shift, self.shift], edges),
            ("rotation", layers.RandomRotation, [self.rotation / 360.0], edges),
            ("zoom", layers.RandomZoom, [self.zoom], edges),
        ]
        return [
            layer(
                *arguments,
                seed=derive_seed(seed, name),
                data_format="channels_last",
                dtype="float32",
                **settings,
            )
            for name, layer, arguments, settings in transforms
            if getattr(self, name)
        ]


def _filled_up(x, y, labels, min_anchors, seed):
    """Returns the rows that new ones of `labels` are made of, and their labels."""
    if not min_anchors:
        return x, y
    index = {label: np.flatnonzero(y == label) for label in np.unique(labels)}
    filled, _ = fill_up(x, index, min_anchors, seed)
    sizes = [len(rows) for rows in filled.values()]
    return np.concatenate([*filled.values()]), np.repeat([*filled], sizes)


def _drawn_rows(y, labels, rng):
    """Draws the number of a row of that class for each of the sorted labels."""
    wanted = np.bincount(labels)
    return np.concatenate(
        [
            rng.choice(np.flatnonzero(y == label), wanted[label])
            for label in np.flatnonzero(wanted)
        ]
    )


def _samples_and_labels(x, y):
    """Returns images or a table, and integer labels."""
    if y is not None and not (hasattr(x, "iloc") or hasattr(x, "tocsr")):
        x = as_array(x)
    if y is None or getattr(x, "ndim", 0) != 2:
        return as_arrays(x, y)
    y = check_labels(y)
    check_same_length(range(x.shape[0]), y)  # a sparse matrix has no length
    check_classes(y)
    return x, y
