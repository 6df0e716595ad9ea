"""`compare` on images: what networks are trained on, for how long, and what is kept."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

import kerasos
from kerasos.data.spec import DataSpec
from kerasos.evaluation import ImageClassifier, compare
from kerasos.evaluation.compare.images import FOLDS, ImageContender, Images
from kerasos.evaluation.compare.networks import LOSSES, decide
from kerasos.evaluation.compare.scores import METRICS
from kerasos.losses import LDAM, BalancedSoftmax, ClassBalancedFocal, LogitAdjusted
from kerasos.losses.long_tail import class_balanced_weights

COUNTS = (40, 20, 12)
CV = StratifiedKFold(3, shuffle=True, random_state=1)
WITHOUT_ROWS = ["class_weights", "threshold", *LOSSES, "mixup"]
EVERY = [*WITHOUT_ROWS, "random", "under_sampling", "augment", "smote"]
TIMES = ["resample_seconds", "fit_seconds"]


def digits(counts=COUNTS):
    """Some 8x8 images of the first digits, numbered in their first pixel."""
    data = load_digits()
    rows = [np.flatnonzero(data.target == k)[:n] for k, n in enumerate(counts)]
    rows = np.concatenate(rows)
    X = (15.0 * data.images[rows]).astype("uint8")
    X[:, 0, 0] = np.arange(len(X))
    return X, data.target[rows]


def tiny(input_shape, num_classes):
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(num_classes),
        ]
    )


@keras.saving.register_keras_serializable("tests")
class Seen(keras.layers.Layer):
    """Keeps the numbers of the images that come by."""

    trained, asked = [], []

    def call(self, images, training=False):
        # In the eager steps of a short training; Keras also looks at shapes alone.
        if hasattr(images, "numpy"):
            numbers = images.numpy()[:, 0, 0, 0].astype(int)
            (self.trained if training else self.asked).append(numbers)
        return images


def watched(input_shape, num_classes):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Flatten()(Seen()(inputs))
    return keras.Model(inputs, keras.layers.Dense(num_classes)(hidden))


def run(methods, build=tiny, cv=CV, data=None, steps=5, **options):
    X, y = digits() if data is None else data
    classifiers = {"net": ImageClassifier(build, steps, batch_size=16)}
    return compare(X, y, methods, classifiers, cv, verbose=0, **options)


class Counted:
    """Builds networks with optimizers that tell how many updates they made."""

    def __init__(self):
        self.optimizers = []

    def __call__(self, input_shape, num_classes):
        model = tiny(input_shape, num_classes)
        self.optimizers.append(keras.optimizers.SGD(0.1))
        model.compile(self.optimizers[-1], loss="mse")
        return model

    def get_params(self, deep=False):
        return {}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Every method, run and kept, and the optimizers of the networks."""
    folder, build = tmp_path_factory.mktemp("images"), Counted()
    return run(EVERY, build, steps=3, output_dir=folder), build, folder


def test_every_method_gets_as_many_updates(finished):
    result, build, _ = finished
    first, *others = [int(optimizer.iterations) for optimizer in build.optimizers]
    # A first model is looked at; `threshold` takes the network of `none`.
    assert first == 0 and others == [5] * 3 * len(EVERY)
    assert len(result.rows) == 3 * (len(EVERY) + 1)
    added = result.rows.pivot(index="fold", columns="method", values="n_added")
    assert not added[WITHOUT_ROWS].any(axis=None)
    assert (added["under_sampling"] < 0).all() and (added["smote"] > 20).all()
    assert (added["augment"] == added["random"]).all()
    assert result.rows[list(METRICS)].notna().all(axis=None)
    assert result.classifiers == ["net"] and result.counts == {0: 40, 1: 20, 2: 12}


def test_a_second_run_trains_nothing_and_shows_the_same(finished):
    result, _, folder = finished
    build = Counted()
    again = run(EVERY, build, steps=3, output_dir=folder)
    assert len(build.optimizers) == 1
    pd.testing.assert_frame_equal(again.rows, result.rows)
    assert again.verdict == result.verdict
    assert list(again.pictures) == list(result.pictures) == ["smote"]
    np.testing.assert_array_equal(again.pictures["smote"], result.pictures["smote"])
    other = run(["mixup"], build, steps=10, output_dir=folder)
    assert not set(other.rows.config) & set(result.rows.config)


def test_the_rest_of_a_killed_run_gives_the_rows_of_a_whole_one(finished, tmp_path):
    result, *_ = finished
    run(["ldam"], Counted(), steps=3, output_dir=tmp_path)
    rest = run(["ldam", "augment", "mixup"], Counted(), steps=3, output_dir=tmp_path)
    whole = result.rows[result.rows.method.isin(rest.methods)]
    keys = ["fold", "method"]
    pd.testing.assert_frame_equal(
        rest.rows.drop(columns=TIMES).sort_values(keys, ignore_index=True),
        whole.drop(columns=TIMES).sort_values(keys, ignore_index=True),
    )


def test_pictures_show_what_was_generated_in_the_first_fold(finished):
    result, *_ = finished
    X, y = digits()
    train, _ = next(CV.split(X, y))
    sampler = kerasos.DeepOverSampler("smote", random_state=result.rows.seed[0])
    X_res, y_res = sampler.fit_resample(X[train], y[train])
    made, labels = X_res[len(train) :], y_res[len(train) :]
    picture = result.pictures["smote"]
    assert picture.shape == (3 * 8, 8 * 8) and picture.dtype == np.uint8
    assert not picture[:8].any()  # nothing was made of the largest class
    for label in (1, 2):
        shown = np.hstack(made[labels == label][:8])
        np.testing.assert_array_equal(picture[8 * label : 8 * label + 8], shown)


@pytest.mark.parametrize("method", ["none", "threshold", *LOSSES, "random"])
def test_networks_are_trained_on_training_images_alone(method):
    X, y = digits()
    Seen.trained, Seen.asked = [], []
    pairs = list(CV.split(X, y))
    methods = [method] if method != "none" else ["class_weights"]
    run(methods, watched, cv=pairs)
    # One batch is asked about before any training, then each fold's test images.
    first, *asked = Seen.asked
    assert first.tolist() == [0, 1]
    networks = 1 if method == "threshold" else 2
    for number, (train, test) in enumerate(pairs):
        seen = Seen.trained[5 * networks * number : 5 * networks * (number + 1)]
        assert set(np.concatenate(seen)) <= set(train)
        for numbers in asked[networks * number : networks * (number + 1)]:
            np.testing.assert_array_equal(numbers, test)


def test_samplers_get_the_training_images_as_they_are():
    seen = []

    class Spy:
        def fit_resample(self, images, labels):
            seen.append((images.copy(), labels.copy()))
            return images, labels

    X, y = digits()
    run({"spy": Spy()})
    for (train, _), (images, labels) in zip(CV.split(X, y), seen, strict=True):
        np.testing.assert_array_equal(images, X[train])
        np.testing.assert_array_equal(labels, y[train])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_count_the_images_of_the_training_fold(name, monkeypatch):
    counted, original = [], LOSSES[name]

    class Recorder(original):
        def call(self, y_true, y_pred):
            counted.append(self.class_counts)
            return super().call(y_true, y_pred)

    monkeypatch.setitem(LOSSES, name, Recorder)
    X, y = digits()
    # Folds whose counts differ from each other, and from those of all images.
    rows = np.arange(len(y))
    pairs = [(np.delete(rows, rows[k :: k + 4]), rows[k :: k + 4]) for k in range(3)]
    run([name], cv=pairs)
    expected = [np.bincount(y[train]).tolist() for train, _ in pairs for _ in range(5)]
    assert counted == expected and len({tuple(c) for c in expected}) == 3


def test_class_weights_are_inverse_frequencies():
    def weighted(counts):
        loss = LogitAdjusted(counts, tau=0.0)  # cross-entropy
        loss.class_weights.assign(counts.sum() / (len(counts) * np.array(counts)))
        return loss

    rows = run({"class_weights": "class_weights", "own": weighted}).rows
    parts = [rows[rows.method == name] for name in ("class_weights", "own", "none")]
    weights, own, none = (part[list(METRICS)].to_numpy() for part in parts)
    np.testing.assert_allclose(weights, own, rtol=1e-4)
    assert not np.allclose(weights, none, rtol=1e-4)


def test_what_is_made_of_the_logits():
    logits, counts = np.log([[0.6, 0.4]]), np.array([90, 10])
    same = decide("none", None, logits, counts)
    moved = decide("threshold", None, logits, counts)
    assert same[0] == 0 and moved[0] == 1
    np.testing.assert_allclose(moved[1], [[0.6, 0.4]])
    for tau, shares in ((1.0, [0.54, 0.04]), (2.0, [0.486, 0.004])):
        found = decide("loss", LogitAdjusted(counts, tau=tau), logits, counts)
        assert found[0] == 0
        np.testing.assert_allclose(found[1], [np.divide(shares, np.sum(shares))])
    cosines = decide("loss", LDAM(counts, scale=2.0), np.array([[0.5, 1.0]]), counts)
    assert cosines[0] == 1
    np.testing.assert_allclose(cosines[1], [[1 / (1 + np.e), np.e / (1 + np.e)]])


@pytest.mark.parametrize(
    "loss, bias, last",
    [
        (LDAM, None, "NormalizedDense"),
        (ClassBalancedFocal, -np.log(2), "Dense"),
        (BalancedSoftmax, 0.0, "Dense"),
    ],
)
def test_networks_end_as_their_loss_needs(loss, bias, last, monkeypatch):
    fitted, weights = [], []

    def fit(model, data, epochs, callbacks, **options):
        inner = model.layers[-1]
        head = inner.layers[-1]
        fitted.append((type(head).__name__, getattr(head, "bias", None)))
        for callback in callbacks:
            callback.set_model(model)
            callback.set_params({"epochs": epochs})
            callback.on_train_begin()
            for epoch in range(epochs):
                callback.on_epoch_begin(epoch)
                weights.append(np.array(model.loss.class_weights))

    monkeypatch.setattr(keras.Model, "fit", fit)
    X, y = digits()
    spec = DataSpec((8, 8, 1), "uint8", (0, 255), COUNTS)
    contender = ImageContender("a", "loss", loss=loss)
    ImageClassifier(tiny).trained(contender, spec, X[..., None], y, len(X), 0)
    ((name, found),) = fitted
    assert name == last
    if bias is not None:
        np.testing.assert_allclose(found, np.full(3, bias), rtol=1e-6)
    if loss is LDAM:  # weights in the last fifth
        np.testing.assert_allclose(weights[:4], np.ones((4, 3)))
        expected = class_balanced_weights(COUNTS)
        np.testing.assert_allclose(weights[4:], [expected], rtol=1e-5)


def test_a_balanced_softmax_helps_a_long_tail():
    """Ten digits, 128 to 4 images, 50 of each to test on."""
    (x, y), (x_test, y_test) = kerasos.data.load("digits", class_counts=32)
    spec, found = DataSpec.of(x, y), {}
    network = ImageClassifier(tiny, steps=400)
    for name, loss in (("none", None), ("balanced", BalancedSoftmax)):
        contender = ImageContender(name, "loss" if loss else "none", loss=loss)
        logits = network.trained(contender, spec, x, y, len(x), 0)
        hits = logits(x_test, np.arange(500)).argmax(axis=1) == y_test
        found[name] = hits.mean()
    assert found["none"] > 0.6
    assert found["balanced"] > found["none"] + 0.02


def test_how_long_a_network_is_trained():
    own = ImageClassifier()
    assert [own.steps_of(n) for n in (100, 5_000, 60_000)] == [1_000, 3_125, 9_375]
    assert own.batch_of(20) == 20 and ImageClassifier(steps=6).steps_of(9) == 10


def test_folds_without_a_common_row_are_samples_of_their_own():
    X, y = digits()
    parts = [np.flatnonzero(np.arange(len(X)) % 6 == k) for k in range(6)]
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    result = run(["random"], cv=pairs, steps=5, metrics=["brier"])
    wide = result.rows.pivot(index="fold", columns="method", values="brier")
    expected = stats.ttest_rel(wide["random"], wide["none"]).pvalue
    row = result.summary.set_index("method").loc["random"]
    assert row.p_value == pytest.approx(expected)
    corrected = run(["random"], steps=5, metrics=["brier"])
    wide = corrected.rows.pivot(index="fold", columns="method", values="brier")
    ordinary = stats.ttest_rel(wide["random"], wide["none"]).pvalue
    assert corrected.summary.set_index("method").p_value["random"] > ordinary


def test_equal_images_stay_in_one_fold():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.integers(0, 255, (40, 4, 4, 3)).astype("uint8"), 2, axis=0)
    y = np.repeat(np.arange(40) % 2, 2)
    result = run(["random"], cv=None, data=(X, y), steps=1)
    assert result.rows.fold.nunique() == FOLDS
    assert "80 rows have the same values as another; equal rows stay" in result.verdict
    few = run(["random"], cv=None, data=(X[:12], y[:12]), steps=1, groups=None)
    assert few.rows.fold.nunique() == 3 or "not kept together" in few.verdict


def test_units_of_floats_are_told_to_networks_and_methods():
    X, y = digits()
    for images, units, params in (
        (X, (0, 255), None),
        (X / 255, (0, 1), None),
        (X / 128 - 1, (-1, 1), None),
        (X.astype("float32"), (0, 255), {"value_range": (0.0, 255.0)}),
        (X * 10.0, (0, 2400), {"value_range": (0.0, 2400.0)}),
    ):
        images = np.where(images == images.max(), units[1], images)
        data = Images(images.astype(images.dtype), y, ["cvae"], None, None, "brier", 0)
        assert data.spec.value_range == pytest.approx(units)
        assert data.contenders[1].sampler.method_params == params


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 pictures of cats and 12 of dogs."""
    path = tmp_path_factory.mktemp("animals")
    rng = np.random.default_rng(0)
    for name, count in (("cat", 24), ("dog", 12)):
        (path / name).mkdir()
        for number in range(count):
            image = rng.integers(0, 255, (6, 6, 3)).astype("uint8")
            png = tf.io.encode_png(image).numpy()
            (path / name / f"{number}.png").write_bytes(png)
    return path


def animals(folder, mode, **options):
    return keras.utils.image_dataset_from_directory(
        folder, label_mode=mode, image_size=(6, 6), verbose=False, **options
    )


@pytest.mark.parametrize("mode", ["int", "categorical", "binary", "unbatched"])
def test_a_dataset_from_a_folder(folder, mode, tmp_path):
    options = {"batch_size": None} if mode == "unbatched" else {}
    mode = "int" if mode == "unbatched" else mode
    build = Counted()
    rows = []
    for seed in (1, 2):  # shuffled in another way
        dataset = animals(folder, mode, seed=seed, **options)
        result = run(["smote"], build, data=(dataset, None), output_dir=tmp_path)
        assert result.counts == {"cat": 24, "dog": 12}
        rows.append(result.rows)
    pd.testing.assert_frame_equal(*rows)
    # Looked at twice, trained for three folds of two methods once.
    assert len(build.optimizers) == 2 + 6
    picture = result.pictures["smote"]
    assert picture.shape == (12, 48, 3) and not picture[:6].any()


# What is refused before anything is trained.


def softmax(input_shape, num_classes):
    model = tiny(input_shape, num_classes)
    return keras.Sequential([model, keras.layers.Softmax()])


def headless(input_shape, num_classes):
    return keras.Sequential([tiny(input_shape, num_classes), keras.layers.ReLU()])


X, Y = digits()
TABLE = {"X": X.reshape(len(X), -1).astype(float), "classifiers": None}


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"methods": ["flow"]}, ValueError, "'flow' makes tables"),
        ({"methods": ["dos"]}, ValueError, "features, and neither"),
        ({"methods": ["mixed"]}, ValueError, "Did you mean 'mixup'"),
        ({"methods": {"a": 3}}, TypeError, "class counts to a loss. Received: int"),
        ({"methods": {"a": len}}, TypeError, "must give a `keras.losses.Loss`"),
        ({"methods": {"a": LDAM}}, TypeError, "Received: the class LDAM"),
        (TABLE | {"methods": ["ldam"]}, ValueError, "for networks, which `compare`"),
        (TABLE | {"methods": ["mixup"]}, ValueError, "Received: a table"),
        (TABLE | {"methods": ["augment"]}, ValueError, "image stacks"),
        (TABLE | {"methods": ["cdcgan"]}, ValueError, "'cdcgan' makes images"),
        ({"classifiers": ["mlp"]}, ValueError, "'cnn'"),
        ({"classifiers": {}}, ValueError, "no classifier"),
        ({"classifiers": {"a": LogisticRegression()}}, TypeError, "to a new Keras"),
        ({"classifiers": {"a": tiny((8, 8, 1), 3)}}, TypeError, "called for each"),
        ({"classifiers": {"a": lambda shape, n: 3}}, TypeError, "Received: int"),
        (
            {"classifiers": {"a": lambda shape, n: tiny(shape, n - 1)}},
            ValueError,
            r"outputs \(batch, 3\)",
        ),
        ({"classifiers": {"a": softmax}}, ValueError, "Leave its activation out"),
        (
            {"classifiers": {"a": headless}, "methods": ["ldam"]},
            ValueError,
            "Received: ReLU. End the model in",
        ),
        ({"n_jobs": 2}, ValueError, "n_jobs=None for images"),
        ({"X": np.where(X, np.nan, 0.0)}, ValueError, "must be finite"),
        ({"y": Y[:-1]}, ValueError, "one label a row"),
        ({"y": None, "X": tf.data.Dataset.range(3)}, ValueError, "pairs of images"),
        ({"X": tf.data.Dataset.from_tensors((X, Y))}, ValueError, "`y` must be None"),
        (
            {"X": tf.data.Dataset.from_tensors((X[..., None], Y)).repeat(), "y": None},
            ValueError,
            "must be finite",
        ),
        (
            {
                "X": tf.data.Dataset.from_tensors((X[..., None], Y)),
                "y": None,
                "cv": list(CV.split(X, Y)),
            },
            ValueError,
            "no numbers",
        ),
        ({"X": X[None, None]}, ValueError, "or images"),
    ],
)
def test_bad_input_is_refused_before_training(change, error, words, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda *args, **options: 1 / 0)
    arguments = {"X": X, "y": Y, "methods": ["random"], "classifiers": None}
    with pytest.raises(error, match=words):
        compare(**{**arguments, **change}, verbose=0)


def test_a_sampler_must_give_back_images_of_the_same_units():
    class Scaled:
        def fit_resample(self, images, labels):
            return images / 255.0, labels

    with pytest.raises(TypeError, match="Scaling goes into the network") as caught:
        run({"scaled": Scaled()})
    assert caught.value.__notes__ == ["In fold 0 of `compare`, method 'scaled'."]


def test_settings_of_a_loss_are_part_of_its_rows(tmp_path):
    configs = []
    for tau in (1.5, 1.5, 2.0):
        loss = functools.partial(LogitAdjusted, tau=tau)
        rows = run({"adjusted": loss}, output_dir=tmp_path).rows
        configs.append(set(rows[rows.method == "adjusted"].config))
    assert configs[0] == configs[1] and not configs[0] & configs[2]
