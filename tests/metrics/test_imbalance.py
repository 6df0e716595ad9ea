import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sk

from kerasos import metrics

SCORES = {
    metrics.ACSA: metrics.acsa,
    metrics.GMean: metrics.g_mean,
    metrics.MacroF1: metrics.macro_f1,
    metrics.PerClassRecall: metrics.per_class_recall,
}
each_metric = pytest.mark.parametrize("cls", SCORES)

# N = [[3, 1, 0], [1, 1, 0], [0, 0, 2]]: recalls 3/4, 1/2, 1; F1 3/4, 1/2, 1.
TRUE = [0, 0, 0, 0, 1, 1, 2, 2]
PRED = [0, 0, 0, 1, 0, 1, 2, 2]


def random_labels(seed, num_classes=5, n=400):
    """Imbalanced true labels, and predictions right about two times in three."""
    rng = np.random.default_rng(seed)
    p = np.arange(1, num_classes + 1.0) ** 2
    true = rng.choice(num_classes, n, p=p / p.sum())
    guess = rng.integers(0, num_classes, n)
    return true, np.where(rng.uniform(size=n) < 0.6, true, guess)


def score(cls, true, pred, num_classes, sample_weight=None):
    metric = cls(num_classes)
    metric.update_state(true, pred, sample_weight)
    return keras.ops.convert_to_numpy(metric.result())


# Functions


def test_hand_worked_case():
    assert metrics.confusion_matrix(TRUE, PRED).tolist() == [
        [3, 1, 0],
        [1, 1, 0],
        [0, 0, 2],
    ]
    assert metrics.confusion_matrix(TRUE, PRED).dtype == "int64"
    np.testing.assert_allclose(metrics.per_class_recall(TRUE, PRED), [0.75, 0.5, 1])
    assert metrics.acsa(TRUE, PRED) == pytest.approx(0.75)
    assert metrics.g_mean(TRUE, PRED) == pytest.approx(0.375 ** (1 / 3))
    assert metrics.macro_f1(TRUE, PRED) == pytest.approx(0.75)


@pytest.mark.parametrize("seed", range(5))
def test_functions_are_their_formulas(seed):
    true, pred = random_labels(seed)
    matrix = metrics.confusion_matrix(true, pred)
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(true, pred))
    hits, support = np.diag(matrix), matrix.sum(axis=1)
    recalls = hits / support
    np.testing.assert_allclose(metrics.per_class_recall(true, pred), recalls)
    assert metrics.acsa(true, pred) == pytest.approx(recalls.mean())
    f1 = 2 * hits / (support + matrix.sum(axis=0))
    assert metrics.macro_f1(true, pred) == pytest.approx(f1.mean())
    assert metrics.g_mean(true, pred) == pytest.approx(np.prod(recalls) ** 0.2)


def test_one_missed_class_makes_the_g_mean_exactly_zero():
    assert metrics.g_mean([0, 0, 1, 2], [0, 0, 1, 1]) == 0.0
    assert score(metrics.GMean, [0, 0, 1, 2], [0, 0, 1, 1], 3) == 0.0


def test_classes_without_a_true_sample_are_left_out():
    true, pred = [0, 0, 2, 2], [0, 1, 2, 1]
    np.testing.assert_array_equal(
        metrics.per_class_recall(true, pred, 4), [0.5, np.nan, 0.5, np.nan]
    )
    assert metrics.acsa(true, pred, 4) == 0.5
    assert metrics.g_mean(true, pred, 4) == pytest.approx(0.5)
    expected = sk.f1_score(true, pred, labels=np.unique(true), average="macro")
    assert metrics.macro_f1(true, pred, 4) == pytest.approx(expected)
    assert expected == pytest.approx(2 / 3)


def test_a_class_never_predicted_has_f1_zero():
    assert metrics.macro_f1([0, 1], [0, 0]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "true, pred, num_classes, error, words",
    [
        ([0, 1], [0], None, ValueError, "2 and 1 entries"),
        ([], [], None, ValueError, "non-empty"),
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]], None, ValueError, "argmax"),
        ([0, 1], [0.0, 1.0], None, TypeError, "dtype float64"),
        ([0, -1], [0, 1], None, ValueError, "label -1"),
        ([0, 1], [0, 3], 3, ValueError, "label 3"),
    ],
)
def test_functions_refuse_what_are_not_labels(true, pred, num_classes, error, words):
    with pytest.raises(error, match=words):
        metrics.acsa(true, pred, num_classes)


# Keras metrics


@each_metric
@pytest.mark.parametrize("seed", range(3))
def test_metric_agrees_with_its_function_over_batches(cls, seed):
    true, pred = random_labels(seed)
    metric = cls(5)
    for start in range(0, len(true), 64):
        metric.update_state(true[start : start + 64], pred[start : start + 64])
    np.testing.assert_allclose(metric.result(), SCORES[cls](true, pred), rtol=1e-5)


@each_metric
def test_probabilities_columns_and_labels_score_alike(cls):
    expected = SCORES[cls](TRUE, PRED)
    probs = np.eye(3, dtype="float32")[PRED] * 0.4 + 0.2
    column = np.array(TRUE)[:, None]
    for pred in (PRED, probs, np.log(probs), np.array(PRED)[:, None]):
        np.testing.assert_allclose(score(cls, TRUE, pred, 3), expected, rtol=1e-6)
        np.testing.assert_allclose(score(cls, column, pred, 3), expected, rtol=1e-6)
    uint8 = np.array(TRUE, "uint8")
    np.testing.assert_allclose(score(cls, uint8, probs, 3), expected, rtol=1e-6)


@each_metric
def test_absent_classes(cls):
    true, pred = [0, 0, 2, 2], [0, 1, 2, 1]
    np.testing.assert_allclose(
        score(cls, true, pred, 4), SCORES[cls](true, pred, 4), rtol=1e-6
    )


@each_metric
def test_empty_state_and_reset(cls):
    metric = cls(3)
    empty = np.full(3, np.nan) if cls is metrics.PerClassRecall else 0.0
    np.testing.assert_array_equal(metric.result(), empty)
    metric.update_state(TRUE, PRED)
    metric.reset_state()
    np.testing.assert_array_equal(metric.result(), empty)
    metric.update_state([0, 1, 2], [0, 1, 2])
    np.testing.assert_allclose(metric.result(), np.ones(np.shape(empty)))


@each_metric
def test_sample_weight(cls):
    true, pred = random_labels(7)
    weight = np.random.default_rng(7).uniform(0.1, 2.0, len(true)).astype("float32")
    expected = {
        metrics.PerClassRecall: lambda: sk.recall_score(
            true, pred, average=None, sample_weight=weight
        ),
        metrics.ACSA: lambda: sk.balanced_accuracy_score(
            true, pred, sample_weight=weight
        ),
        metrics.MacroF1: lambda: sk.f1_score(
            true, pred, average="macro", sample_weight=weight
        ),
        metrics.GMean: lambda: (
            np.prod(sk.recall_score(true, pred, average=None, sample_weight=weight))
            ** 0.2
        ),
    }[cls]()
    np.testing.assert_allclose(score(cls, true, pred, 5, weight), expected, rtol=1e-5)
    np.testing.assert_allclose(
        score(cls, true, pred, 5, weight[:, None]), expected, rtol=1e-5
    )


@each_metric
def test_weight_zero_is_as_good_as_absent(cls):
    true, pred = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
    np.testing.assert_allclose(
        score(cls, true, pred, 3, [1, 1, 1, 1, 0]),
        score(cls, true[:4], pred[:4], 3),
    )


@each_metric
def test_labels_out_of_range_show_as_nan(cls):
    for true, pred in (([0, 3], [0, 1]), ([0, -1], [0, 1]), ([0, 1], [0, 3])):
        assert np.isnan(score(cls, true, pred, 3)).any()


@each_metric
def test_config_round_trip(cls):
    metric = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(cls(4, name="mine"))
    )
    assert type(metric) is cls
    assert (metric.num_classes, metric.name) == (4, "mine")
    assert keras.saving.get_registered_name(cls) == f"kerasos>{cls.__name__}"


@each_metric
def test_compiled_update_and_result(cls):
    metric = cls(5)

    @tf.function(jit_compile=True)
    def step(true, pred):
        metric.update_state(true, pred)
        return metric.result()

    true, pred = random_labels(3)
    probs = np.eye(5, dtype="float32")[pred]
    for rows in (slice(0, 200), slice(200, 400)):
        last = step(tf.constant(true[rows]), tf.constant(probs[rows]))
    np.testing.assert_allclose(last, SCORES[cls](true, pred), rtol=1e-5)


def test_shapes_that_are_not_labels_are_refused():
    metric = metrics.ACSA(3)
    with pytest.raises(ValueError, match=r"`y_true` must hold integer labels"):
        metric.update_state(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError, match=r"scores \(batch, 3\)"):
        metric.update_state([0, 1], np.ones((2, 4)))
    with pytest.raises(ValueError, match="sigmoid"):
        metrics.ACSA(2).update_state([0, 1], np.array([[0.2], [0.7]], "float32"))
    for wrong in (1, 2.0, "3", None):
        with pytest.raises(ValueError, match="`num_classes`.* an integer of at least"):
            metrics.ACSA(wrong)


def linear_model(jit_compile="auto"):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=[cls(3) for cls in SCORES],
        jit_compile=jit_compile,
    )
    return model


def table(n=96):
    rng = np.random.default_rng(0)
    y = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    return rng.normal(size=(n, 4)).astype("float32") + y[:, None], y


@pytest.mark.parametrize("jit_compile", [False, True])
def test_metrics_in_fit_and_evaluate(jit_compile):
    x, y = table()
    model = linear_model(jit_compile)
    history = model.fit(x, y, epochs=2, batch_size=32, verbose=0)
    assert np.shape(history.history["per_class_recall"]) == (2, 3)
    results = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    pred = model.predict(x, verbose=0).argmax(axis=-1)
    for cls, function in SCORES.items():
        name = cls(3).name
        np.testing.assert_allclose(results[name], function(y, pred, 3), rtol=1e-5)


def test_a_saved_model_comes_back_with_its_metrics(tmp_path):
    x, y = table()
    model = linear_model()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for left, right in zip(
        model.evaluate(x, y, verbose=0), again.evaluate(x, y, verbose=0), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_two_replicas_count_as_one(two_replicas):
    true, pred = random_labels(11, n=384)
    dataset = tf.data.Dataset.from_tensor_slices((true, pred)).batch(64)
    with two_replicas.scope():
        replicated = [cls(5) for cls in SCORES]

    @tf.function
    def step(y, p):
        for metric in replicated:
            metric.update_state(y, p)

    for batch in two_replicas.experimental_distribute_dataset(dataset):
        two_replicas.run(step, args=batch)
    for metric in replicated:
        expected = SCORES[type(metric)](true, pred)
        np.testing.assert_allclose(metric.result(), expected, rtol=1e-5)
        metric.reset_state()
        assert not np.any(keras.ops.convert_to_numpy(metric.confusion))


def test_fit_and_evaluate_under_two_replicas(two_replicas):
    x, y = table()
    with two_replicas.scope():
        model = linear_model()
    model.fit(x, y, batch_size=32, verbose=0)
    results = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    pred = model.predict(x, batch_size=32, verbose=0).argmax(axis=-1)
    for cls, function in SCORES.items():
        np.testing.assert_allclose(
            results[cls(3).name], function(y, pred, 3), rtol=1e-5
        )


def test_half_precision_policy_keeps_exact_counts():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        metric = metrics.ACSA(2, dtype="float16")
    finally:
        keras.config.set_dtype_policy(policy)
    for _ in range(3):  # 3 x 1,500 passes 2**11, where float16 stops counting by one
        metric.update_state(np.zeros(1500, int), np.arange(1500) % 3 // 2)
    assert keras.ops.convert_to_numpy(metric.confusion).tolist() == [
        [3000, 1500],
        [0, 0],
    ]
    assert metric.result().dtype == "float16"
