import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score

from kerasos import losses
from kerasos.callbacks import DeferredReweighting
from kerasos.layers import NormalizedDense
from kerasos.losses import LDAM, BalancedSoftmax, ClassBalancedFocal, LogitAdjusted

COUNTS = [200, 30, 7, 2]
LOSSES = [LogitAdjusted, BalancedSoftmax, ClassBalancedFocal, LDAM]
each_loss = pytest.mark.parametrize("cls", LOSSES)
COSINES = [[0.5, -0.25, 0.0, 1.0], [-1.0, 0.75, 0.2, 0.1], [0.3, 0.3, 0.3, 0.3]]


def random_rows(num_classes, n=40, seed=0, cosines=False):
    source = np.random.default_rng(seed)
    scores = source.normal(size=(n, num_classes)) * 3
    scores = np.tanh(scores) if cosines else scores
    return source.integers(num_classes, size=n), scores.astype("float32")


def network(make_last, seed=3):
    keras.utils.set_random_seed(seed)  # before the layers, which draw seeds
    layers = [keras.Input((6,)), keras.layers.Dense(8, "relu"), make_last()]
    return keras.Sequential(layers)


def network_for(cls):
    make_last = NormalizedDense if cls is LDAM else keras.layers.Dense
    return network(lambda: make_last(4))


def table(n=48):
    x = np.random.default_rng(5).normal(size=(n, 6)).astype("float32")
    return x, np.arange(n) % 4


# The papers' equations, row by row, in float64


def balanced_softmax(z, y, n):
    return -np.log(n[y] * np.exp(z[y]) / np.sum(n * np.exp(z)))


def logit_adjusted(z, y, n, tau=1.5):
    return -special.log_softmax(z + tau * np.log(n / n.sum()))[y]


def class_balanced_focal(z, y, n, beta=0.99, gamma=0.5):
    effective = (1 - beta**n) / (1 - beta)
    weights = (1 / effective) / np.mean(1 / effective)
    total = 0.0
    for k, score in enumerate(z):
        p = special.expit(score if k == y else -score)
        total -= (1 - p) ** gamma * np.log(p)
    return weights[y] * total


def ldam(z, y, n, max_margin=0.4, scale=10.0):
    c = max_margin * n.min() ** 0.25
    own = np.exp(scale * (z[y] - c / n[y] ** 0.25))
    others = sum(np.exp(scale * z[k]) for k in range(len(z)) if k != y)
    return -np.log(own / (own + others))


EQUATIONS = {
    LogitAdjusted: (logit_adjusted, {"tau": 1.5}),
    BalancedSoftmax: (balanced_softmax, {}),
    ClassBalancedFocal: (class_balanced_focal, {"beta": 0.99, "gamma": 0.5}),
    LDAM: (ldam, {"max_margin": 0.4, "scale": 10.0}),
}


@each_loss
@pytest.mark.parametrize("counts", [COUNTS, [90, 4]], ids=["four", "two"])
def test_a_loss_is_its_equation_for_labels_of_any_form(cls, counts):
    y, z = random_rows(len(counts), cosines=cls is LDAM)
    equation, options = EQUATIONS[cls]
    n, rows = np.array(counts, "float64"), zip(z.astype("float64"), y, strict=True)
    expected = [equation(row, label, n) for row, label in rows]
    loss = cls(counts, reduction=None, **options)
    one_hot = np.eye(len(counts))[y]
    for labels in (y, y.astype("uint8"), y[:, None], one_hot, one_hot.astype(bool)):
        np.testing.assert_allclose(loss(labels, z), expected, rtol=2e-5, atol=1e-6)
    values = loss(y.reshape(8, 5), z.reshape(8, 5, -1))
    np.testing.assert_allclose(values, np.reshape(expected, (8, 5)), 2e-5, 1e-6)
    np.testing.assert_allclose(loss(y.tolist(), z.tolist()), expected, 2e-5, 1e-6)


@pytest.mark.parametrize(
    "loss, y, z, expected",
    [
        # 3 e^0 / (3 e^0 + 1 e^(log 2)) = 3 / 5.
        (BalancedSoftmax([3, 1]), 0, [0.0, np.log(2.0)], np.log(5 / 3)),
        # pi^2 is as 9 to 1: 1 e^(log 2) / (9 + 2) = 2 / 11.
        (LogitAdjusted([3, 1], tau=2.0), 1, [0.0, np.log(2.0)], np.log(11 / 2)),
        # E = 1 - 1/8 and 1 - 1/2, times 2: 1/E as 4/7 to 1, so a = 8/11 and 14/11.
        # Every sigmoid is 1/2: two terms of (1/2)^2 log 2.
        (
            ClassBalancedFocal([3, 1], beta=0.5, gamma=2.0),
            0,
            [0, 0],
            4 / 11 * np.log(2),
        ),
        # Margins 1/2 for 1 row, 1/2 (1/16)^(1/4) = 1/4 for 16. Class 0 of the second:
        # e^(2 (1/2 - 1/4)) against e^0.
        (LDAM([16, 1], scale=2.0), 1, [0.5, 0.5], np.log(1 + np.e)),
        (LDAM([16, 1], scale=2.0), 0, [0.5, 0.0], np.log(1 + np.exp(-0.5))),
    ],
)
def test_numbers_by_hand(loss, y, z, expected):
    assert float(loss([y], [z])) == pytest.approx(expected, rel=1e-5)


def test_probabilities_are_as_good_as_logits():
    y, z = random_rows(4)
    softmax, sigmoid = special.softmax(z, -1), special.expit(z)
    for cls, outputs in (
        (BalancedSoftmax, softmax),
        (LogitAdjusted, softmax),
        (ClassBalancedFocal, sigmoid),
    ):
        loss = cls(COUNTS, from_logits=False, reduction=None)
        expected = cls(COUNTS, reduction=None)(y, z)
        np.testing.assert_allclose(loss(y, outputs), expected, rtol=1e-3)


# What the papers say of them


def test_equal_counts_and_tau_make_the_losses_one():
    y, z = random_rows(4)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z)
    for loss in (BalancedSoftmax([5] * 4), LogitAdjusted(COUNTS, tau=0)):
        np.testing.assert_allclose(loss(y, z), entropy, rtol=1e-6)
    for counts in (COUNTS, [1, 10**6, 3, 3]):
        np.testing.assert_allclose(
            LogitAdjusted(counts)(y, z), BalancedSoftmax(counts)(y, z), rtol=1e-6
        )


def test_focal_loss_of_equal_counts_is_that_of_keras():
    y, z = random_rows(4)
    loss = ClassBalancedFocal([9] * 4, gamma=2.0)
    focal = keras.losses.BinaryFocalCrossentropy(
        gamma=2.0, from_logits=True, reduction=None
    )
    expected = 4 * np.mean(focal(np.eye(4)[y], z))  # a mean over classes there
    assert float(loss(y, z)) == pytest.approx(expected, rel=1e-5)


def test_weights_go_from_one_to_inverse_frequencies():
    np.testing.assert_allclose(losses.class_balanced_weights(COUNTS, beta=0), 1.0)
    inverse = 1 / np.array(COUNTS)
    weights = losses.class_balanced_weights(COUNTS, beta=1 - 1e-9)
    np.testing.assert_allclose(weights, inverse / inverse.mean(), rtol=1e-6)
    for beta in (0.5, 0.9, 0.999, 0.9999):
        weights = losses.class_balanced_weights(COUNTS, beta)
        assert weights.sum() == pytest.approx(4.0)
        assert np.all(np.diff(weights) > 0)


def test_a_rarer_class_has_a_larger_margin():
    margins = LDAM(COUNTS).margins
    assert np.all(np.diff(margins) > 0)
    assert margins.max() == 0.5
    np.testing.assert_allclose(margins[0] / margins[2], (7 / 200) ** 0.25)
    # A row that is just right costs more if its class is rare.
    values = LDAM(COUNTS, reduction=None)([0, 1, 2, 3], 0.3 * np.eye(4))
    assert np.all(np.diff(values) > 0)


def test_the_post_hoc_form_is_the_rule_of_bayes_with_equal_priors():
    # Two normals with known densities: posteriors of the data, then of equal priors.
    x, priors = np.linspace(-3, 3, 7), np.array([0.9, 0.1])
    densities = np.stack([np.exp(-((x - m) ** 2) / 2) for m in (-1, 1)], -1)
    posterior = densities * priors / np.sum(densities * priors, -1, keepdims=True)
    balanced = densities / densities.sum(-1, keepdims=True)
    adjusted = losses.adjust_probabilities(posterior, [90, 10])
    np.testing.assert_allclose(adjusted, balanced)
    logits = losses.adjust_logits(np.log(posterior) + 7.0, [90, 10])
    np.testing.assert_allclose(special.softmax(logits, -1), balanced)
    same = losses.adjust_probabilities(posterior, [90, 10], tau=0)
    np.testing.assert_allclose(same, posterior)
    sure = losses.adjust_probabilities([[[1.0, 0.0]]], [1, 10**6], tau=3.0)
    np.testing.assert_array_equal(sure, [[[1.0, 0.0]]])


@each_loss
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_have_finite_losses_and_gradients(cls, size):
    size = 1.0 if cls is LDAM else size
    z = tf.constant(size * np.sign(COSINES), "float32")
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = cls(COUNTS)([0, 1, 2], z)
    assert np.isfinite(value) and np.all(np.isfinite(tape.gradient(value, z)))


@pytest.mark.parametrize("cls", LOSSES[:3])
def test_saturated_probabilities_have_finite_gradients(cls):
    z = tf.constant([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = cls(COUNTS, from_logits=False)([0, 0], z)
    assert np.isfinite(value) and np.all(np.isfinite(tape.gradient(value, z)))


# As Keras's losses


@each_loss
@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "none"])
def test_sample_weights_and_reductions_are_those_of_keras(cls, reduction):
    y, z = random_rows(4, cosines=True)
    weights = np.linspace(0, 2, len(y)).astype("float32")
    rows = cls(COUNTS, reduction=None)(y, z).numpy() * weights
    expected = {"sum": rows.sum(), "sum_over_batch_size": rows.mean(), "none": rows}
    values = cls(COUNTS, reduction=reduction)(y, z, sample_weight=weights)
    np.testing.assert_allclose(values, expected[reduction], rtol=1e-5)


@each_loss
def test_rows_that_are_not_labels_make_the_loss_nan(cls):
    loss, z = cls(COUNTS, reduction=None), COSINES[:2]
    for wrong in (-1, 4, 1.5, np.nan):
        assert np.isnan(loss(np.array([wrong, 1.0]), z)).tolist() == [True, False]
    smoothed = 0.9 * np.eye(4) + 0.025
    for wrong in (smoothed[0], np.zeros(4), [1, 1, 0, 0], [2, -1, 0, 0]):
        rows = np.array([wrong, [0, 1, 0, 0]])
        assert np.isnan(loss(rows, z)).tolist() == [True, False]


def test_outputs_of_the_wrong_kind_make_the_loss_nan():
    for loss in (
        LDAM(COUNTS, reduction=None),
        BalancedSoftmax(COUNTS, from_logits=False, reduction=None),
        ClassBalancedFocal(COUNTS, from_logits=False, reduction=None),
    ):
        values = loss([0, 1], [[0.4, 0.3, 0.2, 0.1], [3.0, -2.0, 0.0, 0.0]])
        assert np.isnan(values).tolist() == [False, True]


@each_loss
def test_copies_and_configs_give_the_same_loss(cls):
    loss = cls(np.array(COUNTS), reduction="sum", name="mine", **EQUATIONS[cls][1])
    config = keras.losses.serialize(loss)
    y, z = random_rows(4, cosines=True)
    for other in (
        keras.losses.deserialize(config),
        copy.deepcopy(loss),
        pickle.loads(pickle.dumps(loss)),
    ):
        assert type(other) is cls and other.get_config() == loss.get_config()
        np.testing.assert_array_equal(other(y, z), loss(y, z))
    assert config["registered_name"] == f"kerasos>{cls.__name__}"
    assert loss.get_config()["class_counts"] == COUNTS


@each_loss
def test_xla_and_half_precision_change_nothing_but_rounding(cls):
    (y, z), loss = random_rows(4, n=8, cosines=True), cls(COUNTS)

    def value_and_gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss(y, z)
        return value, tape.gradient(value, z)

    expected = value_and_gradient(tf.constant(z))
    compiled = tf.function(value_and_gradient, jit_compile=True)(tf.constant(z))
    for a, b in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    half = loss(y, tf.constant(z, "float16"))
    assert half.dtype == "float32"
    np.testing.assert_allclose(half, expected[0], rtol=1e-2)


@pytest.mark.parametrize(
    "cls, jit, policy",
    [(BalancedSoftmax, False, "float32"), (LDAM, True, "mixed_float16")],
)
def test_a_model_trains_and_is_loaded_again(cls, jit, policy, tmp_path):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        x, y = table()
        model = network_for(cls)
        model.compile("adam", loss=cls(COUNTS), jit_compile=jit)
        history = model.fit(x, y, batch_size=16, epochs=3, verbose=0).history["loss"]
        assert history[-1] < history[0]
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert loaded.loss.get_config() == model.loss.get_config()
        value = loaded.evaluate(x, np.eye(4)[y], verbose=0)
        assert value == pytest.approx(float(cls(COUNTS)(y, model(x))), rel=1e-3)
    finally:
        keras.config.set_dtype_policy(previous)


def test_two_replicas_train_as_one(two_replicas):
    x, y = table()
    results = []
    for scope in (tf.distribute.get_strategy().scope, two_replicas.scope):
        with scope():
            model = network_for(LDAM)
            model.compile(keras.optimizers.SGD(0.1), loss=LDAM(COUNTS))
        callback = DeferredReweighting(start_from_epoch=1)
        history = model.fit(
            x,
            y,
            batch_size=16,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=[callback],
        )
        results.append((history.history["loss"], model.get_weights()))
    (loss, weights), (other_loss, other_weights) = results
    np.testing.assert_allclose(other_loss, loss, rtol=1e-4)
    for a, b in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


# Deferred re-weighting


def test_deferred_weights_are_class_weights_of_the_last_epochs():
    x, y = table()
    options = {"batch_size": 16, "shuffle": False, "verbose": 0}
    ours, plain = network_for(LogitAdjusted), network_for(LogitAdjusted)
    ours.compile(keras.optimizers.SGD(0.1), loss=LogitAdjusted(COUNTS, tau=0))
    ours.fit(x, y, epochs=5, callbacks=[DeferredReweighting()], **options)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    plain.compile(keras.optimizers.SGD(0.1), loss=entropy)
    plain.fit(x, y, epochs=4, **options)
    weights = dict(enumerate(losses.class_balanced_weights(COUNTS)))
    before = plain.get_weights()
    plain.fit(x, y, epochs=1, class_weight=weights, **options)
    for a, b, old in zip(ours.get_weights(), plain.get_weights(), before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        assert np.abs(a - old).max() > 1e-4


@pytest.mark.parametrize(
    "options, epochs, initial, expected",
    [
        ({}, 5, 0, [0, 0, 0, 0, 1]),
        ({"start_from_epoch": 1}, 3, 0, [0, 1, 1]),
        ({}, 5, 3, [0, 1]),
        ({"start_from_epoch": 9}, 2, 0, [0, 0]),
    ],
)
def test_the_epoch_says_which_weights_hold(options, epochs, initial, expected):
    loss = ClassBalancedFocal(COUNTS, beta=0.9)
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(loss.class_weights.numpy())
    )
    model = network_for(ClassBalancedFocal)
    model.compile("sgd", loss=loss, run_eagerly=True)
    callbacks = [DeferredReweighting(**options), look]
    fit = {"epochs": epochs, "initial_epoch": initial, "verbose": 0}
    model.fit(*table(8), callbacks=callbacks, **fit)
    weights = losses.class_balanced_weights(COUNTS)
    for found, weighted in zip(seen, expected, strict=True):
        np.testing.assert_allclose(found, weights if weighted else 1.0, rtol=1e-6)
    own = losses.class_balanced_weights(COUNTS, 0.9)
    np.testing.assert_allclose(loss.class_weights, own, rtol=1e-6)


def test_a_model_with_another_loss_is_refused_before_training():
    model = network(lambda: keras.layers.Dense(4))
    model.compile("sgd", loss="mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match="Expected.*Received: loss='mse'.*tau=0"):
        model.fit(*table(), callbacks=[DeferredReweighting()], verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


# Errors


@each_loss
@pytest.mark.parametrize(
    "counts",
    [[3, 0], [3, -1], [3, np.nan], [3, np.inf], [3, 1.5], [3], [], [[3, 4]]]
    + [[[3], [4, 5]], {0: 3, 1: 4}, "34", ["3", "4"], None, [True, True]],
    ids=str,
)
def test_bad_counts_are_refused(cls, counts):
    words = r"(?s)`class_counts` must .* Expected .* Received: .* `numpy.bincount\(y\)`"
    with pytest.raises(ValueError, match=words):
        cls(counts)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogitAdjusted(COUNTS, tau=-1),
        lambda: LogitAdjusted(COUNTS, from_logits="no"),
        lambda: ClassBalancedFocal(COUNTS, beta=1.0),
        lambda: ClassBalancedFocal(COUNTS, gamma=np.nan),
        lambda: LDAM(COUNTS, max_margin=0),
        lambda: LDAM(COUNTS, scale=True),
        lambda: losses.class_balanced_weights(COUNTS, beta=-0.1),
        lambda: losses.adjust_logits(COSINES, COUNTS, tau="1"),
        lambda: DeferredReweighting(start_from_epoch=0.8),
        lambda: DeferredReweighting(beta=2),
        lambda: NormalizedDense(0),
    ],
)
def test_bad_options_are_refused(make):
    with pytest.raises(ValueError, match="must be .* Received: "):
        make()


@each_loss
def test_label_smoothing_is_refused(cls):
    with pytest.raises(TypeError, match="Expected.*smoothed labels mean.*Leave it out"):
        cls(COUNTS, label_smoothing=0.1)


@each_loss
@pytest.mark.parametrize(
    "y, z, words",
    [
        ([0, 1], np.zeros((2, 3)), r"`y_pred`.*Expected.*, 4\).*Received.*\(2, 3\)"),
        ([0, 1], np.zeros((2, 1)), r"Received: shape \(2, 1\).* two for two classes"),
        ([0, 1], np.zeros(2), r"Received: shape \(2,\)"),
        (np.eye(3)[:2], np.zeros((2, 4)), r"`y_true`.*Expected.*Received.*\(2, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(cls, y, z, words):
    with pytest.raises(ValueError, match=words):
        cls(COUNTS)(y, z)


@each_loss
def test_a_softmax_where_logits_belong_is_refused_before_training(cls):
    model = network(lambda: keras.layers.Dense(4, "softmax"))
    model.compile("sgd", loss=cls(COUNTS))
    words = "Received: outputs of a softmax.*(from_logits=False|NormalizedDense)"
    with pytest.raises(ValueError, match=words):
        model.fit(*table(), verbose=0)


def test_what_are_no_probabilities_is_refused():
    for wrong in (COSINES, [[0.5, 0.5, 0.5, 0.5]], [[np.nan, 1.0, 0.0, 0.0]]):
        with pytest.raises(ValueError, match="Expected.*Received.*`adjust_logits`"):
            losses.adjust_probabilities(wrong, COUNTS)


# Layer, and what it is all for


def test_normalized_dense_gives_cosines():
    x = np.random.default_rng(0).normal(size=(5, 3, 6)).astype("float32") * 1e6
    layer = NormalizedDense(4)
    values = layer(x).numpy()
    assert values.shape == layer.compute_output_shape(x.shape) == (5, 3, 4)
    kernel = layer.kernel.numpy()
    norms = np.linalg.norm(x, axis=-1)[..., None] * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(values, x @ kernel / norms, atol=1e-6)
    zeros = tf.zeros((1, 6))
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        value = layer(zeros)
    assert np.all(value == 0.0)
    assert np.all(np.isfinite(tape.gradient(value, zeros)))


def test_rare_classes_are_found_more_often():
    """Digits, 100 rows of the first class down to 2 of the last, drawn four times."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    counts = np.geomspace(100, 2, 10).round().astype(int)
    scores = np.zeros((2, 4))
    for i, loss in enumerate((LogitAdjusted(counts, tau=0), BalancedSoftmax(counts))):
        layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((64,)), *layers])
        model.compile(keras.optimizers.SGD(0.5), loss=loss, steps_per_execution=100)
        for seed in range(4):
            source = np.random.default_rng(seed)
            model.set_weights([source.normal(0, 0.2, w.shape) for w in model.weights])
            rows = source.permutation(len(y))
            train = np.concatenate([rows[y[rows] == k][: counts[k]] for k in range(10)])
            test = np.setdiff1d(rows, train)
            batches = tf.data.Dataset.from_tensors((x[train], y[train])).repeat(100)
            model.fit(batches, shuffle=False, verbose=0)
            predicted = model(x[test]).numpy().argmax(axis=1)
            scores[i, seed] = balanced_accuracy_score(y[test], predicted)
    gains = scores[1] - scores[0]
    assert gains.mean() > 0.04 and gains.min() > 0, scores
