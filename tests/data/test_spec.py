import json

import numpy as np
import pytest
import tensorflow as tf

from kerasos.data import DataSpec

X = np.linspace(0, 1, 12, dtype="float32").reshape(6, 2)
Y = np.array([0, 1, 1, 2, 1, 2])


@pytest.mark.filterwarnings("ignore:`x` holds repeated samples")
def test_fields_and_properties_of_images():
    x = np.zeros((9, 4, 5, 3), "uint8")
    spec = DataSpec.of(x, [0, 0, 1, 1, 1, 1, 2, 2, 1], label_names=["a", "b", "c"])
    assert spec.shape == (4, 5, 3) and spec.dtype == "uint8"
    assert spec.value_range == (0.0, 255.0)
    assert spec.class_counts == (2, 5, 2)
    assert (spec.num_classes, spec.num_features, spec.majority_count) == (3, 60, 5)
    assert spec.is_image
    assert spec.label_names == ("a", "b", "c")


def test_minority_labels_are_rarest_first_and_stable():
    spec = DataSpec((2,), "float32", (0, 1), (5, 9, 3, 5, 9))
    assert spec.minority_labels == [2, 0, 3]


def test_config_survives_json():
    spec = DataSpec((2, 2, 1), "uint8", (0, 255), (3, 4), ("x", "y"))
    config = json.loads(json.dumps(spec.get_config()))
    assert DataSpec.from_config(config) == spec
    unnamed = DataSpec((2,), "float64", (-1, 1), (3, 4))
    assert DataSpec.from_config(unnamed.get_config()) == unnamed


@pytest.mark.parametrize(("low", "expected"), [(0.0, (0, 1)), (-0.2, (-1, 1))])
def test_value_range_of_floats_is_read_from_them(low, expected):
    x = np.array([[low], [0.9], [0.3], [0.5]])
    assert DataSpec.of(x, [0, 1, 1, 0]).value_range == expected


@pytest.mark.filterwarnings("ignore:Labels")
@pytest.mark.parametrize("x", [X * 3, (X * 100).astype("int64"), X - 3])
def test_unknown_value_range_must_be_given(x):
    with pytest.raises(ValueError, match=r"`value_range` must be given"):
        DataSpec.of(x, Y)
    low, high = x.min() - 1, x.max()
    assert DataSpec.of(x, Y, value_range=(low, high)).value_range == (low, high)


@pytest.mark.filterwarnings("ignore:Labels")
def test_values_outside_the_given_range():
    with pytest.raises(ValueError, match=r"must hold every value.*from 0 to 1"):
        DataSpec.of(X, Y, value_range=(0, 0.5))


@pytest.mark.parametrize("value_range", [(1, 0), (0, np.inf), (0, 1, 2), 3])
def test_value_range_that_is_none(value_range):
    with pytest.raises(ValueError, match="two finite numbers"):
        DataSpec((2,), "float32", value_range, (3, 4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": ()}, "`shape` must be the positive sizes"),
        ({"shape": (3, 0)}, "`shape` must be the positive sizes"),
        ({"class_counts": (3,)}, "at least two classes"),
        ({"class_counts": (3, 0)}, "at least one sample"),
        ({"label_names": ("a",)}, "one name per class. Expected 2"),
    ],
)
def test_fields_that_make_no_sense(change, words):
    fields = {
        "shape": (2,),
        "dtype": "uint8",
        "value_range": (0, 1),
        "class_counts": (3, 4),
    } | change
    with pytest.raises(ValueError, match=words):
        DataSpec(**fields)


@pytest.mark.filterwarnings("ignore:Labels")
def test_num_classes_that_the_labels_do_not_reach():
    with pytest.raises(ValueError, match=r"samples of every class.*0\.\.3"):
        DataSpec.of(X, Y, num_classes=4)


def test_check_compatible():
    spec = DataSpec((2,), "float32", (0, 1), (3, 4))
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    spec.check_compatible(X, Y % 2)
    spec.check_compatible(X.astype("float64"))
    spec.check_compatible(dataset)
    spec.check_compatible(dataset.batch(2))
    with pytest.raises(ValueError, match=r"Expected \(2,\).*Received: \(1,\)"):
        spec.check_compatible(X[:, :1])
    with pytest.raises(ValueError, match=r"Received: \(1,\)"):
        spec.check_compatible(dataset.map(lambda x, y: (x[:1], y)))
    with pytest.raises(ValueError, match="Expected dtype float32.*dtype uint8"):
        spec.check_compatible(X.astype("uint8"))
    with pytest.raises(ValueError, match=r"0\.\.1\. Received: label 2"):
        spec.check_compatible(X, Y)
    with pytest.raises(ValueError, match="6 samples and 2 labels"):
        spec.check_compatible(X, Y[:2])
