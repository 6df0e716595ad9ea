"""A folder of pictures, a training script, three lines of kerasos in it."""

import subprocess
import textwrap

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasos
from kerasos.data.image_folder import write_image_folder
from kerasos.export import load_card

NAMES = ["crack", "good", "hole", "scratch"]  # as folders are sorted
COUNTS = {"good": 60, "scratch": 30, "crack": 12, "hole": 5}
SHAPES = {"colour": (64, 64, 3), "grey": (96, 48, 1)}
NETWORKS = {
    "cvae": {},
    "acgan": {},
    "deepsmote": {"k_neighbors": 4},
    "gamo2pix": {"gamo_rounds": 1},
}
BASELINES = ["random", "smote", "convex", "augment", "none"]
SERVE = """
import sys, tensorflow as tf
assert not any(name.startswith("kerasos") for name in sys.modules)
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
out = serve(labels=tf.constant([0, 2, 3]), seed=tf.constant([1, 2, 3], tf.int64))
print(out["samples"].shape, out["samples"].dtype.name)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for kind, (height, width, channels) in SHAPES.items():
        made[kind] = tmp_path_factory.mktemp(kind)
        size = (height, width)
        x, y, names = kerasos.data.defects((60, 30, 12, 5), size, channels=channels)
        write_image_folder(made[kind], x, y, names)
    return made


def read(folders, kind, label_mode="int"):
    height, width, channels = SHAPES[kind]
    return keras.utils.image_dataset_from_directory(
        folders[kind],
        image_size=(height, width),
        color_mode="rgb" if channels == 3 else "grayscale",
        label_mode=label_mode,
        batch_size=16,
        seed=0,
        verbose=False,
    )


def classifier(shape, loss):
    layers = [
        keras.Input(shape),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, strides=4),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(4, activation="softmax"),
    ]
    network = keras.Sequential(layers)
    network.compile("adam", loss)
    return network


def check_stream(model, dataset, shape, loss, label_mode):
    """The stream goes into the `fit` of a network as it is."""
    stream = model.balanced_dataset(dataset, 16, augment=keras.layers.RandomFlip())
    assert len(stream) == len(dataset) and stream.class_names == NAMES
    history = classifier(shape, loss).fit(stream, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"][0])
    x, y = next(iter(stream))
    assert x.shape == (16, *shape) and x.dtype == tf.float32
    assert np.isfinite(x).all() and 0 <= np.min(x) and np.max(x) <= 255
    y = y.numpy().argmax(1) if label_mode == "categorical" else y.numpy()
    assert np.bincount(y).tolist() == [4, 4, 4, 4]


def check_filled_up(model, dataset):
    counts = np.zeros(4, int)
    for x, y in model.oversample(dataset, seed=0):
        assert np.isfinite(x).all()
        counts += np.bincount(y.numpy(), minlength=4)
    return counts.tolist()


@pytest.mark.slow(reason="builds and trains networks for large images")
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_three_lines_with_a_network(name, kind, folders, tmp_path):
    dataset, shape = read(folders, kind), SHAPES[kind]
    model = kerasos.get_method(name).from_data(dataset, seed=0, **NETWORKS[name])
    assert model.spec.label_names == tuple(NAMES)
    assert model.spec.class_counts == tuple(COUNTS[name] for name in NAMES)
    assert model.spec.value_range == (0, 255)
    if kind == "grey":  # as a graph in colour; that takes half of this test's time
        model.compile(run_eagerly=True)
    model.fit(dataset.take(2), epochs=len(model.stages) + 1, verbose=0)
    check_stream(model, dataset, shape, "sparse_categorical_crossentropy", "int")
    images = model.sample(["crack", "hole", "hole"], seed=1)
    np.testing.assert_array_equal(images, model.sample([0, 2, 2], seed=1))
    assert images.shape == (3, *shape) and images.dtype == np.float32
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.sample(["crack", "hole", "hole"], seed=1), images, atol=1e-3
    )
    version = model.export(tmp_path / "served")
    assert load_card(version)["data"]["label_names"] == NAMES
    served = subprocess.run(
        [forked.python(), "-c", textwrap.dedent(SERVE), version],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert served.stdout.strip() == f"(3, {', '.join(map(str, shape))}) float32", served


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.filterwarnings("ignore:Class hole is too small for SMOTE")
def test_three_lines_without_a_network(name, kind, folders):
    label_mode = "categorical" if kind == "grey" else "int"
    dataset = read(folders, kind, label_mode)
    model = kerasos.get_method(name).from_data(dataset, seed=0)
    loss = "sparse_" * (label_mode == "int") + "categorical_crossentropy"
    check_stream(model, dataset, SHAPES[kind], loss, label_mode)
    if label_mode == "int":
        expected = [12, 60, 5, 30] if name == "none" else [60] * 4
        assert check_filled_up(model, dataset) == expected
    if name != "none":
        assert model.sample(["hole", "crack"], seed=0).shape == (2, *SHAPES[kind])
        with pytest.raises(ValueError, match="Did you mean 'crack'"):
            model.sample(["crak"])
