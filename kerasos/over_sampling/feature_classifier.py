"""`FeatureClassifier`: a new head on a trained backbone, from oversampled features.

The backbone f stays as it is. Its features of the training samples, one pass, are
oversampled as the rows of a table, and a head g learns from them:

    v_i = f(x_i),    (v', y') = oversample(v, y),    min_g sum L(g(v'), y')

To train the classifier alone, balanced, on features that were learned from the data as
they are is the decoupled training of Kang et al. (there by resampling rows, cRT);
synthetic features in it are the idea of Ando and Huang (who let the network follow
them, `kerasos.DOS`) and of Chu et al. What is exported is one network g(f(x)) from
samples to probabilities.

References:
    Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition,
    ICLR 2020.
    Ando, Huang, Deep Over-sampling Framework for Classifying Imbalanced Data,
    ECML-PKDD 2017.
    Chu et al., Feature Space Augmentation for Long-Tailed Data, ECCV 2020.
"""

import itertools
import pathlib
from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from kerasos.annotations import PathLike, Samples, Strategy
from kerasos.checks import AnyOf, Integer, check, unknown_name_message
from kerasos.data.arrays import (
    as_array,
    check_labels,
    check_same_length,
    check_samples,
)
from kerasos.data.labels import strategy_of
from kerasos.data.pipeline import batches
from kerasos.data.sources import as_pairs, check_form, is_dataset, parts_of
from kerasos.export import export_classifier
from kerasos.features import fingerprint
from kerasos.files import read_arrays, write_arrays
from kerasos.methods.base import alone
from kerasos.methods.shared.moved_copies import check_images, fill_up
from kerasos.over_sampling.deep import DeepOverSampler
from kerasos.over_sampling.inputs import checked_labels
from kerasos.randomness.seeds import derive_seed
from kerasos.registry import get_method, list_methods

MAX_EPOCHS = 200
# Without `epochs`, training ends when this many passes lowered the loss by less than
# the share below.
_PATIENCE, _PROGRESS = 10, 1e-3
_STEPS_AT_ONCE = 20
_WEIGHTS = "class_weights"


class FeatureClassifier(ClassifierMixin, BaseEstimator):
    """Trains a classifier on oversampled features of a trained network.

    For few samples of rare classes and a network that is trained already, by others, or
    by you on the same data with a loss for long tails: its features are computed once,
    oversampled as rows of a table, and a small head is trained on real and synthetic
    ones. The backbone is never changed, whoever else uses it.

    Of a classifier of your own the backbone is what comes before its last layer:
    `keras.Model(network.input, network.layers[-1].input)`.

    Inside `model_`, images become float32 in their own units; grey ones are repeated to
    three channels and all are resized to what the backbone takes, where it says so
    (stretched; averaged by whole factors first where they are larger); then come
    `preprocess`, the backbone in inference mode, the average over height and width
    where its output has them, and the head on standardised features. `model_` can be
    compiled and trained on as a whole; batch normalisation stays in inference mode.
    Rows of a table become float32 and go to `preprocess` and the backbone as they are.

    A dataset yields `(images, labels)`, for instance that of
    `keras.utils.image_dataset_from_directory` with integer or categorical labels. It is
    read once; what is held in memory are the features and one batch.

    Args:
        backbone: `keras.Model` from images `(batch, height, width, 1 or 3)` to features
            `(batch, num_features)` or `(batch, height, width, num_features)`: one of
            `keras.applications` with `include_top=False`, of KerasHub, or your own; or
            from rows of numbers `(batch, num_columns)` to features.
        method: What balances the features: a name of `kerasos.list_methods()` that
            makes tables ("smote", "convex", "random", "flow", "cvae", ..., "none"); a
            sampler of imbalanced-learn, `DeepOverSampler` among them; or
            "class_weights", which weighs rows by n / (num_classes n_c) instead. "dos"
            is none of them: it trains the network whose features it oversamples.
        preprocess: Layer or function of Keras operations from images in their units to
            what the backbone expects, for instance
            `keras.applications.resnet_v2.preprocess_input`. It becomes part of the
            model. Default None: the backbone does that itself.
        method_params: Dict of options of the method, `{"k_neighbors": 3}`.
        min_anchors: Integer, off (0) by default, for images: of a class with fewer,
            shifted, turned and zoomed copies of its images are seen as well, together
            this many. Their features count as rows of the class, so what is drawn from
            its hull reaches beyond its few images. GAMO's option, here between features
            (ours).
        head: Function `(num_features, num_classes) -> keras.Model` from standardised
            features to class probabilities; compiled for integer labels, or else
            compiled here. Default None: one Dense layer with softmax, fitted as
            scikit-learn's `LogisticRegression`.
        epochs: Passes of a `head` of your own over the balanced features. Default None:
            until ten of them lower the loss by less than a thousandth, at most 200.
        batch_size: Images, and rows of features for a `head` of your own, worked on at
            once.
        sampling_strategy: As in imbalanced-learn, for a `method` given by name; a dict
            of totals by label, or by the names of a dataset.
        random_state: Integer, `numpy.random.RandomState` or None. Fixes all but a
            `head` of your own, whose layers have their own seeds.
        cache_dir: Folder to keep features in, found again by the content of each image
            and a fingerprint of the backbone and what comes before it. Default None.
        verbose: As in Keras's `fit`, for a `head` of your own.

    Attributes:
        model_: `keras.Model` from raw images to class probabilities, of plain Keras
            layers around backbone, `preprocess` and head.
        extractor_: Its part from raw images to features `(batch, num_features)`.
        head_: Its part from these to class probabilities.
        classes_: Labels in the order of the probabilities.
        class_names_: Their names: the dataset's `class_names`, or the labels as text.
        class_counts_: Dict of the samples by label, without moved copies.
        history_: Dict of the losses of a head of your own, a list with a value an epoch
            each; else empty.
        balanced_counts_: Dict of the rows that the head has learned from, by label.

    Raises:
        TypeError, ValueError: In `fit`, before training, if an argument is not as
            above, images do not fit the backbone, or features are NaN or all alike.

    Example:

    ```python
    backbone = keras.applications.MobileNetV3Small(include_top=False, pooling="avg")
    data = keras.utils.image_dataset_from_directory("defects", image_size=(224, 224))
    classifier = kerasos.FeatureClassifier(backbone, "smote", random_state=0).fit(data)
    classifier.export("saved_models/defects")
    ```
    """

    def __init__(
        self,
        backbone: Any,
        method: Any = "smote",
        *,
        preprocess: Callable[..., Any] | None = None,
        method_params: dict[str, Any] | None = None,
        min_anchors: int = 0,
        head: Any = None,
        epochs: int | None = None,
        batch_size: int = 32,
        sampling_strategy: Strategy = "auto",
        random_state: Any = None,
        cache_dir: PathLike | None = None,
        verbose: int = 0,
    ) -> None:
        self.backbone = backbone
        self.method = method
        self.preprocess = preprocess
        self.method_params = method_params
        self.min_anchors = min_anchors
        self.head = head
        self.epochs = epochs
        self.batch_size = batch_size
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.cache_dir = cache_dir
        self.verbose = verbose

    def __sklearn_clone__(self):
        # Networks are shared, since they are not changed: a copy may be large, and
        # would need every custom class to be registered.
        params = self.get_params(deep=False)
        shared = {name: params.pop(name) for name in ("backbone", "preprocess", "head")}
        copies = {name: clone(value, safe=False) for name, value in params.items()}
        return type(self)(**shared, **copies)

    # Training.

    def fit(self, x: Samples, y: ArrayLike | None = None) -> Self:
        """Computes features, oversamples them and trains the head.

        Args:
            x: Images `(n, height, width, channels)`, rows of numbers `(n,
                num_columns)`, or a dataset of either and labels.
            y: Labels `(n,)` of any kind that scikit-learn takes; None for a dataset.

        Returns:
            The estimator.
        """
        self._check_params()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        parts = _parts(x, y, self.batch_size)
        first = next(parts)
        extractor = self._extractor(first[0])
        few = _Few(self.min_anchors, first[0].shape[1:])
        features, labels = self._features(extractor, few.watch(first, parts))
        classes, counts = np.unique(labels, return_counts=True)
        if len(classes) < 2:
            raise ValueError(
                "There must be at least two classes. Received: samples of one, "
                f"{classes.tolist()}. Add some of another."
            )
        moved = few.moved(derive_seed(seed, "feature_classifier", "anchors"))
        if moved is not None:
            rows, moved_labels = self._features(extractor, [moved])
            features = np.concatenate([features, rows])
            labels = np.concatenate([labels, moved_labels])
        top = None if self.head is None else self._own_head(features, len(classes))
        # Networks without normalisation end anywhere, random ones near 1e-11.
        scale = _scale(features)
        features *= scale
        names = getattr(x, "class_names", None)
        rows, codes = self._balanced(features, labels, classes, names, seed)
        self.classes_ = classes
        self.class_names_ = _names(classes, names)
        named = classes.tolist()
        self.class_counts_ = dict(zip(named, counts.tolist(), strict=True))
        learned = np.bincount(codes, minlength=len(classes)).tolist()
        self.balanced_counts_ = dict(zip(named, learned, strict=True))
        inputs = keras.Input((features.shape[1],), name="features")
        standardize = _standardize(features)
        hidden = keras.layers.Rescaling(scale, dtype="float32", name="scale")(inputs)
        hidden = standardize(hidden)
        self.history_ = {}
        if top is None:
            rows = standardize(rows)
            head = self._regression(hidden, inputs, rows, codes, len(classes))
        else:
            rows = rows / np.float32(scale)
            head = self._own_trained(top, hidden, inputs, rows, codes, seed)
        self.extractor_, self.head_ = extractor, head
        self.model_ = keras.Model(
            extractor.inputs[0],
            head(extractor.outputs[0]),
            name="feature_classifier",
        )
        self.model_.jit_compile = False
        return self

    def _check_params(self):
        check("batch_size", self.batch_size, Integer(1), 32)
        check("epochs", self.epochs, AnyOf((Integer(1), None)), None)
        check("verbose", self.verbose, Integer(0, 2), 0)
        check("min_anchors", self.min_anchors, Integer(0), 0)
        if not isinstance(self.backbone, keras.Model):
            raise TypeError(
                "`backbone` must be a `keras.Model` from samples to features. "
                f"Received: {self.backbone!r}. Pass for example "
                "`keras.applications.MobileNetV3Small(include_top=False)`."
            )
        for name in ("preprocess", "head"):
            given = getattr(self, name)
            if given is not None and not callable(given):
                raise TypeError(
                    f"`{name}` must be a function. Received: {name}={given!r}. Leave "
                    "it out for the default."
                )
        if isinstance(self.method, str):
            _check_method(self.method)
        elif not hasattr(self.method, "fit_resample"):
            raise TypeError(
                "`method` must be a name, or a sampler of imbalanced-learn. Received: "
                f"method={self.method!r}. Pass for example 'smote'."
            )
        if not isinstance(self.method, str) or self._weighs:
            for name in ("method_params", "sampling_strategy"):
                given = getattr(self, name)
                if given not in (None, "auto"):
                    raise ValueError(
                        f"`{name}` goes with a `method` of kerasos. Expected none. "
                        f"Received: {name}={given!r} for method={self.method!r}. Give "
                        "it to the sampler."
                    )

    def _extractor(self, images):
        """Returns a network from raw samples like these to rows of features."""
        name = "images" if images.ndim == 4 else "rows"
        inputs = keras.Input(images.shape[1:], dtype=images.dtype.name, name=name)
        hidden = self._fitted(inputs)
        features = self.backbone(hidden, training=False)
        is_one = isinstance(features, keras.KerasTensor)
        if not is_one or len(features.shape) not in (2, 4):
            shapes = keras.tree.map_structure(lambda f: tuple(f.shape), features)
            raise ValueError(
                "`backbone` must have one output, features (batch, num_features) or "
                "(batch, height, width, num_features). Received: output of shape "
                f"{shapes}. Choose or average what you want of it, for a sequence "
                "`keras.Model(backbone.input, backbone.output[:, 0])`."
            )
        if len(features.shape) == 4:
            pool = keras.layers.GlobalAveragePooling2D(
                data_format="channels_last", name="average"
            )
            features = pool(features)
        # Half precision inside, if the backbone has it, ends here.
        features = keras.layers.Rescaling(1.0, dtype="float32", name="features")(
            features
        )
        network = keras.Model(inputs, features, name="extractor")
        network.jit_compile = False
        return network

    def _fitted(self, inputs):
        """Returns samples as the backbone takes them."""
        plain = {"dtype": "float32"}
        hidden = keras.layers.Rescaling(1.0, name="as_float", **plain)(inputs)
        wanted = _input_shape(self.backbone, len(inputs.shape))
        if len(wanted) == 1:
            if self.preprocess is None and wanted[0] not in (None, inputs.shape[1]):
                raise ValueError(
                    "Rows and `backbone` must have the same columns. Expected "
                    f"{wanted[0]}. Received: {inputs.shape[1]}. Pass the columns that "
                    "it was trained on."
                )
            return self._preprocessed(hidden)
        height, width, channels = wanted
        if channels == 3 and inputs.shape[3] == 1:
            hidden = keras.layers.Concatenate(name="grey_to_rgb", **plain)([hidden] * 3)
        elif channels not in (None, inputs.shape[3]):
            raise ValueError(
                "Images and `backbone` must have the same channels. Expected "
                f"{channels}. Received: images of shape {tuple(inputs.shape[1:])}. "
                "Convert them, or take a backbone for such images."
            )
        plain["data_format"] = "channels_last"
        # A whole factor is averaged away, as an antialiased resize would, in operations
        # that every compiler has.
        factors = [
            max(1, have // want) if want else 1
            for have, want in zip(inputs.shape[1:3], (height, width), strict=True)
        ]
        if max(factors) > 1:
            shrink = keras.layers.AveragePooling2D(
                factors, padding="same", name="shrink", **plain
            )
            hidden = shrink(hidden)
        if None not in (height, width) and hidden.shape[1:3] != (height, width):
            resize = keras.layers.Resizing(height, width, name="resize", **plain)
            hidden = resize(hidden)
        return self._preprocessed(hidden)

    def _preprocessed(self, hidden):
        if self.preprocess is None:
            return hidden
        try:
            return self.preprocess(hidden)
        except Exception as error:
            raise TypeError(
                "`preprocess` must be a layer, or a function of Keras operations, as "
                "it becomes part of the model. Received: "
                f"{self.preprocess!r}, which fails on a symbolic tensor ({error}). "
                "Write it in `keras.ops`."
            ) from error

    def _features(self, extractor, parts):
        """Returns float32 features and labels of all samples, in order."""
        cache = _Cache(self.cache_dir, extractor, self.batch_size)
        features, labels = [], []
        for images, y in parts:
            found = cache.get(images)
            missing = np.flatnonzero([row is None for row in found])
            if len(missing):
                rows = _rows_of(extractor, images[missing], self.batch_size)
                wrong = ~np.isfinite(rows).all(axis=1)
                if wrong.any():
                    number = sum(map(len, labels)) + missing[np.argmax(wrong)]
                    raise ValueError(
                        "Features must be finite. Received: NaN or infinity from the "
                        f"backbone, first for sample {number}. Check its weights, and "
                        "the units that it expects."
                    )
                for place, row in zip(missing, rows, strict=True):
                    found[place] = row
                cache.add(images[missing], rows)
            features.append(np.stack(found))
            labels.append(y)
        cache.write()
        return np.concatenate(features), np.concatenate(labels)

    def _own_head(self, features, num_classes):
        """Returns the user's head, after checking it."""
        head = self.head(features.shape[1], num_classes)
        name = f"`head({features.shape[1]}, {num_classes})`"
        if not isinstance(head, keras.Model):
            raise TypeError(
                f"{name} must be a `keras.Model`. Received: {head!r}. Return it."
            )
        found = keras.ops.convert_to_numpy(head(np.zeros_like(features[:4])))
        is_sure = np.allclose(found.sum(axis=-1), 1, atol=1e-3) and np.all(found >= 0)
        if found.shape != (len(features[:4]), num_classes) or not is_sure:
            raise ValueError(
                f"{name} must give probabilities (batch, {num_classes}). Received: "
                f"outputs {found.shape}, the first {np.round(found[0], 3)}. End it in "
                f"`Dense({num_classes}, activation='softmax')`."
            )
        return head

    def _balanced(self, features, labels, classes, names, seed):
        """Returns features and integer labels to train the head on."""
        if not self._weighs:
            seed = derive_seed(seed, "feature_classifier", "oversample")
            if isinstance(self.method, str):
                strategy = self.sampling_strategy
                strategy = strategy_of(strategy, names) if names else strategy
                sampler = DeepOverSampler(
                    self.method,
                    sampling_strategy=strategy,
                    method_params=self.method_params,
                    random_state=seed,
                )
            else:
                sampler = clone(self.method)
                if sampler.get_params().get("random_state", seed) is None:
                    sampler.set_params(random_state=seed)
            features, labels = sampler.fit_resample(features, labels)
        return np.asarray(features, "float32"), np.searchsorted(classes, labels)

    def _own_trained(self, top, hidden, inputs, rows, codes, seed):
        """Returns a network that ends in the user's head, trained by Keras."""
        head = keras.Model(inputs, top(hidden), name="head")
        if top.compiled:
            head.compile_from_config(top.get_compile_config())
        else:
            loss = keras.losses.SparseCategoricalCrossentropy()
            head.compile(keras.optimizers.Adam(), loss)
        head.jit_compile = False  # compiling takes longer than training
        head.steps_per_execution = _STEPS_AT_ONCE
        # Made while it is traced, its variables would have the step traced again.
        head.optimizer.build(head.trainable_variables)
        weights = None
        if self._weighs:
            labels = np.unique(codes)
            values = compute_class_weight("balanced", classes=labels, y=codes)
            weights = dict(zip(labels.tolist(), values.tolist(), strict=True))
        data = batches(
            rows,
            codes,
            min(self.batch_size, len(rows)),
            seed=derive_seed(seed, "feature_classifier", "batches"),
        )
        with alone(head.optimizer):
            history = head.fit(
                data,
                epochs=self.epochs or MAX_EPOCHS,
                shuffle=False,  # they are
                class_weight=weights,
                callbacks=[_Settled()] if self.epochs is None else [],
                verbose=self.verbose,
            )
        self.history_ = {
            name: [float(value) for value in values]
            for name, values in history.history.items()
        }
        return head

    def _regression(self, hidden, inputs, rows, codes, num_classes):
        """Returns a network that ends in the softmax regression of scikit-learn."""
        weights = "balanced" if self._weighs else None
        regression = LogisticRegression(max_iter=1000, class_weight=weights)
        regression.fit(keras.ops.convert_to_numpy(rows), codes)
        kernel, bias = regression.coef_.T, regression.intercept_
        if num_classes == 2:  # scikit-learn keeps the difference of the two
            kernel, bias = kernel * [-0.5, 0.5], bias * [-0.5, 0.5]
        dense = keras.layers.Dense(
            num_classes, activation="softmax", dtype="float32", name="probabilities"
        )
        head = keras.Model(inputs, dense(hidden), name="head")
        dense.set_weights([kernel, bias])
        return head

    @property
    def _weighs(self):
        return isinstance(self.method, str) and self.method == _WEIGHTS

    # Use.

    def predict_proba(self, x: Samples) -> np.ndarray:
        """Returns class probabilities `(n, num_classes)`.

        Args:
            x: Images or rows, as in `fit`, or a dataset of them, with labels or
                without, which is read in its own order.
        """
        return self._predicted(x)[0]

    def predict(self, x: Samples) -> np.ndarray:
        """Returns labels `(n,)`, entries of `classes_`."""
        return self.classes_[np.argmax(self.predict_proba(x), axis=1)]

    def score(
        self,
        x: Samples,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Returns the accuracy on samples and labels, or on a dataset of both."""
        if isinstance(getattr(x, "element_spec", None), tf.TensorSpec):
            raise ValueError(
                "`score` needs labels. Expected a dataset of `(samples, labels)`. "
                "Received: one of samples alone. Call `predict` for their labels."
            )
        probabilities, labels = self._predicted(x)
        found = self.classes_[np.argmax(probabilities, axis=1)]
        y = labels if is_dataset(x) else y
        return accuracy_score(y, found, sample_weight=sample_weight)

    def export(self, path: PathLike, card: dict[str, Any] | None = None) -> str:
        """Exports `model_` as a SavedModel that runs without kerasos.

        Its signature is `classify(inputs)` -> `probabilities`, `classes`, places in
        `class_names_`, which `card.json` holds; see `kerasos.export.export_classifier`.

        Args:
            path: A version folder (its last part is an integer), or its parent.
            card: Dict added to `card.json`.

        Returns:
            String, the version folder.
        """
        check_is_fitted(self)
        method = self.method if isinstance(self.method, str) else repr(self.method)
        own = {
            "backbone": self.backbone.name,
            "oversampling": method,
            "class_counts": list(self.class_counts_.values()),
        }
        return export_classifier(
            self.model_, path, self.class_names_, {**own, **(card or {})}
        )

    def _predicted(self, x):
        """Returns the probabilities, and labels that count for a dataset alone."""
        check_is_fitted(self)
        (raw,) = self.model_.inputs
        y = None if is_dataset(x) else np.zeros(len(x), int)
        if isinstance(getattr(x, "element_spec", None), tf.TensorSpec):
            axes = len(raw.shape) - 1
            x = x.map(lambda part: (part, tf.zeros(tf.shape(part)[:-axes], "int32")))
        found, labels = [], []
        for images, codes in _parts(x, y, self.batch_size):
            images = _as_trained(images, raw)
            found.append(_rows_of(self.model_, images, self.batch_size))
            labels.append(codes)
        return np.concatenate(found), np.concatenate(labels)


class _Settled(keras.callbacks.Callback):
    """Ends training where the loss has stopped falling, by a share of itself."""

    def on_train_begin(self, logs=None):
        self._least, self._since = np.inf, 0

    def on_epoch_end(self, epoch, logs=None):
        loss = (logs or {})["loss"]
        self._since += 1
        if loss < self._least * (1 - _PROGRESS):
            self._least, self._since = loss, 0
        if self._since >= _PATIENCE:
            self.model.stop_training = True


class _Few:
    """Keeps the images of classes that may turn out to have few, and moves them."""

    def __init__(self, min_anchors, shape):
        check_images(min_anchors, shape)
        self._least, self._kept, self._counts = min_anchors, {}, {}

    def watch(self, first, parts):
        """Yields `first` and the rest, `(images, labels)`."""
        for images, labels in itertools.chain([first], parts):
            for label in np.unique(labels) if self._least else ():
                own = images[labels == label]
                self._counts[label] = self._counts.get(label, 0) + len(own)
                self._kept.setdefault(label, []).append(own)
                if self._counts[label] >= self._least:
                    self._kept[label].clear()
            yield images, labels

    def moved(self, seed):
        """Returns moved copies and their labels, or None if no class has few."""
        kept = {k: np.concatenate(part) for k, part in self._kept.items() if part}
        if not kept:
            return None
        ends = np.cumsum([0, *map(len, kept.values())])
        index = {k: np.arange(*ends[i : i + 2]) for i, k in enumerate(kept)}
        filled, _ = fill_up(np.concatenate([*kept.values()]), index, self._least, seed)
        added = {k: rows[len(kept[k]) :] for k, rows in filled.items()}
        labels = np.repeat([*added], [len(rows) for rows in added.values()])
        return np.concatenate([*added.values()]), labels


class _Cache:
    """Features by the content of their images, in one file for each extractor."""

    def __init__(self, folder, extractor, batch_size):
        self._path, self._known, self._is_new = None, {}, False
        if folder is None:
            return
        (raw,) = extractor.inputs
        # What weights do not tell of a network shows in its features of one image.
        probe = np.random.default_rng(0).integers(0, 256, (1, *raw.shape[1:]))
        probe = _rows_of(extractor, probe.astype(raw.dtype), batch_size)
        scale = np.abs(probe).max() or 1.0
        settings = [list(raw.shape[1:]), raw.dtype, keras.__version__]
        name = fingerprint(
            settings, np.round(probe / scale, 3), *extractor.get_weights()
        )
        self._path = pathlib.Path(folder) / f"features_{name}.npz"
        if self._path.is_file():
            saved = read_arrays(self._path)
            keys = (key.tobytes() for key in saved["images"])
            self._known = dict(zip(keys, saved["features"], strict=True))

    def get(self, images):
        """Returns a list of rows, None where an image is new."""
        if self._path is None:
            return [None] * len(images)
        return [self._known.get(key) for key in self._keys(images)]

    def add(self, images, rows):
        if self._path is not None:
            self._known.update(zip(self._keys(images), rows, strict=True))
            self._is_new = True

    def write(self):
        if self._is_new:
            keys = np.frombuffer(b"".join(self._known), "uint8").reshape(-1, 16)
            rows = np.stack(list(self._known.values()))
            write_arrays(self._path, {"images": keys, "features": rows})

    @staticmethod
    def _keys(images):
        return [bytes.fromhex(fingerprint([], image)) for image in images]


def _rows_of(network, images, batch_size):
    """Returns the outputs of a network, in batches of one shape."""
    rows = []
    for part in gen_batches(len(images), batch_size):
        # The last is filled up with copies: one shape, one trace.
        full = np.resize(images[part], (batch_size, *images.shape[1:]))
        rows.append(network.predict_on_batch(full)[: part.stop - part.start])
    return np.concatenate(rows)


def _scale(features):
    """Returns the power of two that brings features to deviations of about 1."""
    deviation = np.sqrt(np.mean(np.var(features, axis=0, dtype="float64")))
    if not deviation > 0:
        raise ValueError(
            "Features must differ between samples. Received: the same "
            f"{features.shape[1]} for all {len(features)}. Check the weights of "
            "the backbone, and the units that it expects."
        )
    return float(2.0 ** -np.rint(np.log2(deviation)))


def _standardize(features):
    """Returns a layer that brings each feature to mean 0 and variance 1."""
    variance = np.var(features, axis=0, dtype="float64")
    # A feature that hardly varies here may elsewhere.
    variance = np.maximum(variance, 1e-6 * np.mean(variance))
    return keras.layers.Normalization(
        mean=features.mean(axis=0, dtype="float64").astype("float32"),
        variance=variance.astype("float32"),
        dtype="float32",
        name="standardize",
    )


def _check_method(name):
    able = [m for m in list_methods() if "tables" in get_method(m).makes]
    if name in (*able, _WEIGHTS):
        return
    if name not in list_methods():
        raise ValueError(unknown_name_message("method", name, [*able, _WEIGHTS]))
    cls = get_method(name)
    what = "makes images" if cls.makes else "trains the features that it oversamples"
    raise ValueError(
        f"`method` must oversample given features, as rows of a table; {name!r} {what}."
        f" Expected one of {[*able, _WEIGHTS]}, or a sampler of imbalanced-learn. "
        f"Received: method={name!r}. Call `kerasos.{cls.__name__}.from_data(x, y)` on "
        "the samples for that."
    )


def _input_shape(backbone, rank):
    """Returns the shape of a sample that it takes, None where it takes any.

    Args:
        backbone: `keras.Model`.
        rank: Integer, that of the samples, with their batch.
    """
    try:
        shape = backbone.input_shape
    except (AttributeError, ValueError):  # not built yet
        return (None,) * (rank - 1)
    if not isinstance(shape, tuple) or len(shape) != rank:
        kind = "rows (batch, num_columns)"
        if rank == 4:
            kind = "images (batch, height, width, channels)"
        raise ValueError(
            f"`backbone` must have one input, {kind}, like `x`. Received: input of "
            f"shape {shape}. Cut what takes `x` out of the network: "
            "`keras.Model(input, features)`."
        )
    return shape[1:]


def _names(classes, given):
    """Returns a name for each label."""
    if given is not None and classes.dtype.kind in "iu":
        return [str(given[label]) for label in classes]
    return [str(label) for label in classes.tolist()]


def _as_trained(images, raw):
    """Returns images in the shape and dtype of the input `raw`."""
    if images.shape[1:] != tuple(raw.shape[1:]):
        raise ValueError(
            f"{raw.name.capitalize()} must be like those of `fit`. Expected shape "
            f"{tuple(raw.shape[1:])}. Received: {images.shape[1:]}. Resize images; "
            "pass the same columns of a table."
        )
    if raw.dtype == "uint8" and images.dtype != np.uint8:
        if images.min() < 0 or images.max() > 255 or 0 < images.max() <= 1:
            raise ValueError(
                "Images must be in the units of those of `fit`, grey levels from 0 to "
                f"255. Received: {images.dtype} from {images.min():g} to "
                f"{images.max():g}. Scale them."
            )
        images = np.rint(images)
    return images.astype(raw.dtype)


def _parts(x, y, batch_size):
    """Yields `(samples, labels)` in parts, uint8 or float32, after checking them."""
    check_form(x, y)
    if not is_dataset(x):
        x, y = check_samples(x), _vector(checked_labels(y))
        check_same_length(x, y)
        check_classification_targets(y)
        pairs = ((x[rows], y[rows]) for rows in gen_batches(len(x), batch_size))
    else:
        pairs = parts_of(as_pairs(x))
    number = 0
    for images, labels in pairs:
        if is_dataset(x):
            images, labels = check_samples(images, number), check_labels(labels)
            number += len(images)
        yield images if images.dtype == np.uint8 else images.astype("float32"), labels
    if not number and is_dataset(x):
        raise ValueError(
            "The dataset is empty. Expected samples and labels. Received: none. Check "
            "how it was made."
        )


def _vector(y):
    y = as_array(y, "`y`")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(
            "`y` must have one label for each image. Received: shape "
            f"{y.shape}. Use `y.argmax(axis=-1)` for one-hot rows."
        )
    return y
