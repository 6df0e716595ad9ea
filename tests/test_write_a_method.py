"""The page for authors of methods, its example WGAN-GP, the guard of their steps."""

import ast
import pathlib
import re

import keras
import numpy as np
import pytest
import script_module
import tensorflow as tf
from contract_cases import rows
from steps import moved_paths, paths

import kerasos
from kerasos.data.spec import DataSpec
from kerasos.layers import GlobalBatchNormalization

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "wgan_gp.py"
PAGE = (ROOT / "docs" / "write_a_method.md").read_text(encoding="utf-8")
WIDTH, CLASSES, NOISE = 6, 2, 3
SPEC = DataSpec((WIDTH,), "float32", (-1, 1), (20, 8))


@pytest.fixture(scope="module")
def example():
    with script_module.registered(EXAMPLE) as module:
        yield module


def joined(*widths):
    inputs = [keras.Input((width,)) for width in widths]
    return inputs, keras.layers.Concatenate()(inputs)


def linear_critic(weights):
    """D(x, y) = w x + v y."""
    inputs, x = joined(WIDTH, CLASSES)
    layer = keras.layers.Dense(1, use_bias=False)
    critic = keras.Model(inputs, layer(x))
    layer.set_weights([np.asarray(weights, "float32").reshape(-1, 1)])
    return critic


def generator(*layers):
    inputs, x = joined(NOISE, CLASSES)
    for layer in (*layers, keras.layers.Dense(WIDTH)):
        x = layer(x)
    return keras.Model(inputs, x, name="generator")


def build(cls, critic=None, layers=(), rate=0.1, **options):
    critic = critic or linear_critic(np.linspace(-0.4, 0.8, WIDTH + CLASSES))
    options = {"spec": SPEC, "model_range": (-1, 1), "seed": 0, **options}
    model = cls(generator(*layers), critic, **options)
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def batch(size=8):
    x, y = rows()
    return tf.constant(x[:size]), tf.constant(y[:size], tf.int32)


# The losses.


@pytest.mark.parametrize("norm", [0.0, 0.3, 1.0, 2.5])
def test_the_penalty_of_a_linear_critic_is_that_of_its_slope(example, norm):
    w = np.array([1.0, -2.0, 2.0, 0.0, 0.0, 0.0]) / 3.0 * norm
    model = build(example.WGANGP, linear_critic([*w, 5.0, -7.0]))
    x, y = batch()
    _, penalty = model.critic_loss(x, x + 3.0, tf.one_hot(y, CLASSES), tf.ones(8))
    np.testing.assert_allclose(penalty, (norm - 1.0) ** 2, atol=1e-5)


def test_the_penalty_is_taken_between_real_and_generated_samples(example):
    # D(x) = |x|^2 / 2, whose gradient at x is x.
    inputs, x = joined(WIDTH, CLASSES)
    half = keras.ops.sum(inputs[0] ** 2, axis=1, keepdims=True) / 2.0
    model = build(example.WGANGP, keras.Model(inputs, half))
    source = np.random.default_rng(0)
    x, fake = source.normal(size=(2, 8, WIDTH)).astype("float32")
    share = source.uniform(size=8).astype("float32")
    one_hot = tf.one_hot(np.arange(8) % 2, CLASSES)
    _, penalty = model.critic_loss(*map(tf.constant, (x, fake)), one_hot, share)
    between = share[:, None] * x + (1 - share[:, None]) * fake
    expected = np.mean((np.linalg.norm(between, axis=1) - 1.0) ** 2)
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def test_a_step_is_that_of_the_paper(example):
    """Critic and generator are linear, so that all derivatives are known."""
    w = np.linspace(-0.4, 0.8, WIDTH + CLASSES)
    model = build(example.WGANGP, n_critic=2, penalty_weight=10.0, rate=0.05)
    x, y = batch()
    one_hot = np.eye(CLASSES)[y]
    kernel, bias = (v.numpy().astype(float) for v in model.generator.weights)
    noises = [
        model.normal(8, NOISE, tag).numpy()
        for tag in ("critic_0", "critic_1", "generator")
    ]
    inputs = [np.concatenate([noise, one_hot], 1) for noise in noises]
    real = np.concatenate([x, one_hot], 1).mean(0)
    for fed in inputs[:2]:
        fake = np.concatenate([fed @ kernel + bias, one_hot], 1).mean(0)
        norm = np.linalg.norm(w[:WIDTH])
        loss = w @ fake - w @ real + 10.0 * (norm - 1.0) ** 2
        slope = np.where(np.arange(len(w)) < WIDTH, w, 0.0) / norm
        w = w - 0.05 * (fake - real + 20.0 * (norm - 1.0) * slope)
    fake = np.concatenate([inputs[2] @ kernel + bias, one_hot], 1).mean(0)
    logs = model.train_step((x, y))
    np.testing.assert_allclose(logs["d_loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(logs["gradient_penalty"], (norm - 1) ** 2, rtol=1e-4)
    np.testing.assert_allclose(logs["g_loss"], -w @ fake, rtol=1e-4)
    np.testing.assert_allclose(model.critic.weights[0][:, 0], w, rtol=1e-4)
    moved = kernel + 0.05 * inputs[2].T @ np.tile(w[:WIDTH] / 8, (8, 1))
    np.testing.assert_allclose(model.generator.weights[0], moved, rtol=1e-4)


def test_the_critic_moves_five_times_and_then_the_generator(example, monkeypatch):
    model = build(example.WGANGP)
    steps = moved_paths(model, monkeypatch)
    model.train_step(batch())
    expected = [("d_optimizer", paths(model.critic))] * 5
    assert steps == [*expected, ("g_optimizer", paths(model.generator))]


def test_networks_have_their_sizes(example):
    x, y = np.zeros((12, 28, 28, 1), "uint8"), np.arange(12) % 2
    x[:] = 20 * np.arange(12)[:, None, None, None]
    images = example.WGANGP.from_data(x, y, seed=0)
    # Two label maps beside the channel; 7 x 7 x 128 features.
    conv = (16 * 3 + 1) * 64 + (16 * 64 + 1) * 128 + 49 * 128
    assert images.critic.count_params() == conv
    assert images.generator.output_shape == (None, 28, 28, 1)
    table = example.WGANGP.from_data(*rows(), seed=0, latent_dim=10)
    assert table.critic.count_params() == (8 + 1) * 256 + 257 * 128 + 128
    assert table.generator.input_shape == [(None, 10), (None, 2)]


# A user's way to it.


def test_it_samples_tables_by_name(example):
    x, y = rows()
    sampler = kerasos.DeepOverSampler("wgan_gp", epochs=2, random_state=0)
    x_res, y_res = sampler.fit_resample(x, y)
    assert type(sampler.model_).__name__ == "WGANGP"
    np.testing.assert_array_equal(np.bincount(y_res), [20, 20])
    np.testing.assert_array_equal(x_res[: len(x)], x)


@pytest.mark.slow(reason="trains on digits for 360 steps")
def test_it_trains_on_digits(example):
    (x, y), (x_test, y_test) = kerasos.data.load("digits", class_counts=20)
    x, x_test = (images.reshape(len(images), -1) for images in (x, x_test))
    model = example.WGANGP.from_data(x, y, seed=0, lr=1e-3, n_critic=2)
    model.fit(kerasos.data.batches(x, y, 64), epochs=60, verbose=0)
    # Samples of a class are mostly nearest to the mean of this class in the test set.
    means = np.stack([x_test[y_test == label].mean(0) for label in range(10)])
    samples = model.sample(y_test, seed=0).astype(float)
    far = ((samples[:, None] - means[None]) ** 2).sum(2)
    assert np.mean(far.argmin(1) == y_test) > 0.5


@pytest.mark.slow(reason="traces and trains convolutions")
def test_the_script_runs(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = example.main(epochs=1)
    loaded = keras.saving.load_model("wgan_gp.keras")
    labels = np.arange(10)
    np.testing.assert_array_equal(loaded.sample(labels, 1), model.sample(labels, 1))
    assert re.search(r"acsa with wgan_gp 0\.\d{4}", capsys.readouterr().out)


# What replicas may do.


# Steps as an author may write them: a function of the model and a batch, and what is
# wrong with it.


def generator_now_and_then(model, x, one_hot):
    due = model.steps_done % 2 == 0
    return tf.cond(due, lambda: model._generator_step(one_hot), lambda: 0.0)


def fakes_now_and_then(model, x, one_hot):
    """Without a step of an optimizer: the normalisation of G meets."""
    due = model.steps_done % 2 == 0
    return tf.reduce_mean(tf.cond(due, lambda: model._fakes(one_hot, "z"), lambda: x))


def critic_in_a_loop(model, x, one_hot):
    def step(k, loss):
        return k + 1, model._critic_step(x, one_hot, 0)[0]

    return tf.while_loop(lambda k, loss: k < 2, step, (0, 0.0))[1]


def function_of_its_own(model, x, one_hot):
    return tf.function(model._generator_step, autograph=False)(one_hot)


def count(model):
    """A number of Python's, which goes up with each replica that is traced."""
    model.__dict__["count"] = model.__dict__.get("count", 0) + 1
    return model.count


def other_player(model, x, one_hot):
    if count(model) % 2:
        return model._generator_step(one_hot)
    return model._critic_step(x, one_hot, 0)[0]


def first_replica_alone(model, x, one_hot):
    return model._generator_step(one_hot) if count(model) % 2 else tf.constant(0.0)


def second_replica_alone(model, x, one_hot):
    return tf.constant(0.0) if count(model) % 2 else model._generator_step(one_hot)


def counted_tags(model, x, one_hot):
    return tf.reduce_mean(model._fakes(one_hot, f"z{count(model)}"))


def one_tag(model, x, one_hot):
    return tf.add_n([model._critic_step(x, one_hot, 0)[0] for _ in range(2)])


CANNOT = r"cannot meet inside.*Received: "
DIFFER = r"do not do the same.*place 1: "
WRONG = [
    (generator_now_and_then, CANNOT + "the batch norm.* of shape .4,.* in the graph"),
    (fakes_now_and_then, CANNOT + "the batch norm.*run both branches"),
    (critic_in_a_loop, CANNOT + "the batch norm.*Write the loop in Python"),
    (function_of_its_own, CANNOT + "the batch norm.*leave out `tf.function`"),
    (other_player, DIFFER + "a draw.*'generator'.*another: a draw.*'critic_0'"),
    (first_replica_alone, DIFFER + "a draw.*another: the log of.*leave counters"),
    (second_replica_alone, DIFFER + "the log of.*another: a draw.*'generator'"),
    (counted_tags, DIFFER + "a draw .* 'z1'. Received from another: .* 'z2'"),
    (one_tag, "two draws with one tag.*Received: 'critic_0' twice.*Number the tags"),
]


@pytest.fixture
def training(example):
    """Returns a function that trains two steps of a kind under a strategy."""

    def train(strategy, step):
        class Tried(example.WGANGP):
            def train_step(self, data):
                x, one_hot = self.real_batch(data)
                return self.finish_step(d_loss=step(self, x, one_hot))

        with strategy.scope():
            layers = [keras.layers.Dense(4), GlobalBatchNormalization()]
            model = build(Tried, layers=layers)
        model.fit(kerasos.data.batches(*rows(), 8, steps_per_epoch=2), verbose=0)
        return model

    return train


@pytest.mark.parametrize(("step", "words"), WRONG)
def test_what_replicas_cannot_do_is_said_while_it_is_traced(
    training, two_replicas, step, words
):
    with pytest.raises(RuntimeError, match=f"(?s)`Tried.train_step`: .*{words}"):
        training(two_replicas, step)


@pytest.mark.parametrize("step", [generator_now_and_then, critic_in_a_loop])
def test_one_device_does_without_the_rules(training, step):
    model = training(tf.distribute.get_strategy(), step)
    assert int(model.steps_done.numpy()) == 2


def trained(cls, strategy, width):
    """Weights after two steps with a normalisation of `width` units in G."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        dense = keras.layers.Dense(width)
        layers = [dense, GlobalBatchNormalization()]
        model = build(cls, layers=layers, rate=0.01, n_critic=1)
    model.fit(kerasos.data.batches(*rows(), 8, seed=1, steps_per_epoch=2), verbose=0)
    return [v.numpy() for v in model.trainable_variables]


def test_a_second_strategy_with_other_exchanges_is_refused(example, two_replicas):
    """TensorFlow would stop all collectives of the process, at the 100th of them."""
    cls, devices = example.WGANGP, ["CPU:0", "CPU:1"]
    expected = trained(cls, two_replicas, 4)
    second = tf.distribute.MirroredStrategy(devices)
    with pytest.raises(RuntimeError, match="several strategies.*2 strategies. Make"):
        trained(cls, second, 5)
    # The first one is as it was, and so is one whose replicas exchange otherwise.
    reduction = tf.distribute.ReductionToOneDevice()
    third = tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)
    for strategy in (two_replicas, third):
        for left, right in zip(trained(cls, strategy, 4), expected, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


# The page.


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_code_of_the_page_is_that_of_the_example():
    lines = [line.strip() for line in EXAMPLE.read_text().splitlines()]
    quotes = [block for block in blocks("python") if "..." not in block]
    assert len(quotes) >= 4
    for quote in quotes:
        quoted = [line.strip() for line in quote.splitlines()]
        starts = range(len(lines) - len(quoted) + 1)
        assert any(lines[n : n + len(quoted)] == quoted for n in starts), quote


def test_links_of_the_page_lead_to_files():
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target.startswith("http") or (ROOT / "docs" / target).exists(), target


def test_the_example_uses_no_private_name_of_the_package():
    tree = ast.parse(EXAMPLE.read_text())
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    taken = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    taken += [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    private = {name for name in taken if re.match("_[^_]", name)}
    assert private <= own
