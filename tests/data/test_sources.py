import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.data import DataSpec, as_arrays
from kerasos.data.sources import as_pairs, label_form, summarize

Y = np.array([0, 2, 1, 2, 0, 1, 2, 1])
GREY = np.random.default_rng(0).integers(0, 256, (8, 6, 4, 1)).astype("uint8")
ROWS = np.random.default_rng(1).random((8, 5), "float32")
slices = tf.data.Dataset.from_tensor_slices


class Batches(keras.utils.PyDataset):
    passes = 0

    def __init__(self, *arrays, rows=3):
        super().__init__()
        self.arrays, self.rows = arrays, rows

    def __len__(self):
        return -(-len(self.arrays[0]) // self.rows)

    def __getitem__(self, index):
        part = slice(index * self.rows, (index + 1) * self.rows)
        return tuple(array[part] for array in self.arrays)

    def on_epoch_end(self):
        self.passes += 1


class WithoutLabels(Batches):
    def __getitem__(self, index):
        return super().__getitem__(index)[0]


@pytest.mark.parametrize("x", [GREY, ROWS], ids=["images", "rows"])
@pytest.mark.parametrize(
    "labels",
    [
        Y,
        Y.astype("float32"),
        Y[:, None],
        Y[:, None].astype("float32"),
        np.eye(3, dtype="float32")[Y],
        np.eye(3, dtype="int32")[Y],
        np.eye(3, dtype="bool")[Y],
    ],
    ids=[
        *("int", "float", "column", "float_column"),
        *("one_hot", "int_one_hot", "bool_one_hot"),
    ],
)
@pytest.mark.parametrize("form", ["single", "batched", "py_dataset", "dict"])
def test_every_form_of_a_dataset_is_read(x, labels, form):
    data = {
        "single": lambda: slices((x, labels)),
        "batched": lambda: slices((x, labels)).batch(3),
        "py_dataset": lambda: Batches(x, labels),
        "dict": lambda: slices({"image": x, "label": labels, "id": Y}).batch(3),
    }[form]()
    found, codes = as_arrays(data)
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(codes, Y)
    assert found.dtype == x.dtype and codes.dtype == np.int64
    written = label_form(data)(tf.constant([2, 0])).numpy()
    if labels.ndim == 1:
        np.testing.assert_array_equal(written, [2, 0])
    else:
        np.testing.assert_array_equal(written, labels[[1, 0]])
        assert written.dtype == labels.dtype


@pytest.mark.parametrize("dtype", ["bool", "int16", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("form", [lambda y: y, lambda y: y[:, None]])
def test_labels_come_in_a_dtype_of_indices(dtype, form):
    y = (Y > 0).astype(dtype)
    dataset = slices((ROWS, form(y))).batch(3)
    codes = np.concatenate([tf.one_hot(y, 2) for _, y in as_pairs(dataset)])
    np.testing.assert_array_equal(codes, np.eye(2)[y.astype(int)])
    written = label_form(dataset)(tf.constant([1, 0])).numpy()
    np.testing.assert_array_equal(written, form(np.array([1, 0], dtype)))
    assert written.dtype == dtype


def test_a_py_dataset_ends_its_passes():
    data = Batches(GREY, Y)
    pairs = as_pairs(data)
    assert len(pairs) == 3
    assert [len(list(pairs)) for _ in range(2)] == [3, 3]
    assert data.passes == 2


def test_one_pass_tells_what_arrays_tell():
    dataset = slices((GREY.astype("float32"), Y)).batch(3)
    dataset.class_names = ["hole", "crack", "dent"]
    found = summarize(dataset)
    assert found.shape == (6, 4, 1) and found.dtype == np.float32
    assert found.bounds == (GREY.min(), GREY.max())
    assert found.names == ["hole", "crack", "dent"]
    np.testing.assert_array_equal(found.y, Y)
    spec = DataSpec.of(dataset)
    assert spec == DataSpec.of(
        GREY.astype("float32"), Y, label_names=("hole", "crack", "dent")
    )
    assert spec.value_range == (0, 255) and spec.class_counts == (2, 3, 3)


@pytest.mark.parametrize("highest", [1.5, 100.0, 300.0])
def test_the_range_of_images_is_seen_only_where_it_is_plain(highest):
    x = np.linspace(0, highest, 48, dtype="float32").reshape(4, 3, 4, 1)
    with pytest.raises(ValueError, match="`value_range` must be given"):
        DataSpec.of(x, [0, 1, 0, 1])
    folder = slices((x, [0, 1, 0, 1])).batch(2)
    folder.file_paths = ["a"] * 4
    if highest < 256:
        assert DataSpec.of(folder).value_range == (0, 255)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: slices((GREY, Y, Y)), "third part, the weights"),
        (lambda: Batches(GREY, Y, Y), "third part, the weights"),
        (lambda: WithoutLabels(ROWS), "type ndarray, or with a dict"),
        (lambda: slices(GREY), "must yield pairs"),
        (lambda: slices({"picture": GREY, "label": Y}), "must yield pairs"),
        (lambda: slices((GREY[..., 0], Y)).batch(3), r"x\[\.\.\., None\]"),
        (lambda: slices((GREY, np.full((8, 3), 1 / 3))), "not one-hot"),
        (lambda: slices((GREY, Y + 0.25)), "Fractions"),
        (lambda: slices((GREY, Y)).repeat(), "must be finite"),
        (lambda: slices((ROWS / (Y[:, None] - 1), Y)).batch(2), "first in sample 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_datasets_that_cannot_be_used(make, words):
    with pytest.raises(ValueError, match=words):
        summarize(make())


def test_a_generator_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match="from_generator"):
        as_arrays(pair for pair in [(GREY, Y)])
    with pytest.raises(ValueError, match="Drop `y`"):
        as_arrays(slices((GREY, Y)), Y)


def test_names_in_another_order_than_the_folders():
    dataset = slices((GREY, Y)).batch(2)
    dataset.class_names = ["a", "b", "c"]
    names = ["good", "dent", "hole"]
    assert DataSpec.of(dataset, label_names=names).label_names == tuple(names)
    with pytest.raises(ValueError, match=r"'a' has another place.*class_names=\['c'"):
        DataSpec.of(dataset, label_names=["c", "b", "a"])


def test_a_folder_without_files_is_named():
    dataset = slices((GREY, Y)).batch(2)
    dataset.class_names = ["a", "b", "c", "empty"]
    with pytest.raises(ValueError, match="no sample of label 3, 'empty'. Leave its"):
        DataSpec.of(dataset)


def test_names_as_labels():
    names = np.array(["dent", "hole", "crack"])[Y]
    spec = DataSpec.of(GREY, names)
    assert spec.label_names == ("crack", "dent", "hole")
    assert spec.class_counts == (3, 2, 3)
    np.testing.assert_array_equal(spec.codes_of(["hole", "crack"]), [2, 0])
    assert spec.codes_of([1, 0]) == [1, 0]
    with pytest.raises(ValueError, match="Received: 'crak'. Did you mean 'crack'?"):
        spec.codes_of(["crak"])
    given = DataSpec.of(
        GREY, names.astype(object), label_names=["hole", "dent", "crack"]
    )
    assert given.label_names == ("hole", "dent", "crack")
    assert given.class_counts == (3, 2, 3)
    with pytest.raises(ValueError, match="one of \\['hole', 'dent'\\]. Received"):
        DataSpec.of(GREY, names, label_names=["hole", "dent"])


def test_repeated_images_warn_across_batches():
    x, y = np.concatenate([GREY, GREY[:2]]), np.append(Y, Y[:2])
    with pytest.warns(UserWarning, match="repeated samples: 2 of 10"):
        summarize(slices((x, y)).batch(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summarize(slices((GREY, Y)).batch(4))
