"""The base of all methods, on two networks of a few numbers."""

import contextlib
import dataclasses
import gc
import io

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.metrics import balanced_accuracy_score

import kerasos
from kerasos.data import DataSpec, batches
from kerasos.methods.base import OversamplingModel, alone, num_rows
from kerasos.metrics import ACSA

SPEC = DataSpec((2,), "float32", (0.0, 4.0), class_counts=(12, 8, 4))


def dense(name, units, inputs, dropout=0.0):
    kernel = keras.initializers.GlorotUniform(seed=len(name))
    layers = [keras.Input((inputs,))]
    if dropout:
        layers.append(keras.layers.Dropout(dropout, seed=5))
    layers.append(keras.layers.Dense(units, kernel_initializer=kernel, name=name))
    return keras.Sequential(layers, name=f"{name}_network")


@keras.saving.register_keras_serializable(package="kerasos_tests")
class Toy(OversamplingModel):
    """A generator pulls its samples to the batch, a critic its scores to 0 and 1.

    The generator alone learns in the stage "alone" (epochs 0 and 1), both in "both".
    """

    stages = ("alone", "both")
    traces = []  # on the class: Keras would track a list of the model

    def __init__(self, generator=None, critic=None, *, spec=SPEC, **kwargs):
        super().__init__(spec=spec, noise_dim=3, **kwargs)
        self.generator = generator or dense("generator", 2, 3)
        self.critic = critic or dense("critic", 1, 2)
        self.track("g_loss", "d_loss")
        self.score = keras.metrics.Mean(name="score")
        self.entered = []

    def compile(self, g_optimizer=None, d_optimizer=None, **kwargs):
        optimizers = {
            "d_optimizer": d_optimizer or keras.optimizers.Adam(0.01),
            "g_optimizer": g_optimizer or keras.optimizers.Adam(0.01),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        return {
            "d_optimizer": self.critic.trainable_variables,
            "g_optimizer": self.generator.trainable_variables,
        }

    def stage_at(self, epoch):
        return "alone" if epoch < 2 else "both"

    def on_stage_begin(self, stage):
        self.entered = [*self.entered, stage]

    def train_step(self, data):
        Toy.traces.append(self.stage)
        x = self.to_model(data[0])
        losses = {"g_loss": self._generator_step(x)}
        if self.stage == "both":
            losses["d_loss"] = self._critic_step(x)
        return self.finish_step(**losses)

    def _generator_step(self, x):
        noise = self.normal(num_rows(x), self.noise_dim, "generator")
        with tf.GradientTape() as tape:
            fake = self.generator(noise, training=True)
            loss = tf.reduce_mean(tf.math.squared_difference(tf.cast(fake, x.dtype), x))
        variables = self.generator.trainable_variables
        self.minimize(loss, tape, variables, self.g_optimizer)
        return loss

    def _critic_step(self, x):
        target = self.uniform(num_rows(x), "target", 0.1)
        with tf.GradientTape() as tape:
            score = tf.cast(self.critic(x, training=True), tf.float32)
            loss = tf.reduce_mean(tf.math.squared_difference(score[:, 0], target))
        self.minimize(loss, tape, self.critic.trainable_variables, self.d_optimizer)
        return loss

    def test_step(self, data):
        # XLA cannot compile a Python function, so this fails under it.
        rows = tf.numpy_function(lambda x: np.float32(len(x)), [data[0]], tf.float32)
        self.score.update_state(tf.ensure_shape(rows, ()))
        return {"score": self.score.result()}

    @property
    def metrics(self):
        return [*super().metrics, self.score]

    def generate(self, latent, labels):
        shift = 0.1 * tf.cast(labels, tf.float32)[:, None]
        return tf.cast(self.generator(latent), tf.float32) + shift


class OneStage(Toy):
    stages = ("both",)

    def stage_at(self, epoch):
        return "both"


class Judged(OneStage):
    """Judged by the mean of the first feature and by the recall of a rule."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.recall = ACSA(3, name="acsa")

    def test_step(self, data):
        x, y = data
        self.recall.update_state(y, tf.cast(x[:, 0] / 1.4, tf.int32))
        log = self.finish_validation(num_rows(x), loss=tf.reduce_mean(x[:, 0]))
        return {**log, "acsa": self.recall.result()}

    @property
    def metrics(self):
        return [*super().metrics, self.recall]


@pytest.fixture(scope="module")
def data():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat([0, 1, 2], SPEC.class_counts))
    x = source.uniform(0, 4, (len(y), 2)).astype("float32")
    return x, y


@pytest.fixture
def toy(data):
    """Returns a function that builds, compiles and fits a model."""

    def run(cls=Toy, epochs=0, dropout=0.0, model=None, **options):
        if model is None:
            model = cls(dense("generator", 2, 3, dropout), seed=0)
            model.compile(**options)
        if epochs:
            model.fit(batches(*data, 6), epochs=epochs, verbose=0)
        return model

    return run


def test_an_epoch_makes_one_iterator(toy, data, monkeypatch):
    """Keras makes one more where it counts the steps itself, and one at the end."""
    model, made = toy(epochs=3), []
    make = tf.data.Dataset.__iter__
    monkeypatch.setattr(
        tf.data.Dataset, "__iter__", lambda self: made.append(1) or make(self)
    )
    model.fit(batches(*data, 6), epochs=7, initial_epoch=3, verbose=0)
    assert len(made) == 5


def values(model):
    return [v.numpy() for v in model.weights]


def joined(strategy, per_replica):
    """All rows of a value, replica after replica."""
    return np.concatenate(strategy.experimental_local_results(per_replica))


# Noise.


def test_replicas_see_the_rows_of_one_global_draw(toy, two_replicas):
    one = toy()
    with two_replicas.scope():
        model = toy()
    draws = {
        "normal": lambda m, rows: m.normal(rows, 2, "a"),
        "uniform": lambda m, rows: m.uniform(rows, "a", 0.1),
    }
    for name, draw in draws.items():
        expected = draw(one, 6).numpy()
        per_replica = two_replicas.run(lambda d=draw: d(model, 3))
        np.testing.assert_array_equal(joined(two_replicas, per_replica), expected)
        first, second = two_replicas.experimental_local_results(per_replica)
        assert not np.any(np.isin(first, second)), name


def test_replicas_share_what_is_meant_for_all(toy, two_replicas):
    expected = toy().shared_uniform("a").numpy()
    with two_replicas.scope():
        model = toy()
    per_replica = two_replicas.run(lambda: model.shared_uniform("a"))
    for value in two_replicas.experimental_local_results(per_replica):
        assert value.numpy() == expected


def test_noise_depends_on_seed_step_and_tag_alone(toy):
    model = toy()
    first = model.normal(4, 2, "a").numpy()
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(model.normal(4, 2, "a"), first)
    np.testing.assert_array_equal(toy().normal(4, 2, "a"), first)
    assert not np.any(np.isin(model.normal(4, 2, "b"), first))
    model.steps_done.assign(1)
    assert not np.any(np.isin(model.normal(4, 2, "a"), first))
    other = Toy(seed=1)
    assert not np.any(np.isin(other.normal(4, 2, "a"), first))


def test_xla_draws_the_same_noise_uniforms_bit_for_bit(toy):
    model = toy()
    model.steps_done.assign(7)

    def draw():
        return (
            model.uniform(50, "b"),
            model.shared_uniform("c"),
            model.normal(64, 33, "a"),
        )

    *uniforms, normals = draw()
    for jit_compile in (False, True):
        *got, got_normals = tf.function(draw, jit_compile=jit_compile)()
        for ours, expected in zip(got, uniforms, strict=True):
            np.testing.assert_array_equal(ours, expected)
        # XLA computes the inverse distribution function in its own order.
        np.testing.assert_allclose(got_normals, normals, rtol=5e-6, atol=1e-7)


def test_noise_has_the_distribution_it_says(toy):
    model = toy()
    normal = model.normal(20_000, 1, "a").numpy()
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1.0) < 0.03
    uniform = model.uniform(20_000, "a", 0.1).numpy()
    assert uniform.min() >= 0 and uniform.max() < 0.1
    assert abs(uniform.mean() - 0.05) < 0.001
    shared = model.shared_uniform("a").numpy()
    assert shared.shape == () and 0 <= shared < 1


def test_without_a_seed_every_model_has_its_own():
    assert Toy().seed != Toy().seed


# Steps.


def slope_step(model, variable, optimizer, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.math.squared_difference(variable.value, x))
    model.minimize(loss, tape, [variable], optimizer)


@pytest.mark.parametrize("wrapped", [False, True])
def test_minimize_under_two_replicas_is_one_step_on_the_mean(two_replicas, wrapped):
    """From w = 2 with x = 1 | 5: gradients 2 | -6, mean -2, so w = 2 + 0.1 * 2."""

    def optimizer_of(variable):
        optimizer = keras.optimizers.SGD(0.1)
        if wrapped:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 16.0)
        optimizer.build([variable])
        return optimizer

    with two_replicas.scope():
        model, variable = Toy(seed=0), keras.Variable(2.0)
        optimizer = optimizer_of(variable)

    @tf.function
    def step(x):
        slope_step(model, variable, optimizer, x)

    x = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant([[1.0], [5.0]][context.replica_id_in_sync_group])
    )
    two_replicas.run(step, args=(x,))
    np.testing.assert_allclose(variable.numpy(), 2.2, rtol=1e-6)

    variable = keras.Variable(2.0)
    slope_step(Toy(seed=0), variable, optimizer_of(variable), tf.constant([1.0, 5.0]))
    np.testing.assert_allclose(variable.numpy(), 2.2, rtol=1e-6)


def test_fit_on_two_replicas_equals_one_device(toy, two_replicas):
    one = toy(epochs=3)
    with two_replicas.scope():
        two = toy(epochs=3)
    for left, right in zip(values(one), values(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    assert int(two.steps_done.numpy()) == 12


def test_a_step_matches_one_worked_by_hand(data):
    """Gradient descent on mean((noise K + b - x)^2), by NumPy."""
    model = OneStage(seed=0)
    model.compile(g_optimizer=keras.optimizers.SGD(0.5), run_eagerly=True)
    x, y = data[0][:6], data[1][:6]
    kernel, bias = (v.numpy() for v in model.generator.trainable_variables)
    noise = model.normal(6, 3, "generator").numpy()
    error = noise @ kernel + bias - (x / 2.0 - 1.0)
    model.fit(batches(x, y, 6, shuffle=False), verbose=0)
    got = [v.numpy() for v in model.generator.trainable_variables]
    np.testing.assert_allclose(got[0], kernel - noise.T @ error / 12, atol=1e-6)
    np.testing.assert_allclose(got[1], bias - error.mean(axis=0) / 2, atol=1e-6)


def test_steps_per_execution_and_xla_change_nothing(toy):
    plain = toy(OneStage, epochs=2)
    for options in ({"steps_per_execution": 2}, {"jit_compile": True}):
        model = toy(OneStage, epochs=2, **options)
        for left, right in zip(values(plain), values(model), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


# Stages.


def test_each_stage_is_traced_once_and_runs_its_own_step(toy, data):
    Toy.traces.clear()
    model = toy()
    critic = [v.numpy() for v in model.critic.trainable_variables]
    with pytest.warns(UserWarning, match="end before the stage"):
        history = model.fit(batches(*data, 6), epochs=2, verbose=0).history
    assert set(history) == {"loss", "g_loss"} and history["loss"] == history["g_loss"]
    for was, v in zip(critic, model.critic.trainable_variables, strict=True):
        np.testing.assert_array_equal(v.numpy(), was)
    history = model.fit(batches(*data, 6), initial_epoch=1, epochs=4, verbose=0).history
    lengths = {name: len(h) for name, h in history.items()}
    assert lengths == {"loss": 3, "g_loss": 3, "d_loss": 2}
    for was, v in zip(critic, model.critic.trainable_variables, strict=True):
        assert np.any(v.numpy() != was)
    model.fit(batches(*data, 6), epochs=3, verbose=0)
    assert model.entered == ["alone", "alone", "both", "alone", "both"]
    assert Toy.traces == ["alone", "both"]
    assert int(model.steps_done.numpy()) == 4 * (2 + 3 + 3)


def test_compiling_anew_traces_anew(toy, data):
    model = toy(OneStage, epochs=1)
    Toy.traces.clear()
    model.compile(g_optimizer=keras.optimizers.SGD(0.0))
    before = [v.numpy() for v in model.generator.trainable_variables]
    toy(model=model, epochs=1)
    assert Toy.traces == ["both"]
    for was, v in zip(before, model.generator.trainable_variables, strict=True):
        np.testing.assert_array_equal(v.numpy(), was)


def test_a_stage_that_is_never_reached_is_told(toy, data):
    with pytest.warns(UserWarning, match="2 epochs end before the stage 'both'"):
        toy(epochs=2)


def test_resuming_in_the_middle_of_the_stages(toy, data, tmp_path):
    unbroken = toy(epochs=4)
    first = toy(epochs=3)
    first.save(tmp_path / "m.keras")
    second = keras.saving.load_model(tmp_path / "m.keras")
    second.fit(batches(*data, 6), initial_epoch=3, epochs=4, verbose=0)
    for left, right in zip(values(unbroken), values(second), strict=True):
        np.testing.assert_array_equal(left, right)


# Validation.


def test_validation_takes_any_batch_and_never_xla(toy, data):
    model = toy(OneStage, jit_compile=True)
    history = model.fit(
        batches(*data, 6), verbose=0, validation_data=data, validation_batch_size=7
    ).history
    # 24 rows in batches of 7, 7, 7 and 3: the mean number of rows is 6.
    assert history["val_score"] == [6.0]
    assert model.jit_compile is True
    result = model.evaluate(*data, batch_size=24, verbose=0, return_dict=True)
    assert result == {"score": 24.0}


@pytest.mark.parametrize("replicas", [1, 2])
def test_validation_counts_every_row_once(toy, data, two_replicas, replicas):
    # Batches of 7, 7, 7 and 1: one replica has 4 rows and then 1, the other 3 and none.
    x, y = (values[:22] for values in data)
    expected = {
        "loss": x[:, 0].mean(),
        "acsa": balanced_accuracy_score(y, np.floor(x[:, 0] / 1.4)),
    }
    scope = two_replicas.scope if replicas == 2 else contextlib.nullcontext
    for eagerly in (False, True):
        with scope():
            model = toy(Judged, run_eagerly=eagerly)
        found = model.evaluate(x, y, batch_size=7, verbose=0, return_dict=True)
        assert found == pytest.approx(expected, rel=1e-6)
    held_out = tf.data.Dataset.from_tensor_slices((x, y)).batch(7)
    history = toy(model=model, run_eagerly=False).fit(
        *data, batch_size=6, validation_data=held_out, verbose=0
    )
    found = {name: history.history[f"val_{name}"][0] for name in expected}
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bool", "uint16", "list"])
def test_held_out_labels_of_any_dtype(toy, data, dtype):
    model, (x, y) = toy(Judged), data
    y = np.minimum(y, 1)
    expected = model.evaluate(x, y, verbose=0)
    if dtype == "list":
        assert model.evaluate(x.tolist(), y.tolist(), verbose=0) == expected
        return
    y = y.astype(dtype)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    assert model.evaluate(x, y, verbose=0) == expected
    assert model.evaluate(dataset, verbose=0) == expected
    assert model.test_on_batch(x, y.astype("int32")) == expected
    model.fit(dataset, validation_data=(x, y), verbose=0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda x, y: x, "need labels"),
        (lambda x, y: [x], "need labels"),
        (lambda x, y: (x, None), "need labels"),
        (lambda x, y: (x, y, np.ones(len(y))), "third part, the weights"),
        (lambda x, y: (x, y + 1), "Received: label 3"),
    ],
)
def test_held_out_data_that_cannot_be_used(toy, data, given, words):
    model = toy(Judged)
    for call in (
        lambda: model.evaluate(given(*data), verbose=0),
        lambda: model.fit(*data, validation_data=given(*data), verbose=0),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match=r"evaluate` takes no .*`sample_weight`"):
        model.evaluate(*data, sample_weight=np.ones(24))
    assert int(model.steps_done.numpy()) == 0


def test_validation_split_holds_out_the_end(toy, data):
    model = toy(OneStage)
    history = model.fit(
        *data, batch_size=6, validation_split=0.25, epochs=1, verbose=0
    ).history
    assert history["val_score"] == [6.0]
    assert int(model.steps_done.numpy()) == 3  # 18 rows


# What `fit` takes.


def test_arrays_and_batches_of_the_same_seed_train_alike(toy, data):
    from kerasos.randomness.seeds import derive_seed

    left, right = toy(OneStage), toy(OneStage)
    left.fit(*data, batch_size=6, epochs=2, verbose=0)
    same = batches(*data, 6, seed=derive_seed(right.seed, "batches"))
    right.fit(same, epochs=2, verbose=0)
    for a, b in zip(values(left), values(right), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_is_gone_leaves_no_graph(toy, data):
    def graphs():
        gc.collect()
        kind = tf.__internal__.FuncGraph
        return sum(isinstance(found, kind) for found in gc.get_objects())

    before = graphs()
    model = toy(Toy, epochs=3)
    model.sample([0, 1], verbose=0)
    assert graphs() > before
    del model
    assert graphs() == before


def test_gradients_of_several_replicas_are_summed_outside_their_scope(two_replicas):
    keras.utils.set_random_seed(0)
    x, y = np.eye(4, dtype="float32"), np.arange(4) % 2
    with two_replicas.scope():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(1.0), loss)
    with alone(model.optimizer):
        model.fit(batches(x, y, 4), epochs=1, shuffle=False, verbose=0)
    first, second = model.layers[0].kernel.value.values
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_a_callback_list_is_kept(toy, data):
    model = toy(epochs=0)
    epochs = []
    noted = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epochs.append(epoch)
    )
    callbacks = keras.callbacks.CallbackList(
        [noted], model=model, add_history=True, epochs=3, verbose=0, steps=4
    )
    model.fit(batches(*data, 6), epochs=3, callbacks=callbacks, verbose=0)
    assert epochs == [0, 1, 2]
    assert model.entered == ["alone", "both"]


def plain(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (lambda x, y: {"x": x}, "`fit` needs labels"),
        (lambda x, y: {"x": x[:, :1], "y": y}, "shape the model was built for"),
        (lambda x, y: {"x": x.astype("uint8"), "y": y}, "units the model was built"),
        (lambda x, y: {"x": x * np.nan, "y": y}, "must be finite"),
        (lambda x, y: {"x": x, "y": y[:3]}, "one label per sample"),
        (lambda x, y: {"x": x, "y": y + 3}, "Expected 0..2. Received: label 5"),
        (lambda x, y: {"x": x, "y": y - 1}, "must not be negative"),
        (lambda x, y: {"x": x, "y": y + 0.5}, "must be integers"),
        (lambda x, y: {"x": x, "y": y, "batch_size": 25}, "Expected at most 24"),
        (lambda x, y: {"x": x, "y": y, "class_weight": {0: 2.0}}, "no `class_weight`"),
        (lambda x, y: {"x": x, "y": y, "sample_weight": y}, "and no `sample_weight`"),
        (lambda x, y: {"x": plain(x, y), "y": y}, "go with arrays"),
        (lambda x, y: {"x": plain(x, y), "batch_size": 2}, "go with arrays"),
        (
            lambda x, y: {"x": plain(x, y), "validation_split": 0.5},
            "go with arrays",
        ),
        (lambda x, y: {"x": plain(x, y)}, "must yield batches"),
        (
            lambda x, y: {"x": plain(x, y).batch(30, drop_remainder=True)},
            "has no batch",
        ),
        (
            lambda x, y: {"x": tf.data.Dataset.from_tensor_slices(x).batch(4)},
            "must yield pairs",
        ),
        (lambda x, y: {"x": plain(x[:, :1], y).batch(4)}, "shape the model was built"),
    ],
)
def test_bad_fit_input_is_refused_before_any_step(toy, data, arguments, words):
    model = toy()
    Toy.traces.clear()
    with pytest.raises(ValueError, match=words):
        model.fit(**arguments(*data), verbose=0)
    assert int(model.steps_done.numpy()) == 0 and not Toy.traces


def test_labels_of_batches_are_checked_before_any_step(toy, data):
    model = toy()
    before = values(model)
    labels = np.arange(len(data[0])) % 9
    with pytest.raises(ValueError, match="Received: label 8"):
        model.fit(batches(data[0], labels, 4), verbose=0)
    for value, old in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


# Saving.


def test_seed_generators_are_saved(toy, data, tmp_path):
    unbroken = toy(OneStage, epochs=4, dropout=0.5)
    first = toy(OneStage, epochs=2, dropout=0.5)
    states = [state.numpy() for state in first._seed_states()]
    assert len(states) == 1 and states[0].any()
    first.save_weights(tmp_path / "m.weights.h5")
    second = toy(OneStage, dropout=0.5)
    assert second._seed_states()[0].numpy().tolist() != states[0].tolist()
    second.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(second._seed_states()[0].numpy(), states[0])
    # Optimizers come with the weights too, so this run is the unbroken one.
    second.fit(batches(*data, 6), initial_epoch=2, epochs=4, verbose=0)
    for left, right in zip(values(unbroken), values(second), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_dropout_model_resumes_from_a_whole_file(toy, data, tmp_path):
    unbroken = toy(epochs=4, dropout=0.5)
    with pytest.warns(UserWarning, match="2 epochs end before"):
        first = toy(epochs=2, dropout=0.5)
    first.save(tmp_path / "m.keras")
    second = keras.saving.load_model(tmp_path / "m.keras")
    second.fit(batches(*data, 6), initial_epoch=2, epochs=4, verbose=0)
    for left, right in zip(values(unbroken), values(second), strict=True):
        np.testing.assert_array_equal(left, right)


def test_how_it_was_compiled_is_saved(toy, tmp_path):
    model = Toy(seed=0)
    optimizer = keras.optimizers.SGD(0.25, momentum=0.5)
    model.compile(g_optimizer=optimizer, steps_per_execution=2, jit_compile=True)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.g_optimizer.get_config() == optimizer.get_config()
    assert isinstance(loaded.d_optimizer, keras.optimizers.Adam)
    assert loaded.steps_per_execution == 2 and loaded.jit_compile is True


def test_a_model_that_was_not_compiled_can_be_saved(tmp_path):
    model = Toy(seed=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert not loaded.compiled
    np.testing.assert_array_equal(
        loaded.sample([0, 1], seed=0), model.sample([0, 1], seed=0)
    )


def test_a_model_of_two_replicas_loads_on_one_device_and_back(
    toy, data, two_replicas, tmp_path
):
    unbroken = toy(epochs=4)
    with two_replicas.scope():
        toy(epochs=3).save(tmp_path / "m.keras")
    one = keras.saving.load_model(tmp_path / "m.keras")
    one.steps_per_execution = 2  # as a file saved on one device may say
    one.fit(batches(*data, 6), initial_epoch=3, epochs=4, verbose=0)
    for left, right in zip(values(unbroken), values(one), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    three = toy(epochs=3)
    three.jit_compile = True  # what two replicas cannot do
    three.save(tmp_path / "jit.keras")
    with two_replicas.scope():
        two = keras.saving.load_model(tmp_path / "jit.keras")
        two.fit(batches(*data, 6), initial_epoch=3, epochs=4, verbose=0)
    assert two.jit_compile is False
    for left, right in zip(values(unbroken), values(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


# Optimizers.


def test_a_learning_rate_scheduler_works(toy, data):
    model = toy(OneStage)
    seen = []
    model.fit(
        batches(*data, 6),
        epochs=3,
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.5**epoch),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append(
                    (logs["learning_rate"], float(model.g_optimizer.learning_rate))
                )
            ),
        ],
    )
    assert seen == [(1.0, 1.0), (0.5, 0.5), (0.25, 0.25)]


def test_a_gpu_gets_xla_and_a_file_leaves_the_choice_to_its_reader(monkeypatch):
    def jit(**options):
        model = OneStage(seed=0)
        model.compile(**options)
        return model.jit_compile, model.get_compile_config()["jit_compile"]

    assert jit() == (False, "auto")
    cards = {"GPU": ["GPU:0"], "CPU": ["CPU:0"]}
    monkeypatch.setattr(tf.config, "list_logical_devices", cards.__getitem__)
    assert jit() == (True, "auto")
    assert jit(jit_compile=False) == (False, False)
    assert jit(run_eagerly=True) == (False, "auto")
    monkeypatch.setattr(OneStage, "can_jit", False)
    assert jit() == (False, "auto")
    model = OneStage(seed=0)
    model.compile()
    model.jit_compile = True  # as Keras lets one choose later
    assert model.get_compile_config()["jit_compile"] is True


@pytest.fixture
def given_to_xla(monkeypatch):
    """The list of `jit_compile` of each function that is made from here on."""
    found, function = [], tf.function

    def spy(*args, **kwargs):
        if "jit_compile" in kwargs:
            found.append(kwargs["jit_compile"])
        return function(*args, **kwargs)

    monkeypatch.setattr(tf, "function", spy)
    monkeypatch.setattr(OneStage, "prefers_jit", True)
    monkeypatch.setattr(OneStage, "jit_steps", 12)
    return found


def test_xla_waits_for_a_run_that_is_long_enough(toy, data, given_to_xla):
    model, plain = toy(OneStage, epochs=0), toy(OneStage, epochs=0, jit_compile=False)
    four = batches(*data, 6)

    def fit(model, **arguments):
        given_to_xla.clear()
        model.fit(four, verbose=0, **arguments)
        return given_to_xla

    assert fit(model, epochs=2) == [False] and not model.uses_jit
    assert model.jit_compile is True
    assert model.get_compile_config()["jit_compile"] == "auto"
    fit(plain, epochs=2)
    for left, right in zip(values(model), values(plain), strict=True):
        np.testing.assert_array_equal(left, right)
    # The third epoch of three is of a run that has 12 steps, as is any from then on.
    assert fit(model, initial_epoch=2, epochs=3) == [True] and model.uses_jit
    assert fit(model, epochs=1) == [] and model.uses_jit
    assert fit(plain, epochs=3) == [] and not plain.uses_jit
    assert fit(toy(OneStage, epochs=0), epochs=1, steps_per_epoch=3) == [False]
    assert fit(toy(OneStage, epochs=0, jit_compile=True), epochs=1) == [True]


def test_a_second_run_goes_on_as_it_began(toy, data, given_to_xla):
    """Resumed after 12 steps in all, of which this short run made four."""
    four = batches(*data, 6)
    unbroken, resumed = (toy(OneStage, epochs=0) for _ in range(2))
    for model in (unbroken, resumed):
        model.fit(four, epochs=2, verbose=0)
    unbroken.fit(four, epochs=2, verbose=0)
    resumed.fit(four, epochs=1, verbose=0)
    assert int(resumed.steps_done) == OneStage.jit_steps
    resumed.fit(four, initial_epoch=1, epochs=2, verbose=0)
    assert not unbroken.uses_jit and not resumed.uses_jit
    for left, right in zip(values(unbroken), values(resumed), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_steps_of_a_distributed_dataset_are_counted(data, monkeypatch):
    monkeypatch.setattr(OneStage, "prefers_jit", True)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    given = strategy.experimental_distribute_dataset(batches(*data, 6))
    for steps, short in ((5, True), (4, False)):
        monkeypatch.setattr(OneStage, "jit_steps", steps)
        with strategy.scope():
            model = OneStage(seed=0)
            model.compile()
        assert model.jit_compile
        model.fit(given, epochs=1, verbose=0)
        assert model.steps_done.numpy() == 4 and model.uses_jit is not short


def test_xla_does_not_wait_where_the_run_has_no_known_length_or_a_gpu(
    toy, data, given_to_xla, monkeypatch
):
    endless = batches(*data, 6).repeat().take_while(lambda x, y: True)
    assert int(endless.cardinality()) < 0
    model = toy(OneStage, epochs=0)
    model.fit(endless.take(2), epochs=1, steps_per_epoch=2, verbose=0)
    assert not model.uses_jit
    given_to_xla.clear()
    with pytest.warns(UserWarning, match="ran out of data"):  # Keras looks for the end
        model.fit(endless.take(2), epochs=1, verbose=0)
    assert given_to_xla == [True] and model.uses_jit
    cards = {"GPU": ["GPU:0"], "CPU": ["CPU:0"]}
    monkeypatch.setattr(tf.config, "list_logical_devices", cards.__getitem__)
    model = toy(OneStage, epochs=0)
    model.fit(batches(*data, 6), epochs=1, verbose=0)
    assert model.uses_jit


@pytest.fixture
def half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


def test_mixed_float16_scales_every_players_loss(toy, data, half_precision, tmp_path):
    model = toy(OneStage, epochs=3)
    scaled = keras.optimizers.LossScaleOptimizer
    for name in ("g_optimizer", "d_optimizer"):
        optimizer = getattr(model, name)
        assert isinstance(optimizer, scaled)
        assert not isinstance(optimizer.inner_optimizer, scaled)
        # Steps that overflow are left out while the scale is found.
        assert 6 < int(optimizer.iterations.numpy()) <= 12
    assert model.generator.compute_dtype == "float16"
    assert model.generator.variable_dtype == "float32"
    assert all(np.all(np.isfinite(v)) for v in values(model))
    assert model.sample([0, 1], seed=0).dtype == np.float32
    path = tmp_path / "m.keras"
    Toy.from_config(model.get_config())
    keras.saving.register_keras_serializable("kerasos_tests")(OneStage)
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert isinstance(loaded.g_optimizer, scaled)
    assert not isinstance(loaded.g_optimizer.inner_optimizer, scaled)


def test_mixed_float16_steps_as_far_as_float32(data, half_precision):
    """The scale cancels: gradient descent lands where float32 does, to 3 digits."""
    half = OneStage(seed=0)
    half.compile(g_optimizer=keras.optimizers.SGD(0.5))
    keras.config.set_dtype_policy("float32")
    full = OneStage(seed=0)
    full.compile(g_optimizer=keras.optimizers.SGD(0.5))
    before = values(full)
    for model in (half, full):
        model.fit(batches(*data, 6), epochs=1, verbose=0)
    got = [v.numpy() for v in half.generator.trainable_variables]
    expected = [v.numpy() for v in full.generator.trainable_variables]
    assert any(np.any(a != b) for a, b in zip(before, values(full), strict=True))
    for left, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=5e-3)


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"steps_per_execution": 2}])
def test_what_fails_under_a_strategy_is_refused(two_replicas, options):
    with two_replicas.scope():
        model = Toy(seed=0)
        with pytest.raises(ValueError, match="strategy with 2 replicas"):
            model.compile(**options)
        model.compile()
    assert model.jit_compile is False


def test_replicas_share_each_batch_evenly(toy, data, two_replicas):
    x, y = (values[:21] for values in data)
    every = tf.data.Dataset.from_tensor_slices((x, y))
    with two_replicas.scope():
        model, expected, single = (toy(OneStage) for _ in range(3))
        with pytest.raises(ValueError, match="multiple of 2. Received.* of 7. Take 8"):
            model.fit(every.batch(7, drop_remainder=True), verbose=0)
        # Batches of 6, 6, 6 and 3 rows, of which 2 are taken.
        model.fit(every.batch(6), verbose=0)
        assert int(model.steps_done.numpy()) == 4
        expected.fit(every.take(20).batch(6), verbose=0)
        # Of a last batch of one row, one replica would get none: its mean is NaN.
        single.fit(every.take(19).batch(6), verbose=0)
        assert int(single.steps_done.numpy()) == 4
    for left, right in zip(values(model), values(expected), strict=True):
        np.testing.assert_array_equal(left, right)
    assert all(np.all(np.isfinite(value)) for value in values(single))


def test_auto_follows_the_preference_of_the_method(two_replicas, monkeypatch):
    model = Toy(seed=0)
    model.compile()
    assert model.jit_compile is False
    monkeypatch.setattr(Toy, "prefers_jit", True)
    model.compile()
    assert model.jit_compile is True
    model.compile(jit_compile=False)
    assert model.jit_compile is False
    model.compile(run_eagerly=True)
    assert model.jit_compile is False
    with two_replicas.scope():
        mirrored = Toy(seed=0)
        mirrored.compile()
    assert mirrored.jit_compile is False


# Units.


@pytest.mark.parametrize(
    "dtype, value_range, low_value, high_value",
    [
        ("uint8", (0, 255), 0, 255),
        ("float32", (-1, 1), -1, 1),
        ("int16", (-8, 8), -8, 8),
    ],
)
def test_units_go_there_and_back(dtype, value_range, low_value, high_value):
    model = Toy(spec=DataSpec((2,), dtype, value_range, (3, 2)), seed=0)
    x = np.array([[low_value, high_value]], dtype)
    inside = model.to_model(x)
    assert inside.dtype == tf.float32
    np.testing.assert_allclose(inside, [[-1.0, 1.0]])
    back = model.to_user(inside).numpy()
    np.testing.assert_array_equal(back, x, strict=True)


def test_integers_are_rounded_and_clipped():
    model = Toy(spec=DataSpec((4,), "uint8", (0, 255), (3, 2)), seed=0)
    users = np.array([[-30.0, 99.6, 100.4, 300.0]], "float32")
    got = model.to_user(users / 127.5 - 1.0).numpy()
    np.testing.assert_array_equal(got, np.array([[0, 100, 100, 255]], "uint8"))


# Sampling.


def test_samples_are_the_generator_on_noise_of_the_seed(toy):
    model = toy()
    noise = np.random.default_rng(5).standard_normal((3, 3), dtype="float32")
    kernel, bias = (v.numpy() for v in model.generator.trainable_variables)
    expected = noise @ kernel + bias + 0.1 * np.array([[0], [2], [1]])
    samples = model.sample([0, 2, 1], seed=5)
    np.testing.assert_allclose(samples, 2.0 * expected + 2.0, rtol=1e-5, atol=1e-5)
    for batch_size in (1, 2):
        np.testing.assert_allclose(
            model.sample([0, 2, 1], seed=5, batch_size=batch_size), samples, atol=1e-6
        )


def test_a_progress_bar_on_request(toy, capsys):
    model = toy()
    model.sample([0] * 10, batch_size=4, verbose=0)
    model.sample([0] * 10, batch_size=4)  # quick, so "auto" says nothing
    assert capsys.readouterr().out == ""
    model.sample([0] * 10, batch_size=4, verbose=1)
    assert "10/10" in capsys.readouterr().out


def test_a_slow_draw_shows_progress_by_itself(toy, capsys, monkeypatch):
    model = toy()
    model.sample([0])
    clock = iter(range(0, 1000, 2))  # two seconds a look
    monkeypatch.setattr("kerasos.methods.sampling.time.monotonic", lambda: next(clock))
    model.sample([0] * 12, batch_size=2)
    assert "12/12" in capsys.readouterr().out


@pytest.mark.parametrize(
    "labels, words",
    [
        ([0, 3], r"Expected: \[0, 1, 2\]. Received also: \[3\]"),
        ([-1], r"Received also: \[-1\]"),
        ([0.0], "dtype float64"),
        ([[0]], r"shape \(1, 1\)"),
        (0, r"shape \(\)"),
        (["a"], "Expected: integers. Received: 'a'"),
    ],
)
def test_bad_labels_are_refused(toy, labels, words):
    with pytest.raises(ValueError, match=words):
        toy().sample(labels)


def test_a_batch_of_nothing_is_refused(toy):
    with pytest.raises(
        ValueError, match="`batch_size`: it must be an integer of at least 1"
    ):
        toy().sample([0], batch_size=0)


def test_predict_takes_single_labels_under_a_strategy(toy, two_replicas):
    labels = np.resize([0, 1, 2], 7)
    single = tf.data.Dataset.from_tensor_slices(labels)
    with two_replicas.scope():
        mirrored, again = toy(OneStage), toy(OneStage)
    found = mirrored.predict(single, verbose=0)
    np.testing.assert_array_equal(found, again.predict(single.batch(9), verbose=0))
    assert found.shape == (7, 2)
    with pytest.raises(ValueError, match="argmax"):
        mirrored.predict(np.eye(3)[labels], verbose=0)


def test_weights_of_other_networks_are_told_and_not_loaded(toy, data, tmp_path):
    """As in a backup of a version whose networks had their layers in another order."""

    def deep(*units):
        layers = [keras.Input((3,)), *map(keras.layers.Dense, (*units, 2))]
        model = OneStage(keras.Sequential(layers), seed=0)
        model.compile()
        return model

    folder = tmp_path / "backup"
    kept = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    deep(4, 6).fit(*data, 6, verbose=0, callbacks=[kept])
    (path,) = folder.glob("*.weights.h5")
    other = deep(6, 4)
    before = values(other)
    words = (
        r"other networks than those of this OneStage. Expected .*shape \(3, 6\) as "
        r"'generator/layers/dense/vars/0'. Received: shape \(3, 4\), and 4 others .*"
        "delete its folder"
    )
    with pytest.raises(ValueError, match=words):
        other.load_weights(path)
    with pytest.raises(ValueError, match=words):
        other.fit(*data, 6, verbose=0, callbacks=[kept])
    for left, right in zip(values(other), before, strict=True):
        np.testing.assert_array_equal(left, right)
    with pytest.raises(ValueError, match="dense_3/vars/0'. Received: none there"):
        deep(4, 6, 2).load_weights(path)
    # Another optimizer loads as before, and Keras warns of it.
    again = toy(lambda generator, seed: deep(4, 6), g_optimizer="sgd")
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        again.load_weights(path)
    with h5py.File(path) as file:
        expected = file["generator/layers/dense/vars/0"][()]
    np.testing.assert_array_equal(again.generator.layers[0].kernel, expected)


class NamedFile(io.BytesIO):
    def __str__(self):
        return "memory.weights.h5"


def test_weights_in_any_form_of_keras_are_loaded_whole_or_not(toy, tmp_path):
    def wide(units, seed=0):
        layers = [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(units)]
        model = OneStage(keras.Sequential([*layers, keras.layers.Dense(2)]), seed=seed)
        model.compile()
        return model

    saved = wide(6)
    saved.save(tmp_path / "m.keras")
    saved.save_weights(tmp_path / "m.weights.h5")
    saved.save_weights(tmp_path / "m.weights.json", max_shard_size=4e-7)
    assert len(list(tmp_path.glob("m_*.weights.h5"))) > 1
    in_memory = NamedFile((tmp_path / "m.weights.h5").read_bytes())
    for source in (
        tmp_path / "m.keras",
        str(tmp_path / "m.weights.json"),
        str(tmp_path / "m.weights.h5"),
        in_memory,
    ):
        other, equal = wide(5), wide(6, seed=1)
        before = values(other)
        with pytest.raises(ValueError, match=r"Nothing was loaded\. Build the model"):
            other.load_weights(source)
        for left, right in zip(values(other), before, strict=True):
            np.testing.assert_array_equal(left, right)
        equal.load_weights(source)
        for left, right in zip(values(equal), values(saved), strict=True):
            np.testing.assert_array_equal(left, right)
    with pytest.raises(FileNotFoundError):
        saved.load_weights(tmp_path / "none.weights.h5")


def test_a_model_is_a_part_of_other_models(toy):
    """As a layer of a functional model, in a traced function, with labels of Keras."""
    model, labels = toy(), np.array([1, 0, 2, 2])
    given = keras.Input((), dtype="int32")
    for whole in (
        keras.Model(given, model(given)),
        keras.Sequential([keras.Input((), dtype="int32"), model]),
    ):
        assert whole.predict(labels, verbose=0).shape == (4, 2)
    variable = keras.Variable(labels, dtype="int32")
    for call in (lambda: model([1, 0, 2, 2]), lambda: model(variable)):
        traced = tf.function(call, autograph=False).get_concrete_function()
        assert traced.output_shapes.as_list()[-1] == 2


FORMS = {
    "list": [1, 0, 2],
    "tuple": (1, 0, 2),
    "series": pd.Series([1, 0, 2], [7, 8, 9]),
    "names": ["low", "high", "top"],
    "floats": [1.0, 0.0, 2.0],
    "column": np.array([[1], [0], [2]], "uint8"),
    "tensor": tf.constant([1, 0, 2]),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_of_a_call_come_in_any_form(toy, form):
    spec = dataclasses.replace(SPEC, label_names=("high", "low", "top"))
    calls = [
        lambda model, labels: model(labels),
        lambda model, labels: model.predict(labels, verbose=0),
        lambda model, labels: model.predict_on_batch(labels),
    ]
    for call in calls:
        given, plain = (
            toy(cls=lambda g, seed: Toy(g, seed=seed, spec=spec)) for _ in "ab"
        )
        found, expected = call(given, FORMS[form]), call(plain, np.array([1, 0, 2]))
        np.testing.assert_array_equal(found, expected)
        assert call(given, []).shape == (0, 2)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 5], r"must be classes that Toy generates.*also: \[5\]"),
        ([0.5, 1.0], "must be a vector of integers.*float64"),
        ([[0, 1, 0], [1, 0, 0]], r"shape \(2, 3\). Use `y.argmax"),
        ([[0], [1, 0]], "Labels must have entries of one shape"),
        (["low"], "Expected: integers. Received: 'low'"),
        (tf.constant(["low"]), "Labels in tensors must be integers"),
        (None, "must be a vector of integers.*object"),
    ],
)
def test_bad_labels_of_a_call_are_refused(toy, labels, words):
    model = toy()
    for call in (model, lambda given: model.predict(given, verbose=0)):
        with pytest.raises(ValueError, match=words):
            call(labels)


def test_a_distributed_dataset_of_other_replicas_is_refused(toy, data, two_replicas):
    rows = tf.data.Dataset.from_tensor_slices(data).batch(4)
    labels = tf.data.Dataset.from_tensor_slices(data[1]).batch(4)
    shared = two_replicas.experimental_distribute_dataset
    parts, part_labels = shared(rows), shared(labels)
    with two_replicas.scope():
        mirrored = toy(Judged)
    mirrored.fit(parts, verbose=0)
    assert mirrored.predict(part_labels, verbose=0).shape == (24, 2)
    alone = tf.distribute.OneDeviceStrategy("CPU:0")
    single = toy(Judged)
    for model, given, words in (
        (single, parts, "Expected 1. Received: 2"),
        (mirrored, alone.experimental_distribute_dataset(rows), "Expected 2. .*: 1"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(given, verbose=0)
        with pytest.raises(ValueError, match=words):
            model.fit(*data, validation_data=given, verbose=0)
        with pytest.raises(ValueError, match=words):
            model.evaluate(given, verbose=0)
    with pytest.raises(ValueError, match="Expected 1. Received: 2"):
        single.predict(part_labels, verbose=0)
    for take in (single.oversample, kerasos.CVAE.from_data):
        with pytest.raises(TypeError, match="Pass the dataset that it was made of"):
            take(parts)


def test_a_batch_to_judge_is_checked(toy, data):
    x, y = data
    model = toy(Judged)
    with pytest.raises(ValueError, match=r"Expected \(2,\) for one sample"):
        model.test_on_batch(x[:, :1], y)
    with pytest.raises(ValueError, match="Received: label 7"):
        model.test_on_batch(x, np.where(y == 2, 7, y))
    with pytest.raises(ValueError, match="takes no `class_weight`"):
        model.test_on_batch(x, y, sample_weight=np.ones(len(y)))


def test_calls_count_up_and_replicas_differ(toy, two_replicas):
    model = toy()
    labels = tf.constant([1, 1])
    first, second = model(labels).numpy(), model(labels).numpy()
    assert np.any(first != second)
    again = toy()
    np.testing.assert_array_equal(again(labels).numpy(), first)
    with two_replicas.scope():
        mirrored = toy()
    per_replica = two_replicas.run(tf.function(mirrored), args=(labels,))
    rows = joined(two_replicas, per_replica)
    assert len(np.unique(rows, axis=0)) == 4
    np.testing.assert_allclose(rows[:2], first, rtol=1e-6)


# Oversampling.


def test_oversample_balances(toy, data):
    model = toy()
    x_res, y_res, is_synthetic = model.oversample(*data, seed=1)
    np.testing.assert_array_equal(x_res[:24], data[0])
    np.testing.assert_array_equal(y_res[24:], [1] * 4 + [2] * 8)
    np.testing.assert_array_equal(x_res[24:], model.sample(y_res[24:], seed=1))
    np.testing.assert_array_equal(is_synthetic, np.arange(36) >= 24)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (lambda x, y: (x[:, :1], y), "shape the model was built for"),
        (lambda x, y: (x.astype("uint8"), y), "units the model was built for"),
        (lambda x, y: (x, y[:3]), "one label per sample"),
        (lambda x, y: (x, y + 3), "Expected 0..2. Received: label 5"),
        (lambda x, y: (x * np.inf, y), "must be finite"),
        (lambda x, y: (x, y, {0: 3}), "greater or equal"),
        (lambda x, y: (x, y, {7: 30}), "sampling_strategy|target"),
        (lambda x, y: (x, y, "everything"), "sampling_strategy"),
        (lambda x, y: (x, y, 0.5), "only when the type of target is binary"),
    ],
)
def test_bad_input_of_oversample(toy, data, arguments, words):
    with pytest.raises(ValueError, match=words):
        toy().oversample(*arguments(*data))


def test_oversample_of_samples_alone(toy, data):
    pairs = [*zip(*data, strict=True)]
    for given, words in ((data[0], "Pass the labels"), (iter(pairs), "from_generator")):
        with pytest.raises(TypeError, match=words):
            toy().oversample(given)


def test_features_are_not_appended_to_samples(toy, data, monkeypatch):
    monkeypatch.setattr(Toy, "produces_samples", False)
    with pytest.raises(ValueError, match="generates features of shape"):
        toy().oversample(*data)


# Data that do not fit.


class Drawing(OneStage):
    """Its step needs no batch: TensorFlow could run it though there is none."""

    def train_step(self, data):
        with tf.GradientTape() as tape:
            noise = self.normal(6, self.noise_dim, "generator")
            loss = tf.reduce_mean(tf.square(self.generator(noise, training=True)))
        variables = self.generator.trainable_variables
        self.minimize(loss, tape, variables, self.g_optimizer)
        return self.finish_step(g_loss=loss)


def spoilt(data, row, value, label=None):
    x, y = data[0].copy(), data[1].copy()
    x[row], y[row] = value, y[row] if label is None else label
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    return dataset.batch(6, drop_remainder=True)


def moved_by(model, dataset, **options):
    """Fits and returns what training changes."""
    model.fit(dataset, verbose=0, **options)
    optimizers = (model.g_optimizer, model.d_optimizer)
    return values(model) + [v.numpy() for o in optimizers for v in o.variables]


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize(
    ("cls", "options", "replicas"),
    [
        (Drawing, {}, 1),
        (Drawing, {"steps_per_execution": 2}, 1),
        (OneStage, {"jit_compile": True, "steps_per_execution": 3}, 1),
        (Drawing, {"run_eagerly": True}, 1),
        (OneStage, {}, 2),
    ],
    ids=["graph", "many_steps", "xla", "eager", "replicas"],
)
def test_training_stops_before_a_batch_that_does_not_fit(
    toy, data, two_replicas, cls, options, replicas, first
):
    scope = contextlib.nullcontext if replicas == 1 else two_replicas.scope
    with scope():
        model, expected = toy(cls, **options), toy(cls, **options)
        with pytest.raises(ValueError, match="was not trained on. `x` must be finite"):
            model.fit(spoilt(data, 6 * first + 2, np.nan), epochs=2, verbose=0)
        assert int(model.steps_done.numpy()) == first
        good = spoilt(data, 0, data[0][0])
        after = moved_by(model, good)
        if first:
            expected.fit(good.take(first), verbose=0)
        expected = moved_by(expected, good)
    for left, right in zip(after, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("value", "label", "words"),
    [
        (np.inf, None, "must be finite"),
        (200.0, None, r"values in \(0.0, 4.0\). Received: values from .* to 200"),
        (-0.5, None, "from -0.5"),
        (4.3, None, None),  # augmentation overshoots a little
        (1.0, 3, r"0\.\.2\. Received: label 3"),
        (1.0, -1, "not be negative"),
    ],
)
def test_what_does_not_fit_is_named_wherever_it_comes_from(
    toy, data, value, label, words
):
    model = toy(OneStage, run_eagerly=True)
    dataset = spoilt(data, 2, value, label)
    pairs = zip(*dataset.as_numpy_iterator(), strict=True)
    x, y = (np.concatenate(part) for part in pairs)
    ways = [
        lambda: model.fit(dataset, verbose=0),
        lambda: model.fit(x, y, 6, verbose=0),
        lambda: model.train_on_batch(x, y),
        lambda: model.evaluate(dataset, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.fit(*data, 6, validation_data=(x, y), verbose=0),
        lambda: model.oversample(x, y),
    ]
    if label != -1:  # that `batches` itself refuses
        ways.append(lambda: model.fit(batches(x, y, 6), verbose=0))
    for number, way in enumerate(ways):
        if words is None:
            way()
            continue
        with pytest.raises(ValueError, match=words):
            way()
        assert not model.is_trained, number


def test_data_in_narrower_units_are_refused_and_a_dark_batch_is_not(data):
    spec = DataSpec((2,), "float32", (0, 255), SPEC.class_counts)
    x, y = data[0] / 4, data[1]
    model = OneStage(spec=spec, seed=0)
    model.compile(run_eagerly=True)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(6, drop_remainder=True)
    for given in ((x, y), (dataset,)):
        with pytest.raises(ValueError, match="values in .0.0, 255.0.*to 0.99"):
            model.fit(*given, verbose=0)
    light = tf.data.Dataset.from_tensors((255 * x[:6], y[:6]))
    model.fit(light.concatenate(dataset), verbose=0)
    assert int(model.steps_done.numpy()) == 5


def test_steps_on_arrays_count_and_terminate_on_nan_stops(toy, data):
    model = toy(OneStage)
    assert not model.is_trained
    logs = model.train_on_batch(data[0][:6], data[1][:6], return_dict=True)
    assert logs["loss"] == pytest.approx(logs["g_loss"] + logs["d_loss"])
    assert model.is_trained and model.sample([0, 1], seed=0).shape == (2, 2)
    with pytest.raises(ValueError, match="`OneStage.train_on_batch` takes no"):
        model.train_on_batch(*data, sample_weight=np.ones(len(data[1])))
    model.critic.trainable_variables[0].assign([[np.nan], [0.0]])
    stop = keras.callbacks.TerminateOnNaN()
    history = model.fit(batches(*data, 6), epochs=3, verbose=0, callbacks=[stop])
    assert int(model.steps_done.numpy()) == 2 and len(history.epoch) == 1


def test_class_names_in_another_order_are_refused(toy):
    model = toy()
    x, y = np.zeros((6, *model.spec.shape), model.spec.dtype), np.arange(6) % 3
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(3)
    spec = model.spec
    model.spec = dataclasses.replace(spec, label_names=("a", "b", "c"))
    dataset.class_names = ["b", "a", "c"]
    with pytest.raises(ValueError, match="where 'b' has another place"):
        model.fit(dataset)
    with pytest.raises(ValueError, match="Did you mean|Check it"):
        model.fit(x, np.array(["a", "b", "d"] * 2))
