"""The generators of GAMO: what all promise, eq. 1 against SciPy, and the controls."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from kerasos.layers import ConvexGenerator
from kerasos.methods.gamo.generators import (
    ConditionalGenerator,
    RandomCombination,
    one_hot_of_sizes,
)

COUNTS = (5, 3, 0, 1)
FEATURES = 4


def make_trunk(latent_dim=2, num_classes=4, width=6):
    inputs = [keras.Input((latent_dim,)), keras.Input((num_classes,))]
    hidden = keras.layers.Concatenate()(inputs)
    kernel = keras.initializers.GlorotUniform(0)
    hidden = keras.layers.Dense(width, "relu", kernel_initializer=kernel)(hidden)
    return keras.Model(inputs, keras.layers.BatchNormalization()(hidden))


def make_generator(spread=2.0, counts=COUNTS, features=FEATURES, **kwargs):
    """A generator with random points, units of large weights and its points."""
    trunk = make_trunk(num_classes=len(counts))
    generator = ConvexGenerator(trunk, counts, features, **kwargs)
    source = np.random.default_rng(0)
    points = {}
    for label in generator.labels:
        points[label] = source.normal(size=(counts[label], features)).astype("float32")
        generator.set_anchors(label, points[label])
        kernel = generator.kernels[f"{label}"]
        kernel.assign(source.normal(scale=spread, size=kernel.shape))
        bias = generator.biases[f"{label}"]
        bias.assign(source.normal(size=bias.shape))
    return generator, points


def draw(num, labels=(0, 1, 3), latent_dim=2, seed=0):
    source = np.random.default_rng(seed)
    noise = source.normal(size=(num, latent_dim)).astype("float32")
    return noise, source.choice(labels, num).astype("int32")


def make_conditional():
    inputs = [keras.Input((2,)), keras.Input((4,))]
    hidden = keras.layers.Concatenate()(inputs)
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(5, "relu")(hidden))
    outputs = keras.layers.Dense(FEATURES, "tanh")(hidden)
    return ConditionalGenerator(keras.Model(inputs, outputs), labels=[0, 1, 3])


def make_control(points=1, counts=COUNTS):
    """A `RandomCombination` of the points that `make_generator` has."""
    generator = RandomCombination(counts, FEATURES, points=points)
    for label, rows in make_generator(counts=counts)[1].items():
        generator.set_anchors(label, rows)
    return generator


# What all generators promise.


KINDS = {
    "convex": lambda: make_generator(name="g")[0],
    "anchor_share": lambda: make_generator(anchor_share=0.4)[0],
    "conditional": make_conditional,
    "copies": make_control,
    "pairs": lambda: make_control(points=2),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def draw_for(generator, num):
    noise, labels = draw(num, generator.labels, generator.latent_dim)
    return tf.constant(noise), labels


@every_kind
@pytest.mark.parametrize("training", [False, True])
def test_block_form_equals_per_class_form(kind, training):
    generator, sizes = KINDS[kind](), (4, 6, 0, 3)
    noise, _ = draw_for(generator, 13)
    labels = np.repeat(np.arange(4), sizes).astype("int32")
    block = generator(noise, labels, training=training)
    grouped = generator.grouped(noise, sizes, training=training)
    np.testing.assert_allclose(block, grouped, atol=1e-5)
    only = generator.grouped(noise[:6], (0, 6, 0, 0), training=training)
    block = generator(noise[:6], np.full(6, 1, "int32"), training=training)
    np.testing.assert_allclose(block, only, atol=1e-5)


@every_kind
def test_neither_the_order_nor_the_size_of_a_batch_matters(kind):
    generator = KINDS[kind]()
    noise, labels = draw_for(generator, 50)
    expected = generator(noise, labels).numpy()
    order = np.random.default_rng(1).permutation(50)
    in_a_graph = tf.function(
        lambda noise, labels: generator(noise, labels),
        input_signature=[tf.TensorSpec((None, None)), tf.TensorSpec((None,), tf.int32)],
    )
    for call in (generator, in_a_graph):
        shuffled = call(tf.gather(noise, order), labels[order]).numpy()
        np.testing.assert_allclose(expected[order], shuffled, atol=1e-6)


@every_kind
def test_config_rebuilds_the_layer(kind):
    generator = KINDS[kind]()
    config = keras.saving.serialize_keras_object(generator)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == generator.get_config()
    assert copy.name == generator.name and copy.latent_dim == generator.latent_dim
    copy.set_weights(generator.get_weights())
    noise, labels = draw_for(generator, 12)
    np.testing.assert_array_equal(copy(noise, labels), generator(noise, labels))


@every_kind
def test_half_precision_policy_keeps_weights_and_sums_in_float32(kind):
    before = KINDS[kind]()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = KINDS[kind]()
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(before.get_weights())
    noise, labels = draw_for(half, 8)
    samples = half(noise, labels)
    assert samples.dtype == half.grouped(noise, (8, 0, 0, 0)).dtype == tf.float32
    np.testing.assert_allclose(samples, before(noise, labels), atol=0.05)
    if kind in ("copies", "pairs"):  # a rounded copy would be no copy
        np.testing.assert_array_equal(samples, before(noise, labels))
    if kind == "convex":
        weights = half.sample_weights(noise, 0)
        assert weights.dtype == tf.float32
        np.testing.assert_allclose(tf.reduce_sum(weights, 1), 1.0, atol=1e-6)


@pytest.mark.parametrize("kind", ["convex", "copies"])
def test_the_anchors_of_a_class_come_back(kind):
    generator, points = KINDS[kind](), make_generator()[1]
    assert generator.labels == [0, 1, 3]
    for label in generator.labels:
        np.testing.assert_array_equal(generator.get_anchors(label), points[label])


# The convex generator.


def test_samples_equal_equation_1_in_float64():
    generator, points = make_generator()
    noise, labels = draw(40)
    hidden = generator.trunk([noise, np.eye(4, dtype="float32")[labels]])
    hidden = hidden.numpy().astype("float64")
    expected = np.empty((40, FEATURES))
    for row, label in enumerate(labels):
        kernel = generator.kernels[f"{label}"].numpy()
        logits = hidden[row] @ kernel + generator.biases[f"{label}"].numpy()
        expected[row] = special.softmax(logits) @ points[label]
    np.testing.assert_allclose(generator(noise, labels), expected, atol=2e-5)


@pytest.mark.parametrize("label", [0, 1, 3])
def test_weights_are_convex(label):
    generator, _ = make_generator(spread=5.0)
    weights = generator.sample_weights(draw(200)[0], label).numpy()
    assert weights.shape == (200, COUNTS[label])
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)


def test_samples_are_their_weights_times_the_anchors():
    generator, points = make_generator()
    noise, _ = draw(10)
    weights = generator.sample_weights(noise, 1).numpy()
    samples = generator(noise, np.full(10, 1, "int32"))
    np.testing.assert_allclose(samples, weights @ points[1], atol=1e-5)


def test_anchors_and_units_of_other_classes_have_exactly_no_weight():
    generator, _ = make_generator()
    noise, _ = draw(30)
    labels = np.repeat([0, 3, 0], 10).astype("int32")
    before = generator(noise, labels).numpy()
    generator.set_anchors(1, np.full((3, FEATURES), 1e30, "float32"))
    generator.kernels["1"].assign(-7.0 * np.ones((6, 3)))
    generator.biases["1"].assign([1e4, 0.0, -1e4])
    after = generator(noise, labels).numpy()
    np.testing.assert_array_equal(before, after)


def test_samples_stay_inside_the_box_of_their_class():
    generator, points = make_generator(spread=8.0)
    noise, labels = draw(500)
    samples = generator(noise, labels).numpy()
    for label, anchors in points.items():
        own = samples[labels == label]
        assert len(own) > 100
        assert np.all(own >= anchors.min(axis=0) - 1e-5)
        assert np.all(own <= anchors.max(axis=0) + 1e-5)
        if label == 0:  # near the vertices, so the test has teeth
            assert own.std() > 0.5 * anchors.std()


def test_zero_units_give_the_class_mean():
    generator, points = make_generator()
    for unit in (generator.kernels, generator.biases):
        for variable in unit.values():
            variable.assign(tf.zeros(variable.shape))
    noise, labels = draw(30)
    expected = np.stack([points[label].mean(axis=0) for label in labels])
    np.testing.assert_allclose(generator(noise, labels), expected, atol=1e-6)


def test_a_class_of_one_point_gives_that_point():
    generator, points = make_generator()
    samples = generator(draw(5)[0], np.full(5, 3, "int32"))
    np.testing.assert_array_equal(samples, np.repeat(points[3], 5, axis=0))


def test_gradients_reach_the_trunk_and_the_units_of_classes_in_the_batch():
    generator, _ = make_generator()
    noise, labels = draw(20, labels=(0, 3))
    variables = generator.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(generator(noise, labels, training=True) ** 3)
    gradients = tape.gradient(loss, variables)
    size = {
        v.path: 0.0 if g is None else float(tf.reduce_max(tf.abs(g)))
        for v, g in zip(variables, gradients, strict=True)
    }
    assert size[generator.kernels["0"].path] > 1e-4
    assert size[generator.biases["0"].path] > 1e-4
    assert size[generator.kernels["1"].path] == 0.0
    assert size[generator.biases["1"].path] == 0.0
    trunk = [size[v.path] for v in generator.trunk.trainable_variables]
    assert max(trunk) > 1e-4


def test_class_variables_are_the_trunk_and_one_unit():
    generator, _ = make_generator()
    paths = {v.path for v in generator.class_variables(1)}
    expected = {v.path for v in generator.trunk.trainable_variables}
    expected |= {generator.kernels["1"].path, generator.biases["1"].path}
    assert paths == expected
    assert len(paths) == len(generator.class_variables(1))
    everything = set().union(
        *({v.path for v in generator.class_variables(k)} for k in generator.labels)
    )
    assert everything == {v.path for v in generator.trainable_variables}


def test_anchors_are_no_trainable_variables():
    generator, _ = make_generator()
    frozen = {v.path for v in generator.non_trainable_variables}
    assert {v.path for v in generator.anchors.values()} <= frozen
    assert generator.labels == [0, 1, 3]


def test_units_follow_the_seed_and_differ_between_classes():
    first, same, other = (
        ConvexGenerator(make_trunk(), (4, 4, 0, 4), 2, seed=seed) for seed in (1, 1, 2)
    )
    for label in ("0", "1", "3"):
        kernel = first.kernels[label].numpy()
        np.testing.assert_array_equal(kernel, same.kernels[label].numpy())
        assert np.abs(kernel - other.kernels[label].numpy()).max() > 0.05
    difference = first.kernels["0"].numpy() - first.kernels["1"].numpy()
    assert np.abs(difference).max() > 0.05


# Keras's own conversion of variables, with NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_file_keeps_anchors_units_and_trunk(tmp_path):
    generator, _ = make_generator()
    noise, labels = draw(12)
    generator(noise, labels, training=True)  # moves the moving averages
    inputs = [keras.Input((2,)), keras.Input((), dtype="int32")]
    model = keras.Model(inputs, generator(*inputs))
    model.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras")
    np.testing.assert_array_equal(loaded([noise, labels]), model([noise, labels]))


def sizes_in(graph):
    """Elements of every tensor of known shape in a graph and its functions."""
    graphs = [graph]
    while graphs:
        current = graphs.pop()
        graphs += [
            function.graph
            for function in getattr(current, "_functions", {}).values()
            if getattr(function, "graph", None) is not None
        ]
        for operation in current.get_operations():
            for output in operation.outputs:
                if output.shape.is_fully_defined():
                    yield output.shape.num_elements(), operation.name


@pytest.mark.parametrize("form", ["block", "grouped"])
def test_no_tensor_has_the_size_of_batch_times_anchors_times_features(form):
    batch, anchors, features = 64, 50, 40
    counts = (anchors, 0, anchors)
    generator, _ = make_generator(counts=counts, features=features)

    @tf.function
    def value_and_gradients(noise, labels):
        with tf.GradientTape() as tape:
            if form == "block":
                samples = generator(noise, labels, training=True)
            else:
                samples = generator.grouped(noise, (batch, 0, 0), training=True)
            loss = tf.reduce_sum(samples**2)
        return tape.gradient(loss, generator.class_variables(0))

    function = value_and_gradients.get_concrete_function(
        tf.TensorSpec((batch, 2)), tf.TensorSpec((batch,), tf.int32)
    )
    found = sorted(sizes_in(function.graph))
    assert len(found) > 30
    # The largest: batch x features, batch x anchors or anchors x features.
    largest, name = found[-1]
    assert largest <= max(batch * features, batch * anchors, anchors * features), name


def test_one_hot_of_sizes_is_sorted_by_class():
    expected = [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(one_hot_of_sizes((2, 0, 1)), expected)


# Ours: the anchor share, which keeps samples off the corners of the hull.


def test_an_anchor_share_mixes_a_uniformly_drawn_point_into_every_sample():
    share = 0.3
    generator, points = make_generator(anchor_share=share)
    plain, _ = make_generator()
    assert generator.latent_dim == plain.latent_dim + 1
    noise = draw(4000, latent_dim=3)[0]
    weights = generator.sample_weights(noise, 0).numpy()
    own = plain.sample_weights(noise[:, :2], 0).numpy()
    rest = (weights - (1.0 - share) * own) / share
    np.testing.assert_allclose(rest.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(rest.max(axis=1), 1.0, atol=1e-5)
    # 4000 draws of 5 anchors: 800 each, standard deviation 25.
    drawn = np.bincount(rest.argmax(axis=1), minlength=5)
    assert np.all(np.abs(drawn - 800) < 5 * 25.3)
    np.testing.assert_array_equal(
        rest.argmax(axis=1), np.floor(special.ndtr(noise[:, 2].astype("f8")) * 5)
    )
    samples = generator(noise, np.zeros(4000, "int32"))
    np.testing.assert_allclose(samples, weights @ points[0], atol=1e-5)


def test_an_anchor_share_leaves_a_one_hot_generator_inside_the_hull():
    # The trained generator is nearly one-hot: exp(entropy) 1 without the share.
    generator, _ = make_generator(anchor_share=0.5)
    generator.kernels["0"].assign(np.zeros((6, 5)))
    generator.biases["0"].assign([0.0, 50.0, 0.0, 0.0, 0.0])
    weights = generator.sample_weights(draw(500, latent_dim=3)[0], 0).numpy()
    entropy = special.entr(weights).sum(axis=1)
    alone = weights[:, 1] > 0.99
    # Half of each weight unless the drawn point is the generator's own.
    np.testing.assert_allclose(np.exp(entropy[~alone]), 2.0, atol=1e-4)
    assert 0.1 < alone.mean() < 0.3
    assert set(np.flatnonzero(weights.max(axis=0) > 0.4)) == set(range(5))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_anchor_share_is_a_share(share):
    with pytest.raises(ValueError, match="must be a finite number of at least 0 below"):
        make_generator(anchor_share=share)


# The ablation cG.


def test_samples_are_the_network_of_noise_and_one_hot_label():
    generator = make_conditional()
    noise, labels = draw_for(generator, 9)
    one_hot = tf.constant(np.eye(4, dtype="float32")[labels])
    expected = generator.network([noise, one_hot])
    np.testing.assert_array_equal(generator(noise, labels), expected)
    assert generator.latent_dim == 2 and generator.labels == [0, 1, 3]


def test_label_and_noise_both_matter():
    generator = make_conditional()
    noise, _ = draw_for(generator, 9)
    zeros, threes = (generator(noise, np.full(9, k, "int32")).numpy() for k in (0, 3))
    assert np.abs(zeros - threes).max() > 1e-3
    assert np.ptp(zeros, axis=0).max() > 1e-3


def test_a_step_on_any_class_moves_the_whole_network():
    generator = make_conditional()
    paths = [v.path for v in generator.network.trainable_variables]
    for label in generator.labels:
        assert [v.path for v in generator.class_variables(label)] == paths


# The controls that do not learn.


@pytest.mark.parametrize("label", [0, 1])
def test_copies_are_rows_of_the_class_with_equal_frequencies(label):
    rows = make_generator()[1][label]
    samples = make_control()(*draw(3000, [label], latent_dim=3)).numpy()
    distance = np.abs(samples[:, None] - rows[None]).max(axis=-1)
    assert np.all(distance.min(axis=1) == 0.0)
    counts = np.bincount(distance.argmin(axis=1), minlength=len(rows))
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("label", [0, 1])
def test_pairs_lie_uniformly_on_segments_of_the_class(label):
    generator, rows = make_control(points=2), make_generator()[1][label]
    noise, labels = draw(3000, [label], latent_dim=3)
    samples = generator(noise, labels).numpy()
    # The same draw in float64: index = floor(n * Phi(z)), share = Phi(z).
    uniform = stats.norm.cdf(noise.astype("float64"))
    first, second = (
        rows[np.minimum((uniform[:, k] * len(rows)).astype(int), len(rows) - 1)]
        for k in (0, 1)
    )
    share = uniform[:, 2:]
    expected = share * first + (1 - share) * second
    close = np.isclose(samples, expected, rtol=1e-4, atol=1e-3).all(axis=1)
    assert close.mean() > 0.998  # float32 may fall on the other side of a border
    assert stats.kstest(share[:, 0], "uniform").pvalue > 1e-4
    pairs = np.floor(uniform[:, :2] * len(rows)) @ [len(rows), 1]
    counts = np.bincount(pairs.astype(int), minlength=len(rows) ** 2)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_extreme_noise_stays_inside_the_class():
    points = make_generator()[1]
    noise = np.full((4, 3), 30.0, "float32")
    noise[2:] = -30.0
    ends = [points[0][-1], points[1][-1], points[0][0], points[1][0]]
    for number in (1, 2):
        samples = make_control(number)(noise, np.array([0, 1, 0, 1], "int32"))
        np.testing.assert_array_equal(samples, ends)


def test_other_numbers_of_points_are_refused():
    with pytest.raises(ValueError, match="`points` must be 1 or 2. Received: points=3"):
        RandomCombination(COUNTS, 2, points=3)


def test_controls_train_nothing():
    generator = make_control()
    assert generator.trainable_variables == generator.class_variables(0) == []
    assert generator.latent_dim == 3
