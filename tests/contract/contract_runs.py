"""What the files of the contract test share: choices of cases, runs, comparisons."""

import collections
import json

import keras
import numpy as np
import pytest
from contract_cases import CASES
from gradients import registered_gradients
from resuming import CopyBackup, state

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


def case_validates(model):
    return model.trains_classifier


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
        """A whole run, saved half-way and at the end.

        `crashed` is its backup as it was in epoch `crash_epoch`: between two stages
        of a round, where there are any. Only a full case has one.
        """
        return self.once("unbroken", case, self._unbroken)

    def _unbroken(self, case):
        model = case.build()
        model.compile(jit_compile=False)
        before, gradients = state(model), registered_gradients()
        epochs, half = epochs_of(case)
        paths = {
            epoch: str(self.folder / f"{case.id}-{epoch}.keras")
            for epoch in (half, epochs)
        }

        crash_epoch = half if case.round == 1 else half + 1
        backup, crashed = (
            self.folder / f"{case.id}-{name}" for name in ("backup", "crashed")
        )

        def save(epoch, logs):
            if epoch + 1 == half:
                model.save(paths[half])

        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=save)]
        if case.full:
            callbacks += [
                keras.callbacks.BackupAndRestore(str(backup)),
                CopyBackup(backup, {(crash_epoch, 0): crashed}),
            ]
        history = model.fit(
            batches(case),
            epochs=epochs,
            verbose=0,
            validation_data=case.data() if case_validates(model) else None,
            callbacks=callbacks,
        ).history
        after = state(model)
        new_gradients = registered_gradients() - gradients
        model.save(paths[epochs])
        return {
            "model": model,
            "before": before,
            "after": after,
            "new_gradients": new_gradients,
            "history": history,
            "half": paths[half],
            "crashed": crashed,
            "crash_epoch": crash_epoch,
            "path": paths[epochs],
        }

    def one_device(self, case):
        """Two steps by gradient descent, with a look at each call of `minimize`.

        A test that asks for it takes the fixture `noise_of_the_case`, so that all of
        them can share it.
        """
        return self.once("one_device", case, self._one_device)

    def _one_device(self, case):
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


each_producer = each([case for case in CASES if not case.makes_features])
each_feature_case = each([case for case in CASES if case.makes_features])


def oversampler(case, runs):
    return runs.unbroken(case)["model"] if case.has_network else case.build()


def poisoned(x, value):
    x = x.astype("float32") / max(1.0, float(np.abs(x).max()))
    x[len(x) // 2] = value
    return x


def assert_close_movement(model, expected, weights):
    """Equal up to 1e-5 of the way each variable went, and its last bits.

    A variable of one number goes by one sum, whose terms may cancel: on one processor
    the bias of cDCGAN's output went half as far as its kernel, and 1.2e-5 of that lay
    between two orders of summation. Its way is that of its layer.
    """
    resting = resting_biases(model)
    ways = collections.defaultdict(float)
    for v, before, after in zip(
        model.weights, expected["before"], expected["after"], strict=True
    ):
        if np.issubdtype(after.dtype, np.floating):
            layer = v.path.rpartition("/")[0]
            ways[layer] = max(ways[layer], np.abs(after - before).max())
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
        movement = way = np.abs(after - before).max()
        if after.size == 1:
            way = ways[v.path.rpartition("/")[0]]
        rounding = 2e-7 * np.abs(after).max()
        np.testing.assert_allclose(
            got, after, rtol=0, atol=1e-5 * way + rounding, err_msg=v.path
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


def assert_close_samples(left, right):
    assert (left.shape, left.dtype) == (right.shape, right.dtype)
    if np.issubdtype(left.dtype, np.integer):
        assert np.abs(left.astype(int) - right.astype(int)).max() <= 1
    else:
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)
