"""DGC: the loss, its three updates, pre-training, prediction and generated rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy import special
from sklearn.linear_model import LogisticRegression
from steps import moved_paths

import kerasos
from kerasos import DGC
from kerasos.data import batches
from kerasos.losses.mmd import imq_mmd
from kerasos.methods.dgc import dgc
from kerasos.methods.shared.encoder_pretraining import pretrain_encoder

COUNTS = (20, 8, 4)
NAMES = ("e_optimizer", "c_optimizer", "g_optimizer")


def make_dgc(data=rows, rate=0.0, **options):
    x, y = data(COUNTS)
    options = {"latent_dim": 4, "width": 16, "draws": 3, **options}
    model = DGC.from_data(x, y, seed=0, **options)
    model.compile(*(keras.optimizers.SGD(rate) for _ in NAMES), run_eagerly=True)
    return model, (tf.constant(x[:16]), tf.constant(y[:16], tf.int32))


def flat(tensor):
    return np.reshape(tensor, (len(tensor), -1)).astype("float64")


def terms_by_hand(model, x, y, tag):
    """Reconstruction, discrepancy, mean cross-entropy, and the posterior."""
    x, one_hot = model.real_batch((x, y))
    features = model.trunk(x, training=True)
    mean, scale = model.posterior([features, one_hot], training=True)
    latent = mean + scale * model.normal(16, 4, tag)
    decoded = model.decoder(latent, training=True)
    reconstruction = 0.5 * np.sum((flat(x) - flat(decoded)) ** 2, axis=1).mean()
    mmd = float(imq_mmd(latent, model.normal(16, 4, f"{tag}_prior")))
    logits = model.classifier_head(latent).numpy().astype("float64")
    surprise = -special.log_softmax(logits, axis=1)[np.arange(16), y]
    return reconstruction, mmd, surprise.mean(), (mean, scale)


# The loss.


@pytest.mark.parametrize("data", [rows, images])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_loss_is_its_three_terms(data, reduction):
    model, (x, y) = make_dgc(data, ce_reduction=reduction, mmd_weight=3.0)
    reconstruction, mmd, ce, _ = terms_by_hand(model, x, y, "joint")
    logs = {name: float(value) for name, value in model.train_step((x, y)).items()}
    assert logs["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-5)
    assert logs["mmd_loss"] == pytest.approx(mmd, abs=1e-5)
    assert logs["c_loss"] == pytest.approx(ce, rel=1e-5)
    weight = 16 if reduction == "sum" else 1
    expected = reconstruction + 3.0 * mmd + weight * ce
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_head_sees_small_classes_as_often_as_the_code_repeats_them(
    reduction, monkeypatch
):
    model, (x, y) = make_dgc(ce_reduction=reduction)
    # Class of 20: once. Of 8: 1 + .6 * 12 / 8. Of 4: 1 + .6 * 16 / 4.
    repeats = np.array([1.0, 1.9, 3.4])
    np.testing.assert_allclose(model.repeats, repeats)
    *_, (mean, scale) = terms_by_hand(model, x, y, "joint")
    noise = tf.reshape(model.normal(16, 4 * 4, "oversampled"), (16, 4, 4))
    latent = tf.reshape(mean[:, None] + scale[:, None] * noise, (-1, 4))
    logits = model.classifier_head(latent).numpy().reshape(16, 4, 3)
    y_np = y.numpy()
    surprise = -special.log_softmax(logits, -1)[np.arange(16), :, y_np].mean(axis=1)
    weights = repeats[y_np]
    seen = {}

    def minimize(loss, tape, variables, optimizer):
        seen[id(optimizer)] = float(loss)

    monkeypatch.setattr(model, "minimize", minimize)
    logs = model.train_step((x, y))
    expected = np.sum(weights * surprise)
    total = np.sum(weights)
    found = float(logs["oversampled_c_loss"])
    assert found == pytest.approx(expected / total, rel=1e-5)
    minimized = seen[id(model.c_optimizer)]
    wanted = expected if reduction == "sum" else expected / total
    assert minimized == pytest.approx(wanted, rel=1e-5)


def test_rare_classes_have_a_bounded_number_of_copies():
    x, y = rows((400, 2))
    model = DGC.from_data(x, y, seed=0, latent_dim=4, width=8)
    model.compile(run_eagerly=True)
    asked = []
    normal = model.normal
    model.normal = lambda rows, width, tag: (
        asked.append((tag, width)) or normal(rows, width, tag)
    )
    model.train_step((tf.constant(x[:16]), tf.constant(y[:16], tf.int32)))
    assert dict(asked)["oversampled"] == 16 * 4
    assert model.repeats[1] == pytest.approx(1 + 0.6 * 398 / 2)


def test_copies_of_rows_leave_no_latents_to_repeat():
    model, _ = make_dgc(pre_oversample=True)
    np.testing.assert_array_equal(model.repeats, 1.0)


# The updates.


def paths(variables):
    return {v.path for v in variables}


@pytest.mark.parametrize("data", [rows, images])
def test_the_updates_come_in_order_and_move_their_own_networks(data, monkeypatch):
    model, batch = make_dgc(data, rate=0.1)
    updates = moved_paths(model, monkeypatch)
    model.train_step(batch)
    assert [name for name, _ in updates] == ["e_optimizer", "g_optimizer", NAMES[1]]
    encoder, joint, head = (moved for _, moved in updates)
    encoder_paths = paths(model.encoder_variables)
    head_paths = paths(model.classifier_head.trainable_variables)
    assert encoder <= encoder_paths and head == head_paths
    everything = encoder_paths | head_paths
    everything |= paths(model.decoder.trainable_variables)
    assert joint <= everything

    def kernels(found):
        return {path for path in found if path.endswith("kernel")}

    assert kernels(encoder) == kernels(encoder_paths)
    assert kernels(joint) == kernels(everything)


def test_updates_can_be_left_out(monkeypatch):
    options = {"encoder_step": False, "latent_oversampling": 0, "pretrain_steps": 0}
    model, batch = make_dgc(**options)
    updates = moved_paths(model, monkeypatch)
    logs = model.train_step(batch)
    assert [name for name, _ in updates] == ["g_optimizer"]
    assert set(model.player_variables()) == {"g_optimizer"}
    assert "oversampled_c_loss" not in logs


# Pre-training.


def plain_batches(x, y, size):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size)


@pytest.mark.parametrize("make", [batches, plain_batches])
def test_pretraining_brings_latents_near_the_prior(make):
    x, y = rows((60, 30))
    model = DGC.from_data(x, y, seed=0, latent_dim=4, width=16, pretrain_rows=64)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    # An encoder that is far away: means of 3.
    model.posterior.get_layer("posterior_mean").bias.assign(np.full(4, 3.0, "float32"))
    before = [v.numpy().copy() for v in model.variables]
    losses = pretrain_encoder(model, make(x, y, 10))
    assert losses[0] > 5 and losses[-1] < 0.1
    assert 3 < len(losses) < 200 and min(losses[:-1]) >= 0.1
    moved = {
        v.path
        for v, was in zip(model.variables, before, strict=True)
        if np.any(v.numpy() != was)
    }
    may_move = paths([*model.trunk.non_trainable_variables, model.pretrained])
    assert moved <= paths(model.encoder_variables) | may_move
    noise = np.random.default_rng(0).standard_normal((90, 4)).astype("float32")
    latents = model.draw_latent(*model.real_batch((x, y)), noise).numpy()
    assert np.abs(latents.mean(axis=0)).max() < 0.6


def test_fit_pretrains_once(monkeypatch):
    x, y = rows(COUNTS)
    model = DGC.from_data(x, y, seed=0, latent_dim=4, width=8, pretrain_steps=2)
    model.compile(run_eagerly=True)
    made = []
    monkeypatch.setattr(
        dgc, "pretrain_encoder", lambda *a: made.append(len(pretrain_encoder(*a)))
    )
    model.fit(batches(x, y, 16), epochs=2, verbose=0)
    model.fit(batches(x, y, 16), initial_epoch=2, epochs=3, verbose=0)
    assert made in ([1, 0], [2, 0])  # updates of two calls
    # Its own steps do not count as steps of training.
    assert int(model.steps_done.numpy()) == 6


# Prediction.


@pytest.mark.parametrize("data", [rows, images])
def test_predictions_do_not_depend_on_batches_or_order(data):
    model, _ = make_dgc(data)
    x, _ = data(COUNTS)
    expected = model.classifier.predict(x, verbose=0, batch_size=len(x))
    order = np.random.default_rng(0).permutation(len(x))
    for batch_size in (1, 7):
        found = model.classifier.predict(x[order], verbose=0, batch_size=batch_size)
        np.testing.assert_allclose(found, expected[order], atol=1e-5)


@pytest.mark.parametrize("data", [rows, images])
def test_the_classifier_takes_raw_input(data):
    model, (x, y) = make_dgc(data)
    expected = model.prediction(model.real_batch((x, y))[0])
    np.testing.assert_allclose(model.classifier(x), expected, atol=1e-5)
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    chosen = np.argmax(expected, axis=1)
    recalls = [np.mean(chosen[y == k] == k) for k in range(3)]
    assert scores["acsa"] == pytest.approx(np.mean(recalls), abs=1e-6)
    surprise = -np.log(expected.numpy()[np.arange(16), y])
    assert scores["loss"] == pytest.approx(surprise.mean(), rel=1e-4)


# Generated rows.


def test_a_sample_decodes_the_posterior_of_a_kept_row_of_its_class():
    model, _ = make_dgc(images, rows_per_class=5)
    x, y = images(COUNTS)
    assert model.bank.counts == [5, 5, 4]
    assert model.bank.rows.dtype == "uint8"
    noise = np.random.default_rng(0).standard_normal((180, 5)).astype("float32")
    labels = np.repeat([0, 1, 2], 60)
    places = special.ndtr(noise[:, 4])
    kept = model.bank.at(tf.constant(places), tf.constant(labels)).numpy()
    for row, label in zip(kept, labels, strict=True):
        assert any(np.array_equal(row, real) for real in x[y == label])
    assert [len(np.unique(kept[labels == k], axis=0)) for k in range(3)] == [5, 5, 4]
    scaled, one_hot = model.real_batch((kept, labels))
    mean, scale = model.posterior([model.trunk(scaled), one_hot])
    expected = mean + scale * noise[:, :4]
    np.testing.assert_allclose(model.latent(noise, labels), expected, atol=1e-5)


def test_rows_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr("kerasos.methods.shared.row_bank._BYTES", 3 * 64 * 2 + 5)
    model, _ = make_dgc(images)
    assert model.bank.counts == [2, 2, 2]


def test_own_networks_get_their_rows_from_fit():
    built, _ = make_dgc()
    x, y = rows(COUNTS)
    names = ("trunk", "posterior", "decoder", "classifier_head")
    networks = {name: getattr(built, name) for name in names}
    model = DGC(
        **networks,
        spec=built.spec,
        column_mean=built.column_mean,
        column_scale=built.column_scale,
        pretrain_steps=0,
        seed=0,
    )
    model.compile(run_eagerly=True)
    assert not model.bank.is_filled
    model.fit(batches(x, y, 16), verbose=0)
    assert model.bank.is_filled
    for label, start in enumerate(np.cumsum([0, *COUNTS[:-1]])):
        found = model.bank.rows.numpy()[start : start + COUNTS[label]]
        np.testing.assert_array_equal(found, x[y == label])
    with pytest.raises(ValueError, match=r"every class.*none of \[2\]"):
        model.bank.fill(x[y < 2], y[y < 2])


# Options.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ce_reduction": "summ"}, "Did you mean 'sum'"),
        ({"pretrain_steps": 1.5}, "`pretrain_steps`: it must be an integer"),
        ({"pretrain_rows": 1}, "at least 2"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make_dgc(**options)


def test_defaults_follow_the_size_of_the_samples():
    small = make_dgc(images)[0]
    assert (small.lr, small.encoder_step, small.pretrain_rows) == (1e-5, True, 1000)
    table = make_dgc(rows)[0]
    assert (table.lr, table.encoder_step) == (1e-3, True)
    x, y = images(COUNTS, size=40)
    large = DGC.from_data(x, y, seed=0, width=4, lr=3e-5)
    assert (large.lr, large.encoder_step, large.pretrain_rows) == (3e-5, False, 256)


# What it is for.


@pytest.mark.slow  # trains on the digits
def test_it_classifies_imbalanced_digits_and_generates_them():
    (x, y), (x_test, y_test) = kerasos.data.load("digits", class_counts=20)
    model = DGC.from_data(x, y, seed=0, width=32, lr=2e-3, ce_reduction="mean", draws=4)
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 50), epochs=15, verbose=0)
    probabilities = model.classifier.predict(x_test[::5], verbose=0)
    recall = kerasos.metrics.acsa(y_test[::5], probabilities.argmax(axis=1))
    assert recall > 0.7  # chance .1; the rarest class has 6 images
    (x_all, y_all), _ = kerasos.data.load("digits")
    judge = LogisticRegression(max_iter=500)
    judge.fit(x_all.reshape(len(x_all), -1) / 255.0, y_all)
    labels = np.repeat(np.arange(10), 20)
    samples = model.sample(labels, seed=0).reshape(200, -1) / 255.0
    assert np.mean(judge.predict(samples) == labels) > 0.8
