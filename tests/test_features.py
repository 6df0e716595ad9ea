"""Feature functions by name: values, units, caching, and what happens offline."""

import urllib.error

import keras
import numpy as np
import pytest
import tensorflow as tf
from gradients import registered_gradients
from sklearn.decomposition import PCA

from kerasos import features
from kerasos.data import DataSpec
from kerasos.evaluation import strong_cnn
from kerasos.features import feature_fn

Y = np.repeat([0, 1, 2], 8)
X = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1)).astype("uint8")
SPEC = DataSpec.of(X, Y)
RGB = np.random.default_rng(1).uniform(-1, 1, (3, 8, 8, 3)).astype("float32")
RGB_SPEC = DataSpec((8, 8, 3), "float32", (-1, 1), (2, 1))


def test_pixels_are_rows_in_the_unit_range():
    pixels = feature_fn("pixels", SPEC, batch_size=7)
    found = pixels(X)
    assert (pixels.name, pixels.num_features) == ("pixels", 64)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, X.reshape(24, 64) / 255, atol=1e-6)
    found = feature_fn("pixels", RGB_SPEC)(RGB)
    np.testing.assert_allclose(found, (RGB.reshape(3, -1) + 1) / 2, atol=1e-6)


def test_pca_is_that_of_scikit_learn():
    pca = feature_fn("pca", SPEC, X, num_components=5, batch_size=10)
    rows = X.reshape(24, 64) / 255
    expected = PCA(5, svd_solver="full").fit(rows).transform(rows)
    found = pca(X)
    assert (found.shape, found.dtype, pca.num_features) == ((24, 5), np.float32, 5)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)


def test_pca_fits_at_most_so_many_rows():
    few = feature_fn("pca", SPEC, X, num_components=4, max_rows=6, seed=1)
    again = feature_fn("pca", SPEC, X, num_components=4, max_rows=6, seed=1)
    np.testing.assert_array_equal(few(X), again(X))
    other = feature_fn("pca", SPEC, X, num_components=4, max_rows=6, seed=2)
    assert np.abs(few(X) - other(X)).max() > 0.01


def test_cnn_is_the_penultimate_layer_of_a_trained_network():
    cnn = feature_fn("cnn", SPEC, X, Y, seed=3, epochs=2, train_batch_size=8)
    found = cnn(X)
    assert (found.shape, found.dtype) == ((24, 128), np.float32)
    assert found.min() >= 0  # after a ReLU
    untrained = strong_cnn(SPEC, 3)
    rescaled = (X.astype("float32") - 127.5) / 127.5
    before = np.array(untrained.get_layer("features")(rescaled))
    assert np.abs(found - before).max() > 1e-3
    none = feature_fn("cnn", SPEC, X, Y, seed=3, epochs=0)(X)
    np.testing.assert_allclose(none, before, atol=1e-5)


def test_cnn_is_trained_once_for_equal_data_and_settings(tmp_path, monkeypatch):
    fits = []
    fit = keras.Model.fit
    monkeypatch.setattr(
        keras.Model, "fit", lambda self, *a, **k: fits.append(1) or fit(self, *a, **k)
    )
    settings = {"epochs": 1, "train_batch_size": 8, "cache_dir": tmp_path / "cache"}

    def run(x=X, y=Y, seed=0, **changes):
        return feature_fn("cnn", SPEC, x, y, seed=seed, **{**settings, **changes})(X)

    gradients = registered_gradients()
    first = run()
    assert registered_gradients() == gradients  # it does not stay in memory
    np.testing.assert_array_equal(run(), first)
    assert len(fits) == 1
    (path,) = (tmp_path / "cache").iterdir()
    assert path.suffix == ".npz"
    other = X.copy()
    other[0, 0, 0, 0] ^= 1
    for change in ({"x": other}, {"y": Y[::-1]}, {"seed": 1}, {"epochs": 2}):
        assert np.any(run(**change) != first)
    assert len(fits) == 5
    assert len(list((tmp_path / "cache").iterdir())) == 5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pixels", {}),
        ("pca", {"num_components": 5}),
        ("cnn", {"epochs": 1, "train_batch_size": 8}),
    ],
)
def test_a_network_gives_the_same_features_inside_a_graph(name, options):
    function = feature_fn(name, SPEC, X, Y, **options)
    network = function.network()
    assert not network.trainable_variables
    found = tf.function(network)(tf.constant(X))
    np.testing.assert_allclose(found, function(X), atol=1e-5)
    again = keras.Model.from_config(network.get_config())
    again.set_weights(network.get_weights())
    np.testing.assert_array_equal(again(X), network(X))


def test_networks_of_larger_images_compile_with_xla(monkeypatch):
    """For the small ones of GANs a resize need not average."""
    monkeypatch.setattr(keras.applications, "VGG16", ChannelMeans([]))
    network = feature_fn("vgg16", RGB_SPEC).network()
    found = tf.function(network, jit_compile=True)(tf.constant(RGB))
    np.testing.assert_allclose(found, network(RGB), rtol=1e-4)


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def broken(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(features.np, "savez", broken)
    with pytest.raises(OSError, match="disk full"):
        feature_fn("cnn", SPEC, X, Y, epochs=0, cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_samples_are_worked_on_in_batches_of_one_size():
    sizes = []
    pixels = feature_fn("pixels", SPEC, batch_size=5)
    compute = pixels._compute
    pixels._compute = lambda part: sizes.append(len(part)) or compute(part)
    found = pixels(X[:13])
    assert sizes == [5, 5, 5]
    np.testing.assert_array_equal(found, feature_fn("pixels", SPEC)(X[:13]))


class ChannelMeans:
    """Stands for a pretrained network: the mean of each channel and the size."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, **arguments):
        self.calls.append(arguments)
        image = keras.Input(arguments["input_shape"])
        pooled = keras.layers.GlobalAveragePooling2D()(image)
        return keras.Model(image, pooled)


@pytest.mark.parametrize(
    ("name", "network", "size"),
    [("vgg16", "VGG16", 224), ("inception", "InceptionV3", 299)],
)
def test_pretrained_networks_get_their_own_units(monkeypatch, name, network, size):
    calls = []
    monkeypatch.setattr(keras.applications, network, ChannelMeans(calls))
    rgb = feature_fn(name, RGB_SPEC, batch_size=2)(RGB)
    grey = feature_fn(name, SPEC)(X)
    for call in calls:
        assert call["input_shape"] == (size, size, 3)
        assert (call["weights"], call["include_top"]) == ("imagenet", False)
        assert call["pooling"] == "avg"
    # A resize by a whole factor keeps means nearly, so the units show.
    means = np.array(keras.ops.image.resize(127.5 * (RGB + 1), (size, size)))
    means = means.mean(axis=(1, 2))
    if name == "vgg16":  # blue first, less ImageNet's mean
        expected = means[:, ::-1] - [103.939, 116.779, 123.68]
    else:
        expected = means / 127.5 - 1
    np.testing.assert_allclose(rgb, expected, rtol=1e-4, atol=1e-2)
    if name == "vgg16":
        levels = grey + [103.939, 116.779, 123.68]
        np.testing.assert_allclose(levels[:, 0], levels[:, 2], atol=1e-2)
        assert 100 < levels.mean() < 155
    else:
        np.testing.assert_allclose(grey[:, 0], grey[:, 2], atol=1e-5)


@pytest.mark.slow  # builds and runs VGG16
def test_vgg16_from_a_file_of_weights(tmp_path):
    network = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    network.save_weights(tmp_path / "vgg.weights.h5")
    vgg = feature_fn("vgg16", SPEC, size=32, weights=tmp_path / "vgg.weights.h5")
    assert vgg.num_features == 512
    enlarged = keras.ops.image.resize(X[:2].astype("float32"), (32, 32))
    rgb = np.repeat(np.array(enlarged), 3, axis=-1)
    expected = network(keras.applications.vgg16.preprocess_input(rgb))
    np.testing.assert_allclose(vgg(X[:2]), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["vgg16", "inception"])
def test_without_a_connection_the_error_names_the_alternatives(
    name, monkeypatch, tmp_path
):
    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("no route")

    # The real way down to the connection, and none of the files kept at home.
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", unreachable)
    monkeypatch.setattr("keras.src.backend.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(RuntimeError, match="no route.*'cnn'.*'pca' or 'pixels'"):
        feature_fn(name, SPEC)


def test_a_missing_file_of_weights_is_not_called_a_download(tmp_path):
    with pytest.raises(ValueError, match="weights"):
        feature_fn("vgg16", SPEC, size=32, weights=tmp_path / "none.weights.h5")


@pytest.mark.parametrize(
    ("name", "arguments", "error", "words"),
    [
        ("incepton", {}, ValueError, "Did you mean 'inception'"),
        ("pca", {"x": X, "components": 3}, TypeError, "num_components"),
        ("pixels", {"layer": 3}, TypeError, "takes no options"),
        ("pixels", {"batch_size": 0}, ValueError, "Invalid `batch_size`"),
        ("pca", {}, ValueError, "learnt from data. Expected `x`"),
        ("cnn", {"x": X}, ValueError, "labels `y`"),
        ("cnn", {"x": X, "y": Y[:3]}, ValueError, "one label per sample"),
        ("cnn", {"x": X[:, :4], "y": Y}, ValueError, "shape the model was built for"),
        ("pca", {"x": X, "num_components": 25}, ValueError, r"\[1, 24\]"),
        ("pca", {"x": X, "max_rows": True}, ValueError, "Invalid `max_rows`"),
        ("cnn", {"x": X, "y": Y, "epochs": -1}, ValueError, "Invalid `epochs`"),
        ("vgg16", {"size": 16}, ValueError, "at least 32"),
        ("vgg16", {"size": 64, "layer": "fc2"}, ValueError, "224 for layer"),
        ("vgg16", {"layer": "fc1"}, ValueError, "fc2"),
    ],
)
def test_bad_arguments_are_refused(name, arguments, error, words):
    with pytest.raises(error, match=words):
        feature_fn(name, SPEC, **arguments)


@pytest.mark.parametrize("name", ["vgg16", "inception"])
def test_pretrained_networks_refuse_other_channels(name):
    spec = DataSpec((8, 8, 2), "uint8", (0, 255), (3, 3))
    with pytest.raises(ValueError, match="grey or RGB"):
        feature_fn(name, spec)


def test_samples_in_other_units_are_refused():
    with pytest.raises(ValueError, match="units"):
        feature_fn("pixels", SPEC)(X / 255)
