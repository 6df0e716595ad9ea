import pathlib

import numpy as np
import pytest

from kerasos.data import load

PREPARED = pathlib.Path(__file__).parents[3] / "shared" / "data" / "tfds"
needs_tfds_data = pytest.mark.skipif(
    not (PREPARED / "mnist").is_dir(),
    reason="the prepared TFDS folder is not beside the repository",
)


def test_digits():
    (x, y), (x_test, y_test) = load("digits")
    assert x.shape == (1297, 8, 8, 1) and x.dtype == np.uint8
    assert (x.min(), x.max()) == (0, 255)
    assert y.dtype == y_test.dtype == np.int64
    assert np.bincount(y_test).tolist() == [50] * 10
    assert len(x_test) == 500


def test_digits_parts_are_scikit_learns_images():
    from sklearn.datasets import load_digits

    (x, y), (x_test, y_test) = load("digits")
    both = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    pairs = sorted(zip(map(bytes, both[0]), both[1], strict=True))
    digits = load_digits()
    scaled = np.rint(digits.data * 15.9375).astype("uint8")
    assert pairs == sorted(zip(map(bytes, scaled), digits.target, strict=True))


def test_class_counts_change_the_training_part_only():
    whole, test = load("digits")
    (x, y), (x_test, _), index = load(
        "digits", class_counts={3: 5, 7: 11}, seed=2, return_indices=True
    )
    assert np.bincount(y)[[3, 7]].tolist() == [5, 11]
    np.testing.assert_array_equal(x, whole[0][index])
    np.testing.assert_array_equal(y, whole[1][index])
    np.testing.assert_array_equal(x_test, test[0])
    other = load("digits", class_counts={3: 5}, seed=3, return_indices=True)[2]
    assert not np.array_equal(index, other)


def test_indices_without_class_counts_are_all():
    *_, index = load("digits", return_indices=True)
    np.testing.assert_array_equal(index, np.arange(1297))


def test_protocol_of_another_data_set():
    with pytest.raises(ValueError, match="class counts for .*'mnist'.*'digits'"):
        load("digits", class_counts="gamo")


@needs_tfds_data
def test_tfds_with_a_protocol():
    (x, y), (x_test, y_test) = load("mnist", "gamo", data_dir=PREPARED)
    assert x.shape == (9000, 28, 28, 1) and x.dtype == np.uint8
    assert np.bincount(y)[[0, 9]].tolist() == [4000, 40]
    assert y.dtype == np.int64
    assert x_test.shape == (10000, 28, 28, 1) and len(y_test) == 10000
    assert y_test[:5].tolist() == [2, 0, 4, 8, 7]  # TFDS's own order
    assert x_test.flags.writeable


@pytest.mark.parametrize("name", [(), (None,), (np.zeros((3, 2)),)])
def test_a_name_is_needed(name):
    with pytest.raises(TypeError, match='needs a name. Expected "digits"'):
        load(*name)


def test_unknown_name():
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ValueError, match='"digits", "shapes", a Tens.*mean "mnist"'):
        load("mnits")
    with pytest.raises(ValueError, match='mean "digits"'):
        load("digit")


def test_tfds_that_cannot_be_downloaded(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def unreachable(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    with pytest.raises(OSError, match="no route.*as `data_dir`, or run") as info:
        load("svhn_cropped", data_dir=tmp_path)
    assert isinstance(info.value.__cause__, ConnectionError)


def test_tfds_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match="pip install tensorflow-datasets"):
        load("mnist")


def test_npz_with_its_own_split(tmp_path):
    x = np.arange(24, dtype="float32").reshape(6, 4)
    path = tmp_path / "a.npz"
    np.savez(
        path,
        x_train=x,
        y_train=np.array([0, 1] * 3, "uint8"),
        x_test=x[:2],
        y_test=[1, 0],
    )
    (x_train, y_train), (x_test, y_test) = load(path)
    np.testing.assert_array_equal(x_train, x)
    assert y_train.tolist() == [0, 1] * 3 and y_train.dtype == np.int64
    assert x_test.shape == (2, 4) and y_test.tolist() == [1, 0]


def test_npz_is_split_by_class_and_always_alike(tmp_path):
    y = np.repeat([0, 1, 2, 3], [50, 10, 2, 1])
    x = np.arange(63, dtype="uint8")[:, None]
    path = str(tmp_path / "a.npz")
    np.savez(path, x=x, y=y)
    (x_train, y_train), (x_test, y_test) = load(path)
    assert np.bincount(y_test).tolist() == [10, 2, 1]
    assert np.bincount(y_train).tolist() == [40, 8, 1, 1]
    assert sorted([*x_train[:, 0], *x_test[:, 0]]) == list(range(63))
    np.testing.assert_array_equal(load(path, seed=5)[1][0], x_test)


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"x": [[1.0]], "labels": [0]}, ValueError, r"Received: \['labels', 'x'\]"),
        ({"x": [[1.0]] * 3, "y": [0, 1]}, ValueError, "3 samples and 2 labels"),
        ({"x": [[1.0]] * 2, "y": ["a", "b"]}, TypeError, "must hold integer labels"),
    ],
)
def test_bad_npz(tmp_path, arrays, error, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(error, match=words):
        load(tmp_path / "a.npz")


def write_csv(folder, *columns, rows=10):
    header, cells = zip(*columns, strict=True)
    lines = [",".join(str(cell(row)) for cell in cells) for row in range(rows)]
    path = folder / "table.csv"
    path.write_text("\n".join([",".join(header), *lines]) + "\n")
    return path


def test_csv_with_a_target_column_and_text_labels(tmp_path):
    path = write_csv(
        tmp_path,
        ("target", lambda row: "no" if row % 2 else "maybe"),
        ("count", int),
        ("size", lambda row: row / 4),
    )
    (x, y), (x_test, y_test) = load(path)
    assert x.shape == (8, 2) and x.dtype == np.float32
    assert x_test.shape == (2, 2) and sorted(y_test) == [0, 1]
    np.testing.assert_array_equal(y, x[:, 0] % 2)  # "maybe" sorts before "no"
    np.testing.assert_array_equal(x[:, 1], x[:, 0] / 4)


def test_csv_labels_in_the_last_column(tmp_path):
    path = write_csv(tmp_path, ("a", int), ("b", lambda row: 10 * (row % 2)))
    (x, y), _ = load(path)
    np.testing.assert_array_equal(y, x[:, 0] % 2)


def test_csv_whose_labels_are_words_for_missing(tmp_path):
    def cell(row):
        return ("NA", "EU")[row % 2]

    path = write_csv(tmp_path, ("pixel", "{:03}".format), ("t", cell))
    (x, y), _ = load(path)
    np.testing.assert_array_equal(y, 1 - x[:, 0] % 2)  # "EU" sorts before "NA"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            [("a", int), ("sex", lambda _: "F"), ("t", int)],
            r"columns \['sex'\]\. Encode .*`DeepOverSampler`",
        ),
        ([("a", lambda row: row if row else ""), ("t", int)], r"missing.*\['a'\]"),
        ([("t", int)], "a column beside the labels"),
        ([("a", int), ("t", lambda row: row + 0.5)], "must hold class labels.*0.5"),
    ],
)
def test_bad_csv(tmp_path, columns, words):
    with pytest.raises(ValueError, match=words):
        load(write_csv(tmp_path, *columns))


def test_csv_without_rows(tmp_path):
    with pytest.raises(ValueError, match="0 rows"):
        load(write_csv(tmp_path, ("a", int), ("t", int), rows=0))


@pytest.mark.parametrize("name", ["absent.csv", "absent.npz"])
def test_missing_file(name):
    with pytest.raises(FileNotFoundError, match="no file to load.*absent"):
        load(name)
