import numpy as np
import pytest

from kerasos.data.resample import append, samples_to_add, to_dtype

Y = np.array([2, 0, 0, 1, 0, 2, 0])  # counts 4, 1, 2


@pytest.mark.parametrize(
    "strategy, expected",
    [
        ("auto", [1, 1, 1, 2, 2]),
        ("not majority", [1, 1, 1, 2, 2]),
        ("minority", [1, 1, 1]),
        ("all", [1, 1, 1, 2, 2]),
        ({1: 2, 2: 5}, [1, 2, 2, 2]),
        ({2: 3}, [2]),
        ({0: 6}, [0, 0]),
        ({0: 4, 1: 1, 2: 2}, []),
        (lambda y: {1: int((y == 0).sum())}, [1, 1, 1]),
    ],
)
def test_labels_asked_for(strategy, expected):
    labels = samples_to_add(Y, strategy, num_classes=3)
    assert labels.dtype == "int64"
    assert labels.tolist() == expected


def test_a_float_is_the_ratio_of_two_classes():
    assert samples_to_add([0] * 8 + [1] * 2, 0.5).tolist() == [1, 1]


def test_balanced_labels_need_nothing():
    labels = samples_to_add([0, 1, 1, 0])
    assert labels.shape == (0,) and labels.dtype == "int64"


@pytest.mark.parametrize(
    "strategy, words",
    [
        ("most", "it needs to be one of"),
        (0.5, "only when the type of target is binary"),
        ({0: 2}, "should be greater or equal"),
        ({7: 9}, "not present in the data"),
        ([1, 2], "cannot be a list"),
        (None, "`sampling_strategy` must be a string"),
    ],
)
def test_strategies_are_refused_in_the_words_of_imbalanced_learn(strategy, words):
    with pytest.raises(ValueError, match=words):
        samples_to_add(Y, strategy)


def test_labels_must_fit_the_classes():
    with pytest.raises(ValueError, match=r"0\.\.1.*from 0 to 2"):
        samples_to_add(Y, num_classes=2)
    with pytest.raises(ValueError, match="more than 1 class"):
        samples_to_add([1, 1, 1])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int16"])
def test_append_keeps_originals_first_and_unchanged(dtype):
    x = np.arange(24).reshape(3, 2, 2, 2).astype(dtype)
    x_new = np.full((2, 2, 2, 2), 7, dtype)
    y = np.array([0, 1, 0], "int32")
    x_res, y_res, is_synthetic = append(x, y, x_new, np.array([1, 1]))
    assert x_res.dtype == dtype and y_res.dtype == "int32"
    np.testing.assert_array_equal(x_res[:3], x)
    np.testing.assert_array_equal(x_res[3:], x_new)
    assert y_res.tolist() == [0, 1, 0, 1, 1]
    assert is_synthetic.dtype == bool
    assert is_synthetic.tolist() == [False] * 3 + [True] * 2
    assert not np.shares_memory(x, x_res)


def test_append_casts_floats_of_another_width():
    x_res, _, _ = append(
        np.zeros((2, 3), "float32"), np.array([0, 1]), np.ones((1, 3)), np.array([1])
    )
    assert x_res.dtype == "float32" and x_res[2].tolist() == [1, 1, 1]


def test_append_refuses_samples_of_another_kind():
    x, y = np.zeros((2, 3), "uint8"), np.array([0, 1])
    with pytest.raises(ValueError, match="shape and dtype of the originals"):
        append(x, y, np.zeros((1, 4), "uint8"), np.array([1]))
    with pytest.raises(ValueError, match="Received: .*float32"):
        append(x, y, np.zeros((1, 3), "float32"), np.array([1]))
    with pytest.raises(ValueError, match="1 samples and 2 labels"):
        append(x, y, np.zeros((1, 3), "uint8"), np.array([1, 1]))


def test_integers_are_rounded_and_clipped():
    values = np.array([-1.7, 0.4, 0.6, 254.6, 300.0], "float32")
    assert to_dtype(values, "uint8").tolist() == [0, 0, 1, 255, 255]
    assert to_dtype(values, "int8").tolist() == [-2, 0, 1, 127, 127]
    assert to_dtype(values, "float64").dtype == "float64"


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint64"])
@pytest.mark.parametrize("work", ["float32", "float64"])
def test_large_integers_do_not_wrap_round(dtype, work):
    high = to_dtype(np.array([1e30], work), dtype)[0]
    low = to_dtype(np.array([-1e30], work), dtype)[0]
    limits = np.iinfo(dtype)
    assert 0.999 * limits.max < float(high) <= limits.max
    assert low == limits.min
