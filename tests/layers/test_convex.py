"""The convex generator: eq. 1 against SciPy, and what convexity promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from kerasos.layers import ConvexGenerator
from kerasos.layers.convex import one_hot_of_sizes

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


@pytest.mark.parametrize("training", [False, True])
def test_block_form_equals_per_class_form(training):
    generator, _ = make_generator()
    sizes = (4, 6, 0, 3)
    noise, _ = draw(13)
    labels = np.repeat(np.arange(4), sizes).astype("int32")
    block = generator(noise, labels, training=training)
    grouped = generator.grouped(noise, sizes, training=training)
    np.testing.assert_allclose(block, grouped, atol=1e-5)
    only = generator.grouped(noise[:6], (0, 6, 0, 0), training=training)
    block = generator(noise[:6], np.full(6, 1, "int32"), training=training)
    np.testing.assert_allclose(block, only, atol=1e-5)


def test_order_of_a_mixed_batch_does_not_matter():
    generator, _ = make_generator()
    noise, labels = draw(50)
    order = np.random.default_rng(1).permutation(50)
    shuffled = generator(noise[order], labels[order]).numpy()
    np.testing.assert_allclose(
        generator(noise, labels).numpy()[order], shuffled, atol=1e-6
    )


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


def test_config_rebuilds_the_layer():
    generator, _ = make_generator(seed=9, name="g")
    config = keras.saving.serialize_keras_object(generator)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.anchor_counts == COUNTS and copy.num_features == FEATURES
    assert copy.seed == 9 and copy.name == "g" and copy.latent_dim == 2
    copy.set_weights(generator.get_weights())
    noise, labels = draw(12)
    np.testing.assert_array_equal(copy(noise, labels), generator(noise, labels))


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


def test_half_precision_policy_keeps_weights_and_sums_in_float32():
    generator, _ = make_generator()
    before = generator(*draw(8))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half, _ = make_generator()
    finally:
        keras.config.set_dtype_policy("float32")
    for samples in (
        half(*draw(8)),
        half.grouped(draw(8)[0], (8, 0, 0, 0)),
    ):
        assert samples.dtype == tf.float32
    np.testing.assert_allclose(half(*draw(8)), before, atol=0.05)
    weights = half.sample_weights(draw(8)[0], 0)
    assert weights.dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(weights, 1), 1.0, atol=1e-6)


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


def test_block_form_equals_per_class_form_with_an_anchor_share():
    generator, _ = make_generator(anchor_share=0.4)
    sizes = (7, 5, 0, 3)
    noise = draw(15, latent_dim=3)[0]
    labels = np.repeat(np.arange(4), sizes).astype("int32")
    np.testing.assert_allclose(
        generator(noise, labels), generator.grouped(noise, sizes), atol=1e-6
    )


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_anchor_share_is_a_share(share):
    with pytest.raises(ValueError, match="must lie in"):
        make_generator(anchor_share=share)


def test_the_anchors_of_a_class_come_back():
    generator, points = make_generator()
    for label in generator.labels:
        np.testing.assert_array_equal(generator.get_anchors(label), points[label])
