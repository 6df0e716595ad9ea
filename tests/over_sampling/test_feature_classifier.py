"""A new head on a trained network: which features it sees, and what is exported."""

import json
import os
import pathlib
import subprocess
import textwrap

import forked
import imblearn.over_sampling
import keras
import numpy as np
import pytest
import tensorflow as tf
from gradients import registered_gradients
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

import kerasos
from kerasos.data import defects, write_image_folder
from kerasos.evaluation import small_cnn
from kerasos.over_sampling import DeepOverSampler, feature_classifier

NAMES = np.array(["good", "scratch", "crack", "hole"])


@pytest.fixture(scope="module")
def parts():
    return defects((30, 12, 7, 6), 32)


def of_applications():
    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV3Small(
        weights=None,
        include_top=False,
        input_shape=(32, 32, 3),
        pooling="avg",
        minimalistic=True,
        alpha=0.5,
    )


def trained_on_the_spot():
    x, y, _ = defects((20,) * 4, 16, channels=3, seed=1)
    network = small_cnn((16, 16, 3), 4)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, jit_compile=False)
    network.fit(x, y, verbose=0)
    return keras.Model(network.input, network.get_layer("small_conv_2").output)


def tiny(shape=(8, 8, 1), outputs=None, dtype="float32"):
    """A linear network; the identity of grey images where `outputs` is None."""
    images = keras.Input(shape)
    hidden = keras.layers.Flatten()(images)
    if outputs is not None:
        keras.utils.set_random_seed(0)
        hidden = keras.layers.Dense(outputs, "relu", dtype=dtype)(hidden)
    return keras.Model(images, hidden, name="tiny")


def own_head(num_features, num_classes):
    inputs = keras.Input((num_features,))
    hidden = keras.layers.Dense(8, "relu")(inputs)
    head = keras.Model(inputs, keras.layers.Dense(num_classes, "softmax")(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy()
    head.compile(keras.optimizers.SGD(0.123), loss, metrics=["accuracy"])
    return head


@pytest.fixture(scope="module")
def fitted(parts):
    """SMOTE, and labels of text."""
    x, y, _ = parts
    estimator = kerasos.FeatureClassifier(trained_on_the_spot(), random_state=0)
    return estimator.fit(x, NAMES[y])


class Recorded(BaseEstimator):
    """Copies and shifts each row; keeps what came and went."""

    seen = []

    def fit_resample(self, X, y):
        result = np.concatenate([X, X + 1]), np.concatenate([y, y])
        self.seen.append((X, y, *result))
        return result


@pytest.mark.parametrize("build", [of_applications, trained_on_the_spot])
def test_the_head_learns_from_features_of_the_training_images_alone(
    build, parts, monkeypatch
):
    x, y, _ = parts
    backbone = build()
    learned = []

    def spied(rows, codes, *args, **kwargs):
        learned.append((rows, codes))
        return batches(rows, codes, *args, **kwargs)

    batches = feature_classifier.batches
    monkeypatch.setattr(feature_classifier, "batches", spied)
    before = [weight.copy() for weight in backbone.get_weights()]
    options = {"head": own_head, "epochs": 1}
    estimator = kerasos.FeatureClassifier(backbone, Recorded(), **options).fit(x, y)
    if build is of_applications:
        expected = backbone(x.astype("float32"), training=False).numpy()
    else:  # images shrink to half, and rows and columns of features are averaged
        halves = x.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4), dtype="float32")
        expected = backbone(halves, training=False).numpy().mean(axis=(1, 2))
    size = np.abs(expected).max()
    features = estimator.extractor_(x).numpy()
    np.testing.assert_allclose(features, expected, atol=1e-5 * size)
    ((X, labels, X_res, y_res),) = Recorded.seen[-1:]
    np.testing.assert_array_equal(labels, y)
    scale = np.median(X[X > 0] / features[X > 0])
    np.testing.assert_allclose(X, features * scale, atol=1e-4)
    assert 0.5 < np.sqrt(np.mean(np.var(X, axis=0))) < 2
    ((rows, codes),) = learned
    np.testing.assert_allclose(rows * scale, X_res, rtol=1e-5)
    np.testing.assert_array_equal(codes, y_res)
    assert estimator.balanced_counts_ == {0: 60, 1: 24, 2: 14, 3: 12}
    assert estimator.class_counts_ == {0: 30, 1: 12, 2: 7, 3: 6}
    for weight, old in zip(backbone.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_one_model_goes_from_images_to_probabilities(fitted, parts):
    x, y, _ = parts
    probabilities = fitted.predict_proba(x)
    whole = fitted.model_(x).numpy()
    composed = fitted.head_(fitted.extractor_(x)).numpy()
    np.testing.assert_allclose(probabilities, whole, atol=1e-5)
    np.testing.assert_allclose(composed, whole, atol=1e-5)
    assert fitted.model_.input_shape == (None, 32, 32, 3)
    assert fitted.model_.inputs[0].dtype == "uint8"
    assert fitted.classes_.tolist() == sorted(NAMES) == fitted.class_names_
    found = fitted.predict(x)
    np.testing.assert_array_equal(found, fitted.classes_[whole.argmax(axis=1)])
    assert fitted.score(x, NAMES[y]) == np.mean(found == NAMES[y])
    assert set(fitted.balanced_counts_.values()) == {30}
    # Grey levels as floats, as datasets of folders have them.
    again = fitted.predict_proba(x.astype("float32"))
    np.testing.assert_array_equal(again, probabilities)


@pytest.mark.parametrize("method", ["none", "class_weights"])
@pytest.mark.parametrize("counts", [(60, 20), (60, 30, 20)])
def test_the_head_is_the_logistic_regression_of_scikit_learn(method, counts):
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(0).normal(size=(len(y), 8, 8, 1))
    x = 1e-9 * (x + y[:, None, None, None] + 3)  # as of a network with small outputs
    found = kerasos.FeatureClassifier(tiny(), method).fit(x, y).predict_proba(x)
    rows = StandardScaler().fit_transform(x.reshape(len(y), -1))
    weights = None if method == "none" else "balanced"
    reference = LogisticRegression(class_weight=weights, max_iter=1000).fit(rows, y)
    np.testing.assert_allclose(found, reference.predict_proba(rows), atol=2e-3)


def test_saved_and_exported_it_runs_without_kerasos(fitted, parts, tmp_path):
    x, *_ = parts
    np.save(tmp_path / "x.npy", x)
    fitted.model_.save(tmp_path / "model.keras")
    version = fitted.export(tmp_path / "served", card={"command": "python train.py"})
    assert version == str(tmp_path / "served" / "1")
    code = """
    import sys, json, numpy as np, keras, tensorflow as tf
    x = np.load("x.npy")
    loaded = tf.saved_model.load("served/1")
    served = loaded.signatures["classify"](inputs=tf.constant(x))
    model = keras.saving.load_model("model.keras")
    assert "kerasos" not in sys.modules
    np.savez("found.npz", model=model.predict(x, verbose=0), **served)
    """
    paths = {**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    code = textwrap.dedent(code)
    done = subprocess.run(
        [forked.python(), "-c", code],
        cwd=tmp_path,
        env=paths,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected = fitted.predict_proba(x)
    with np.load(tmp_path / "found.npz") as found:
        np.testing.assert_allclose(found["model"], expected, atol=1e-5)
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
        np.testing.assert_array_equal(found["classes"], expected.argmax(axis=1))
    card = json.loads(pathlib.Path(tmp_path / "served" / "card.json").read_text())
    assert card["data"]["label_names"] == sorted(NAMES)
    assert card["data"]["shape"] == [32, 32, 3] and card["oversampling"] == "smote"
    assert card["class_counts"] == [7, 30, 6, 12]
    inputs = card["signatures"]["classify"]["inputs"]["inputs"]
    assert inputs == {"dtype": "uint8", "shape": [None, 32, 32, 3]}


@pytest.mark.parametrize("label_mode", ["int", "categorical"])
def test_a_folder_gives_what_its_arrays_give(label_mode, tmp_path):
    x, y, _ = defects((6, 4, 3, 2), (12, 8), channels=1)
    write_image_folder(tmp_path, x, y, NAMES)
    data = keras.utils.image_dataset_from_directory(
        tmp_path,
        label_mode=label_mode,
        color_mode="grayscale",
        image_size=(12, 8),
        batch_size=4,
        seed=0,
        verbose=False,
    )
    backbone = tiny((8, 8, 3), outputs=6)
    estimator = kerasos.FeatureClassifier(backbone, "none", batch_size=5).fit(data)
    assert estimator.class_names_ == sorted(NAMES)
    assert estimator.classes_.tolist() == [0, 1, 2, 3]
    assert estimator.class_counts_ == {0: 3, 1: 6, 2: 2, 3: 4}
    codes = np.searchsorted(sorted(NAMES), NAMES[y])
    right = np.mean(estimator.predict(x.astype("float32")) == codes)
    assert estimator.score(data) == pytest.approx(right)
    strategy = {"crack": 7, "hole": 5}
    estimator.set_params(method="random", sampling_strategy=strategy).fit(data)
    assert estimator.balanced_counts_ == {0: 7, 1: 6, 2: 5, 3: 4}
    images = data.map(lambda images, labels: images)
    with pytest.raises(ValueError, match="`score` needs labels"):
        estimator.score(images)
    assert estimator.predict_proba(images).shape == (15, 4)


def test_features_are_kept_by_the_content_of_the_images(parts, tmp_path, monkeypatch):
    x, y, _ = parts
    run, rows_of = [], feature_classifier._rows_of

    def counted(network, images, batch_size):
        run.append(len(images))
        return rows_of(network, images, batch_size)

    monkeypatch.setattr(feature_classifier, "_rows_of", counted)

    def fit(rows, units=8):
        backbone = tiny((32, 32, 3), outputs=units)
        options = {"random_state": 0, "cache_dir": tmp_path}
        estimator = kerasos.FeatureClassifier(backbone, "none", **options)
        run.clear()
        estimator.fit(x[rows], y[rows])
        images = sum(run) - 1  # one is the probe
        return images, estimator.head_.get_weights()

    half, everything = np.arange(0, 55, 2), np.arange(55)
    assert fit(half)[0] == 28
    count, first = fit(everything)
    assert count == 27
    count, again = fit(everything)
    assert count == 0
    for weight, expected in zip(again, first, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert fit(everything[::-1])[0] == 0
    assert fit(everything, units=9)[0] == 55
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize("size", [(16, 24), (4, 6), (8, 8)])
def test_images_come_in_the_size_of_the_backbone(size):
    x = np.random.default_rng(0).integers(0, 256, (6, *size, 1), dtype="uint8")
    options = {"preprocess": keras.layers.Rescaling(1 / 255)}
    estimator = kerasos.FeatureClassifier(tiny((8, 8, 3)), "none", **options)
    estimator.fit(x, [0, 1] * 3)
    found = estimator.extractor_.predict(x, verbose=0).reshape(6, 8, 8, 3) * 255
    np.testing.assert_array_equal(found[..., 0], found[..., 2])
    if size == (16, 24):
        expected = x.reshape(6, 8, 2, 8, 3, 1).mean(axis=(2, 4))
    else:
        expected = tf.image.resize(x, (8, 8)).numpy()
    np.testing.assert_allclose(found[..., :1], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("method", "counts"),
    [
        ("none", [20, 8, 4]),
        ("class_weights", [20, 8, 4]),
        ("random", [20, 20, 20]),
        (imblearn.over_sampling.SMOTE(k_neighbors=2), [20, 20, 20]),
        (RandomUnderSampler(), [4, 4, 4]),
        (DeepOverSampler("cvae", epochs=1), [20, 20, 20]),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
def test_every_way_of_balancing(method, counts):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [20, 8, 4])
    x = rng.normal(size=(32, 8, 8, 1)) + y[:, None, None, None]

    def probabilities():
        estimator = kerasos.FeatureClassifier(
            tiny(outputs=5), method, random_state=7
        ).fit(x, y)
        assert list(estimator.balanced_counts_.values()) == counts
        return estimator.predict_proba(x)

    np.testing.assert_array_equal(probabilities(), probabilities())


def test_it_is_an_estimator_with_a_head_of_the_users_own(parts):
    x, y, _ = parts
    backbone = tiny((32, 32, 3), outputs=8)
    options = {"head": own_head, "epochs": 2, "random_state": 0}
    estimator = kerasos.FeatureClassifier(backbone, "random", **options)
    copy = clone(estimator).set_params(epochs=3)
    assert copy.get_params() == {**estimator.get_params(), "epochs": 3}
    assert copy.backbone is backbone and not hasattr(copy, "model_")
    scores = cross_val_score(clone(copy).set_params(head=None), x, y, cv=2)
    assert scores.shape == (2,) and np.all((0 <= scores) & (scores <= 1))
    gradients = registered_gradients()
    copy.fit(x, y)
    assert registered_gradients() == gradients  # the head does not stay in memory
    assert len(copy.history_["accuracy"]) == 3
    assert float(copy.head_.optimizer.learning_rate) == pytest.approx(0.123)


# What cannot be used is refused before training.

GREY = np.random.default_rng(0).normal(size=(9, 8, 8, 1))
LABELS = np.arange(9) % 3


def sequence():
    images = keras.Input((8, 8, 1))
    return keras.Model(images, keras.layers.Reshape((8, 8))(images))


def not_a_number():
    # Without ReLU: on some processors TensorFlow's makes 0 of NaN.
    images = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(images))
    network = keras.Model(images, outputs)
    network.set_weights([weight + np.nan for weight in network.get_weights()])
    return network


def of_rows():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(6, "tanh")(inputs))


def two_inputs():
    images = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    return keras.Model(images, keras.layers.Add()(images))


def logits(num_features, num_classes):
    inputs = keras.Input((num_features,))
    return keras.Model(inputs, keras.layers.Dense(num_classes)(inputs))


@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        ({"backbone": "resnet"}, {}, "`backbone` must be a `keras.Model`"),
        ({"backbone": sequence}, {}, r"output of shape \(None, 8, 8\)"),
        ({"backbone": two_inputs}, {}, "`backbone` must have one input"),
        ({"backbone": not_a_number}, {}, "NaN or infinity .* for sample 0"),
        ({}, {"x": np.zeros((9, 8, 8, 3))}, "the same channels. Expected 1"),
        ({}, {"x": np.zeros((9, 8, 8, 1))}, "Features must differ between samples"),
        ({}, {"x": np.full((9, 8, 8, 1), np.nan)}, "`x` must be finite"),
        ({}, {"x": np.zeros((9, 64))}, r"one input, rows .* shape \(None, 8, 8, 1\)"),
        ({"backbone": of_rows}, {}, r"one input, images .* shape \(None, 4\)"),
        ({"backbone": of_rows}, {"x": np.eye(9)}, "same columns. Expected 4.*: 9"),
        (
            {"backbone": of_rows, "min_anchors": 9},
            {"x": np.eye(9)[:, :4]},
            "`min_anchors` is for images",
        ),
        ({"min_anchors": -1}, {}, "Invalid `min_anchors`"),
        ({}, {"y": np.zeros(9, int)}, "at least two classes"),
        ({}, {"y": np.eye(9)}, "one label for each image"),
        ({}, {"y": LABELS[:8]}, "one label per sample"),
        ({}, {"y": LABELS + 0.5}, "Unknown label type"),
        ({"method": "dos"}, {}, "trains the features .* `kerasos.DOS.from_data"),
        ({"method": "augment"}, {}, "'augment' makes images"),
        ({"method": "smoothe"}, {}, "Did you mean 'smote'"),
        ({"method": 3}, {}, "a name, or a sampler"),
        ({"method": Recorded(), "method_params": {"k": 3}}, {}, "Give it to the"),
        ({"method_params": {"k_neighbours": 3}}, {}, "Did you mean 'k_neighbors'"),
        ({"head": logits}, {}, r"must give probabilities \(batch, 3\)"),
        ({"head": lambda *_: None}, {}, "must be a `keras.Model`"),
        ({"preprocess": np.asarray}, {}, "`preprocess` must be a layer"),
        ({"batch_size": 0}, {}, "Invalid `batch_size`"),
        ({"epochs": 0.5}, {}, "Invalid `epochs`"),
    ],
)
def test_what_cannot_be_used_is_refused(options, data, words, monkeypatch):
    for cls in (keras.Model, LogisticRegression):
        monkeypatch.setattr(cls, "fit", lambda *_, **__: pytest.fail("trained"))
    backbone = options.get("backbone", tiny)
    backbone = backbone() if callable(backbone) else backbone
    estimator = kerasos.FeatureClassifier(**{**options, "backbone": backbone})
    with pytest.raises((TypeError, ValueError), match=words):
        estimator.fit(**{"x": GREY, "y": LABELS, **data})


# Networks that learned the same data, tables, and moved copies of few images.


def test_a_network_of_rows_gets_a_new_head(tmp_path):
    source = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 20, 6])
    x = source.normal(size=(len(y), 4)) + 2 * np.eye(4)[y]
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(8, "relu")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    loss = kerasos.losses.BalancedSoftmax(np.bincount(y))
    network.compile("adam", loss)
    network.fit(x, y, epochs=2, verbose=0)
    before = [weight.copy() for weight in network.get_weights()]
    backbone = keras.Model(network.input, network.layers[-1].input)
    names = np.array(["c", "a", "b"])
    estimator = kerasos.FeatureClassifier(backbone, "convex", random_state=0)
    estimator.fit(x, names[y])
    for weight, old in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    features = np.maximum(x.astype("float32") @ before[0] + before[1], 0)
    found = estimator.extractor_.predict(x, verbose=0)
    np.testing.assert_allclose(found, features, atol=1e-5)
    assert estimator.class_counts_ == {"a": 20, "b": 6, "c": 60}
    assert estimator.balanced_counts_ == dict.fromkeys("abc", 60)
    probabilities = estimator.predict_proba(x)
    assert estimator.score(x, names[y]) > 0.8
    estimator.model_.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    found = again.predict(x.astype("float32"), verbose=0)
    np.testing.assert_allclose(found, probabilities, atol=1e-6)
    data = kerasos.data.batches(x.astype("float32"), y, 43, shuffle=False)
    of_data, of_arrays = (
        clone(estimator).fit(*given).predict_proba(x) for given in ((data,), (x, y))
    )
    np.testing.assert_allclose(of_data, of_arrays, atol=1e-5)
    with pytest.raises(ValueError, match="Rows must be like those of `fit`"):
        estimator.predict(x[:, :3])


def test_the_head_learns_from_moved_copies_of_classes_with_few_images():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [20, 7, 3])
    x = source.integers(0, 256, (30, 8, 8, 1), dtype="uint8")
    options = {"min_anchors": 9, "random_state": 0, "batch_size": 4}
    names = np.array(["a", "b", "c"])

    def fit(backbone, y=y, **others):
        estimator = kerasos.FeatureClassifier(backbone, Recorded(), **options, **others)
        estimator.fit(x, y)
        return estimator, *Recorded.seen[-1][:2]

    estimator, rows, labels = fit(tiny(), names[y])
    assert estimator.class_counts_ == {"a": 20, "b": 7, "c": 3}
    np.testing.assert_array_equal(labels, [*names[y], *"bb", *"cccccc"])
    # The identity: rows are the pixels, in a scale of their own.
    scale = rows[0, 0] / x[0, 0, 0, 0]
    pixels = (rows / scale).reshape(-1, 8, 8, 1)
    np.testing.assert_allclose(pixels[:30], x, atol=1e-3)
    added = pixels[30:]
    np.testing.assert_allclose(added, np.rint(added), atol=1e-3)
    sources = x[[20, 21, 27, 28, 29, 27, 28, 29]].astype(float)
    moved = np.abs(added - sources).mean(axis=(1, 2, 3))
    others = np.abs(added - x[0]).mean(axis=(1, 2, 3))
    assert np.all(moved > 0) and np.median(moved) < np.median(others)
    _, again, _ = fit(tiny(), names[y])
    np.testing.assert_array_equal(again, rows)
    assert fit(tiny())[0].balanced_counts_ == {0: 40, 1: 18, 2: 18}  # twice, Recorded
    options["min_anchors"] = 3  # none has fewer
    np.testing.assert_array_equal(fit(tiny())[2], y)


def test_images_in_other_units_are_refused(fitted, parts):
    x, *_ = parts
    with pytest.raises(ValueError, match="grey levels from 0 to 255.*to 1. Scale"):
        fitted.predict(x / np.float32(x.max()))
    with pytest.raises(ValueError, match="Images must be like those of `fit`"):
        fitted.predict(x[:, ::2])


def test_a_class_of_one_image_is_copied_by_smote_with_a_warning():
    with pytest.warns(UserWarning, match="too small for SMOTE|one sample each"):
        estimator = kerasos.FeatureClassifier(tiny()).fit(GREY, [0] * 8 + [1])
    assert estimator.balanced_counts_ == {0: 8, 1: 8}
