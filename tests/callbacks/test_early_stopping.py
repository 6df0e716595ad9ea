"""When a generator stops, what is put back, and what a resumed run remembers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from resuming import Crash, assert_same_state, state

from kerasos import OversamplingModel
from kerasos.callbacks import GeneratorDiagnostics, GeneratorEarlyStopping
from kerasos.data import DataSpec, batches
from kerasos.evaluation import DownstreamScore


@pytest.fixture(scope="module")
def data():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat([0, 1], [40, 16]))
    x = 0.1 * source.standard_normal((56, 4)) + (y[:, None] + 1) / 3
    return np.clip(x, 0, 1).astype("float32"), y


class Given:
    """Scores from a list, one an evaluation; notes the state it scored."""

    def __init__(self, *scores):
        self.left = list(scores)
        self.states = []

    def __call__(self, model):
        self.states.append(state(model))
        return self.left.pop(0)


class Follower(OversamplingModel):
    """A generator that is pulled to the real batch, with noise and dropout."""

    def __init__(self, spec):
        super().__init__(spec=spec, noise_dim=3, seed=0)
        kernel = keras.initializers.GlorotUniform(0)
        self.generator = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dropout(0.3, seed=1),
                keras.layers.Dense(4, kernel_initializer=kernel),
            ]
        )
        self.track("g_loss")
        self.compile_players({"g_optimizer": keras.optimizers.Adam(0.01)})

    def player_variables(self):
        return {"g_optimizer": self.generator.trainable_variables}

    def train_step(self, data):
        x = self.to_model(data[0])
        noise = self.normal(x.shape[0], 3, "g")
        with tf.GradientTape() as tape:
            fake = self.generator(noise, training=True)
            loss = tf.reduce_mean(tf.math.squared_difference(fake, x))
        variables = self.generator.trainable_variables
        self.minimize(loss, tape, variables, self.g_optimizer)
        return self.finish_step(g_loss=loss)

    def generate(self, latent, labels):
        return self.generator(latent)


def build(data):
    return Follower(DataSpec.of(*data, value_range=(0, 1)))


def fit(data, *callbacks, epochs=12, model=None, **options):
    model = model or build(data)
    begun = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(epoch)
    )
    history = model.fit(
        batches(*data, 16, steps_per_epoch=1),
        epochs=epochs,
        verbose=0,
        callbacks=[*callbacks, note],
        **options,
    )
    return model, begun, history.history


def test_training_stops_after_patience_and_goes_back_to_the_best(data):
    score = Given(0.1, 0.5, 0.7, 0.6, 0.7, 0.2, 0.9)
    stop = GeneratorEarlyStopping(score, patience=3)
    model, begun, history = fit(data, stop)
    assert begun == [0, 1, 2, 3, 4, 5]
    assert history["generator_score"] == [0.1, 0.5, 0.7, 0.6, 0.7, 0.2]
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (0.7, 3, 6)
    # Weights, Gaussians, optimizers, counters and seeds: all of epoch 3.
    assert_same_state(state(model), score.states[2])
    with pytest.raises(AssertionError):
        assert_same_state(state(model), score.states[5])


def test_the_restored_model_goes_on_as_from_the_best_epoch(data):
    stop = GeneratorEarlyStopping(Given(0.1, 0.9, 0.2, 0.3), patience=2)
    model, _, _ = fit(data, stop)
    model, _, _ = fit(data, model=model, initial_epoch=2, epochs=4)
    expected, _, _ = fit(data, epochs=4)
    assert_same_state(state(model), state(expected))


def test_the_best_is_restored_when_the_epochs_end_too(data):
    score = Given(0.1, 0.9, 0.2)
    stop = GeneratorEarlyStopping(score, patience=5)
    model, _, _ = fit(data, stop, epochs=3)
    assert stop.stopped_epoch is None and stop.best_epoch == 2
    assert_same_state(state(model), score.states[1])


def test_nothing_is_restored_on_request(data):
    score = Given(0.9, 0.1, 0.2)
    stop = GeneratorEarlyStopping(score, patience=2, restore_best=False)
    model, _, _ = fit(data, stop)
    assert_same_state(state(model), score.states[2])
    assert stop.best_epoch == 1


@pytest.mark.parametrize(
    "options, scores, stopped, best",
    [
        ({"mode": "min"}, (0.5, 0.4, 0.6, 0.4), 4, 2),
        ({"min_delta": 0.1}, (0.5, 0.55, 0.59, 0.9), 3, 1),
        ({"every": 2}, (0.5, 0.4, 0.4), 6, 2),
        ({"start_from_epoch": 3}, (0.5, 0.6, 0.4, 0.4), 7, 5),
    ],
)
def test_settings_decide_when_training_stops(data, options, scores, stopped, best):
    stop = GeneratorEarlyStopping(Given(*scores), patience=2, **options)
    fit(data, stop)
    assert (stop.stopped_epoch, stop.best_epoch) == (stopped, best)


def test_a_second_run_from_the_start_starts_to_count_anew(data, tmp_path):
    for path in (None, tmp_path / "best"):
        stop = GeneratorEarlyStopping(
            Given(0.9, 0.1, 0.2, 0.3, 0.4, 0.2, 0.1), patience=2, path=path
        )
        fit(data, stop)
        assert stop.stopped_epoch == 3
        fit(data, stop)
        assert (stop.stopped_epoch, stop.best, stop.best_epoch) == (6 - 2, 0.4, 2)


SCORES = (0.1, 0.5, 0.7, 0.6, 0.5, 0.65, 0.9)


@pytest.mark.parametrize("crash", [2, 3, 5])
@pytest.mark.parametrize("order", ["before_backup", "after_backup"])
def test_a_resumed_run_stops_where_an_unbroken_one_does(data, tmp_path, crash, order):
    unbroken, _, _ = fit(data, GeneratorEarlyStopping(Given(*SCORES), patience=3))

    def again(first, *others):
        stop = GeneratorEarlyStopping(
            Given(*SCORES[first:]), patience=3, path=tmp_path / "best"
        )
        backup = keras.callbacks.BackupAndRestore(
            str(tmp_path / "backup"), delete_checkpoint=False
        )
        pair = [stop, backup] if order == "after_backup" else [backup, stop]
        crash_place = 1 if order == "after_backup" else 2
        callbacks = [*pair[:crash_place], *others, *pair[crash_place:]]
        return (stop, *fit(data, *callbacks))

    with pytest.raises(KeyboardInterrupt):
        again(0, Crash(crash))
    # The backup of the last epoch is there or not; its epoch is done again then.
    first = crash if order == "after_backup" else crash + 1
    stop, model, begun, _ = again(first)
    # Where the stop itself was cut off, one batch shows that it was due.
    assert begun == (list(range(first, 6)) or [6])
    assert (stop.best_epoch, stop.stopped_epoch) == (3, 6)
    assert_same_state(state(model), state(unbroken))
    kept = sorted(path.name for path in (tmp_path / "best").iterdir())
    assert kept[-1] == "scores.json" and "best-000003.weights.h5" in kept
    assert len(kept) <= 3


def test_without_a_path_a_resumed_run_counts_anew(data):
    stop = GeneratorEarlyStopping(Given(0.1, 0.2, 0.1, 0.15), patience=2)
    fit(data, stop, initial_epoch=5)
    assert stop.scores == {6: 0.1, 7: 0.2, 8: 0.1, 9: 0.15}
    assert (stop.best_epoch, stop.stopped_epoch) == (7, 9)


def test_missing_weights_are_no_reason_to_fail(data, tmp_path):
    def stop(*scores):
        return GeneratorEarlyStopping(Given(*scores), patience=2, path=tmp_path)

    fit(data, stop(0.3, 0.2), epochs=2)
    (tmp_path / "best-000001.weights.h5").unlink()
    second = stop(0.1, 0.05, 0.04)
    with pytest.warns(UserWarning, match="best epoch, 1, are missing"):
        fit(data, second, initial_epoch=2)
    assert (second.best_epoch, second.stopped_epoch) == (3, 5)


def test_a_diagnostic_in_the_logs_can_be_watched(data):
    watch = GeneratorDiagnostics(*data, samples_per_class=20)
    stop = GeneratorEarlyStopping("spread", patience=2)
    _, _, history = fit(data, watch, stop, epochs=5)
    assert list(stop.scores.values()) == history["spread"]
    assert "generator_score" not in history


def test_a_held_out_score_can_be_watched(data):
    held_out = data[0][:20], data[1][:20]
    score = DownstreamScore(data[0][20:], data[1][20:], *held_out)
    stop = GeneratorEarlyStopping(score, patience=20)
    model, _, history = fit(data, stop, epochs=3)
    assert len(history["generator_score"]) == 3
    assert score(model) == max(history["generator_score"])


def test_what_happened_is_said_on_request(data, capsys):
    fit(data, GeneratorEarlyStopping(Given(0.5, 0.4), patience=1, verbose=1))
    printed = capsys.readouterr().out
    assert "Restored the generator of epoch 1: 0.5000" in printed
    assert "Stopped after epoch 2: no better score in 1 evaluations" in printed


@pytest.mark.parametrize(
    "options, words",
    [
        ({"score": 3}, "`score` must be a function"),
        ({"mode": "maximum"}, "Invalid `mode`: .* one of 'max', 'min'"),
        ({"patience": 0}, "Invalid `patience`"),
        ({"every": 0}, "Invalid `every`"),
        ({"min_delta": -1}, "Invalid `min_delta`"),
    ],
)
def test_bad_arguments_are_refused_at_once(options, words):
    with pytest.raises(ValueError, match=words):
        GeneratorEarlyStopping(**{"score": "spread", **options})


@pytest.mark.parametrize(
    "score, words",
    [
        ("spread", "`score` is not in the logs. Expected one of .'g_loss'"),
        (lambda model: float("nan"), "must be a finite number"),
    ],
)
def test_a_score_that_is_none_stops_at_its_first_evaluation(data, score, words):
    with pytest.raises(ValueError, match=words):
        fit(data, GeneratorEarlyStopping(score))
