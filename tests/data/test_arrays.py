import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasos
from kerasos.data import as_arrays
from kerasos.data.arrays import as_array, rows_of_each_class
from kerasos.evaluation import compare, diagnose, quality
from kerasos.over_sampling import DeepOverSampler, FeatureClassifier

X = np.linspace(0, 1, 12, dtype="float32").reshape(6, 2)
Y = np.array([0, 1, 1, 2, 1, 2])


RAGGED = [[1.0, 2.0], [3.0], [4.0, 5.0], [6.0, 7.0]]
LABELS = [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("values", "received"),
    [
        (RAGGED, r"shape \(2,\) in entry 0, \(1,\) in entry 1"),
        ([[1, 2], [3, 4], 5], r"shape \(2,\) in entry 0, \(\) in entry 2"),
        ([[[1], [2]], [[3], [4, 5]]], "unequal lists inside entry 1"),
        ((np.zeros(2), np.zeros(3)), r"shape \(2,\) in entry 0, \(3,\) in entry 1"),
    ],
)
def test_lists_of_unequal_lengths_are_told_apart(values, received):
    with pytest.raises(ValueError, match=f"`points` must .* Received: {received}. Pad"):
        as_array(values, "`points`")
    np.testing.assert_array_equal(as_array([[1, 2], [3, 4]]), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "take",
    [
        as_arrays,
        kerasos.data.DataSpec.of,
        kerasos.GAMO.from_data,
        kerasos.get_method("smote").from_data,
        lambda x, y: kerasos.data.batches(x, y, 2),
        lambda x, y: kerasos.data.write_image_folder("never", x, y, ["a", "b"]),
        lambda x, y: DeepOverSampler("cvae").fit_resample(x, y),
        lambda x, y: DeepOverSampler("smote").fit_resample(x, y),
        lambda x, y: FeatureClassifier(keras.Sequential()).fit(x, y),
        lambda x, y: compare(x, y, ["random"]),
        lambda x, y: quality(x, x, real_y=y, synthetic_y=y),
        lambda x, y: diagnose(None, x, y),
    ],
)
def test_every_door_names_unequal_lists(take):
    with pytest.raises(ValueError, match="`([xX]|real)` must have entries of one"):
        take(RAGGED, LABELS)
    with pytest.raises(ValueError, match="([lL]abels|`y`).* have entries of one shape"):
        take(X[:4], [[0], [1, 0], [0], [1]])


@pytest.mark.filterwarnings("ignore:Labels")
@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (np.zeros((6, 4, 4)), Y, ValueError, r"x\[\.\.\., None\]"),
        (np.zeros(6), Y, ValueError, r"x\[:, None\]"),
        (np.zeros((6, 2, 2, 2, 1)), Y, ValueError, "must be images"),
        (np.full((6, 2), "a"), Y, TypeError, "`x` must be numeric"),
        (np.full((6, 2), None), Y, TypeError, "dtype object"),
        (np.where(X > 0.7, np.nan, X), Y, ValueError, "first in sample 4"),
        (np.where(X == 0, np.inf, X), Y, ValueError, "NaN or infinity"),
        (X[:4], Y, ValueError, "4 samples and 6 labels"),
        (X[:0], Y[:0], ValueError, "`x` is empty"),
        (X, Y[:0], ValueError, "`y` is empty"),
        (X, Y[:, None], ValueError, "`y` must have rank 1"),
        (X, Y + 0.5, ValueError, "Labels must be integers. Received: 0.5"),
        (X, np.where(Y == 2, np.nan, Y), ValueError, "must be integers. Received: nan"),
        (X, np.array(list("abacab")), TypeError, "must hold integer labels"),
        (X, Y - 1, ValueError, "must not be negative.*Received: -1"),
        (X, Y + 1, ValueError, "no sample of label 0"),
        (X, Y * 10**12, ValueError, "no sample of label 1"),
        (X, Y * 0, ValueError, "at least two classes. Received: only label 0"),
        (X, None, TypeError, "`y` is missing"),
    ],
)
def test_bad_input(x, y, error, words):
    with pytest.raises(error, match=words):
        as_arrays(x, y)


def test_nan_is_found_past_the_first_chunk(monkeypatch):
    monkeypatch.setattr("kerasos.data.arrays._CHUNK_BYTES", 16)
    x = X.copy()
    x[5, 1] = np.nan
    with pytest.raises(ValueError, match="first in sample 5"):
        as_arrays(x, Y)


def test_one_sample_in_a_class_warns_and_works():
    with pytest.warns(UserWarning, match=r"Labels \[0\] have one sample"):
        x, y = as_arrays(X, Y)
    assert x is X
    np.testing.assert_array_equal(y, Y)


def test_repeated_samples_of_a_class_warn_and_work():
    x, y = np.concatenate([X, X[1:3]]), np.append(Y, Y[1:3])
    with pytest.warns(UserWarning, match="repeated samples: 2 of 8"):
        assert as_arrays(x, np.maximum(y, 1) - 1)[0] is x


def test_one_sample_under_two_labels_is_no_repetition():
    x = X.copy()
    x[3] = x[4]  # labels 2 and 1
    as_arrays(x, np.maximum(Y, 1) - 1)


@pytest.mark.filterwarnings("ignore:Labels")
@pytest.mark.parametrize("y", [Y.astype("uint8"), Y.astype("float32"), list(Y)])
def test_labels_become_int64(y):
    labels = as_arrays(X, y)[1]
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, Y)
    assert as_arrays(X, Y > 1)[1].tolist() == [0, 0, 0, 1, 0, 1]


@pytest.mark.filterwarnings("ignore:Labels")
@pytest.mark.parametrize("batch_size", [None, 4])
def test_datasets_are_read_in_order(batch_size):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    x, y = as_arrays(dataset.batch(batch_size) if batch_size else dataset)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    assert x.dtype == np.float32 and y.dtype == np.int64


def ragged():
    yield np.zeros((2, 2, 1)), 0
    yield np.zeros((3, 2, 1)), 1


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (tf.data.Dataset.from_tensor_slices(X), "must yield pairs"),
        (tf.data.Dataset.from_tensor_slices((X, Y)).repeat(), "must be finite"),
        (tf.data.Dataset.from_tensor_slices((X, Y)).take(0), "`x` is empty"),
        (tf.data.Dataset.from_tensor_slices((X, np.ones((6, 3)))), "not one-hot"),
        (tf.data.Dataset.from_tensor_slices((X, Y, Y)), "third part, the weights"),
        (
            tf.data.Dataset.from_generator(
                ragged,
                output_signature=(
                    tf.TensorSpec((None, None, 1)),
                    tf.TensorSpec((), tf.int32),
                ),
            ),
            "one shape",
        ),
    ],
)
def test_bad_datasets(dataset, words):
    with pytest.raises(ValueError, match=words):
        as_arrays(dataset)


def test_labels_beside_a_dataset():
    with pytest.raises(ValueError, match="`y` must be None"):
        as_arrays(tf.data.Dataset.from_tensor_slices((X, Y)), Y)


def test_rows_of_each_class_are_bounded_distinct_and_fixed_by_the_seed():
    y = np.repeat([0, 1, 2], [50, 8, 2])
    rows = rows_of_each_class(y, 8, seed=0)
    assert np.bincount(y[rows]).tolist() == [8, 8, 2]
    assert len(set(rows.tolist())) == 18
    np.testing.assert_array_equal(rows_of_each_class(y, 8, seed=0), rows)
    assert np.any(rows_of_each_class(y, 8, seed=1) != rows)
