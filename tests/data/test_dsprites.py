"""dSprites, on a stand-in for the prepared set: that of TFDS is a large download."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from kerasos.data import draw_shapes, dsprites, load
from kerasos.data.dsprites import _LABELS, StoredSprites

SIZES = {"scale": 2, "orientation": 3, "x": 4, "y": 4}


class Builder:
    """As much of TFDS's builder as is used: features that are asked for, batched."""

    def __init__(self, factors):
        self.features = {
            name: column
            for name, column in zip(_LABELS, factors.T.astype("int64"), strict=True)
        }
        self.features["image"] = draw_shapes(factors, sizes=SIZES) // 128
        self.read = []

    def as_dataset(self, split, batch_size, shuffle_files, decoders):
        assert split == "train" and shuffle_files is False
        tfds = pytest.importorskip("tensorflow_datasets")
        whole = {"image": tfds.features.Image(shape=(64, 64, 1))}
        whole |= {name: tfds.features.ClassLabel(num_classes=40) for name in _LABELS}
        names = list(decoders.extract_features(tfds.features.FeaturesDict(whole)))
        self.read.append(names)
        features = {name: self.features[name] for name in names}
        return tf.data.Dataset.from_tensor_slices(features).batch(batch_size)


@pytest.fixture
def builder(monkeypatch):
    grid = np.indices((3, *SIZES.values())).reshape(5, -1).T
    builder = Builder(np.random.default_rng(0).permutation(grid))
    monkeypatch.setattr(
        "kerasos.data.datasets.prepared_builder", lambda name, data_dir: builder
    )
    # The package has the function under the module's name.
    module = importlib.import_module("kerasos.data.dsprites")
    monkeypatch.setattr(module, "_BATCH", 50)
    return builder


def images_of(factors):
    return 255 * (draw_shapes(factors, sizes=SIZES) // 128)


def test_images_come_with_their_factors(builder):
    x, y, factors = dsprites(20, {1: 5}, seed=1)
    assert np.bincount(y).tolist() == [20, 5, 20]
    np.testing.assert_array_equal(x, images_of(factors))
    assert x.dtype == np.uint8 and set(np.unique(x)) == {0, 255}
    np.testing.assert_array_equal(y, factors[:, 0])
    for again, first in zip(dsprites(20, {1: 5}, seed=1), (x, y, factors), strict=True):
        np.testing.assert_array_equal(again, first)
    _, _, others = dsprites(20, {1: 5}, seed=2)
    assert not np.array_equal(others, factors)


def test_factors_are_read_without_decoding_images(builder):
    sprites = StoredSprites.of()
    assert [set(names) for names in builder.read] == [set(_LABELS)]
    assert len(sprites) == 288
    order = np.array([250, 3, 120, 3])
    np.testing.assert_array_equal(sprites[order], images_of(sprites.factors[order]))
    assert builder.read[1:] == [["image"]]


def test_load_splits_and_thins_out(builder):
    (x, y), (x_test, y_test) = load("dsprites")
    assert np.bincount(y).tolist() == np.bincount(y_test).tolist() == [48] * 3
    assert x.shape == x_test.shape == (144, 64, 64, 1)
    (few, labels), (again, _), index = load("dsprites", 4, return_indices=True)
    assert np.bincount(labels).tolist() == [48, 24, 12]
    np.testing.assert_array_equal(few, x[index])
    np.testing.assert_array_equal(again, x_test)


def test_without_a_network_the_error_names_the_drawn_shapes(monkeypatch, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")

    def unreachable(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    with pytest.raises(OSError, match=r'no route.*`kerasos\.data\.load\("shapes"\)`'):
        load("dsprites", data_dir=tmp_path)


def test_tfds_itself_gives_these_features():
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=12):
        sprites = StoredSprites.of()
        assert sprites.factors.shape == (12, 5)
        assert np.asarray(sprites[np.array([5, 2])]).shape == (2, 64, 64, 1)
