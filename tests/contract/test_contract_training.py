"""Every registered method, now or later, is held to the same promises: training.

What a method must tell these tests is in `contract_cases.py`.
"""

import collections
import re

import numpy as np
import tensorflow as tf
from contract_runs import (
    BATCH,
    NETWORKS,
    assert_close_movement,
    batches,
    compile_plain,
    each,
    each_full_network,
    each_network,
    epochs_of,
    fit_plain,
    some_labels,
)

GPU_IMAGES = (
    "activegan-images",
    "cwae-images",
    "dgc-images",
    "dos-images",
    "gamo-conv",
    "imsic-images",
)


@each_network
def test_fit_trains_every_network_and_logs_every_loss(case, runs):
    run = runs.unbroken(case)
    model, history = run["model"], run["history"]
    epochs, _ = epochs_of(case)
    expected = {"loss", *case.losses}
    if model.trains_classifier:
        expected |= {"val_loss", "val_acsa", "val_g_mean"}
    assert set(history) == expected
    stage_of = [model.stage_at(epoch) for epoch in range(epochs)]
    epochs_of_stages = collections.Counter(stage_of).values()
    for name, values in history.items():
        assert len(values) in {epochs, *epochs_of_stages}, name
        assert np.all(np.isfinite(values)), name
        if name == "loss":  # callbacks such as `TerminateOnNaN` look at it
            assert len(values) == epochs
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
def test_training_leaves_nothing_in_memory(case, runs):
    """A gradient that TensorFlow registers keeps its graph and what that captured."""
    assert not runs.unbroken(case)["new_gradients"]


@each_network
def test_each_step_moves_its_own_network_only(case, runs, noise_of_the_case):
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
def test_xla_gives_the_same_weights(case, runs, noise_of_the_case):
    expected = runs.one_device(case)
    model = case.build()
    compile_plain(model, case, jit_compile=True)
    fit_plain(model, case)
    assert model.jit_compile is True
    assert_close_movement(model, expected, [v.numpy() for v in model.weights])


# Small networks of images besides: on processors XLA does not compile these by default.
ON_A_GPU = [case for case in NETWORKS if case.full or case.id in GPU_IMAGES]


@each(ON_A_GPU)
def test_a_step_is_one_program_with_nothing_on_the_host(case):
    model = case.build()
    assert model.can_jit
    data = next(iter(model.arrange(batches(case))))
    for stage in model.stages:
        model.stage = stage
        step = tf.function(model.train_step, jit_compile=True, autograph=False)
        program = step.experimental_get_compiler_ir(data)(stage="hlo")
        asks = re.findall(r" (custom-call|infeed|outfeed|send|recv)\(", program)
        assert "ENTRY" in program and not asks, stage


@each([case for case in NETWORKS if case.jit or case.id == "flow-images"])
def test_half_precision_trains_and_samples(case, dtype_policy):
    # The harder of the two: its range is small, and each player's loss is scaled.
    dtype_policy("mixed_float16")
    check_half_precision(case)


@each([case for case in NETWORKS if case.id in ("cvae-rows", "flow-rows")])
def test_bfloat16_trains_and_samples(case, dtype_policy):
    dtype_policy("mixed_bfloat16")
    check_half_precision(case)


def check_half_precision(case):
    model = case.build()
    model.compile(jit_compile=False)
    model.fit(batches(case, steps_per_epoch=2), epochs=case.round, verbose=0)
    for variable in model.trainable_variables:
        assert variable.dtype == "float32"
        assert np.all(np.isfinite(variable.numpy())), variable.path
    if model.produces_samples:
        samples = model.sample(some_labels(model), seed=0, verbose=0)
        low, high = model.spec.value_range
        assert np.all(np.isfinite(samples)) and samples.dtype == model.sample_dtype
        assert low <= samples.min() and samples.max() <= high


@each_network
def test_two_replicas_train_as_one_device(case, runs, two_replicas, noise_of_the_case):
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
    model.allow_untrained = True
    labels = tf.constant(some_labels(model, 4), tf.int32)
    first, second = two_replicas.experimental_local_results(
        two_replicas.run(tf.function(model), args=(labels,))
    )
    assert first.shape == second.shape == (4, *model.sample_shape)
    assert np.any(first != second)
