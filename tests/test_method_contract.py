"""Every registered method, now or later, is held to the same promises.

What a method must tell these tests is in `contract_cases.py`.
"""

import collections
import json
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import CASES, PINS

import kerasos

BATCH = 8
NORMALIZATIONS = ("BatchNormalization", "GlobalBatchNormalization")
NETWORKS = [case for case in CASES if case.has_network]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.id)


each_case = each(CASES)
each_full_case = each([case for case in CASES if case.full])
each_network = each(NETWORKS)
each_full_network = each([case for case in NETWORKS if case.full])


def batches(case, **options):
    return kerasos.data.batches(*case.data(), BATCH, seed=1, **options)


def epochs_of(case):
    """Returns (epochs of a whole run, epochs before it is broken off)."""
    half = max(2, case.round)
    return 2 * half, half


def optimizers(model):
    return {name: getattr(model, name) for name in model.player_variables()}


def state(model):
    """Everything that training changes, except the means shown in the log."""
    shown = {id(v) for metric in model.metrics for v in metric.variables}
    found = {
        f"{i} {v.path}": v.numpy()
        for i, v in enumerate(model.variables)
        if id(v) not in shown
    }
    for name, optimizer in optimizers(model).items():
        for i, v in enumerate(optimizer.variables):
            found[f"{name} {i} {v.path}"] = v.numpy()
    return found


def assert_same_state(left, right):
    """Bit by bit. Paths hold names that Keras counts up, so order decides."""
    assert len(left) == len(right)
    for (path, a), b in zip(left.items(), right.values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=path, strict=True)


def compile_plain(model, case, **options):
    """Gradient descent: Adam would blow rounding up to whole steps."""
    if case.spread != 1.0:
        kernel = model.generator.trainable_variables[-2]
        kernel.assign(case.spread * kernel.numpy())
    players = {
        name: keras.optimizers.SGD(case.step_size) for name in model.player_variables()
    }
    model.compile(**players, **options)


def fit_plain(model, case):
    """Two steps, or one in each stage."""
    steps = 2 if case.round == 1 else 1
    data = batches(case, steps_per_epoch=steps)
    model.fit(data, epochs=case.round, verbose=0)


def as_json(config):
    return json.loads(json.dumps(config))


def some_labels(model, n=12):
    return np.resize(model.sampled_labels, n)


Step = collections.namedtuple("Step", "player variables moved others")


class Runs:
    """Trains a case once, however many tests of it follow each other."""

    def __init__(self, folder):
        self.folder = folder
        self.case_id, self.done = None, {}

    def once(self, kind, case, make):
        if case.id != self.case_id:  # all cases at once would not fit into memory
            self.case_id, self.done = case.id, {}
        if kind not in self.done:
            self.done[kind] = make(case)
        return self.done[kind]

    def unbroken(self, case):
        """A whole run, saved half-way and at the end."""
        return self.once("unbroken", case, self._unbroken)

    def _unbroken(self, case):
        model = case.build()
        model.compile(jit_compile=False)
        before = state(model)
        epochs, half = epochs_of(case)
        paths = {
            epoch: str(self.folder / f"{case.id}-{epoch}.keras")
            for epoch in (half, epochs)
        }

        def save(epoch, logs):
            if epoch + 1 == half:
                model.save(paths[half])

        history = model.fit(
            batches(case),
            epochs=epochs,
            verbose=0,
            validation_data=case.data() if case_validates(model) else None,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=save)],
        ).history
        after = state(model)
        model.save(paths[epochs])
        return {
            "model": model,
            "before": before,
            "after": after,
            "history": history,
            "half": paths[half],
            "path": paths[epochs],
        }

    def one_device(self, case):
        """Two steps by gradient descent, with a look at each call of `minimize`."""
        return self.once("one_device", case, self.look_at_two_steps)

    def look_at_two_steps(self, case):
        model = case.build()
        compile_plain(model, case, run_eagerly=True)
        before = [v.numpy() for v in model.weights]
        names = {id(optimizer): name for name, optimizer in optimizers(model).items()}
        minimize, steps = model.minimize, []

        def watched(loss, tape, variables, optimizer):
            own = {id(v) for v in optimizer.variables}
            others = [
                v
                for v in [
                    *model.variables,
                    *(v for o in optimizers(model).values() for v in o.variables),
                ]
                if id(v) not in own
            ]
            old = [v.numpy() for v in others]
            minimize(loss, tape, variables, optimizer)
            moved = {
                id(v): v.path
                for v, was in zip(others, old, strict=True)
                if np.any(v.numpy() != was)
            }
            ids = {id(v) for v in variables}
            strangers = [path for key, path in moved.items() if key not in ids]
            steps.append(Step(names[id(optimizer)], ids, set(moved), strangers))

        model.minimize = watched
        fit_plain(model, case)
        return {
            "model": model,
            "before": before,
            "after": [v.numpy() for v in model.weights],
            "steps": steps,
        }


def case_validates(model):
    return model.trains_classifier


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("contract"))


# The table of cases.


@pytest.mark.parametrize("name", kerasos.list_methods())
def test_every_method_has_its_entries(name):
    cases = [case for case in CASES if case.method == name]
    assert cases, (
        f"The method {name!r} is registered but nothing checks it. Add a "
        f'`Case("{name}", <variant>, full=True, ...)` to CASES in '
        "tests/contract_cases.py."
    )
    assert any(case.full for case in cases), (
        f"No case of {name!r} is checked in full. Give `full=True` to one in "
        "tests/contract_cases.py."
    )
    if cases[0].has_network:
        assert any(pin.method == name for pin in PINS), (
            f"The networks of {name!r} have no pinned sizes. Add a "
            f'`Pin("{name}", <variant>, ...)` to PINS in tests/contract_cases.py, '
            "with the parameters of each network for the shapes of its paper."
        )
        assert sum(case.jit for case in cases) == 1, (
            f"One case of {name!r} must have `jit=True` in tests/contract_cases.py."
        )
        assert all(case.losses for case in cases), (
            f"The cases of {name!r} must name the losses in the history."
        )


def test_every_entry_is_a_registered_method():
    assert {case.method for case in CASES} == set(kerasos.list_methods())
    assert {pin.method for pin in PINS} == {case.method for case in NETWORKS}
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: pin.id)
def test_networks_have_the_size_of_the_paper(pin):
    model = pin.build()
    found, seen = {}, []
    for name, (variables, _) in pin.networks.items():
        found[name] = sum(int(np.prod(v.shape)) for v in variables(model))
        seen += [id(v) for v in variables(model)]
    assert found == {name: count for name, (_, count) in pin.networks.items()}
    # Nothing trainable is left out and nothing is counted twice.
    assert sorted(seen) == sorted(id(v) for v in model.trainable_variables)


@each_case
def test_capability_flags_tell_what_the_method_can_do(case):
    method = case.build()
    assert method.method_name == case.method
    assert isinstance(method, kerasos.get_method(case.method))
    assert isinstance(method.produces_samples, bool)
    if not case.has_network:
        assert not method.trains_classifier and not method.produces_samples
    elif method.trains_classifier:
        assert isinstance(method.classifier, keras.Model)
    else:
        assert method.classifier is None


# Training.


@each_network
def test_fit_trains_every_network_and_logs_every_loss(case, runs):
    run = runs.unbroken(case)
    model, history = run["model"], run["history"]
    epochs, _ = epochs_of(case)
    expected = set(case.losses)
    if model.trains_classifier:
        expected |= {"val_loss", "val_acsa", "val_g_mean"}
    assert set(history) == expected
    stage_of = [model.stage_at(epoch) for epoch in range(epochs)]
    epochs_of_stages = collections.Counter(stage_of).values()
    for name, values in history.items():
        assert len(values) in {epochs, *epochs_of_stages}, name
        assert np.all(np.isfinite(values)), name
        if name in case.losses:
            assert values[0] != 0.0, f"{name} is never updated"
    steps = len(case.data()[0]) // BATCH
    assert int(model.steps_done.numpy()) == epochs * steps
    trainable = {id(v) for v in model.trainable_variables}
    for (path, was), v in zip(run["before"].items(), model.variables, strict=False):
        if id(v) in trainable:
            assert np.any(v.numpy() != was), f"{path} has not moved"
    moved = [
        a
        for a, b in zip(*(run[k].values() for k in ("before", "after")), strict=True)
        if np.any(a != b)
    ]
    assert len(moved) >= len(trainable)


@each_network
def test_each_step_moves_its_own_network_only(case, runs):
    run = runs.one_device(case)
    model, steps = run["model"], run["steps"]
    players = {
        name: {id(v) for v in variables}
        for name, variables in model.player_variables().items()
    }
    assert {step.player for step in steps} == set(players)
    for step in steps:
        assert step.variables <= players[step.player], step.player
        assert not step.others, f"{step.player} moved {step.others}"
        assert step.moved, f"{step.player} moved nothing"
    # Each variable has a player, and is moved by it.
    trainable = {id(v) for v in model.trainable_variables}
    assert set().union(*players.values()) == trainable
    assert set().union(*(step.moved for step in steps)) == trainable


@each([case for case in NETWORKS if case.jit])
def test_xla_gives_the_same_weights(case, runs, same_noise_under_xla):
    expected = runs.look_at_two_steps(case)
    model = case.build()
    compile_plain(model, case, jit_compile=True)
    fit_plain(model, case)
    assert model.jit_compile is True
    assert_close_movement(model, expected, [v.numpy() for v in model.weights])


def assert_close_movement(model, expected, weights):
    """Equal up to 1e-5 of the way each variable went, and its last bits."""
    resting = resting_biases(model)
    for v, before, after, got in zip(
        model.weights, expected["before"], expected["after"], weights, strict=True
    ):
        if id(v) in resting:
            for value in (after, got):
                np.testing.assert_allclose(value, before, atol=1e-6, err_msg=v.path)
            continue
        if not np.issubdtype(after.dtype, np.floating):
            np.testing.assert_array_equal(got, after, err_msg=v.path)
            continue
        movement = np.abs(after - before).max()
        rounding = 2e-7 * np.abs(after).max()
        np.testing.assert_allclose(
            got, after, rtol=0, atol=1e-5 * movement + rounding, err_msg=v.path
        )
        if v.trainable:
            assert movement > 20 * rounding, f"{v.path}: nothing to compare"


def resting_biases(model):
    """Biases that batch normalisation takes out again: rounding alone moves them."""
    found = set()
    for layer in model._flatten_layers():
        if type(layer).__name__ not in NORMALIZATIONS:
            continue
        before = layer.input._keras_history.operation
        linear = getattr(before, "activation", None) is keras.activations.linear
        if linear and before.bias is not None:
            found.add(id(before.bias))
    return found


@each_network
def test_two_replicas_train_as_one_device(case, runs, two_replicas):
    expected = runs.one_device(case)
    with two_replicas.scope():
        model = case.build()
        compile_plain(model, case)
        fit_plain(model, case)
    assert model.distribute_strategy.num_replicas_in_sync == 2
    for v in model.trainable_variables:
        first, second = two_replicas.experimental_local_results(v.value)
        np.testing.assert_array_equal(first, second, err_msg=v.path)
    assert_close_movement(model, expected, [v.numpy() for v in model.weights])


@each_full_network
def test_replicas_draw_different_samples(case, two_replicas):
    with two_replicas.scope():
        model = case.build()
    labels = tf.constant(some_labels(model, 4), tf.int32)
    first, second = two_replicas.experimental_local_results(
        two_replicas.run(tf.function(model), args=(labels,))
    )
    assert first.shape == second.shape == (4, *model.sample_shape)
    assert np.any(first != second)


# Sampling.


@each_network
def test_samples_have_the_shape_range_and_dtype_of_the_data(case, runs):
    model = runs.unbroken(case)["model"]
    x, _ = case.data()
    labels = some_labels(model)
    samples = model.sample(labels, seed=3)
    assert isinstance(samples, np.ndarray)
    assert samples.shape == (len(labels), *model.sample_shape)
    assert samples.dtype == model.sample_dtype
    assert np.all(np.isfinite(samples))
    if model.produces_samples:
        assert (samples.shape[1:], samples.dtype) == (x.shape[1:], x.dtype)
        low, high = model.spec.value_range
        assert samples.min() >= low - 1e-5 and samples.max() <= high + 1e-5
    # Fresh noise in each row.
    alike = model.sample([model.sampled_labels[0]] * 12, seed=3).reshape(12, -1)
    assert len(np.unique(alike, axis=0)) > 1
    nothing = model.sample([], seed=3)
    assert nothing.shape == (0, *model.sample_shape)
    assert nothing.dtype == samples.dtype


@each_network
def test_a_seed_fixes_the_samples(case, runs):
    model = runs.unbroken(case)["model"]
    labels = some_labels(model, 11)
    samples = model.sample(labels, seed=3)
    keras.utils.set_random_seed(99)  # global seeds play no part
    np.testing.assert_array_equal(model.sample(labels, seed=3), samples)
    assert np.any(model.sample(labels, seed=4) != samples)
    assert np.any(model.sample(labels) != model.sample(labels))
    for batch_size in (1, 4, 11):
        chunked = model.sample(labels, seed=3, batch_size=batch_size)
        if np.issubdtype(samples.dtype, np.integer):
            difference = np.abs(chunked.astype(int) - samples.astype(int))
            assert difference.max() <= 1
        else:
            np.testing.assert_allclose(chunked, samples, rtol=1e-5, atol=1e-5)


@each_network
def test_a_call_and_predict_give_fresh_samples(case, runs):
    model = runs.unbroken(case)["model"]
    labels = some_labels(model, 7)
    by_call = [model(labels).numpy() for _ in range(2)]
    by_predict = [model.predict(labels, verbose=0) for _ in range(2)]
    for samples in by_call + by_predict:
        assert samples.shape == (7, *model.sample_shape)
        assert samples.dtype == model.sample_dtype
    for first, second in (by_call, by_predict):
        assert np.any(first != second)


@each_network
def test_labels_that_cannot_be_sampled_are_refused(case, runs):
    model = runs.unbroken(case)["model"]
    good = model.sampled_labels[0]
    forbidden = set(range(-1, model.spec.num_classes + 1)) - set(model.sampled_labels)
    for wrong in sorted(forbidden):
        with pytest.raises(
            ValueError, match=rf"Expected: \[.*Received also: .*{wrong}"
        ):
            model.sample([good, wrong])
    for wrong in ([0.5], [[good]], good, ["a"]):
        with pytest.raises(ValueError, match="must be a vector of integers"):
            model.sample(wrong)


# Saving.


@each_network
def test_a_saved_model_comes_back_whole(case, runs):
    run = runs.unbroken(case)
    model = run["model"]
    loaded = keras.saving.load_model(run["path"])
    assert type(loaded) is type(model) and loaded.compiled
    assert as_json(loaded.get_config()) == as_json(model.get_config())
    assert_same_state(state(loaded), run["after"])
    for name, optimizer in optimizers(loaded).items():
        assert int(optimizer.iterations.numpy()) > 0, name
        assert any(
            np.any(v.numpy() != 0) for v in optimizer.variables if v.shape.rank
        ), f"{name} has lost its moments"
    labels = some_labels(model)
    np.testing.assert_array_equal(
        loaded.sample(labels, seed=5), model.sample(labels, seed=5)
    )
    if model.trains_classifier:
        x, _ = case.data()
        probabilities = loaded.classifier.predict(x, verbose=0)
        np.testing.assert_array_equal(
            probabilities, model.classifier.predict(x, verbose=0)
        )
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


@each_network
def test_the_config_makes_the_same_model_and_fits_into_json(case, runs):
    model = runs.unbroken(case)["model"]
    config = model.get_config()
    expected, given = as_json(config), as_json(config)
    again = type(model).from_config(given)
    assert given == expected, "`from_config` changes what it is given"
    assert as_json(again.get_config()) == expected
    assert again.spec == model.spec and again.seed == model.seed
    for name, value in case.options.items():
        # A network's entry is its config, whatever option it was built from.
        if name in config and not isinstance(config[name], dict | None):
            assert config[name] == value, name
    shapes = [(v.shape, v.dtype) for v in again.weights]
    assert shapes == [(v.shape, v.dtype) for v in model.weights]


@each_network
def test_a_resumed_run_equals_an_unbroken_one(case, runs):
    run = runs.unbroken(case)
    epochs, half = epochs_of(case)
    loaded = keras.saving.load_model(run["half"])
    loaded.fit(batches(case), initial_epoch=half, epochs=epochs, verbose=0)
    assert_same_state(state(loaded), run["after"])


class Crash(keras.callbacks.Callback):
    """Dies in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            raise KeyboardInterrupt


@each_full_network
def test_a_run_that_crashed_goes_on_as_if_it_had_not(case, runs, tmp_path):
    run = runs.unbroken(case)
    epochs, half = epochs_of(case)
    # Between two stages of a round, where there are any.
    crash = Crash(half if case.round == 1 else half + 1)

    def fit(*others):
        model = case.build()
        model.compile(jit_compile=False)
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        model.fit(batches(case), epochs=epochs, verbose=0, callbacks=[backup, *others])
        return model

    with pytest.raises(KeyboardInterrupt):
        fit(crash)
    begun = []
    noted = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(epoch)
    )
    model = fit(noted)
    assert begun == list(range(crash.epoch, epochs))
    assert_same_state(state(model), run["after"])


# Export.

SERVER = """
import json, sys
import numpy as np
import tensorflow as tf

loaded = {}
for line in sys.stdin:
    folder, signature, inputs, outputs = json.loads(line)
    if folder not in loaded:
        loaded[folder] = tf.saved_model.load(folder)
    reply = {}
    try:
        with np.load(inputs) as arrays:
            arguments = {name: tf.constant(arrays[name]) for name in arrays}
        result = loaded[folder].signatures[signature](**arguments)
        np.savez(outputs, **{name: value.numpy() for name, value in result.items()})
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    reply["signatures"] = sorted(loaded[folder].signatures)
    reply["modules"] = sorted({name.split(".")[0] for name in sys.modules})
    print(json.dumps(reply), flush=True)
"""


class Server:
    """A process that serves SavedModels and has no reason to know kerasos."""

    def __init__(self, folder):
        self.folder = folder
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["TF_CPP_MIN_LOG_LEVEL"] = "2"
        with open(folder / "errors.txt", "wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=environment,
                text=True,
            )

    def ask(self, version, signature, **inputs):
        paths = [str(self.folder / name) for name in ("in.npz", "out.npz")]
        np.savez(paths[0], **inputs)
        request = [str(version), signature, *paths]
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, (self.folder / "errors.txt").read_text()[-3000:]
        reply = json.loads(line)
        assert "tensorflow" in reply["modules"]
        assert "kerasos" not in reply["modules"]
        self.signatures = reply["signatures"]
        if "error" in reply:
            raise RuntimeError(reply["error"])
        with np.load(paths[1]) as arrays:
            return dict(arrays)

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def exported(runs, tmp_path_factory):
    """Returns a function from a case to the model and its version folder."""
    folders = {}

    def export(case):
        model = runs.unbroken(case)["model"]
        if case.id not in folders:
            parent = tmp_path_factory.mktemp("saved_models") / case.method
            folders[case.id] = model.export(parent)
        return model, folders[case.id]

    return export


def assert_close_samples(left, right):
    assert (left.shape, left.dtype) == (right.shape, right.dtype)
    if np.issubdtype(left.dtype, np.integer):
        assert np.abs(left.astype(int) - right.astype(int)).max() <= 1
    else:
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)


@each_full_network
def test_served_samples_are_those_of_the_model(case, exported, server):
    model, version = exported(case)
    labels = some_labels(model, 9).astype("int32")
    seeds = np.arange(9, dtype="int64") * 2**33 - 5
    reply = server.ask(version, "serving_default", labels=labels, seed=seeds)
    noise = tf.stack(
        [
            tf.random.stateless_normal([model.noise_dim], [s, 0], alg="philox")
            for s in seeds
        ]
    )
    expected = model.to_user(model.generate(model.latent(noise, labels), labels))
    assert_close_samples(reply["samples"], expected.numpy())
    np.testing.assert_array_equal(reply["labels"], labels)
    names = {"serving_default", "from_latent"}
    names |= {"classify"} if model.trains_classifier else set()
    assert set(server.signatures) == names
    if not getattr(model, "num_codes", 0):
        latent = model.latent(noise, labels).numpy()
        assert latent.shape == (9, model.latent_dim)
        reply = server.ask(version, "from_latent", latent=latent, labels=labels)
        assert_close_samples(reply["samples"], expected.numpy())


@each_full_network
def test_a_served_row_is_the_same_alone_and_in_a_batch(case, exported, server):
    model, version = exported(case)
    labels = some_labels(model, 20).astype("int32")
    seeds = np.arange(20, dtype="int64")
    batch = server.ask(version, "serving_default", labels=labels, seed=seeds)
    assert len(np.unique(batch["samples"].reshape(20, -1), axis=0)) > 1
    for row in (0, 7, 19):
        alone = server.ask(
            version,
            "serving_default",
            labels=labels[row : row + 1],
            seed=seeds[row : row + 1],
        )
        assert_close_samples(alone["samples"][0], batch["samples"][row])


@each_full_network
def test_the_server_refuses_labels_that_cannot_be_sampled(case, exported, server):
    model, version = exported(case)
    good = model.sampled_labels[0]
    forbidden = set(range(-1, model.spec.num_classes + 1)) - set(model.sampled_labels)
    for wrong in sorted(forbidden):
        with pytest.raises(RuntimeError, match="class that this model does not gener"):
            server.ask(
                version,
                "serving_default",
                labels=np.array([good, wrong], "int32"),
                seed=np.arange(2),
            )


@each_full_network
def test_the_served_classifier_is_that_of_the_model(case, exported, server):
    model, version = exported(case)
    x, _ = case.data()
    if not model.trains_classifier:
        with pytest.raises(RuntimeError, match="classify"):
            server.ask(version, "classify", inputs=x)
        return
    reply = server.ask(version, "classify", inputs=x)
    expected = model.classifier.predict(x, verbose=0)
    np.testing.assert_allclose(reply["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(reply["classes"], expected.argmax(axis=1))


@each_full_network
def test_an_export_holds_no_optimizer(case, exported):
    model, version = exported(case)
    stored = sum(
        int(np.prod(shape))
        for name, shape in tf.train.list_variables(
            os.path.join(version, "variables", "variables")
        )
        if "_CHECKPOINTABLE" not in name
    )
    owned = sum(int(np.prod(v.shape)) for v in model.weights)
    assert 0 < stored <= owned
    size = sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(version)
        for name in names
    )
    assert size < 4 * owned + 2**20


# Oversampling.


def produces_rows(case):
    """Whether `oversample` gives samples: all but feature space methods."""
    return not case.has_network or case.build().produces_samples


each_producer = each([case for case in CASES if produces_rows(case)])
each_feature_case = each([case for case in CASES if not produces_rows(case)])


def oversampler(case, runs):
    return runs.unbroken(case)["model"] if case.has_network else case.build()


@each_producer
@pytest.mark.parametrize("strategy", ["auto", "dict", "float"])
@pytest.mark.parametrize("labels_dtype", ["int64", "uint8"])
def test_oversample_keeps_the_originals_and_adds_what_is_asked(
    case, runs, strategy, labels_dtype
):
    x, y = case.data()
    y = y.astype(labels_dtype)
    method = oversampler(case, runs)
    rarest = int(np.bincount(y).argmin())
    largest = int(np.bincount(y).argmax())
    if strategy == "dict":
        strategy = {rarest: int(np.sum(y == rarest)) + 3}
    if strategy == "float":
        # Two classes of the data; a ratio means nothing for more.
        kept = (y == rarest) | (y == largest)
        x, y = x[kept], y[kept]
        if not case.has_network:
            y = (y == rarest).astype(labels_dtype)
            method = kerasos.get_method(case.method).from_data(x, y, **case.options)
            rarest, largest = 1, 0
        strategy = 0.75
    expected = np.bincount(y)
    if not case.adds_samples:
        pass
    elif strategy == "auto":
        expected[:] = expected.max()
    elif isinstance(strategy, dict):
        expected[rarest] += 3
    else:
        expected[rarest] = int(0.75 * expected[largest])
    originals = x.copy(), y.copy()
    x_res, y_res, is_synthetic = method.oversample(x, y, strategy, seed=7)
    n = len(x)
    np.testing.assert_array_equal(x_res[:n], originals[0], strict=True)
    np.testing.assert_array_equal(y_res[:n], originals[1], strict=True)
    np.testing.assert_array_equal(x, originals[0])  # nor is the input touched
    assert x_res.dtype == x.dtype and y_res.dtype == y.dtype
    assert len(x_res) == len(y_res) == len(is_synthetic) == expected.sum()
    np.testing.assert_array_equal(np.bincount(y_res), expected)
    assert is_synthetic.dtype == bool
    np.testing.assert_array_equal(is_synthetic, np.arange(len(x_res)) >= n)
    again, _, _ = method.oversample(x, y, strategy, seed=7)
    np.testing.assert_array_equal(again, x_res)
    if case.adds_samples and case.has_network:
        drawn = method.sample(y_res[n:], seed=7)
        np.testing.assert_array_equal(x_res[n:], drawn)


@each_feature_case
def test_features_cannot_be_appended_to_samples(case):
    model = case.build()
    assert model.sample_shape != model.spec.shape
    with pytest.raises(ValueError, match="generates features of shape"):
        model.oversample(*case.data())


@each_producer
def test_a_class_that_cannot_be_generated_is_refused(case, runs):
    x, y = case.data()
    method = oversampler(case, runs)
    counts = np.bincount(y)
    if case.adds_samples:
        with pytest.raises(ValueError, match="99.*is not present|target class"):
            method.oversample(x, y, {99: 3})
    if not case.has_network:
        return
    for label in set(range(len(counts))) - set(method.sampled_labels):
        with pytest.raises(ValueError, match="must be classes that"):
            method.oversample(x, y, {label: int(counts[label]) + 1})


# Bad input. Each spoiler gives what `from_data` gets for `x, y`.


def poisoned(x, value):
    x = x.astype("float32") / max(1.0, float(np.abs(x).max()))
    x[len(x) // 2] = value
    return x


def empty_dataset(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).take(0), None


BAD_DATA = {
    "rank": (lambda x, y: (x[..., 0], y), ValueError, "must be images"),
    "text": (lambda x, y: (x.astype(str), y), TypeError, "must be numeric"),
    "nan": (lambda x, y: (poisoned(x, np.nan), y), ValueError, "must be finite"),
    "infinity": (lambda x, y: (poisoned(x, np.inf), y), ValueError, "must be finite"),
    "no_sample": (lambda x, y: (x[:0], y[:0]), ValueError, "is empty"),
    "empty_dataset": (empty_dataset, ValueError, "is empty|must be images"),
    "lengths": (lambda x, y: (x, y[:-1]), ValueError, "one label per sample"),
    "no_labels": (lambda x, y: (x, None), TypeError, "`y` is missing"),
    "negative_label": (lambda x, y: (x, y - 1), ValueError, "not be negative"),
    "fraction": (lambda x, y: (x, y + 0.5), ValueError, "must be integers"),
    "text_labels": (lambda x, y: (x, y.astype(str)), TypeError, "integer labels"),
    "one_hot": (lambda x, y: (x, np.eye(9)[y]), ValueError, "argmax"),
    "absent_class": (lambda x, y: (x, 2 * y), ValueError, "no sample of label 1"),
    "one_class": (lambda x, y: (x, 0 * y), ValueError, "at least two classes"),
}


@each_full_case
@pytest.mark.parametrize("spoiler", BAD_DATA)
def test_bad_data_are_refused(case, spoiler):
    spoil, error, words = BAD_DATA[spoiler]
    x, y = spoil(*case.data())
    with pytest.raises(error, match=words):
        kerasos.get_method(case.method).from_data(x, y, **case.options)


@each_full_network
def test_values_of_unknown_units_are_refused(case):
    x, y = case.data()
    method = kerasos.get_method(case.method)
    far = x.astype("float32") + 1000.0
    with pytest.raises(ValueError, match="`value_range` must be given"):
        method.from_data(far, y, **case.options)
    with pytest.raises(ValueError, match="must hold every value"):
        method.from_data(far, y, value_range=(0, 1), **case.options)
    model = method.from_data(far, y, value_range=(0, 2000), **case.options)
    assert model.spec.value_range == (0.0, 2000.0)


@each_full_case
def test_balanced_data_are_refused_where_nothing_could_be_added(case):
    x, y = case.data()
    kept = np.concatenate([np.flatnonzero(y == label)[:4] for label in set(y)])
    method = kerasos.get_method(case.method)
    if case.needs_imbalance:
        with pytest.raises(ValueError, match="Balanced data need no oversampling"):
            method.from_data(x[kept], y[kept], **case.options)
    else:
        method.from_data(x[kept], y[kept], **case.options)


@each_full_case
def test_an_unknown_option_is_named_with_the_nearest(case):
    method = kerasos.get_method(case.method)
    if case.option is None:
        with pytest.raises(TypeError, match="takes no options. Received: 'widht'"):
            method.from_data(*case.data(), widht=1)
        return
    real, misspelt = case.option
    with pytest.raises(TypeError, match=f"{misspelt!r}.*Did you mean {real!r}"):
        method.from_data(*case.data(), **case.options, **{misspelt: 1})


@pytest.mark.parametrize("name", kerasos.list_methods())
def test_an_unknown_method_is_named_with_the_nearest(name):
    with pytest.raises(ValueError, match=f"Did you mean '{name}'"):
        kerasos.get_method(f"{name}e")


def no_batch(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(999, drop_remainder=True)


BAD_FIT = {
    "shape": (lambda x, y: (x[:, :-1], y), "shape the model was built for"),
    "rank": (lambda x, y: (x[..., 0], y), "must be images"),
    "dtype": (lambda x, y: (x.astype("int16"), y), "units the model was built for"),
    "lengths": (lambda x, y: (x, y[:-1]), "one label per sample"),
    "no_labels": (lambda x, y: (x,), "`fit` needs labels"),
    "label_out_of_range": (lambda x, y: (x, y + 1), "classes the model was built for"),
    "negative_label": (lambda x, y: (x, y - 1), "not be negative"),
    "few_samples": (lambda x, y: (x[:5], y[:5]), "`batch_size` must not exceed"),
    "no_sample": (lambda x, y: (x[:0], y[:0]), "is empty"),
    "no_batch": (lambda x, y: (no_batch(x, y),), "has no batch"),
    "single_samples": (
        lambda x, y: (tf.data.Dataset.from_tensor_slices((x, y)),),
        "must yield batches",
    ),
    "dataset_of_other_shape": (
        lambda x, y: (tf.data.Dataset.from_tensor_slices((x[:, :-1], y)).batch(8),),
        "shape the model was built for",
    ),
    "dataset_of_other_dtype": (
        lambda x, y: (
            tf.data.Dataset.from_tensor_slices((x.astype("int16"), y)).batch(8),
        ),
        "units the model was built for",
    ),
    "dataset_without_labels": (
        lambda x, y: (tf.data.Dataset.from_tensor_slices(x).batch(8),),
        "must yield pairs",
    ),
}


@each_full_network
@pytest.mark.parametrize("spoiler", BAD_FIT)
def test_bad_data_are_refused_by_fit_before_any_step(case, runs, spoiler):
    model = runs.unbroken(case)["model"]
    spoil, words = BAD_FIT[spoiler]
    before = state(model)
    with pytest.raises(ValueError, match=words):
        model.fit(*spoil(*case.data()), verbose=0)
    assert_same_state(state(model), before)


@each_full_network
def test_weights_of_samples_are_refused_by_fit(case, runs):
    model = runs.unbroken(case)["model"]
    x, y = case.data()
    with pytest.raises(ValueError, match="takes no `class_weight`"):
        model.fit(x, y, class_weight={0: 1.0})
    with pytest.raises(ValueError, match="no `sample_weight`"):
        model.fit(x, y, sample_weight=np.ones(len(x)))


@each_producer
def test_bad_data_are_refused_by_oversample(case, runs):
    method = oversampler(case, runs)
    x, y = case.data()
    with pytest.raises(ValueError, match="shape"):
        method.oversample(x[:, :-1], y)
    with pytest.raises(ValueError, match="one label per sample"):
        method.oversample(x, y[:-1])
    with pytest.raises(ValueError, match="must be finite|units the model"):
        method.oversample(poisoned(x, np.nan), y)
    with pytest.raises(ValueError, match="[Ll]abel"):
        method.oversample(x, y + 1)
    if case.adds_samples:
        with pytest.raises(ValueError, match="sampling_strategy"):
            method.oversample(x, y, "everything")


@each_full_case
def test_odd_but_workable_data_warn_and_work(case):
    x, y = case.data()
    rarest = int(np.bincount(y).argmin())
    first = np.flatnonzero(y == rarest)[:1]
    kept = np.concatenate([np.flatnonzero(y != rarest), first])
    method = kerasos.get_method(case.method)
    with pytest.warns(UserWarning, match="have one sample each"):
        single = method.from_data(x[kept], y[kept], seed=0, **case.options)
    copies = np.where((y == rarest).reshape(-1, *[1] * (x.ndim - 1)), x[first], x)
    with pytest.warns(UserWarning, match="repeated samples"):
        repeated = method.from_data(copies, y, seed=0, **case.options)
    for built, data, labels in ((single, x[kept], y[kept]), (repeated, copies, y)):
        if case.has_network:
            samples = built.sample([rarest] * 5, seed=0)
            assert samples.shape == (5, *built.sample_shape)
            assert np.all(np.isfinite(samples))
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _, y_res, _ = built.oversample(data, labels)
            total = max(np.bincount(labels))
            if case.adds_samples:
                assert np.sum(y_res == rarest) == total


@each_full_case
def test_a_dataset_gives_the_same_as_arrays(case):
    x, y = case.data()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(7)
    method = kerasos.get_method(case.method)
    left = method.from_data(dataset, seed=0, **case.options)
    right = method.from_data(x, y, seed=0, **case.options)
    if case.has_network:
        assert left.spec == right.spec
        labels = some_labels(right)
        np.testing.assert_array_equal(
            left.sample(labels, seed=1), right.sample(labels, seed=1)
        )
    else:
        np.testing.assert_array_equal(
            left.oversample(x, y)[0], right.oversample(x, y)[0]
        )
