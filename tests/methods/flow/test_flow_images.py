"""Flow matching of images: its U-Net, guidance, augmentation, balance of classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows, two_kinds_of_images
from scipy import linalg

import kerasos
from kerasos import FlowMatching
from kerasos.data import DataSpec
from kerasos.methods.flow.flow import augmented, heun, matching_loss
from kerasos.methods.flow.unet import (
    GaussianPath,
    patch_of,
    velocity_unet,
    width_of,
)


def make_flow(**options):
    x, y = two_kinds_of_images()
    options = {"width": 8, "draws": 1, "sampling_steps": 3, **options}
    model = FlowMatching.from_data(x, y, seed=0, **options)
    model.compile(run_eagerly=True)
    return model, (tf.constant(x[:8]), tf.constant(y[:8], tf.int32))


class Listening(keras.Model):
    """A velocity network that keeps what it is told, and gives one number."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.shape, self.told = shape, []
        self.level = self.add_weight(shape=(), initializer="ones", name="level")
        self.built = True

    output_shape = property(lambda self: (None, *self.shape))

    def call(self, inputs, training=False):
        samples, _, told = inputs
        self.told.append(told.numpy())
        return tf.ones_like(samples) * self.level


def listening_flow(**options):
    x, y = two_kinds_of_images()
    network = Listening(x.shape[1:])
    options = {"spec": DataSpec.of(x, y), "model_range": (-1, 1), **options}
    model = FlowMatching(network, seed=0, **options)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model, network, (tf.constant(x), tf.constant(y, tf.int32))


# The path, against the closed form for Gaussians.


def gaussian_velocity(mean, covariance):
    """E[x1 - x0 | x_t] for independent x0 ~ N(0, I) and x1 ~ N(mean, covariance)."""
    identity = np.eye(len(mean))

    def velocity(points, time):
        t = float(time)
        cross = t * covariance - (1 - t) * identity
        own = t**2 * covariance + (1 - t) ** 2 * identity
        slope = (cross @ np.linalg.inv(own)).astype("float32")
        return np.float32(mean) + (points - np.float32(t * mean)) @ slope.T

    return velocity


def test_with_the_exact_velocity_the_path_ends_in_the_distribution_of_the_data():
    mean = np.array([1.0, -2.0, 0.5])
    root = np.array([[0.8, 0.0, 0.0], [0.5, 0.6, 0.0], [-0.3, 0.2, 1.4]])
    covariance = root @ root.T
    velocity, errors = gaussian_velocity(mean, covariance), []
    for steps in (25, 50, 100):
        starts = tf.constant(np.concatenate([np.zeros((1, 3)), np.eye(3)]), tf.float32)
        ends = heun(velocity, starts, steps).numpy().astype("float64")
        # The path is affine: what noise 0 and unit noises become says all of it.
        found_mean, found_map = ends[0], (ends[1:] - ends[0]).T
        found = found_map @ found_map.T
        np.testing.assert_allclose(found_mean, mean, atol=4 / steps**2)
        np.testing.assert_allclose(found, covariance, atol=4 / steps**2)
        exact = linalg.sqrtm(covariance)  # of commuting slopes
        errors.append(np.abs(found_map - exact).max())
    # Second order: half the step, a quarter of the error.
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4.0, rtol=0.1)


def test_an_untrained_network_is_the_velocity_of_gaussian_pixels():
    network = velocity_unet((8, 8, 1), 2, seed=0, width=8)
    points = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype("float32")
    label = np.eye(2, dtype="float32")[[0, 1, 1]]
    for time in (0.0, 0.3, 1.0):
        exact = gaussian_velocity(np.zeros(64), 0.25 * np.eye(64))
        found = network([points, np.full((3, 1), time, "float32"), label])
        expected = np.reshape(exact(points.reshape(3, 64), time), points.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # So before any training noise shrinks to half of itself.
    model, _ = make_flow(sampling_steps=25)
    noise = np.random.default_rng(0).normal(size=(4, 64)).astype("float32")
    samples = model.generate(tf.constant(noise), tf.constant([0, 1, 0, 1]))
    np.testing.assert_allclose(samples, np.clip(noise / 2, -1, 1), atol=5e-3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_the_path_in_float32(policy):
    time = np.array([[0.5], [0.501]], "float32")
    expected = GaussianPath()(time)
    keras.config.set_dtype_policy(policy)
    try:
        network = velocity_unet((8, 8, 1), 2, seed=0, width=8)
        scales = GaussianPath()(time)
        points = np.full((2, 8, 8, 1), 0.3337, "float32")
        velocity = network([points, time, np.zeros((2, 2))])
    finally:
        keras.config.set_dtype_policy("float32")
    for scale, exact in zip(scales, expected, strict=True):
        assert scale.dtype == "float32"
        np.testing.assert_array_equal(scale, exact)
    np.testing.assert_allclose(velocity, points * expected[1], rtol=1e-6)


# The network.


@pytest.mark.parametrize(
    "shape, patch, width, grids",
    [
        ((8, 8, 1), 1, 32, [(8, 8), (4, 4)]),
        ((28, 28, 1), 2, 32, [(14, 14), (7, 7)]),
        ((32, 32, 3), 2, 32, [(16, 16), (8, 8)]),
        ((64, 64, 3), 4, 48, [(16, 16), (8, 8)]),
        ((30, 13, 2), 2, 32, [(15, 7), (8, 4)]),
        ((9, 5, 1), 1, 32, [(9, 5), (5, 3)]),
        ((256, 256, 3), 16, 64, [(16, 16), (8, 8)]),
    ],
)
def test_grids_follow_the_data(shape, patch, width, grids):
    assert (patch_of(shape), width_of(shape)) == (patch, width)
    network = velocity_unet(shape, 3, seed=0, width=4)
    assert network.output_shape == (None, *shape)
    for index, grid in enumerate(grids):
        layer = network.get_layer(f"unet_down_{index}_0_in")
        assert layer.output.shape[1:3] == grid
    assert f"unet_down_{len(grids)}_0_in" not in [n.name for n in network.layers]


def test_finer_patches_make_more_grids():
    network = velocity_unet((28, 28, 1), 3, seed=0, width=4, blocks=2, patch=1)
    outputs = {layer.name: layer.output for layer in network.layers}
    for level, side in enumerate((28, 14, 7)):
        for index in range(2):
            for way in ("down", "up"):
                name = f"unet_{way}_{level}_{index}_in"
                assert outputs[name].shape[1:3] == (side, side)


@pytest.mark.parametrize("attention", [False, True])
def test_the_network_knows_time_and_label(attention):
    network = velocity_unet((9, 7, 2), 2, seed=0, width=8, attention=attention)
    names = [layer.name for layer in network.layers]
    assert ("unet_attention_query" in names) is attention
    kernel = network.get_layer("unet_last").kernel
    assert not np.any(kernel)
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    image, label = np.ones((1, 9, 7, 2), "float32"), np.array([[1.0, 0.0]])
    one = network([image, np.array([[0.2]]), label]).numpy()
    assert np.any(one != network([image, np.array([[0.7]]), label]))
    assert np.any(one != network([image, np.array([[0.2]]), 1 - label]))
    again = velocity_unet((9, 7, 2), 2, seed=0, width=8, attention=attention)
    for left, right in zip(network.weights, again.weights, strict=True):
        if left is not kernel:
            np.testing.assert_array_equal(left, right)


def test_places_of_the_smallest_grid_attend_to_each_other():
    network = velocity_unet((4, 4, 1), 1, seed=0, width=4, attention=True)
    layer = {layer.name: layer for layer in network.layers}
    places = keras.Model(network.inputs, layer["unet_attention_norm"].output)
    found = keras.Model(network.inputs, layer["unet_attention_output"].output)
    image = np.random.default_rng(0).normal(size=(1, 4, 4, 1)).astype("float32")
    inputs = [image, np.ones((1, 1)), np.ones((1, 1))]
    rows = places(inputs).numpy().reshape(4, 8)
    query, key, value, output = (
        layer[f"unet_attention_{part}"].kernel.numpy()
        for part in ("query", "key", "value", "output")
    )
    scores = np.exp(rows @ query @ (rows @ key).T / np.sqrt(8))
    weights = scores / scores.sum(axis=1, keepdims=True)
    expected = weights @ (rows @ value) @ output
    np.testing.assert_allclose(found(inputs)[0], expected, rtol=1e-4, atol=1e-5)


# Training.


def test_the_label_is_dropped_in_a_tenth_of_the_rows():
    model, network, (x, y) = listening_flow(label_dropout=0.1, draws=40)
    for _ in range(4):
        model.train_step((x, y))
    told = np.concatenate(network.told)
    dropped = ~told.any(axis=1)
    count = 4 * 40 * len(y)
    assert len(told) == count
    assert abs(dropped.mean() - 0.1) < 4 * np.sqrt(0.09 / count)
    labels = np.tile(np.repeat(np.eye(2)[y], 40, axis=0), (4, 1))
    np.testing.assert_array_equal(told[~dropped], labels[~dropped])
    assert not np.array_equal(*np.split(dropped, 4)[:2])  # others in each step
    network.told.clear()
    model.test_step((x, y))  # held-out data are judged with all labels
    assert np.all(network.told[0].sum(axis=1) == 1)


def test_images_drop_labels_by_default_and_rows_do_not():
    model, _ = make_flow()
    assert model.label_dropout == 0.1 and model.guidance == 1.0
    assert FlowMatching.from_data(*rows(), seed=0, width=8).label_dropout == 0.0


def test_the_mean_of_the_weights_after_two_steps_is_saved(tmp_path):
    model, batch = make_flow()
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    steps = []
    for _ in range(2):
        model.train_step(batch)
        steps.append([v.numpy() for v in model.network.trainable_variables])
    # The first step is the whole mean, 1 - (1 - 1/2)^8 of the second replaces it.
    means = [was / 256 + new * 255 / 256 for was, new in zip(*steps, strict=True)]
    model.save(tmp_path / "flow.keras")
    loaded = keras.saving.load_model(tmp_path / "flow.keras")
    for found in (model, loaded):
        for average, mean in zip(found.averages, means, strict=True):
            np.testing.assert_allclose(average, mean, rtol=1e-5, atol=1e-7)
    sample = model.sample([1, 0, 1], seed=3)
    for weight in loaded.network.trainable_variables:  # samples come of the mean
        weight.assign(tf.zeros_like(weight))
    np.testing.assert_array_equal(loaded.sample([1, 0, 1], seed=3), sample)


def test_the_class_balancing_term_by_hand():
    mine, other = tf.Variable([[3.0, 1.0]]), tf.Variable([[1.0, 1.0]])
    label, rest = np.float32([[1, 0]]), np.float32([[0, 1]])

    def velocity(points, time, one_hot):
        return one_hot[:, :1] * mine + one_hot[:, 1:] * other

    row, noise, time = np.float32([[4, 2]]), np.float32([[1, 1]]), np.float32([[0.6]])
    with tf.GradientTape() as tape:
        plain = matching_loss(velocity, row, noise, time, label)
        loss = matching_loss(velocity, row, noise, time, label, rest, 5.0)
        added = loss - plain
    # (3, 1) is apart from (1, 1) by a mean square of 2; 5 (1 - .6) (2 + 2/4) = 5.
    assert float(plain) == pytest.approx(0.0, abs=1e-6)
    assert float(added) == pytest.approx(5.0, rel=1e-5)
    # Each side moves by its own half: 5 (1 - .6) times 2, and times 1/2.
    to_mine, to_other = tape.gradient(added, [mine, other])
    np.testing.assert_allclose(to_mine, [[4.0, 0.0]], rtol=1e-5)
    np.testing.assert_allclose(to_other, [[-1.0, 0.0]], rtol=1e-5)


def test_classes_of_the_balancing_term_are_drawn_alike():
    model, network, (x, y) = listening_flow(
        label_dropout=0.5, class_balance=1.0, draws=40
    )
    model.train_step((x, y))
    own, other = network.told
    dropped = ~own.any(axis=1)
    # Where a label is dropped there is none to compare it with.
    np.testing.assert_array_equal(dropped, ~other.any(axis=1))
    share = other[~dropped].mean(axis=0)  # of 20 and 8 images
    np.testing.assert_allclose(share, 0.5, atol=4 * np.sqrt(0.25 / (~dropped).sum()))


def test_changes_of_images_and_what_is_told_of_them():
    x = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 2)).astype("float32")
    uniforms = np.full((4, 10), 0.9, "float32")
    uniforms[1, 4] = 0.1  # mirrored
    uniforms[2, [0, 5]] = 0.1, 0.0  # moved down by an eighth of 8 pixels
    uniforms[3, [1, 6]] = 0.1, 0.75  # right by half of that, to the left
    found, told = augmented(tf.constant(x), tf.constant(uniforms), 0.5)
    np.testing.assert_array_equal(
        told,
        [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [-1, 0, 0, 0, 0], [0, 0.5, 0, 0, 0]],
    )
    moved = np.concatenate([x[2, :1], x[2, :-1]], axis=0)
    right = np.concatenate([x[3, :, 1:], x[3, :, -1:]], axis=1)
    expected = [x[0], x[1, :, ::-1], moved, (x[3] + right) / 2]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_augmented_images_come_at_their_rate_and_samples_are_told_of_none():
    model, network, (x, y) = listening_flow(augment=0.3, draws=40, sampling_steps=1)
    model.train_step((x, y))
    changes = network.told[0][:, 2:]
    assert changes.shape == (40 * len(y), 5) and np.abs(changes).max() <= 1
    share = (changes != 0).mean(axis=0)
    np.testing.assert_allclose(share, 0.3, atol=4 * np.sqrt(0.21 / len(changes)))
    network.told.clear()
    model.generate(tf.zeros((2, 64)), tf.constant([0, 1]))
    for told in network.told:
        np.testing.assert_array_equal(told, [[1, 0, 0, 0, 0, 0, 0], [0, 1] + 5 * [0]])


# How often classes are drawn.


@pytest.mark.parametrize(
    ("data", "options", "alike"),
    [
        (two_kinds_of_images, {}, True),
        (two_kinds_of_images, {"class_balance": 0.5}, False),
        (two_kinds_of_images, {"class_balance": 0.5, "pre_oversample": True}, "copies"),
        (two_kinds_of_images, {"pre_oversample": False}, False),
        (rows, {}, False),
        (rows, {"pre_oversample": True}, "copies"),
    ],
)
def test_of_what_classes_are_drawn_alike(data, options, alike):
    x, y = data()
    network = Listening(x.shape[1:])
    model = FlowMatching(network, spec=DataSpec.of(x, y), seed=0, **options)
    assert model.batch_balance is alike or model.batch_balance == alike == "copies"


def test_a_file_keeps_whether_it_was_asked_for(tmp_path):
    for asked, alike in ((None, True), (False, False)):
        model, _ = make_flow(pre_oversample=asked)
        model.save(tmp_path / "flow.keras")
        loaded = keras.saving.load_model(tmp_path / "flow.keras")
        assert loaded.pre_oversample is asked and loaded.batch_balance == alike


def shares_of(model, network):
    """Share of each class in what the network was told, and forgets it."""
    told = np.concatenate(network.told).mean(axis=0)
    network.told.clear()
    return told.tolist()


def test_classes_of_images_are_drawn_alike_where_the_data_allow_it():
    model, network, (x, y) = listening_flow(draws=1)
    x, y = x.numpy(), y.numpy()
    assert np.bincount(y).tolist() == [20, 8]
    alike = pytest.approx([0.5, 0.5], abs=4 * 0.5 / np.sqrt(5 * 28))
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    assert int(model.steps_done) == 5 * 7  # epochs as long as ever
    assert shares_of(model, network) == alike
    model.fit(kerasos.data.batches(x, y, 4), epochs=5, verbose=0)
    assert shares_of(model, network) == alike
    with pytest.raises(ValueError, match="no order to keep.*shuffle=False.*Leave it"):
        model.fit(x, y, shuffle=False)
    with pytest.raises(ValueError, match="no order to keep.*pre_oversample=False"):
        model.fit(kerasos.data.batches(x, y, 4, shuffle=False))
    model.fit(kerasos.data.batches(x, y, 4, "copies", shuffle=False), verbose=0)
    assert shares_of(model, network) == [0.5, 0.5]
    own = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    told = "drawn as often as they come, 8 to 20 .*or bu"
    with pytest.warns(UserWarning, match=told) as warned:
        model.fit(own, epochs=1, verbose=0)
    assert {warning.filename for warning in warned} == {__file__}
    assert shares_of(model, network) == pytest.approx([20 / 28, 8 / 28])
    model.pre_oversample = False
    model.fit(own, epochs=1, verbose=0)
    assert shares_of(model, network) == pytest.approx([20 / 28, 8 / 28])
    model.pre_oversample = True
    with pytest.raises(ValueError, match="build the model with `pre_oversample=False`"):
        model.fit(own, epochs=1, verbose=0)


# Guidance.


def test_guidance_one_is_no_guidance_and_others_go_on_from_no_label():
    model, batch = make_flow(sampling_steps=1)
    model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    for _ in range(2):
        model.train_step(batch)
    network = model.network
    for weight, average in zip(
        network.trainable_variables, model.averages, strict=True
    ):
        weight.assign(average)
    noise = np.random.default_rng(0).normal(size=(2, 64)).astype("float32")
    labels, one_hot = tf.constant([0, 1]), np.eye(2, dtype="float32")

    def velocity(points, time, guidance):
        inputs = [points.reshape(2, 8, 8, 1), np.full((2, 1), time, "float32")]
        of_class = network([*inputs, one_hot]).numpy().reshape(2, 64)
        of_all = network([*inputs, 0 * one_hot]).numpy().reshape(2, 64)
        assert np.abs(of_class - of_all).max() > 1e-3
        if guidance == 1:
            return of_class
        return of_all + guidance * (of_class - of_all)

    for guidance in (0.0, 1.0, 2.5):
        model.guidance = guidance
        first = velocity(noise, 0.0, guidance)
        second = velocity(noise + first, 1.0, guidance)
        expected = np.clip(noise + (first + second) / 2, -1, 1)
        found = model.generate(tf.constant(noise), labels)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    samples = [model.sample([0, 1], seed=1)]
    model.guidance = 1.0
    samples.append(model.sample([0, 1], seed=1))
    assert np.any(samples[0] != samples[1])  # a setting of a trained model
    never, _ = make_flow(sampling_steps=1, label_dropout=0.0)
    never.set_weights(model.get_weights())
    never.allow_untrained = True
    np.testing.assert_array_equal(never.sample([0, 1], seed=1), samples[1])


@pytest.mark.parametrize("guidance, calls", [(1.0, 1), (2.0, 2), (0.0, 2)])
def test_no_guidance_costs_one_evaluation_of_the_network(guidance, calls):
    model, network, _ = listening_flow(
        label_dropout=0.1, guidance=guidance, sampling_steps=4
    )
    model.generate(tf.zeros((2, 64)), tf.constant([0, 1]))
    told = np.concatenate(network.told)
    assert len(told) == 2 * calls * 2 * 4  # Heun's method takes two velocities a step
    assert (~told.any(axis=1)).sum() == (calls - 1) * 2 * 2 * 4


# What it learns, and what it refuses.


def test_it_learns_which_bar_is_bright():
    x, y = images(counts=(24, 9, 5))
    model = FlowMatching.from_data(x, y, seed=0, width=16, draws=1, sampling_steps=8)
    model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=20)
    data = kerasos.data.batches(x, y, 32, seed=0, steps_per_epoch=40)
    losses = model.fit(data, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    labels = np.repeat([0, 1, 2], 20)
    bars = model.sample(labels, seed=1).astype(float).mean(axis=(2, 3))
    bright = bars.reshape(60, 4, 2).mean(axis=2).argmax(axis=1)
    assert np.mean(bright == labels) > 0.95
    # As bright as the bars of the data, of mean 190 beside 60.
    assert abs(np.mean([bars[i, 2 * k] for i, k in enumerate(labels)]) - 190) < 15


def test_an_image_sampler_by_name_balances_a_stack():
    x, y = images(counts=(20, 6))
    sampler = kerasos.over_sampling.DeepOverSampler(
        "flow",
        epochs=1,
        method_params={"width": 4, "sampling_steps": 1},
        random_state=0,
    )
    x_res, y_res = sampler.fit_resample(x, y)
    assert x_res.shape == (40, 8, 8, 1) and x_res.dtype == x.dtype
    assert np.bincount(y_res).tolist() == [20, 20]
    np.testing.assert_array_equal(x_res[:26], x)
    assert sampler.model_.batch_balance is True  # unlike others' of images


@pytest.mark.parametrize(
    "data, options, words",
    [
        (rows, {"patch": 2}, "`patch` is for images.*Received: patch=2.*Leave it out"),
        (rows, {"attention": True}, "`attention` is for images"),
        (rows, {"augment": 0.1}, "`augment` is for images"),
        (rows, {"guidance": 2.0}, "`guidance`.*label_dropout=0.0.*Set `guidance` to 1"),
        (images, {"guidance": 2.0, "label_dropout": 0.0}, "train with `label_dropout"),
        (images, {"label_dropout": 1.5}, "Invalid `label_dropout`"),
    ],
)
def test_options_that_do_not_fit_are_refused(data, options, words):
    with pytest.raises(ValueError, match=words):
        FlowMatching.from_data(*data(), seed=0, width=8, **options)


def test_guidance_of_a_model_that_saw_all_labels_is_refused_when_it_samples():
    model, batch = make_flow(label_dropout=0.0)
    model.train_step(batch)
    model.guidance = 2.0
    with pytest.raises(ValueError, match="only a model trained with `label_dropout`"):
        model.sample([0, 1])
