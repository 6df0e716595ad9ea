"""DOS: the loss, neighbours and their weights, overloading, and the plain baseline."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy.spatial.distance import cdist

from kerasos import DOS
from kerasos.data import DataSpec, batches
from kerasos.evaluation import gamo_classifier
from kerasos.methods.dos.neighbours import nearest_in_class


def make(data=rows, **options):
    """A compiled eager model, its data, and a batch as a training step sees it."""
    x, y = data()
    options = {"seed": 0, "neighbors": 3, "warmup_epochs": 0, **options}
    model = DOS.from_data(x, y, **options)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    slots = model.bank.slots_of(y)
    batch = tuple(tf.constant(part[:12]) for part in (x, y, slots))
    return model, x, y, batch


def embeddings(model, x):
    return model.feature_extractor(model.to_model(x)).numpy().astype("float64")


# Without overloading it is the baseline.


def plain_loop(x, y, loss, variant, epochs):
    """The baseline in plain TensorFlow: softmax, mean squared error or log, Adam."""
    spec = DataSpec.of(x, y)
    model = gamo_classifier(spec, loss, variant, seed=0)
    optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.999)
    data = batches(x, y, 8, seed=3)
    for epoch in range(epochs):
        data.kerasos_epoch.assign(epoch)
        for x_batch, y_batch in data:
            one_hot = tf.one_hot(y_batch, spec.num_classes)
            with tf.GradientTape() as tape:
                probs = model(x_batch, training=True)
                if loss == "ls":
                    value = tf.reduce_mean(tf.square(probs - one_hot))
                else:
                    value = -tf.reduce_mean(
                        tf.math.log(tf.reduce_sum(probs * one_hot, 1))
                    )
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)
    return model


@pytest.mark.parametrize(
    ("data", "variant", "loss"), [(rows, "dense", "ls"), (images, "conv", "ce")]
)
def test_without_clusters_and_copies_it_trains_as_the_baseline(data, variant, loss):
    x, y = data()
    model = DOS.from_data(x, y, seed=0, loss=loss, cluster_weight=0.0, max_overload=1)
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 8, seed=3), epochs=2, verbose=0)
    expected = plain_loop(x, y, loss, variant, epochs=2)
    found = model.classifier.trainable_variables
    for a, b in zip(found, expected.trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-6, err_msg=a.path)
    np.testing.assert_allclose(
        model.classifier.predict(x, verbose=0),
        expected.predict(x, verbose=0),
        atol=1e-5,
    )


# The loss.


def test_the_loss_is_classification_and_clusters():
    model, _, _, batch = make(cluster_weight=0.7)
    x, y, slots = batch
    features = embeddings(model, x)
    logits = model.classifier_head(features.astype("float32")).numpy()
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.mean((probs - np.eye(2)[y]) ** 2, axis=1)
    noise = np.abs(model.normal(12, 3, "weights").numpy())
    clusters = []
    for row in range(12):
        if y[row] == 0:  # the largest class has none
            clusters.append(0.0)
            continue
        weights = noise[row] / noise[row].sum()
        near = model.bank.neighbours_at(slots[row : row + 1]).numpy()[0]
        gaps = np.square(features[row] - near).sum(axis=1)
        clusters.append(0.7 * weights @ gaps)
    logs = model.train_step(batch)
    assert float(logs["c_loss"]) == pytest.approx(classes.mean(), rel=1e-5)
    assert float(logs["cluster_loss"]) == pytest.approx(np.mean(clusters), rel=1e-4)
    assert np.count_nonzero(clusters) == np.sum(y.numpy() == 1) > 0


def test_the_default_weight_is_one_over_the_width():
    assert make()[0].weight == 1.0 / 128
    assert make(images)[0].weight == 1.0 / 512


def test_a_cluster_is_smallest_at_the_synthetic_target():
    model, _, y, _ = make()
    slots, labels = tf.constant(model.bank.slots_of(y)[y == 1]), tf.ones(8, tf.int32)
    targets = model.bank.neighbours_at(slots)
    weights = model.draw_weights(labels)
    synthetic = tf.einsum("bk,bkd->bd", weights[:, 0], targets)
    with tf.GradientTape() as tape:
        tape.watch(synthetic)
        terms = model.cluster_terms(synthetic, targets, weights, labels)[:, 0]
    gradient = tape.gradient(terms, synthetic)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-8)
    for direction in np.random.default_rng(0).standard_normal((3, 128)) * 0.05:
        moved = synthetic + tf.constant(direction, tf.float32)
        worse = model.cluster_terms(moved, targets, weights, labels)[:, 0]
        # By exactly the squared distance.
        expected = model.weight * np.sum(direction**2)
        np.testing.assert_allclose(worse - terms, expected, rtol=1e-3)


def test_rho_is_a_softmax_over_the_copies_of_a_row():
    model, *_ = make(ce_weight="rho", max_overload=3)
    assert model.overloads.tolist() == [1, 3]
    clusters = np.array([[0.2, 0.9, 0.5], [0.0, 0.0, 0.0]], "float32")

    def weights(turn=0, model=model):
        return model.copy_weights(tf.constant(np.roll(clusters, turn, 1)), [1, 0])

    e = np.exp(-clusters[0])
    np.testing.assert_allclose(weights(), [e[0] / e.sum(), 1.0], rtol=1e-6)
    # As many draws as copies: those of a row sum to 1.
    total = sum(weights(turn).numpy()[0] for turn in range(3))
    assert total == pytest.approx(1.0)
    np.testing.assert_array_equal(weights(model=make()[0]), [1.0, 1.0])


def test_a_step_moves_features_and_classifier_but_no_target():
    model, _, _, batch = make()
    model.compile(run_eagerly=True)
    before = [v.numpy().copy() for v in model.trainable_variables]
    bank = model.bank.rows.numpy().copy()
    model.train_step(batch)
    assert all(
        np.any(v.numpy() != was)
        for v, was in zip(model.trainable_variables, before, strict=True)
    )
    np.testing.assert_array_equal(model.bank.rows.numpy(), bank)


# Weights of the neighbours.


def test_weights_are_convex_and_a_function_of_seed_and_step():
    model, *_ = make(neighbors=4, ce_weight="rho")
    y = tf.ones(2000, tf.int32)
    weights = model.draw_weights(y).numpy()
    assert weights.shape == (2000, 3, 4) and weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(weights.mean(axis=(0, 1)), 0.25, atol=0.01)
    np.testing.assert_array_equal(model.draw_weights(y), weights)
    model.steps_done.assign_add(1)
    assert np.all(np.any(model.draw_weights(y).numpy() != weights, axis=-1))


def test_a_small_class_has_fewer_neighbours():
    counts = (9, 4, 1)
    y = np.repeat([0, 1, 2], counts)
    x = np.tanh(np.random.default_rng(0).standard_normal((14, 3)).astype("float32"))
    with pytest.warns(UserWarning, match="one sample each"):
        model = DOS.from_data(x, y, seed=0, neighbors=5)
    weights = model.bank.weights(tf.ones((2, 5)), tf.constant([1, 2])).numpy()
    np.testing.assert_allclose(weights[0], [1 / 3, 1 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(weights[1], [1, 0, 0, 0, 0])
    # A class of one has no cluster, and its samples are the row itself.
    terms = model.cluster_terms(
        tf.ones((1, 128)), tf.zeros((1, 5, 128)), tf.ones((1, 1, 5)), tf.constant([2])
    )
    assert float(terms[0, 0]) == 0.0
    own = embeddings(model, x[y == 2])
    samples = model.sample([2, 2], seed=0)
    np.testing.assert_allclose(samples, np.repeat(own, 2, 0), atol=1e-6)


# Neighbours.


def test_neighbours_are_those_of_all_distances():
    points = np.random.default_rng(0).standard_normal((40, 6)).astype("float32")
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    expected = distances.argsort(axis=1)[:, :5]
    np.testing.assert_array_equal(nearest_in_class(points, 5), expected)


def test_a_row_is_no_neighbour_of_itself_even_among_copies():
    points = np.repeat([[1.0, 2.0], [3.0, 4.0]], [3, 2], axis=0).astype("float32")
    nearest = nearest_in_class(points, 2)
    assert all(row not in near for row, near in enumerate(nearest))
    assert {*nearest[0]} == {1, 2} and nearest[3][0] == 4


def test_neighbours_are_in_class_and_fixed_for_the_epoch():
    x, y = images()
    model = DOS.from_data(x, y, seed=0, neighbors=3, warmup_epochs=0)
    model.compile(keras.optimizers.SGD(0.5), jit_compile=False)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            bank, nearest = model.bank.rows.numpy(), model.bank.nearest.numpy()
            seen.append((batch, bank, nearest, embeddings(model, x)))

    model.fit(batches(x, y, 8), epochs=2, verbose=0, callbacks=[Watch()])
    starts = [entry for entry in seen if entry[0] == 0]
    assert len(starts) == 2 and np.any(starts[0][1] != starts[1][1])
    order = np.concatenate([np.flatnonzero(y == label) for label in (1, 2)])
    for number, (_, bank, nearest, now) in enumerate(starts):
        np.testing.assert_allclose(bank, now[order], rtol=1e-4, atol=1e-6)
        labels = y[order]
        assert np.all(labels[nearest] == labels[:, None])
        for label in (1, 2):
            own = np.flatnonzero(labels == label)
            expected = own[nearest_in_class(bank[own], 3)]
            np.testing.assert_array_equal(nearest[own], expected)
        for _, same, _, _ in seen[number * 4 : (number + 1) * 4]:
            np.testing.assert_array_equal(same, bank)


# Overloading and epochs.


def test_rows_of_a_class_come_as_often_as_it_is_overloaded():
    x, y = images((24, 9, 5))
    model = DOS.from_data(x, y, seed=0, max_overload=4)
    # ceil(24 / 9) = 3, and ceil(24 / 5) = 5 is bounded.
    assert model.overloads.tolist() == [1, 3, 4]
    assert DOS.from_data(x, y).overloads.tolist() == [1, 3, 5]
    number = np.arange(len(y))
    marked = x.copy()
    marked[:, 0, 0, 0] = number
    data = batches(marked, y, 1, seed=0)
    arranged = model.arrange(data)
    assert int(arranged.cardinality()) == int(data.cardinality()) == 38
    seen = {int(row): 0 for row in number}
    passes = iter(arranged.repeat())
    for _ in range(24 + 27 + 20):
        image, label, slot = next(passes)
        row = int(image[0, 0, 0, 0])
        assert label.numpy()[0] == y[row]
        assert slot.numpy()[0] == model.bank.slots_of(y)[row]
        seen[row] += 1
    np.testing.assert_array_equal(list(seen.values()), model.overloads[y])


def test_warm_up_trains_on_the_classes_alone():
    x, y = rows()

    def weights(epochs, **options):
        model = DOS.from_data(x, y, seed=0, max_overload=1, **options)
        model.compile(jit_compile=False)
        model.fit(batches(x, y, 8, seed=1), epochs=epochs, verbose=0)
        return np.concatenate([w.ravel() for w in model.classifier.get_weights()])

    huge = weights(2, cluster_weight=1e3, warmup_epochs=2, ce_weight="rho")
    none = weights(2, cluster_weight=0.0)
    np.testing.assert_array_equal(huge, none)
    assert np.any(weights(2, cluster_weight=1e3, warmup_epochs=1) != none)


def test_clusters_draw_a_small_class_together():
    x, y = rows((60, 20))

    def gap(cluster_weight):
        model = DOS.from_data(
            x, y, seed=0, cluster_weight=cluster_weight, warmup_epochs=0
        )
        model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
        model.fit(batches(x, y, 16, seed=1), epochs=8, verbose=0)
        small, large = (embeddings(model, x[y == k]) for k in (1, 0))
        scale = np.linalg.norm(small.mean(axis=0) - large.mean(axis=0))
        near = nearest_in_class(small.astype("float32"), 5)
        return np.linalg.norm(small[:, None] - small[near], axis=2).mean() / scale

    assert gap(3.0) < 0.6 * gap(0.0)


# Samples.


def test_samples_lie_between_neighbours():
    model, x, y, _ = make(neighbors=2)
    samples = model.sample([1] * 200, seed=0)
    assert samples.shape == (200, 128)
    bank, nearest = model.bank.rows.numpy(), model.bank.nearest.numpy()
    used = set()
    for sample in samples[:50]:
        gaps = []
        for a, b in bank[nearest]:
            share = (sample - b) @ (a - b) / np.sum((a - b) ** 2)
            gaps.append(np.abs(share * a + (1 - share) * b - sample).max())
            gaps[-1] += max(0.0, -share) + max(0.0, share - 1.0)
        assert min(gaps) < 1e-5
        used.add(int(np.argmin(gaps)))
    assert len(used) > 4


# Bad input.


def test_a_dataset_without_rows_is_refused():
    model, x, y, _ = make()
    foreign = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    for data in (foreign, batches(x, y, 8, balanced=True)):
        with pytest.raises(ValueError, match="`kerasos.data.batches`.*balanced=False"):
            model.fit(data, verbose=0)


def test_more_rows_than_built_for_are_refused_and_fewer_are_not():
    x, y = rows()
    model = DOS.from_data(x, y, seed=0)
    twice = np.concatenate([x, x]), np.concatenate([y, y])
    with pytest.raises(ValueError, match="at most 8 of label 1. Received: 16"):
        model.fit(*twice, verbose=0)
    model.compile(jit_compile=False)
    keep = np.flatnonzero(np.arange(len(y)) % 4 > 0)
    model.fit(x[keep], y[keep], batch_size=4, verbose=0)
    counts = np.bincount(y[keep])
    np.testing.assert_array_equal(model.bank.counts.numpy(), [0, counts[1]])
    used = np.any(model.bank.rows.numpy() != 0.0, axis=1)
    np.testing.assert_array_equal(used, np.arange(8) < counts[1])
    samples = model.sample([1] * 30, seed=0)
    assert np.all(np.abs(samples).max(axis=1) > 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_overload": 2.5}, "`max_overload`: it must be an integer of at least 1"),
        ({"ce_weight": "row"}, "Did you mean 'rho'"),
        ({"loss": "ce_binary"}, "one of 'ls', 'ce'"),
        ({"variant": "conv"}, "`variant='conv'` needs images"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make(**options)
