"""One step of GAMO: Algorithm 1, and what each player moves."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from files_entered import files_entered
from gamo_setup import (
    MINORITY,
    make_gamo,
    moved,
    moving_averages,
    players_paths,
    real_batch,
    weights_of,
)
from steps import moved_paths, paths

JUDGES = ["c_optimizer", "d_optimizer"] * 2
AGAINST_BOTH = ["g_optimizer", "g_d_optimizer"]


def paths_of_unit(model, label):
    return {v.path for v in model.generator.class_variables(label)}


@pytest.mark.parametrize(
    ("options", "players"),
    [
        ({}, JUDGES + 3 * AGAINST_BOTH),
        ({"g_update": "joint"}, JUDGES + AGAINST_BOTH),
        ({"discriminator": False}, ["c_optimizer"] * 2 + ["g_optimizer"] * 3),
        ({"generator": "copies"}, JUDGES),
        ({"generator": "pairs"}, JUDGES),
        ({"generator": "conditional"}, JUDGES + 3 * AGAINST_BOTH),
    ],
)
def test_a_step_follows_algorithm_1_and_each_player_moves_its_own(
    options, players, monkeypatch
):
    """M and D on real samples, both on generated ones, then G, rarest class first."""
    model, x, y = make_gamo(**options)
    images, labels, _ = real_batch(model, x, y)
    steps, before = moved_paths(model, monkeypatch), weights_of(model)
    own = {"c_optimizer": paths(model.classifier_head)}
    if model.discriminator is not None:
        own["d_optimizer"] = paths(model.discriminator)
    for _ in range(3):  # Adam's moments would move a variable at zero gradient
        steps.clear()
        logs = model.train_step((images, labels))
        assert [name for name, _ in steps] == players
        for name, changed in steps:
            if name in own:
                assert changed == own[name]
        against_m = [changed for name, changed in steps if name == "g_optimizer"]
        against_d = [changed for name, changed in steps if name == "g_d_optimizer"]
        expected = [
            {v.path for v in model.generator.class_variables(k)} for k in MINORITY
        ]
        if model.g_update == "joint":
            expected = [paths(model.generator)]
        for found in (against_m, against_d):
            assert not found or found == expected
    named = {"c_optimizer": "c_loss", "d_optimizer": "d_loss"}
    named.update(g_optimizer="g_c_loss", g_d_optimizer="g_d_loss")
    assert set(logs) == {"loss", *(named[name] for name in players)}
    # Nothing else moves but batch normalisation; the anchors rest.
    rest = moved(before, weights_of(model)) - players_paths(model)
    averages = {path for path in before if "moving_" in path}
    assert rest == averages


def test_nothing_but_a_step_moves_a_player(monkeypatch):
    model, x, y = make_gamo()
    monkeypatch.setattr(model, "minimize", lambda *args: None)
    images, labels, _ = real_batch(model, x, y)
    before = weights_of(model)
    # Generated for M and D in inference mode: the moving averages rest too.
    model.draw_fakes(images)
    assert not moved(before, weights_of(model))
    model.train_step((images, labels))
    assert moved(before, weights_of(model)) == moving_averages(model)


def test_every_variable_belongs_to_one_player():
    for images in (False, True):
        variant = {"variant": "conv", "counts": (8, 24, 5)} if images else {}
        model, _, _ = make_gamo(images=images, **variant)
        owned = collections.Counter(
            v.path for vs in model.player_variables().values() for v in vs
        )
        # G has two optimizers, one against M and one against D.
        both = paths(model.generator)
        assert all(n == (2 if path in both else 1) for path, n in owned.items())
        assert set(owned) == {v.path for v in model.trainable_variables}


def watch_generator(model, monkeypatch):
    """Lists `(noise, sizes, training)` of the batches that the generator makes."""
    made, grouped = [], model.generator.grouped

    def watched(noise, sizes, training=False):
        made.append((np.asarray(noise), tuple(sizes), training))
        return grouped(noise, sizes, training)

    monkeypatch.setattr(model.generator, "grouped", watched)
    return made


def test_generator_trains_on_one_class_with_the_same_noise_against_both(monkeypatch):
    model, x, y = make_gamo()
    made = watch_generator(model, monkeypatch)
    images, labels, _ = real_batch(model, x, y)
    model.train_step((images, labels))
    assert [training for _, _, training in made] == [False] + [True] * 6
    for turn, label in enumerate(MINORITY):
        against_m, against_d = made[1 + 2 * turn], made[2 + 2 * turn]
        q = max(4, -(-32 // 4))
        assert against_m[1] == against_d[1] == tuple(q * (k == label) for k in range(4))
        np.testing.assert_array_equal(against_m[0], against_d[0])
    assert not np.array_equal(made[1][0], made[3][0])


@pytest.mark.parametrize(
    ("rows", "counts", "expected"),
    [(32, (4, 40, 6), 11), (32, tuple(range(2, 12)), 4), (8, (3, 9, 4), 4)],
)
def test_samples_of_a_class_in_a_generator_step(rows, counts, expected, monkeypatch):
    # q = ceil(batch / num_classes), and at least 4: batch norm of one row is void.
    model, x, _ = make_gamo(counts=counts)
    made = watch_generator(model, monkeypatch)
    for given, size in ((None, expected), (16, 16)):
        made.clear()
        model.samples_per_class = given
        model._generator_steps(tf.constant(np.resize(x, (rows, 3))))
        assert made and all(sum(sizes) == size for _, sizes, _ in made)


def test_targets_of_the_discriminator_are_soft_and_the_generators_is_one(monkeypatch):
    model, x, y = make_gamo()
    targets, source_loss = [], model.source_loss_fn

    def watched(logits, target):
        targets.append(np.atleast_1d(target))
        return source_loss(logits, target)

    monkeypatch.setattr(model, "source_loss_fn", watched)
    images, labels, _ = real_batch(model, x, y)
    model.train_step((images, labels))
    real, fake, *rest = targets
    assert real.shape == (32,)
    assert real.min() > 0.9 and real.max() <= 1.0 and np.ptp(real) > 0.05
    assert fake.min() >= 0.0 and fake.max() < 0.1 and np.ptp(fake) > 0.05
    assert len(rest) == 3 and all(np.all(target == 1.0) for target in rest)


def test_a_step_enters_six_files():
    model, x, y = make_gamo()
    images, labels, _ = real_batch(model, x, y)
    step = (images, labels)
    model.train_step(step)
    entered = files_entered(lambda: model.train_step(step))
    assert "methods/gamo/gamo.py" in entered
    assert len(entered) <= 6, sorted(entered)
