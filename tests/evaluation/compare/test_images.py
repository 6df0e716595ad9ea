"""`compare` on images: what networks are trained on, for how long, and what is kept."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from gradients import registered_gradients
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

import kerasos
from kerasos.data.spec import DataSpec
from kerasos.evaluation import ImageClassifier, compare
from kerasos.evaluation.compare import networks
from kerasos.evaluation.compare.folds import make_folds
from kerasos.evaluation.compare.images import FOLDS, ImageContender, Images
from kerasos.evaluation.compare.networks import LOSSES, decide
from kerasos.evaluation.compare.plan import COLUMNS, _settings
from kerasos.evaluation.compare.scores import METRICS
from kerasos.losses import LDAM, BalancedSoftmax, ClassBalancedFocal, LogitAdjusted
from kerasos.losses.long_tail import class_balanced_weights

COUNTS = (40, 20, 12)
STEPS = 2
TIMES = ["resample_seconds", "fit_seconds"]


def digits(counts=COUNTS):
    """Some 8x8 images of the first digits, numbered in their first pixel."""
    data = load_digits()
    rows = [np.flatnonzero(data.target == k)[:n] for k, n in enumerate(counts)]
    rows = np.concatenate(rows)
    images = (15.0 * data.images[rows]).astype("uint8")
    images[:, 0, 0] = np.arange(len(images))
    return images, data.target[rows]


X, Y = digits()
# Folds whose counts differ from each other, and from those of all images.
ROWS = np.arange(len(X))
PAIRS = [(np.delete(ROWS, ROWS[k :: k + 4]), ROWS[k :: k + 4]) for k in range(3)]


@pytest.fixture(autouse=True, scope="module")
def short():
    """Trainings are one epoch, so of as few steps as a test asks for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "EPOCHS", 1)
        yield patch


@keras.saving.register_keras_serializable("tests")
class Seen(keras.layers.Layer):
    """Keeps the numbers of the images that come by."""

    trained, asked = [], []

    def call(self, images, training=False):
        # In the eager steps of a short training; Keras also looks at shapes alone.
        if hasattr(images, "numpy"):
            numbers = images.numpy()[:, 0, 0, 0]
            (self.trained if training else self.asked).append(numbers)
        return images


OPTIMIZERS = []


def watched(input_shape, num_classes):
    """A network that tells what it saw, and by its optimizer how often it moved."""
    OPTIMIZERS.append(keras.optimizers.SGD(1e-4))
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            Seen(),
            keras.layers.Flatten(),
            keras.layers.Dense(num_classes),
        ]
    )
    model.compile(OPTIMIZERS[-1], loss="mse")
    return model


def weighted(counts):
    """Cross-entropy with inverse frequencies, by another way than `class_weights`."""
    loss = LogitAdjusted(counts, tau=0.0)
    loss.class_weights.assign(np.sum(counts) / (len(counts) * np.array(counts)))
    return loss


class Spy:
    """Gives back what it got, and keeps it."""

    seen = []

    def fit_resample(self, images, labels):
        self.seen.append((images.copy(), labels.copy()))
        return images, labels


ALONE = {
    **{name: name for name in ("class_weights", "threshold", *LOSSES)},
    "own": weighted,
    "spy": Spy(),
    "under_sampling": "under_sampling",
}
METHODS = {**ALONE, **{name: name for name in ("mixup", "augment", "smote")}}


def run(methods, cv=PAIRS, data=(X, Y), **options):
    classifiers = {"net": ImageClassifier(watched, STEPS, batch_size=16)}
    return compare(*data, methods, classifiers, cv, verbose=0, **options)


COUNTED = {}


def counting(name):
    """The loss of that name, which keeps the counts that it was made with."""

    class Counting(LOSSES[name]):
        def call(self, y_true, y_pred):
            COUNTED.setdefault(name, []).append(self.class_counts)
            return super().call(y_true, y_pred)

    return Counting


@pytest.fixture(scope="module")
def finished(short, tmp_path_factory):
    """Every method, run once, and the folder in which it is kept."""
    for name in LOSSES:
        short.setitem(LOSSES, name, counting(name))
    for kept in (OPTIMIZERS, Seen.trained, Seen.asked, Spy.seen):
        kept.clear()
    folder = tmp_path_factory.mktemp("images")
    result = run(METHODS, output_dir=folder)
    updates = [int(optimizer.iterations) for optimizer in OPTIMIZERS]
    return result, updates, folder


def test_every_method_gets_as_many_updates(finished):
    result, (first, *others), _ = finished
    # A first model is looked at; `threshold` takes the network of `none`.
    assert first == 0 and others == [STEPS] * 3 * len(METHODS)
    assert len(result.rows) == 3 * (len(METHODS) + 1)
    added = result.rows.pivot(index="fold", columns="method", values="n_added")
    assert not added[list(ALONE)[:-1]].any(axis=None)
    assert (added["under_sampling"] < 0).all() and (added["smote"] > 15).all()
    assert (added["augment"] == added["smote"]).all()
    assert result.rows[list(METRICS)].notna().all(axis=None)
    assert result.classifiers == ["net"] and result.counts == {0: 40, 1: 20, 2: 12}


def test_each_network_is_trained_once_for_none_and_threshold(finished):
    OPTIMIZERS.clear()
    gradients = registered_gradients()
    networks = {name: ImageClassifier(watched, 1, batch_size=16) for name in "ab"}
    rows = compare(X, Y, ["threshold"], networks, PAIRS, verbose=0).rows
    assert sum(int(one.iterations) for one in OPTIMIZERS) == len("ab") * len(PAIRS)
    told = rows.pivot(index=["classifier", "fold"], columns="method", values="log_loss")
    assert told.shape == (6, 2) and (told["none"] == told["threshold"]).all()
    assert registered_gradients() == gradients  # no network stays in memory


def test_nothing_is_seen_of_the_images_to_test_on(finished):
    names = ["none", *METHODS]
    names.remove("threshold")
    first, *asked = Seen.asked  # two images, before any training
    assert first.tolist() == [0, 1]
    trained = np.array(Seen.trained[: STEPS * 3 * len(names)], object)
    for fold, (train, test) in enumerate(PAIRS):
        for place, name in enumerate(names):
            number = fold * len(names) + place
            np.testing.assert_array_equal(asked[number], test)
            seen = np.concatenate(trained[STEPS * number : STEPS * (number + 1)])
            if name in ("none", *ALONE):
                assert set(seen) <= set(train)
        images, labels = Spy.seen[fold]
        np.testing.assert_array_equal(images, X[train])
        np.testing.assert_array_equal(labels, Y[train])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_count_the_images_of_the_training_fold(finished, name):
    counts = [np.bincount(Y[train]).tolist() for train, _ in PAIRS]
    assert COUNTED[name] == [c for c in counts for _ in range(STEPS)]
    assert len({tuple(c) for c in [*counts, COUNTS]}) == 4


def test_class_weights_are_inverse_frequencies(finished):
    rows = finished[0].rows
    weights, own, none, spy = (
        rows[rows.method == name][list(METRICS)].to_numpy()
        for name in ("class_weights", "own", "none", "spy")
    )
    np.testing.assert_allclose(weights, own, rtol=1e-4)
    assert not np.allclose(weights, none, rtol=1e-4)
    np.testing.assert_array_equal(spy, none)


def test_a_second_run_trains_nothing_and_shows_the_same(finished):
    result, _, folder = finished
    OPTIMIZERS.clear()
    again = run(METHODS, output_dir=folder)
    assert len(OPTIMIZERS) == 1  # which was looked at
    pd.testing.assert_frame_equal(again.rows, result.rows)
    assert again.verdict == result.verdict
    assert list(again.pictures) == list(result.pictures) == ["smote"]
    np.testing.assert_array_equal(again.pictures["smote"], result.pictures["smote"])


def test_the_rest_of_a_killed_run_gives_the_rows_of_a_whole_one(finished, tmp_path):
    result, *_ = finished
    lost = (result.rows.fold == 1) & result.rows.method.isin(["ldam", "mixup", "smote"])
    kept = result.rows[~lost].assign(others="")
    kept[COLUMNS].to_csv(tmp_path / "rows.csv", index=False)
    OPTIMIZERS.clear()
    rest = run(METHODS, output_dir=tmp_path)
    assert len(OPTIMIZERS) == 1 + lost.sum()
    pd.testing.assert_frame_equal(
        rest.rows.drop(columns=TIMES), result.rows.drop(columns=TIMES)
    )


def test_networks_are_not_shipped(finished):
    with pytest.raises(ValueError, match="for tables.*on images"):
        finished[0].estimator()


def test_pictures_show_what_was_generated_in_the_first_fold(finished):
    result, *_ = finished
    train, _ = PAIRS[0]
    sampler = kerasos.DeepOverSampler("smote", random_state=result.rows.seed[0])
    X_res, y_res = sampler.fit_resample(X[train], Y[train])
    made, labels = X_res[len(train) :], y_res[len(train) :]
    picture = result.pictures["smote"]
    assert picture.shape == (3 * 8, 8 * 8) and picture.dtype == np.uint8
    assert not picture[:8].any()  # nothing was made of the largest class
    for label in (1, 2):
        shown = np.hstack(made[labels == label][:8])
        np.testing.assert_array_equal(picture[8 * label : 8 * label + 8], shown)


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
    monkeypatch.setattr(networks, "EPOCHS", 5)
    spec = DataSpec((8, 8, 1), "uint8", (0, 255), COUNTS)
    contender = ImageContender("a", "loss", loss=loss)
    ImageClassifier(hidden_layer).trained(contender, spec, X[..., None], Y, len(X), 0)
    ((name, found),) = fitted
    assert name == last
    if bias is not None:
        np.testing.assert_allclose(found, np.full(3, bias), rtol=1e-6)
    if loss is LDAM:  # weights in the last fifth
        np.testing.assert_allclose(weights[:4], np.ones((4, 3)))
        expected = class_balanced_weights(COUNTS)
        np.testing.assert_allclose(weights[4:], [expected], rtol=1e-5)


def hidden_layer(input_shape, num_classes):
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(num_classes),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3))
    return model


def test_a_balanced_softmax_helps_a_long_tail():
    """Ten digits, 128 to 4 images, 50 of each to test on."""
    (x, y), (x_test, y_test) = kerasos.data.load("digits", class_counts=32)
    spec, found = DataSpec.of(x, y), {}
    network = ImageClassifier(hidden_layer, steps=300)
    for name, loss in (("none", None), ("balanced", BalancedSoftmax)):
        contender = ImageContender(name, "loss" if loss else "none", loss=loss)
        logits = network.trained(contender, spec, x, y, len(x), 0)
        hits = logits(x_test, np.arange(500)).argmax(axis=1) == y_test
        found[name] = hits.mean()
    assert found["none"] > 0.7
    assert found["balanced"] > found["none"] + 0.03


@pytest.mark.parametrize("kind", ["none", "mixup"])
def test_a_step_is_traced_once(kind, monkeypatch):
    """Where an optimizer makes its variables in the step, it is traced twice."""
    traced, step = [], keras.Model.train_step

    def counted(model, data):
        traced.append(kind)
        return step(model, data)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    (x, y), _ = kerasos.data.load("digits", class_counts=32)
    network = ImageClassifier(hidden_layer, steps=networks.EAGER_STEPS + 5)
    network.trained(ImageContender(kind, kind), DataSpec.of(x, y), x, y, len(x), 0)
    assert traced == [kind]


def test_how_long_a_network_is_trained(monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 5)
    own = ImageClassifier()
    assert [own.steps_of(n) for n in (100, 5_000, 60_000)] == [1_000, 3_125, 9_375]
    assert own.batch_of(20) == 20 and ImageClassifier(steps=6).steps_of(9) == 10


def test_folds_without_a_common_row_are_samples_of_their_own():
    parts = [ROWS[k::6] for k in range(6)]
    apart = list(zip(parts[::2], parts[1::2], strict=True))
    table = X.reshape(len(X), -1)[:, 20:24].astype(float)
    for pairs in (apart, PAIRS):
        result = compare(
            table, Y, ["random"], "logistic_regression", pairs, metrics="brier"
        )
        wide = result.rows.pivot(index="fold", columns="method", values="brier")
        ordinary = stats.ttest_rel(wide["random"], wide["none"]).pvalue
        found = result.summary.set_index("method").p_value["random"]
        assert (found == pytest.approx(ordinary)) == (pairs is apart)
        assert found >= ordinary * (1 - 1e-9)


def test_equal_images_stay_in_one_fold():
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 255, (40, 4, 4, 3)).astype("uint8"), 2, axis=0)
    labels = np.repeat(np.arange(40) % 2, 2)
    data = Images(images, labels, ["random"], None, None, "brier", 0)
    cv, _ = data.arranged(None, None, None)
    folds = make_folds(data.X, data.codes, data.classes, cv, None, 0)
    assert len(folds.splits) == FOLDS and "80 rows have the same values" in folds.note
    for train, test in folds.splits:
        assert not set(train // 2) & set(test // 2)


def test_units_of_floats_are_told_to_networks_and_methods():
    X = digits()[0].astype("float64")
    X *= 255 / X.max()
    for images, units, params in (
        (X.astype("uint8"), (0, 255), None),
        (X / 255, (0, 1), None),
        (2 * X / 255 - 1, (-1, 1), None),
        (X, (0, 255), {"value_range": (0.0, 255.0)}),
        (X * 10, (0, 2550), {"value_range": (0.0, 2550.0)}),
    ):
        data = Images(images, Y, ["cvae"], None, None, "brier", 0)
        assert data.spec.value_range == units
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
def test_a_shuffled_dataset_is_the_same_each_time(folder, mode):
    options = {"batch_size": None} if mode == "unbatched" else {}
    mode = "int" if mode == "unbatched" else mode
    found = [
        Images(
            animals(folder, mode, seed=seed, **options),
            *(None, ["smote"], None, None, "brier", 0),
        )
        for seed in (1, 2)
    ]
    assert found[0].classes.tolist() == ["cat", "dog"]
    assert found[0].fingerprint() == found[1].fingerprint()
    np.testing.assert_array_equal(found[0].y, ["cat"] * 24 + ["dog"] * 12)
    np.testing.assert_array_equal(found[0].X, found[1].X)


def test_a_dataset_from_a_folder(folder):
    result = run(["smote"], cv=3, data=(animals(folder, "categorical"), None))
    assert result.counts == {"cat": 24, "dog": 12}
    picture = result.pictures["smote"]
    assert picture.shape == (12, 48, 3) and not picture[:6].any() and picture[6:].any()


# What is refused before anything is trained.


def softmax(input_shape, num_classes):
    model = hidden_layer(input_shape, num_classes)
    return keras.Sequential([model, keras.layers.Softmax()])


def headless(input_shape, num_classes):
    model = hidden_layer(input_shape, num_classes)
    return keras.Sequential([model, keras.layers.ReLU()])


TABLE = {"X": X.reshape(len(X), -1).astype(float), "classifiers": None}


@pytest.mark.parametrize(
    "change, error, words",
    [
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
        (
            {"classifiers": {"a": hidden_layer((8, 8, 1), 3)}},
            TypeError,
            "called for each",
        ),
        ({"classifiers": {"a": lambda shape, n: 3}}, TypeError, "Received: int"),
        (
            {"classifiers": {"a": lambda shape, n: hidden_layer(shape, n - 1)}},
            ValueError,
            r"outputs \(batch, 3\)",
        ),
        ({"classifiers": {"a": softmax}}, ValueError, "Leave its activation out"),
        (
            {"classifiers": {"a": headless}, "methods": ["ldam"]},
            ValueError,
            "Received: ReLU. End the model in",
        ),
        ({"methods": ["ldam+prior_corrected"]}, ValueError, "nothing to correct"),
        ({"methods": ["smote+isoton"]}, ValueError, "'isotonic'"),
        ({"methods": ["ldam+weight=0.1"]}, ValueError, "'ldam' adds no rows"),
        ({"methods": ["mixup+weight=0.1"]}, ValueError, "'mixup' adds no rows"),
        (
            {"methods": ["under_sampling+weight=0.1"]},
            ValueError,
            "'under_sampling' adds no rows",
        ),
        ({"n_jobs": 2}, ValueError, "n_jobs=None for images"),
        ({"X": np.where(X, np.nan, 0.0)}, ValueError, "must be finite"),
        ({"y": Y[:-1]}, ValueError, "one label a row"),
        ({"y": None, "X": tf.data.Dataset.range(3)}, ValueError, "must yield pairs"),
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
                "cv": PAIRS,
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


def images_of(*methods, **options):
    networks = {"net": ImageClassifier(watched, 5, batch_size=16)}
    return Images(X, Y, list(methods), networks, None, "log_loss", 0, **options)


class Scale(keras.layers.Layer):
    """Logits of two classes: 0, and the only pixel times the only weight, first 1."""

    batches = []

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, images, training=False):
        pixel = keras.ops.reshape(images, (-1, 1))
        if training and hasattr(pixel, "numpy"):
            self.batches.append(pixel.numpy().ravel().tolist())
        return self.scale * keras.ops.concatenate([0.0 * pixel, pixel], axis=1)


def scale_network(input_shape, num_classes):
    model = keras.Sequential([keras.Input(input_shape), Scale()])
    model.compile(keras.optimizers.SGD(1.0))
    return model


@pytest.mark.parametrize("weight", [0.25, None, 1.0])
def test_added_images_have_their_weight_in_the_loss(weight):
    """Against steps of plain gradient descent by hand, on the same batches."""
    labels = {-1.0: 0, 0.5: 0, 2.0: 0, 1.0: 1, 3.0: 1, -0.5: 1}  # the last two added
    weights = dict.fromkeys(labels, 1.0) | dict.fromkeys((3.0, -0.5), weight or 1.0)
    x = np.array(list(labels), "float32").reshape(-1, 1, 1, 1)
    spec = DataSpec((1, 1, 1), "float32", (-1, 3), (3, 1))
    contender = ImageContender("a", "sampler", synthetic_weight=weight)
    Scale.batches = []
    network = ImageClassifier(scale_network, 3, batch_size=4)
    logits = network.trained(contender, spec, x, np.array([*labels.values()]), 4, 0)
    assert len(Scale.batches) == 3 and {3.0, -0.5} & set(sum(Scale.batches, []))
    scale = 1.0
    for batch in Scale.batches:
        errors = [1 / (1 + np.exp(-scale * v)) - labels[v] for v in batch]
        scale -= sum(weights[v] * e * v for v, e in zip(batch, errors, strict=True)) / 4
    assert logits(np.ones((1, 1, 1, 1)), [0])[0, 1] == pytest.approx(scale, rel=1e-5)


def test_a_weight_of_1_is_none_and_others_count_in_the_shares(short):
    methods = ["random", "random+weight=1", "random+weight=0.1"]
    result = run(methods)
    rows = result.rows.set_index("method")
    assert rows[list(METRICS)].notna().all(axis=None)
    scores = [*METRICS, "n_added"]
    plain, one, tenth = (rows.loc[name, scores].to_numpy() for name in methods)
    np.testing.assert_array_equal(plain, one)
    np.testing.assert_array_equal(plain[:, -1], tenth[:, -1])
    assert not np.allclose(plain, tenth, rtol=1e-4)
    data = images_of("augment+weight=0.1", "augment+weight=0.1+prior_corrected")
    (train, test), told = PAIRS[0], []
    for contender in data.contenders[1:]:
        training = data.training(0, contender, train, 1)
        told.append(data.evaluate("net", contender, training, test))
    plain, mended = told
    counts = np.bincount(Y[train])
    odds = plain.probabilities * counts / (counts + 0.1 * (counts.max() - counts))
    expected = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mended.probabilities, expected, rtol=1e-6)
    np.testing.assert_allclose(plain.corrected, expected, rtol=1e-6)


def test_weights_need_the_real_images_in_front():
    class Turned:
        def fit_resample(self, images, labels):
            return images[::-1], labels[::-1]

    with pytest.raises(ValueError, match="real ones first") as caught:
        run({"turned": Turned(), "weighed": "turned+weight=0.1"})
    assert caught.value.__notes__ == ["In fold 0 of `compare`, method 'weighed'."]


def test_prior_correction_is_by_the_shares_of_the_classes(short):
    data = images_of("random", "random+prior_corrected")
    train, test = PAIRS[0]
    told = []
    for contender in data.contenders[1:]:
        training = data.training(0, contender, train, 1)
        told.append(data.evaluate("net", contender, training, test))
    plain, mended = told
    odds = plain.probabilities * np.bincount(Y[train]) / len(train)
    expected = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mended.probabilities, expected, rtol=1e-6)
    np.testing.assert_array_equal(mended.decided, expected.argmax(axis=1))
    assert mended.corrected is None
    np.testing.assert_allclose(plain.corrected, expected, rtol=1e-6)


def log_odds(numbers, shift):
    scores = np.exp(np.sin(np.outer(numbers, [0.1, 0.2, 0.3]) + shift))
    shares = scores / scores.sum(axis=1, keepdims=True)
    return np.log(shares / (1 - shares))


def test_recalibration_is_on_real_images_left_out(monkeypatch):
    """Every training image is asked about once, by a network that has not seen it."""
    data = images_of("smote+isotonic")
    (_, contender), (train, test) = data.contenders, PAIRS[0]
    asked, fitted = [], []

    class Network:
        def __init__(self, images):
            self.seen = set(images[:, 0, 0, 0].tolist())

        def __call__(self, images, rows):
            numbers = images[rows][:, 0, 0, 0]
            asked.append((self.seen, numbers.tolist()))
            rest = numbers[:, None].astype(float) * [0.1, 0.2, 0.3]
            return np.sin(rest + len(asked))

    def trained(self, contender, spec, x, y, num_images, seed):
        real = x[:num_images]  # what SMOTE adds comes behind
        fitted.append((num_images, np.bincount(y).tolist()))
        return Network(real)

    monkeypatch.setattr(ImageClassifier, "trained", trained)
    training = data.training(0, contender, train, 1)
    told = data.evaluate("net", contender, training, test)
    (whole, about_test), *inner = asked
    assert whole == set(train.tolist()) and about_test == test.tolist()
    assert len(inner) == 5 and len(fitted) == 6
    assert sorted(sum((numbers for _, numbers in inner), [])) == train.tolist()
    assert all(not seen & set(numbers) for seen, numbers in inner)
    for count, labels in fitted:
        assert len(set(labels)) == 1 and 3 * labels[0] > count
    # Of each class, a monotonous step function of its log odds.
    held_out = np.zeros((len(train), 3))
    for number, (_, numbers) in enumerate(inner):
        held_out[np.searchsorted(train, numbers)] = log_odds(numbers, number + 2)
    columns = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        .fit(held_out[:, k], Y[train] == k)
        .predict(log_odds(test, 1)[:, k])
        for k in range(3)
    ]
    expected = np.stack(columns, axis=1)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(told.probabilities, expected, rtol=1e-6)
    np.testing.assert_array_equal(told.decided, told.probabilities.argmax(axis=1))
    assert told.corrected is None


class Doubled:
    """Each image twice, the copies behind all real ones or behind their own."""

    asked: list = []

    def __init__(self, behind):
        self.behind = behind

    def fit_resample(self, images, labels):
        self.asked.append(len(images))
        if self.behind:
            return np.concatenate([images] * 2), np.concatenate([labels] * 2)
        return np.repeat(images, 2, axis=0), np.repeat(labels, 2)


@pytest.mark.parametrize("behind", [True, False])
def test_methods_with_one_sampler_resample_images_once(monkeypatch, behind):
    """Whatever recalibrates them, and for all networks: once whole, once a part."""
    monkeypatch.setattr(Doubled, "asked", [])
    train, test = PAIRS[0]
    methods = {
        "twice": Doubled(behind),
        "platt": "twice+platt",
        "isotonic": "twice+isotonic",
    }
    nets = {name: ImageClassifier(watched, 5, batch_size=16) for name in ("one", "two")}
    data = Images(X, Y, methods, nets, None, "log_loss", 0)
    fitted = []

    def trained(self, contender, spec, x, y, num_images, seed):
        fitted.append((x[..., 0], y, num_images))
        return lambda images, rows: np.tile(images[rows][:, 0, 0], (1, 3)) / 255.0

    monkeypatch.setattr(ImageClassifier, "trained", trained)
    training, seconds = None, []
    for contender in data.contenders[1:]:
        training = data.training(0, contender, train, 1, training)
        seconds.append(training.inner_seconds)
        for name in nets:
            data.evaluate(name, contender, training, test)
    assert len(Doubled.asked) == 6 and Doubled.asked[0] == len(train)
    assert seconds[0] == 0 < seconds[1] == seconds[2]
    assert len(fitted) == 2 + 2 * 2 * 6  # each its own networks all the same
    for x, y, num_images in fitted:
        assert len(x) == len(y) == 2 * num_images
        numbers = x[:, 0, 0].astype(int)  # of the images, in their first pixel
        assert (np.bincount(numbers)[numbers] == 2).all()
        np.testing.assert_array_equal(Y[numbers], y)


def test_recalibrated_networks_are_rows_of_their_own(short):
    result = run({"a": "random+platt", "b": "none+isotonic", "c": "balanced_softmax"})
    assert list(result.methods) == ["none", "a", "b", "c"]
    assert result.rows[list(METRICS)].notna().all(axis=None)
    rows = result.rows.set_index(["method", "fold"])
    assert (rows.loc["none"].log_loss != rows.loc["b"].log_loss).all()
    assert (rows.loc["none"].reliability_corrected == "").all()


def test_a_sampler_must_give_back_images_of_the_same_units():
    class Scaled:
        def fit_resample(self, images, labels):
            return images / 255.0, labels

    with pytest.raises(TypeError, match="Scaling goes into the network") as caught:
        run({"scaled": Scaled()})
    assert caught.value.__notes__ == ["In fold 0 of `compare`, method 'scaled'."]


def test_settings_of_losses_and_networks_are_part_of_their_rows():
    ways = [functools.partial(LogitAdjusted, tau=tau) for tau in (1.5, 1.5, 2.0)]
    first, same, other = map(_settings, ways)
    assert first == same != other and "LogitAdjusted" in first
    texts = {_settings(ImageClassifier(*own)) for own in [(), (watched,), (None, 5)]}
    assert len(texts) == 3 and _settings(ImageClassifier(watched)) in texts
    assert "SGD" in _settings(watched) and " at 0x" not in str(texts)
