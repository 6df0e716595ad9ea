"""Drawn parts with defects: what a seed fixes, what a network sees; folders of them."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import recall_score

from kerasos.data import batches, defects, write_image_folder
from kerasos.evaluation import small_cnn


@pytest.mark.parametrize(("size", "channels"), [((16, 24), 1), ((96, 48), 3), (9, 3)])
def test_pictures_of_any_shape_are_fixed_by_the_seed(size, channels):
    x, y, names = defects((4, 3, 2, 1), size, channels=channels, seed=3)
    height, width = (size, size) if isinstance(size, int) else size
    assert x.shape == (10, height, width, channels) and x.dtype == np.uint8
    assert y.dtype == np.int64 and np.bincount(y).tolist() == [4, 3, 2, 1]
    assert names == ("good", "scratch", "crack", "hole") and y.tolist() != sorted(y)
    again, _, _ = defects((4, 3, 2, 1), size, channels=channels, seed=3)
    np.testing.assert_array_equal(again, x)
    other, _, _ = defects((4, 3, 2, 1), size, channels=channels, seed=4)
    pictures = {image.tobytes() for image in x}
    assert len(pictures) == 10 and not {i.tobytes() for i in other} & pictures


def test_a_smaller_class_is_part_of_a_larger_and_grey_is_the_luminance():
    x, y, _ = defects((5, 4, 3, 2), 32)
    fewer, y_fewer, _ = defects((2, 4, 1, 2), 32)
    for label in range(4):
        part = {image.tobytes() for image in fewer[y_fewer == label]}
        assert part <= {image.tobytes() for image in x[y == label]}
    grey, y_grey, _ = defects((5, 4, 3, 2), 32, channels=1)
    np.testing.assert_array_equal(y_grey, y)
    expected = x @ [0.299, 0.587, 0.114]  # but for what is cut off at white
    assert np.quantile(np.abs(grey[..., 0] - expected), 0.99) <= 1.0


def test_a_small_network_learns_them_and_a_linear_one_does_not():
    x, y, _ = defects((100,) * 4, 24, channels=1)
    x_new, y_new, _ = defects((60,) * 4, 24, channels=1, seed=1)
    linear = RidgeClassifier(10.0).fit(x.reshape(400, -1) / 255.0, y)
    assert linear.score(x_new.reshape(240, -1) / 255.0, y_new) < 0.4
    network = small_cnn((24, 24, 1), 4)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(2e-3), loss, jit_compile=False)
    network.steps_per_execution = 12
    network.fit(batches(x, y, 32, seed=0), epochs=8, verbose=0, shuffle=False)
    found = np.argmax(network.predict_on_batch(x_new), -1)
    assert recall_score(y_new, found, average="macro") > 0.55


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_counts": (1, 2, 3)}, "Invalid `class_counts`: it must be a list of 4"),
        ({"class_counts": (1, 2, 3, 0)}, "Invalid `class_counts`"),
        ({"size": (64, 7)}, "Invalid `size`: it must be a list of 2 entries"),
        ({"size": 64.5}, "Invalid `size`"),
        ({"channels": 4}, "`channels` must be 3 for colour or 1 for grey"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        defects(**options)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_comes_back_as_it_was(tmp_path, channels):
    x, y, names = defects((4, 3, 2, 1), (12, 8), channels=channels)
    floats = x + np.float32(0.3)
    paths = write_image_folder(tmp_path, np.minimum(floats, 255.0), y, names)
    assert [path.parent.name for path in paths] == [names[label] for label in y]
    data = keras.utils.image_dataset_from_directory(
        tmp_path,
        class_names=list(names),
        color_mode="grayscale" if channels == 1 else "rgb",
        image_size=(12, 8),
        shuffle=False,
        verbose=False,
        batch_size=None,
    )
    order = np.argsort(y, kind="stable")
    images, labels = zip(*data.as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(np.stack(images), x[order])
    np.testing.assert_array_equal(labels, y[order])


def test_files_are_never_overwritten(tmp_path):
    x, y, names = defects((2, 1, 1, 1), 8)
    (first, *_) = write_image_folder(tmp_path, x[:1], y[:1], names)
    before = first.read_bytes()
    with pytest.raises(FileExistsError, match="never overwritten.*which holds 1 of"):
        write_image_folder(tmp_path, x[::-1], y, names)
    assert first.read_bytes() == before
    assert [*tmp_path.rglob("*.png")] == [first]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": np.zeros((2, 8, 8))}, "`x` must be images"),
        ({"x": np.full((2, 8, 8, 1), 256.0)}, "floats from 0 to 255"),
        ({"names": ("a",)}, "a name for each label"),
        ({"names": ("a", "../b")}, "can be that of a folder"),
        ({"names": ("a", "..")}, "can be that of a folder"),
        ({"names": ("a", "a")}, "one of its own"),
        ({"y": [0, 1, 1]}, "one label per sample"),
    ],
)
def test_what_is_no_folder_of_images_is_refused(tmp_path, change, words):
    good = {"x": np.zeros((2, 8, 8, 3), "uint8"), "y": [0, 1], "names": ("a", "b")}
    with pytest.raises(ValueError, match=words):
        write_image_folder(tmp_path / "new", **{**good, **change})
    assert not (tmp_path / "new").exists()
