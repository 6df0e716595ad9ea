"""Feature functions: from images to vectors, for distances and for classifiers.

| name | features | needs |
|---|---|---|
| "pixels" | the pixels in [0, 1] | nothing |
| "pca" | principal components of the pixels | data |
| "cnn" | penultimate layer (128) of `strong_cnn` trained here | labelled data |
| "vgg16" | VGG16 of Keras, 512-d average of its last block, or "fc2" | its weights |
| "inception" | InceptionV3 of Keras, 2048-d final average pool | its weights |

Keras downloads the last two's ImageNet weights once; `weights` names a file instead.

References:
    Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR
    2016; its final pool is the feature of the FID of Heusel et al., NeurIPS 2017.
    Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image
    Recognition, ICLR 2015; the feature of Kong et al., AAAI 2019 (ActiveGAN).
"""

import hashlib
import json
import pathlib

import keras
import numpy as np

from kerasos.checks import Integer, check, check_choice, check_count, check_options
from kerasos.data.arrays import as_array, check_labels, check_same_length
from kerasos.data.pipeline import batches
from kerasos.files import read_arrays, write_arrays
from kerasos.methods.base import alone
from kerasos.randomness.seeds import derive_seed
from kerasos.version import __version__

_OPTIONS = {
    "pixels": {},
    "pca": {"num_components": 50, "max_rows": 20_000},
    "cnn": {"epochs": 10, "train_batch_size": 64, "cache_dir": None},
    "vgg16": {"size": 224, "layer": "avg", "weights": "imagenet"},
    "inception": {"weights": "imagenet"},
}


class FeatureFn:
    """Callable from samples `(n, ...)` to float32 features `(n, num_features)`.

    Made by `feature_fn`. It works in batches of one size, so memory does not grow
    with the number of samples beyond the result.

    Attributes:
        name: The name of the features, to be reported with any score from them.
        num_features: Integer.
    """

    def __init__(self, name, spec, num_features, compute, batch_size, network):
        self.name, self.spec, self.num_features = name, spec, num_features
        self.batch_size = batch_size
        self._compute = compute
        self._network = network

    def network(self):
        """Returns the features as a frozen `keras.Model`, for use inside a graph.

        It maps samples in the units of the spec to `(batch, num_features)`, and is
        saved with a model that holds it.
        """
        network = self._network()
        network.trainable = False
        return network

    def __call__(self, x):
        """Returns the features of `x`, an array in the units of the spec.

        Raises:
            TypeError, ValueError: If `x` does not fit the spec.
        """
        from sklearn.utils import gen_batches

        x = np.asarray(x)
        self.spec.check_compatible(x)
        features = np.empty((len(x), self.num_features), "float32")
        for rows in gen_batches(len(x), self.batch_size):
            # The last batch is filled up with copies: one shape, one trace.
            full = np.resize(x[rows], (self.batch_size, *x.shape[1:]))
            features[rows] = self._compute(full)[: rows.stop - rows.start]
        return features


def feature_fn(name, spec, x=None, y=None, *, seed=0, batch_size=64, **options):
    """Returns the feature function called `name` for images like those of `spec`.

    Args:
        name: "pixels", "pca", "cnn", "vgg16" or "inception".
        spec: `kerasos.data.DataSpec`; says the shape and units of the samples.
        x: Array of samples to learn the features from: "pca" and "cnn".
        y: Integer labels `(n,)`: "cnn". For an FID take the full, balanced training
            set.
        seed: Integer: "pca" and "cnn".
        batch_size: Integer, samples worked on at once.
        **options: "pca": `num_components` (50), `max_rows` (20,000; a draw of as many
            rows is fitted). "cnn": `epochs` (10), `train_batch_size` (64), `cache_dir`
            (a folder to keep the trained weights in, found again by a fingerprint of
            data, seed and settings; default None, nothing is kept). "vgg16": `size`
            (224; pixels of a side, 32 or more), `layer` ("avg", or "fc2" for 4096
            features at size 224), `weights`. "inception": `weights`. These are a file
            of Keras weights without top (with it for "fc2"); default "imagenet",
            which Keras downloads.

    Returns:
        A `FeatureFn`.

    Raises:
        TypeError: If an option is unknown.
        ValueError: If the name is unknown, data are missing, or the samples do not
            suit the features.
        RuntimeError: If the weights cannot be downloaded.

    Example:

    ```python
    spec = kerasos.data.DataSpec.of(x, y)
    features = feature_fn("cnn", spec, x, y, seed=0, cache_dir="features")
    features(x_test).shape  # (10000, 128)
    ```
    """
    check_choice("name", name, _OPTIONS)
    check_options(options, _OPTIONS[name], f"feature_fn({name!r})")
    options = {**_OPTIONS[name], **options}
    check_count("batch_size", batch_size)
    for option in ("max_rows", "train_batch_size"):
        check_count(option, options.get(option, 1))
    check_count("epochs", options.get("epochs", 0), least=0)
    if name in ("vgg16", "inception"):
        if not spec.is_image or spec.shape[2] not in (1, 3):
            raise ValueError(
                f"{name!r} features need grey or RGB images (height, width, 1 or 3). "
                f"Received: samples of shape {spec.shape}. Use 'cnn' or 'pca'."
            )
        width, compute, network = _BUILDERS[name](spec, **options)
    elif name == "pixels":
        width, compute = spec.num_features, lambda part: _unit_rows(part, spec)

        def network():
            return keras.Model(*_unit_rows_layers(spec), name="pixels")

    else:
        x = _check_given(name, spec, x, y)
        width, compute, network = _BUILDERS[name](spec, x, y, seed, **options)
    return FeatureFn(name, spec, width, compute, batch_size, network)


def _pca(spec, x, y, seed, num_components, max_rows):
    from sklearn.decomposition import PCA

    if len(x) > max_rows:
        source = np.random.default_rng(derive_seed(seed, "pca"))
        x = x[np.sort(source.choice(len(x), max_rows, replace=False))]
    most = min(len(x), spec.num_features)
    check("num_components", num_components, Integer(1, most))
    pca = PCA(num_components, random_state=derive_seed(seed, "pca", "solver"))
    pca.fit(_unit_rows(x, spec))

    def network():
        sample, rows = _unit_rows_layers(spec)
        project = keras.layers.Dense(num_components, name="projection")
        model = keras.Model(sample, project(rows), name="pca")
        kernel = pca.components_.T
        project.set_weights([kernel, -pca.mean_ @ kernel])
        return model

    return num_components, lambda part: pca.transform(_unit_rows(part, spec)), network


def _cnn(spec, x, y, seed, epochs, train_batch_size, cache_dir):
    from kerasos.evaluation.classifiers import strong_cnn

    model = strong_cnn(spec, seed)
    train_batch_size = min(train_batch_size, len(x))
    path = None
    if cache_dir is not None:
        settings = [
            [list(weight.shape) for weight in model.get_weights()],
            [spec.shape, spec.dtype, spec.value_range],
            [int(seed), epochs, train_batch_size],
            [__version__, keras.__version__],
        ]
        name = fingerprint(settings, x, np.asarray(y, "int64"))
        path = pathlib.Path(cache_dir) / f"cnn_{name}.npz"
    if path is not None and path.is_file():
        saved = read_arrays(path)
        model.set_weights([saved[f"{i:02d}"] for i in range(len(saved))])
    else:
        data = batches(x, y, train_batch_size, seed=derive_seed(seed, "cnn_features"))
        with alone(model.optimizer):
            model.fit(data, epochs=epochs, shuffle=False, verbose=0)  # it is shuffled
        if path is not None:
            weights = model.get_weights()
            write_arrays(path, {f"{i:02d}": w for i, w in enumerate(weights)})
    scaled = model.layers[1].output
    inner = keras.Model(model.input, model.get_layer("features")(scaled))
    return inner.output.shape[-1], inner.predict_on_batch, lambda: inner


def _vgg16(spec, size, layer, weights):
    check_choice("layer", layer, ("avg", "fc2"))
    check_count("size", size, least=32)
    if layer == "fc2" and size != 224:
        raise ValueError(
            f"`size` must be 224 for layer 'fc2'. Received: size={size}. Leave it out."
        )

    def build():
        if layer == "avg":
            return keras.applications.VGG16(
                include_top=False,
                weights=weights,
                input_shape=(size, size, 3),
                pooling="avg",
            )
        whole = keras.applications.VGG16(weights=weights)
        return keras.Model(whole.input, whole.get_layer("fc2").output)

    network = _pretrained("vgg16", build)
    prepare = keras.applications.vgg16.preprocess_input
    return _image_features(spec, network, size, prepare)


def _inception(spec, weights):
    def build():
        return keras.applications.InceptionV3(
            include_top=False,
            weights=weights,
            input_shape=(299, 299, 3),
            pooling="avg",
        )

    network = _pretrained("inception", build)
    prepare = keras.applications.inception_v3.preprocess_input
    return _image_features(spec, network, 299, prepare)


_BUILDERS = {"pca": _pca, "cnn": _cnn, "vgg16": _vgg16, "inception": _inception}


def _pretrained(name, build):
    """Returns the network, or says what to do without its weights."""
    try:
        return build()
    except Exception as error:  # Keras raises a bare Exception for a failed download
        if "fetch" not in str(error) and not isinstance(error, OSError):
            raise
        raise RuntimeError(
            f"The ImageNet weights of {name!r} could not be downloaded ({error}). "
            "Expected a connection, or weights that Keras has kept. Pass "
            "`weights='file.weights.h5'`, or use features that need no download: "
            "'cnn' (trained on your labelled data), 'pca' or 'pixels'."
        ) from error


def _image_features(spec, network, size, prepare):
    """Returns the width, a function of raw images and a function to the model."""
    low, high = spec.value_range
    scale = 255.0 / (high - low)
    image = keras.Input(spec.shape, dtype="float32")
    hidden = keras.layers.Rescaling(scale, offset=-low * scale)(image)
    # Larger images are averaged. Smaller ones need no averaging, which XLA cannot do.
    hidden = keras.ops.image.resize(
        hidden, (size, size), "bilinear", antialias=max(spec.shape[:2]) > size
    )
    if spec.shape[2] == 1:
        hidden = keras.ops.repeat(hidden, 3, axis=-1)
    network.trainable = False
    model = keras.Model(image, network(prepare(hidden)))

    def compute(part):
        return model.predict_on_batch(part.astype("float32"))

    return model.output.shape[-1], compute, lambda: model


def _unit_rows_layers(spec):
    """Returns an input of raw samples and what `_unit_rows` makes of it."""
    low, high = spec.value_range
    dtype = spec.dtype if spec.dtype == "uint8" else "float32"
    sample = keras.Input(spec.shape, dtype=dtype)
    scale = 1.0 / (high - low)
    scaled = keras.layers.Rescaling(scale, offset=-low * scale)(sample)
    return sample, keras.layers.Flatten()(scaled)


def _unit_rows(x, spec):
    """Returns `x` as float32 rows in [0, 1]."""
    low, high = spec.value_range
    return (x.reshape(len(x), -1).astype("float32") - low) / np.float32(high - low)


def _check_given(name, spec, x, y):
    if x is None or (name == "cnn" and y is None):
        what = "`x` and labels `y`" if name == "cnn" else "`x`"
        raise ValueError(
            f"{name!r} features are learnt from data. Expected {what}. Received: "
            f"x={type(x).__name__}, y={type(y).__name__}. Pass them, or use 'pixels'."
        )
    x = as_array(x)
    spec.check_compatible(x, y)
    if y is not None:
        check_same_length(x, check_labels(y))
    return x


def fingerprint(settings, *arrays):
    """One name for equal settings, as JSON, and arrays."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view("uint8").data)
    return digest.hexdigest()
