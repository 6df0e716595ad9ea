"""Oversamplers without a network: `none`, `random`, `smote` and `augment`.

They share the interface of `OversamplingModel` as far as it makes sense
(`from_data`, `oversample` and the capability flags), so one loop can compare
them with the networks. They are fitted by nothing and keep no data.
"""

import warnings

import keras
import numpy as np

from kerasos.data.resample import append, samples_to_add, to_dtype
from kerasos.data.spec import as_arrays
from kerasos.registry import register_method
from kerasos.seeds import derive_seed, fresh_seed
from kerasos.suggest import check_options

_CHUNK_FLOATS = 2**23  # values worked on at once: 32 MiB per float32 copy


class _Baseline:
    """Draws samples from the data it is given; subclasses say how.

    Class attributes `options` (name to default) and `method_name` describe the
    method. `from_data` is the way in.
    """

    produces_samples = False
    trains_classifier = False
    trains = False
    options = {}

    def __init__(self, sample_shape, num_classes, *, seed=None, **options):
        check_options(options, self.options, f"{type(self).__name__}.from_data")
        self.sample_shape = tuple(sample_shape)
        self.num_classes = int(num_classes)
        self.seed = seed
        for name, default in self.options.items():
            setattr(self, name, options.get(name, default))
        self._check_settings()

    @classmethod
    def from_data(cls, x, y=None, *, seed=None, **options):
        """Checks the data and returns an oversampler for data of that shape.

        Args:
            x: Array `(n, height, width, channels)` or `(n, num_features)`, or a
                `tf.data.Dataset` of `(x, y)`.
            y: Integer array `(n,)`, labels `0..num_classes-1`.
            seed: Integer, used by `oversample` when it is given none.
            **options: See the class.

        Returns:
            An instance of the class.

        Raises:
            TypeError: If an option is unknown.
            ValueError: If the data or the value of an option cannot be used.
        """
        check_options(options, cls.options, f"{cls.__name__}.from_data")
        x, y = as_arrays(x, y)
        return cls(x.shape[1:], int(y.max()) + 1, seed=seed, **options)

    def oversample(self, x, y=None, sampling_strategy="auto", seed=None):
        """Returns the originals followed by new samples.

        Args:
            x, y: As in `from_data`.
            sampling_strategy: As in imbalanced-learn: `"auto"` brings every class
                to the size of the largest; or a dict of totals by label, a float
                (two classes), a callable, or one of its other strings.
            seed: Integer. Default: the seed of `from_data`, and without that a
                fresh one.

        Returns:
            `(x_res, y_res, is_synthetic)`: the originals first and unchanged, in
            the dtypes of `x` and `y`; `is_synthetic` boolean.

        Raises:
            ValueError: If the data do not match those of `from_data`, or
                imbalanced-learn refuses the strategy.
        """
        given = y
        x, y = as_arrays(x, y)
        if x.shape[1:] != self.sample_shape:
            raise ValueError(
                "Samples must have the shape given to `from_data`. Expected: "
                f"{self.sample_shape}. Received: {x.shape[1:]}. Call `from_data` "
                "with these data."
            )
        labels = self._labels_to_add(y, sampling_strategy)
        seed = self.seed if seed is None else seed
        seed = fresh_seed() if seed is None else seed
        x_new = self._synthesize(x, y, labels, derive_seed(seed, self.method_name))
        return append(x, y if given is None else np.asarray(given), x_new, labels)

    def _labels_to_add(self, y, sampling_strategy):
        return samples_to_add(y, sampling_strategy, self.num_classes)

    def _synthesize(self, x, y, labels, seed):
        """Returns one sample per entry of `labels`, which is sorted."""
        raise NotImplementedError

    def _check_settings(self):
        """Raises `ValueError` for data or options that cannot be used."""


@register_method("none")
class NoOversampler(_Baseline):
    """Adds nothing, whatever `sampling_strategy` says: the imbalanced baseline.

    Example:

    ```python
    x_res, y_res, is_synthetic = NoOversampler.from_data(x, y).oversample(x, y)
    ```
    """

    def _labels_to_add(self, y, sampling_strategy):
        return np.empty(0, "int64")

    def _synthesize(self, x, y, labels, seed):
        return x[:0]


@register_method("random")
class RandomOversampler(_Baseline):
    """Adds copies of samples of the same class, drawn with replacement.

    Uses imbalanced-learn's `RandomOverSampler`.

    Example:

    ```python
    sampler = RandomOversampler.from_data(x, y, seed=0)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    ```
    """

    def _synthesize(self, x, y, labels, seed):
        from imblearn.over_sampling import RandomOverSampler

        rows = np.arange(len(y))[:, None]
        sampler = RandomOverSampler(
            sampling_strategy=_totals(y, labels), random_state=seed
        )
        return x[sampler.fit_resample(rows, y)[0][len(y) :, 0]]


@register_method("smote")
class SMOTEOversampler(_Baseline):
    """Adds points between a sample and one of its neighbours in the same class.

        x_new = x_i + u (x_nn - x_i),    u uniform in [0, 1), one per new sample

    Uses imbalanced-learn's `SMOTE`, with Euclidean distances between flattened
    samples. A class of `k_neighbors` samples or fewer uses all its others as
    neighbours, with a warning; a class of one sample is copied, with a warning.
    Integer data are rounded.

    Args:
        k_neighbors: Integer, at least 1. Default 5 (paper).

    Reference:
        Chawla, Bowyer, Hall, Kegelmeyer, SMOTE: Synthetic Minority Over-sampling
        Technique, JAIR 2002.

    Example:

    ```python
    sampler = SMOTEOversampler.from_data(x, y, seed=0, k_neighbors=3)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    ```
    """

    options = {"k_neighbors": 5}

    def _check_settings(self):
        k = self.k_neighbors
        if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 1:
            raise ValueError(
                "`k_neighbors` must be an integer of at least 1. "
                f"Received: k_neighbors={k!r}."
            )

    def _synthesize(self, x, y, labels, seed):
        x_new = np.empty((len(labels), *x.shape[1:]), x.dtype)
        chunk = max(1, _CHUNK_FLOATS // int(np.prod(self.sample_shape)))
        for label in np.unique(labels):
            points = x[y == label]
            k = min(self.k_neighbors, len(points) - 1)
            if k < self.k_neighbors:
                what = f"uses {k} neighbours" if k else "copies its one sample"
                warnings.warn(
                    f"Class {label} is too small for SMOTE with k_neighbors="
                    f"{self.k_neighbors}, which takes {self.k_neighbors + 1} samples. "
                    f"Received: {len(points)}. SMOTE {what}.",
                    stacklevel=3,
                )
            first, end = np.searchsorted(labels, [label, label + 1])
            for start in range(first, end, chunk):
                stop = min(start + chunk, end)
                x_new[start:stop] = _between(
                    points, k, stop - start, derive_seed(seed, int(start))
                )
        return x_new


@register_method("augment")
class AugmentOversampler(_Baseline):
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

    options = {"shift": 0.1, "rotation": 15.0, "zoom": 0.1, "flip": False}

    def _check_settings(self):
        if len(self.sample_shape) != 3:
            raise ValueError(
                "`augment` transforms images (n, height, width, channels). "
                f"Received: samples of shape {self.sample_shape}. For tables use "
                "`smote` or `random`."
            )
        for name, limit in (("shift", 1), ("rotation", 180), ("zoom", 1)):
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.number))
            inside = number and (0 <= value < limit or value == limit == 180)
            if isinstance(value, bool) or not inside:
                end = f"{limit}]" if limit == 180 else f"{limit})"
                raise ValueError(
                    f"`{name}` must be a number in [0, {end}. "
                    f"Received: {name}={value!r}."
                )
        if not isinstance(self.flip, (bool, np.bool_)):
            raise ValueError(f"`flip` must be a boolean. Received: flip={self.flip!r}.")

    def _synthesize(self, x, y, labels, seed):
        rng = np.random.default_rng(seed)
        rows = np.empty(len(labels), "int64")
        for label in np.unique(labels):
            at = labels == label
            rows[at] = rng.choice(np.flatnonzero(y == label), at.sum())
        layers = self._layers(seed)
        x_new = np.empty((len(labels), *x.shape[1:]), x.dtype)
        chunk = max(1, _CHUNK_FLOATS // int(np.prod(self.sample_shape)))
        for start in range(0, len(rows), chunk):
            images = x[rows[start : start + chunk]].astype("float32")
            for layer in layers:
                images = layer(images, training=True)
            images = keras.ops.convert_to_numpy(images)
            x_new[start : start + chunk] = to_dtype(images, x.dtype)
        return x_new

    def _layers(self, seed):
        def settings(name):
            return {
                "seed": derive_seed(seed, name),
                "data_format": "channels_last",
                "dtype": "float32",
            }

        edges = {"fill_mode": "nearest"}
        layers = []
        if self.flip:
            layers.append(keras.layers.RandomFlip("horizontal", **settings("flip")))
        if self.shift:
            layers.append(
                keras.layers.RandomTranslation(
                    self.shift, self.shift, **edges, **settings("shift")
                )
            )
        if self.rotation:
            layers.append(
                keras.layers.RandomRotation(
                    self.rotation / 360.0, **edges, **settings("rotation")
                )
            )
        if self.zoom:
            layers.append(
                keras.layers.RandomZoom(self.zoom, **edges, **settings("zoom"))
            )
        return layers


def _between(points, k, count, seed):
    """Returns `count` samples between `points` and their `k` neighbours."""
    from imblearn.over_sampling import SMOTE

    n = len(points)
    if not k:
        return np.repeat(points, count, axis=0)
    # 8 and 16 bit integers are exact in float32; wider types get float64.
    flat = points.reshape(n, -1).astype(np.promote_types(points.dtype, "float32"))
    # Only this class is copied to floats; one more row stands for the others.
    flat = np.concatenate([flat, flat[:1]])
    sampler = SMOTE(sampling_strategy={0: n + count}, k_neighbors=k, random_state=seed)
    x_new = sampler.fit_resample(flat, np.arange(n + 1) // n)[0][n + 1 :]
    return to_dtype(x_new, points.dtype).reshape(count, *points.shape[1:])


def _totals(y, labels):
    """Returns the dict of totals by label that adds `labels` to `y`."""
    return {
        int(label): int(np.sum(y == label) + np.sum(labels == label))
        for label in np.unique(labels)
    }
