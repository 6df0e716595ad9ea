"""Images as `compare` takes them: stacks or datasets, and networks to classify them."""

import dataclasses
import time
import urllib.parse

import joblib
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.base import BaseEstimator

from kerasos.checks import check_choice
from kerasos.data.arrays import (
    check_labels,
    check_samples,
    fingerprints,
    value_bounds,
)
from kerasos.data.sources import as_pairs, check_form, is_dataset, read_dataset
from kerasos.data.spec import DataSpec, range_seen
from kerasos.evaluation.compare.checks import check_classes, check_real_first
from kerasos.evaluation.compare.contenders import (
    FOR_IMAGES,
    Contender,
    check_makes,
    check_recalibration,
    make_contenders,
    refuse_class,
    refuse_unnamed,
)
from kerasos.evaluation.compare.networks import LOSSES, ImageClassifier, decide
from kerasos.evaluation.compare.objectives import make_metrics
from kerasos.evaluation.compare.plan import Evaluated, Training, timed
from kerasos.evaluation.compare.rebalanced import (
    PRIOR_CORRECTED,
    RECALIBRATIONS,
    calibrator,
    inner_splits,
)
from kerasos.files import whole_file
from kerasos.over_sampling.deep import DeepOverSampler
from kerasos.over_sampling.estimators import seeded, synthetic_weights
from kerasos.over_sampling.prior_correction import shift_priors
from kerasos.randomness.seeds import derive_seed
from kerasos.registry import get_method, list_methods

# With Holm's correction for eight methods, a gain has to be ten times its deviation
# over three folds to be told, and four times over five.
FOLDS = 5
PER_CLASS = 8  # images of a class in a picture
PICTURES = "pictures"
PLAIN = ("none", "class_weights", "threshold")
UNDER_SAMPLING = "under_sampling"
UNITS = ((0.0, 1.0), (-1.0, 1.0))  # of floats, which every method knows


def are_images(X):
    """Whether `compare` has to do with images: a stack, or a dataset."""
    if is_dataset(X):
        return True
    if isinstance(X, pd.DataFrame) or sparse.issparse(X):
        return False
    return np.ndim(X) in (3, 4)


class Images:
    """What `compare` asks of its data, for images; see `tables.Tables`.

    Args:
        X, y, methods, classifiers, objective, metrics, random_state: As in `compare`.

    Attributes:
        X: Array `(n, height, width)` or `(n, height, width, channels)`.
        spec: `kerasos.data.DataSpec` of the images with channels; its range of values
            is [0, 255], [0, 1] or [-1, 1], or else that of the data.
        pictures: Dict of a method's name to a picture of what it made in the first
            fold, a row a class, see `picture`.
        y, classes, codes, metrics, contenders, classifiers: As in `tables.Tables`.
    """

    def __init__(self, X, y, methods, classifiers, objective, metrics, random_state):
        self.is_dataset = is_dataset(X)
        self.X, self.y = _of_dataset(X, y) if self.is_dataset else _of_stack(X, y)
        self.classes, self.codes = check_classes(self.X, self.y)
        counts = np.bincount(self.codes)
        shape, dtype = with_channels(self.X[:1]).shape[1:], self.X.dtype
        value_range = _value_range(shape, dtype, value_bounds(self.X))
        self.spec = DataSpec(shape, dtype, value_range, counts)
        self.metrics = make_metrics(metrics, objective, self.classes, self.codes)
        self.contenders = make_contenders(methods, self.metrics.costs, self._contender)
        self.classifiers = make_networks(classifiers)
        losses = [contender.loss_of(counts) for contender in self.contenders]
        for name, classifier in self.classifiers.items():
            classifier.check(name, self.spec, with_channels(self.X[:2]), losses)
        self.random_state = random_state
        self.folder, self.pictures, self._plain = None, {}, {}

    def open(self, folder):
        """Takes the pictures that a folder of a comparison holds, and keeps others."""
        self.folder = None if folder is None else folder / PICTURES
        self.pictures = self._kept_pictures()

    def check_folds(self, folds):
        """Raises `ValueError` if a method cannot do with the folds."""
        fewest = min(np.bincount(self.codes[train]).min() for train, _ in folds)
        check_recalibration(self.contenders, fewest)

    def models(self):
        """Returns nothing: networks are trained again by their own code."""
        return {}

    def arranged(self, cv, groups, n_jobs):
        """Returns `cv` and `n_jobs` as they are to be."""
        if n_jobs not in (None, 1):
            raise ValueError(
                "Networks take all processors, or the accelerator, by themselves. "
                f"Expected n_jobs=None for images. Received: n_jobs={n_jobs!r}. Leave "
                "it out."
            )
        given = cv is not None and not isinstance(cv, int)
        listed = given and not hasattr(cv, "get_n_splits")
        if self.is_dataset and (groups is not None or listed):
            raise ValueError(
                "The images of a dataset have no numbers, since it may come in another "
                "order each time. Expected `groups` and lists of splits beside arrays. "
                "Received: a dataset. Read it into arrays, and pass those."
            )
        if cv is None:
            cv = int(np.clip(np.bincount(self.codes).min(), 3, FOLDS))
        return cv, 1

    def fingerprint(self):
        """Returns a string that equal data share."""
        prints = fingerprints(self.X, np.zeros(len(self.X), int))
        return joblib.hash([prints, self.X.shape, self.X.dtype.name])

    def training(self, fold, contender, train, seed, like=None):
        """Returns the `Training` of a fold's images, see `tables.Tables`."""
        if like is None:
            X, y = self.X[train], self.y[train]
            (X_res, y_res), seconds = timed(contender.resample, X, y, seed)
            codes = np.searchsorted(self.classes, np.asarray(y_res))
            like = Training(fold, X, self.codes[train], X_res, codes, seconds)
        self._look_at(fold, contender, like.X, like.X_res, like.y_res)
        if contender.recalibration in RECALIBRATIONS and not like.inner:
            inner, seconds = timed(self._resample_inner, contender, like, seed)
            like = dataclasses.replace(like, inner=inner, inner_seconds=seconds)
        return like

    def _resample_inner(self, contender, training, seed):
        """Lists images, codes and places left out for each inner fold, see `_Inner`."""
        parts = []
        for train, test, own in inner_splits(training.y, seed):
            X, codes = training.X[train], training.y[train]
            X_res, y_res = contender.resample(X, self.classes[codes], own)
            codes_res = np.searchsorted(self.classes, np.asarray(y_res))
            is_kept = len(X_res) >= len(X) and np.array_equal(X_res[: len(X)], X)
            kept = train if is_kept and (codes_res[: len(X)] == codes).all() else []
            added = X_res[len(kept) :], codes_res[len(kept) :]
            parts.append(_Inner(np.asarray(kept, int), *added, len(train), test))
        return parts

    def _look_at(self, fold, contender, X, X_res, codes):
        """Keeps a picture of what a method has generated in the first fold."""
        new = X_res[len(X) :]
        if fold or contender.kind != "sampler" or not len(new):
            return
        old = fingerprints(X, np.zeros(len(X), int))
        if np.isin(fingerprints(new, np.zeros(len(new), int)), old).all():
            return  # copies, or images in another order
        image = picture(new, codes[len(X) :], len(self.classes), self.spec.value_range)
        self.pictures[contender.name] = image
        if self.folder is not None:
            path = self._path(contender)
            image = image if image.ndim == 3 else image[..., None]
            with whole_file(path, "A picture") as draft:
                draft.write_bytes(tf.io.encode_png(image).numpy())

    def evaluate(self, name, contender, training, test):
        """Trains a network and asks it about the test images, see `tables.Tables`."""
        codes, fold, how = training.y_res, training.fold, contender.recalibration
        # These differ in what is made of the logits alone.
        plain = (fold, name) if contender.kind in ("none", "threshold") else None
        found = self._plain.get(plain)
        start = time.perf_counter()
        if found is None:
            arguments = training.X_res, codes, len(training.X), fold
            network = self._trained(name, contender, *arguments)
            logits = network(with_channels(self.X), test)
            found = logits, time.perf_counter() - start
            if plain is not None:
                kept = self._plain.items()
                self._plain = {key: one for key, one in kept if key[0] == fold}
                self._plain[plain] = found
        logits, seconds = found
        decided, probabilities, corrected = self._said(
            contender, logits, codes, training.y
        )
        if how in RECALIBRATIONS:
            start = time.perf_counter()
            mend = self._calibrator(name, contender, training)
            probabilities = mend.predict_proba(probabilities)
            seconds += time.perf_counter() - start
        elif how == PRIOR_CORRECTED:
            probabilities = corrected
        if how and contender.kind != "threshold":
            decided = probabilities.argmax(axis=1)
        costs = self.metrics.costs
        if costs is not None and (plain or how):
            decided = (probabilities @ costs).argmin(axis=1)
        return Evaluated(decided, probabilities, None if how else corrected, seconds)

    def _trained(self, name, contender, X, codes, num_images, fold):
        seed = derive_seed(self.random_state, "compare", "network", fold)
        return self.classifiers[name].trained(
            contender, self.spec, with_channels(X), codes, num_images, seed
        )

    def _said(self, contender, logits, codes, real_codes):
        """Returns decisions, probabilities, and those for real shares or None."""
        size = len(self.classes)
        counts, real = (np.bincount(c, minlength=size) for c in (codes, real_codes))
        loss = contender.loss_of(counts)
        decided, probabilities = decide(contender.kind, loss, logits, counts)
        corrected = None
        shares, weight = counts, contender.synthetic_weight
        if contender.kind == "class_weights":
            shares = np.ones(size)
        elif weight is not None:
            weights = synthetic_weights(len(codes), len(real_codes), weight)
            shares = np.bincount(codes, weights, size)
        if contender.kind in ("class_weights", "sampler", "augment"):
            shares, real = shares / shares.sum(), real / real.sum()
            corrected = shift_priors(probabilities, shares, real)
        return decided, probabilities, corrected

    def _calibrator(self, name, contender, training):
        """Fits the mending of probabilities on real images left out."""
        held_out = np.zeros((len(training.y), len(self.classes)))
        for part in training.inner:
            X_res = np.concatenate([training.X[part.kept], part.added])
            codes = np.concatenate([training.y[part.kept], part.codes])
            network = self._trained(
                name, contender, X_res, codes, part.num_images, training.fold
            )
            logits = network(with_channels(training.X), part.test)
            real = np.delete(training.y, part.test)
            held_out[part.test] = self._said(contender, logits, codes, real)[1]
        how = RECALIBRATIONS[contender.recalibration]
        return calibrator(held_out, training.y, how)

    def _contender(self, name, value):
        if isinstance(value, str):
            return self._named(name, value)
        refuse_class("method", name, value)
        if hasattr(value, "fit_resample"):
            return ImageContender(name, "sampler", value)
        if not callable(value):
            raise TypeError(
                f"The method {name!r} must be a name, a sampler with `fit_resample`, "
                "or a function from class counts to a loss. Received: "
                f"{type(value).__name__}."
            )
        loss = value(np.bincount(self.codes))
        if not isinstance(loss, keras.losses.Loss):
            raise TypeError(
                f"The method {name!r} must give a `keras.losses.Loss` for class counts."
                f" Received: {type(loss).__name__}. Pass for example "
                "`functools.partial(kerasos.losses.LogitAdjusted, tau=1.5)`."
            )
        return ImageContender(name, "loss", loss=value)

    def _named(self, name, value):
        known = [*PLAIN, UNDER_SAMPLING, *FOR_IMAGES, *list_methods()]
        check_choice("method", value, dict.fromkeys(known))
        if value in LOSSES:
            return ImageContender(name, "loss", loss=LOSSES[value])
        if value in (*PLAIN, "mixup"):
            return ImageContender(name, value)
        if value == UNDER_SAMPLING:
            return ImageContender(name, "sampler", _OfNumbers(RandomUnderSampler()))
        if value == "augment":
            return ImageContender(name, value, DeepOverSampler("random"))
        check_makes(value, "images")
        sampler = DeepOverSampler(value)
        known_units = self.X.dtype == np.uint8 or self.spec.value_range in UNITS
        if not known_units and "value_range" in get_method(value).options:
            sampler.set_params(method_params={"value_range": self.spec.value_range})
        return ImageContender(name, "sampler", sampler)

    def _path(self, contender):
        name = urllib.parse.quote(contender.name, safe=" ,+=")
        return self.folder / f"{name}.png"

    def _kept_pictures(self):
        found = {}
        if self.folder is not None:
            for contender in self.contenders:
                path = self._path(contender)
                if contender.kind == "sampler" and path.is_file():
                    image = tf.io.decode_png(path.read_bytes()).numpy()
                    grey = image.shape[-1] == 1
                    found[contender.name] = image[..., 0] if grey else image
        return found


@dataclasses.dataclass(frozen=True)
class _Inner:
    """A part of the training images for recalibration, resampled.

    Real images are not held once more: `kept` are their places, in front, `added` the
    images behind them with their `codes`. `num_images` were there before resampling,
    `test` are the places of those left out.
    """

    kept: np.ndarray
    added: np.ndarray
    codes: np.ndarray
    num_images: int
    test: np.ndarray


class ImageContender(Contender):
    """A way of rebalancing images, or of training on them as they are.

    `kind` is "none", "class_weights", "threshold" or "sampler", "loss" (with `loss`),
    "mixup", or "augment": copies, and every image of a batch moved at random.
    """

    def resample(self, X, y, seed):
        """Returns images and labels to train on; the same where nothing is sampled."""
        if self.sampler is None:
            return X, y
        X_res, y_res = seeded(self.sampler, seed).fit_resample(X, y)
        X_res = np.asarray(X_res)
        if X_res.shape[1:] != X.shape[1:] or X_res.dtype.kind != X.dtype.kind:
            raise TypeError(
                "A sampler must give back images in the units that it got. Expected "
                f"shape (n, {', '.join(map(str, X.shape[1:]))}), dtype {X.dtype}. "
                f"Received: shape {X_res.shape}, dtype {X_res.dtype}. Scaling goes "
                "into the network, as `keras.layers.Rescaling`."
            )
        if self.synthetic_weight is not None:
            check_real_first(X, y, X_res, y_res)
        return X_res, y_res

    def loss_of(self, counts):
        """Returns the loss for training images that are so many of each class."""
        return None if self.loss is None else self.loss(counts)


class _OfNumbers(BaseEstimator):
    """Draws images by a sampler of rows, which sees their numbers alone."""

    def __init__(self, sampler):
        self.sampler = sampler

    def fit_resample(self, X, y):
        rows, y_res = self.sampler.fit_resample(np.arange(len(X))[:, None], y)
        return X[rows[:, 0]], y_res


def make_networks(classifiers):
    """Returns a dict of name to `ImageClassifier`.

    Args:
        classifiers: None or "cnn", also in a list, or a dict of name to "cnn", an
            `ImageClassifier`, or a function that builds a model as it has it.

    Raises:
        TypeError: If one is something else.
        ValueError: If a name is unknown, or there is none.
    """
    if classifiers is None or isinstance(classifiers, str):
        classifiers = [classifiers or "cnn"]
    if not isinstance(classifiers, dict):
        refuse_unnamed("classifier", classifiers)
        classifiers = {name: name for name in classifiers}
    if not classifiers:
        raise ValueError("There is no classifier. Expected one at least.")
    return {name: _network(name, value) for name, value in classifiers.items()}


def _network(name, value):
    if isinstance(value, str):
        check_choice("classifier of images", value, ("cnn",))
        return ImageClassifier()
    if isinstance(value, ImageClassifier):
        return value
    if not callable(value) or isinstance(value, type | keras.Model):
        raise TypeError(
            f"The classifier {name!r} of images must be 'cnn', or a function from "
            "`(input_shape, num_classes)` to a new Keras model of logits, which is "
            f"called for each training. Received: {value!r}. Pass the function that "
            "builds the model, and for tables a frame or an array (n, num_features)."
        )
    return ImageClassifier(value)


def with_channels(X):
    """Returns images `(n, height, width, channels)`, a view."""
    return X[..., None] if X.ndim == 3 else X


def picture(images, codes, num_classes, value_range):
    """Returns one picture of some images of each class.

    Args:
        images: Array `(n, height, width)` or `(n, height, width, channels)`.
        codes: Integers `(n,)`, their classes.
        num_classes: Integer.
        value_range: `(low, high)`, black and white.

    Returns:
        uint8 array `(num_classes height, columns width)`, of three channels
        `(..., 3)`; at most eight images a class, black where there are none.
    """
    low, high = value_range
    images = with_channels(images)
    height, width, channels = images.shape[1:]
    rows = [np.flatnonzero(codes == code)[:PER_CLASS] for code in range(num_classes)]
    columns = max(map(len, rows))
    cells = np.zeros((num_classes, columns, height, width, channels))
    for code, numbers in enumerate(rows):
        cells[code, : len(numbers)] = (images[numbers] - low) / (high - low)
    if channels != 3:
        cells = cells.mean(axis=-1, keepdims=True)
    cells = np.rint(255.0 * np.clip(cells, 0.0, 1.0)).astype("uint8")
    grid = cells.swapaxes(1, 2).reshape(num_classes * height, columns * width, -1)
    return grid if channels == 3 else grid[..., 0]


def _of_stack(X, y):
    X, y = np.asarray(X), np.asarray(y)
    X = X.astype("float32") if X.dtype == bool else X
    check_samples(with_channels(X))
    return X, np.ravel(y) if y.ndim == 2 and y.shape[1] == 1 else y


def _of_dataset(dataset, y):
    """Images and labels, names where there are some, in an order of their own."""
    check_form(dataset, y)
    names = getattr(dataset, "class_names", None)
    X, y = read_dataset(as_pairs(dataset))
    check_samples(X)
    if X.ndim != 4:
        raise ValueError(
            "A dataset must yield pairs of images (height, width, channels) and labels,"
            f" in batches or not. Received: samples of shape {X.shape[1:]}. Compare "
            "tables as frames or arrays."
        )
    # Datasets of files are shuffled anew each time they are read.
    order = np.lexsort((fingerprints(X, np.zeros(len(X), int)), y))
    X, y = X[order], check_labels(y)[order]
    return X, y if names is None else np.asarray(names)[y]


def _value_range(shape, dtype, bounds):
    """Returns the range that the data show, whatever they are."""
    seen = range_seen(shape, dtype, bounds) or range_seen(shape, dtype, bounds, True)
    low, high = bounds
    return seen or (low, max(high, low + 1.0))
