"""BAGAN: each term, the transfer, the stages, and what the paper claims."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from resuming import CopyBackup, assert_same_state, state
from scipy import special
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from kerasos import BAGAN
from kerasos.data import DataSpec, batches
from kerasos.methods.bagan.bagan import class_shares

COUNTS = (30, 12, 6)
SHARES = np.array(COUNTS) / sum(COUNTS)


def make_data(counts=COUNTS, width=6, seed=0):
    """One cluster a class, in (0, 1), shuffled."""
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    x = 0.1 * source.standard_normal((len(y), width)) + (y[:, None] + 1) / 4
    return np.clip(x, 0, 1).astype("float32"), y


def make_bagan(counts=COUNTS, width=6, **options):
    x, y = make_data(counts, width)
    options = {"value_range": (0, 1), "seed": 0, "ae_epochs": 2, **options}
    model = BAGAN.from_data(x, y, **options)
    model.compile(jit_compile=False)
    return model, x, y


def network(inputs, outputs, hidden=5, name=None):
    """Without dropout, so that a step can be worked out."""
    seed = inputs + 10 * outputs
    kernels = [keras.initializers.GlorotUniform(seed + k) for k in (0, 1)]
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(hidden, "tanh", kernel_initializer=kernels[0]),
            keras.layers.Dense(outputs, kernel_initializer=kernels[1]),
        ],
        name=name,
    )


def plain_bagan(counts=COUNTS, **options):
    """Networks of a few numbers, run eagerly, and a batch in model units."""
    spec = DataSpec((6,), "float32", (0, 1), counts)
    num_classes = len(counts)
    model = BAGAN(
        network(4, 6, name="generator"),
        network(6, 4, name="encoder"),
        network(6, num_classes + 1, name="discriminator"),
        spec=spec,
        seed=0,
        **options,
    )
    model.compile(run_eagerly=True)
    x, y = make_data(counts)
    return model, model.to_model(x[:8]), tf.constant(y[:8].astype("int32"))


def cross_entropy(logits, labels):
    logits = np.asarray(logits, "float64")
    return special.logsumexp(logits, axis=1) - logits[np.arange(len(logits)), labels]


def weights_of(model):
    return {
        (name, i): w.numpy().copy()
        for name in ("generator", "encoder", "discriminator")
        for i, w in enumerate(getattr(model, name).trainable_weights)
    }


def moved(before, after):
    return {name for (name, i) in before if np.any(before[name, i] != after[name, i])}


def watch_passes(model):
    """Notes what D is shown, pass by pass."""
    shown, discriminator = [], model.discriminator

    def watched(x, training=None):
        logits = discriminator(x, training=training)
        shown.append((x.numpy(), logits.numpy(), training))
        return logits

    watched.trainable_variables = discriminator.trainable_variables
    model.__dict__["discriminator"] = watched
    return shown


# Losses, against NumPy.


def test_the_autoencoder_minimises_the_mean_squared_error():
    model, x, _ = plain_bagan()
    decoded = model.generator(model.encoder(x)).numpy()
    expected = np.mean(np.square(decoded - x.numpy()))
    before = weights_of(model)
    np.testing.assert_allclose(model._autoencoder_step(x), expected, rtol=1e-5)
    assert moved(before, weights_of(model)) == {"generator", "encoder"}


@pytest.mark.parametrize("balance_real", [False, True])
def test_the_discriminator_minimises_one_mean_over_real_and_generated(balance_real):
    model, x, y = plain_bagan(balance_real=balance_real)
    latent, _, _ = model.draw_latents(3, "uniform", "d")
    fake = model.generator(latent)
    real = cross_entropy(model.discriminator(x), y.numpy())
    if balance_real:
        real *= (1 / 3 / SHARES)[y.numpy()]
    generated = cross_entropy(model.discriminator(fake), np.full(3, 3))
    expected = (real.sum() + generated.sum()) / 11
    score = special.softmax(model.discriminator(fake).numpy(), axis=1)[:, 3].mean()
    before = weights_of(model)
    found = model._discriminator_step(x, y)
    np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["fake_score"], score, rtol=1e-5)
    assert moved(before, weights_of(model)) == {"discriminator"}


def test_the_generator_asks_for_the_class_it_drew():
    model, x, _ = plain_bagan()
    latent, labels, _ = model.draw_latents(11, "uniform", "g")
    logits = model.discriminator(model.generator(latent))
    expected = cross_entropy(logits, labels.numpy()).mean()
    before = weights_of(model)
    np.testing.assert_allclose(model._generator_step(x), expected, rtol=1e-5)
    assert moved(before, weights_of(model)) == {"generator"}


def test_weights_of_balanced_real_samples_make_each_class_count_alike():
    model, _, _ = plain_bagan()
    np.testing.assert_allclose(model.real_weights * SHARES, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize(
    "counts, rows, fakes",
    [((9, 4), 8, 4), (COUNTS, 8, 3), (COUNTS, 7, 3), ((5,) * 10, 128, 13)],
)
def test_a_batch_has_a_classs_worth_of_fakes_and_dropout_in_both_steps(
    counts, rows, fakes
):
    model, _, _ = plain_bagan(counts=counts)
    shown = watch_passes(model)
    x = tf.zeros((rows, 6))
    model._discriminator_step(x, tf.zeros((rows,), tf.int32))
    model._generator_step(x)
    assert [logits.shape for _, logits, _ in shown] == [
        (count, len(counts) + 1) for count in (rows, fakes, rows + fakes)
    ]
    assert all(training is True for *_, training in shown)


@pytest.mark.parametrize("mode", ["uniform", "rebalance"])
def test_labels_of_generated_samples_follow_the_mode(mode):
    expected = np.full(3, 1 / 3)
    if mode == "rebalance":
        expected = np.maximum(0, 2 / 3 - SHARES)
        assert expected[0] < expected[1] < expected[2]
        expected /= expected.sum()
    np.testing.assert_allclose(class_shares(COUNTS, mode), expected)
    model, _, _ = plain_bagan()
    _, labels, _ = model.draw_latents(20_000, mode, "g")
    found = np.bincount(labels.numpy(), minlength=3) / 20_000
    assert np.abs(found - expected).max() < 5 * 0.5 / 20_000**0.5


def test_a_class_beyond_twice_its_share_is_never_drawn_when_rebalancing():
    shares = class_shares((90, 6, 4), "rebalance")
    assert shares[0] == 0.0
    np.testing.assert_allclose(shares.sum(), 1.0)
    model, _, _ = plain_bagan(counts=(90, 6, 4))
    _, labels, _ = model.draw_latents(1000, "rebalance", "g")
    assert 0 not in labels.numpy()


# The transfer.


def latents_of(model, x):
    return model.encoder(model.to_model(x), training=False).numpy().astype("float64")


def test_the_transfer_copies_the_encoders_layers_and_leaves_the_head():
    model, x, y = make_bagan()
    before = weights_of(model)
    model.transfer(x, y)
    after = weights_of(model)
    for index in range(6):
        kept = index >= 4  # the head keeps its initialisation
        expected = before if kept else after
        source = "discriminator" if kept else "encoder"
        np.testing.assert_array_equal(
            after["discriminator", index], expected[source, index]
        )
    assert moved(before, after) == {"discriminator"}
    assert model.discriminator.output_shape == (None, 4)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_the_gaussians_are_those_of_the_latents_without_dropout(shrinkage):
    model, x, y = make_bagan(shrinkage=shrinkage)
    model.transfer(x, y)
    latents = latents_of(model, x)
    centred = np.concatenate(
        [latents[y == k] - latents[y == k].mean(axis=0) for k in range(3)]
    )
    pooled = centred.T @ centred / (len(x) - 3)
    for label in range(3):
        own = latents[y == label]
        expected = (1 - shrinkage) * np.cov(own, rowvar=False) + shrinkage * pooled
        root = model.gaussians.roots.numpy()[label].astype("float64")
        np.testing.assert_allclose(root @ root, expected, rtol=1e-4, atol=1e-7)
        means = model.gaussians.means.numpy()[label]
        np.testing.assert_allclose(means, own.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_draws_have_the_mean_and_covariance_of_the_latents():
    model, x, y = make_bagan()
    model.transfer(x, y)
    latents = latents_of(model, x)
    noise = np.random.default_rng(0).standard_normal((50_000, model.noise_dim))
    for label in range(3):
        own = latents[y == label]
        labels = np.full(50_000, label)
        draws = model.latent(noise.astype("float32"), labels).numpy()
        spread = own.std(axis=0, ddof=1)
        scale = 5 / np.sqrt(50_000)
        assert np.all(np.abs(draws.mean(axis=0) - own.mean(axis=0)) < scale * spread)
        error = np.cov(draws, rowvar=False) - np.cov(own, rowvar=False)
        assert np.all(np.abs(error) < 1.5 * scale * np.outer(spread, spread))


@pytest.mark.parametrize("shrinkage", [0.0, 0.2])
def test_a_class_of_ten_draws_inside_its_affine_hull_without_shrinkage(shrinkage):
    model, x, y = make_bagan((60, 30, 10), 40, latent_dim=30, shrinkage=shrinkage)
    model.transfer(x, y)
    points = latents_of(model, x)[y == 2]
    centre = points.mean(axis=0)
    directions = np.linalg.svd(points - centre)[2][:9]
    noise = np.random.default_rng(1).standard_normal((200, 30)).astype("float32")
    draws = model.latent(noise, np.full(200, 2)).numpy() - centre
    outside = np.abs(draws - draws @ directions.T @ directions).max()
    if shrinkage:  # opens the other directions
        assert outside > 1e-3
    else:
        assert outside < 1e-5 and np.abs(draws).max() > 100 * outside


def test_a_class_of_one_sample_warns_and_works():
    with pytest.warns(UserWarning, match="have one sample each"):
        model, x, y = make_bagan(counts=(20, 12, 1))
    with pytest.warns(
        UserWarning, match=r"Labels \[2\] have one sample each and so no"
    ):
        model.fit(batches(x, y, 8), epochs=4, verbose=0)
    samples = model.sample([2] * 50, seed=0)
    assert np.all(np.isfinite(samples)) and np.all(samples.std(axis=0) > 0)


def test_the_data_are_read_in_parts_from_arrays_batches_and_datasets():
    model, x, y = make_bagan()
    model.transfer(x, y)
    expected = state(model)
    plain = tf.data.Dataset.from_tensor_slices((x, y)).batch(11)
    # The last 8 rows are in no batch of 20, but in the arrays behind them.
    for data in (plain, batches(x, y, 20), batches(x, y, 5, balanced=True)):
        other, _, _ = make_bagan()
        other.transfer(data)
        pairs = zip(expected.values(), state(other).values(), strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_class_without_samples_is_named_and_training_can_go_on():
    model, x, y = make_bagan()
    kept = y != 1
    with pytest.raises(ValueError, match=r"none of \[1\].*initial_epoch=2"):
        model.fit(batches(x[kept], y[kept], 8), epochs=4, verbose=0)
    model.fit(batches(x, y, 8), initial_epoch=2, epochs=4, verbose=0)
    assert int(model.transferred.numpy()) == 1


# Stages inside one `fit`.


def test_fit_goes_through_both_stages_by_itself():
    model, x, y = make_bagan(ae_epochs=2, gan_epochs=3)
    begun = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append((epoch, model.stage))
    )
    history = model.fit(x, y, batch_size=8, verbose=0, callbacks=[note]).history
    assert [epoch for epoch, _ in begun] == [0, 1, 2, 3, 4]
    assert [model.stage_at(epoch) for epoch in range(5)] == (
        ["autoencoder"] * 2 + ["adversarial"] * 3
    )
    lengths = {name: len(values) for name, values in history.items()}
    assert lengths == {
        "loss": 5,
        "reconstruction_loss": 2,
        "d_loss": 3,
        "g_loss": 3,
        "fake_score": 3,
    }
    assert model.training_data is None


def test_each_stage_moves_its_own_networks_and_the_gaussians_rest():
    model, x, y = make_bagan()
    data = batches(x, y, 8)
    before = weights_of(model)
    with pytest.warns(UserWarning, match="end before the stage 'adversarial'"):
        model.fit(data, epochs=2, verbose=0)
    middle = weights_of(model)
    assert moved(before, middle) == {"generator", "encoder"}
    assert int(model.transferred.numpy()) == 0
    model.fit(data, initial_epoch=2, epochs=3, verbose=0)
    means = model.gaussians.means.numpy()
    roots = model.gaussians.roots.numpy()
    latents = latents_of(model, x)
    np.testing.assert_allclose(means[2], latents[y == 2].mean(axis=0), rtol=1e-4)
    model.fit(data, initial_epoch=3, epochs=5, verbose=0)
    assert moved(middle, weights_of(model)) == {"generator", "discriminator"}
    np.testing.assert_array_equal(model.gaussians.means, means)
    np.testing.assert_array_equal(model.gaussians.roots, roots)


def test_fitting_again_from_the_start_transfers_again():
    model, x, y = make_bagan(ae_epochs=1, gan_epochs=1)
    data = batches(x, y, 8)
    model.fit(data, verbose=0)
    first = model.gaussians.means.numpy()
    model.fit(data, verbose=0)
    means, latents = model.gaussians.means.numpy(), latents_of(model, x)
    assert np.any(means != first)
    expected = latents[y == 0].mean(axis=0)
    np.testing.assert_allclose(means[0], expected, rtol=1e-4, atol=1e-6)


def test_without_autoencoder_epochs_fit_starts_with_the_transfer():
    model, x, y = make_bagan(ae_epochs=0, gan_epochs=2)
    encoder = {w.path: w.numpy() for w in model.encoder.weights}
    history = model.fit(batches(x, y, 8), verbose=0).history
    assert set(history) == {"loss", "d_loss", "g_loss", "fake_score"}
    assert int(model.transferred.numpy()) == 1
    assert_same_state(encoder, {w.path: w.numpy() for w in model.encoder.weights})


def run(epochs, model=None, callbacks=(), **options):
    if model is None:
        model, _, _ = make_bagan(ae_epochs=2)
    x, y = make_data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # ends before a stage
        model.fit(
            batches(x, y, 8, seed=1),
            epochs=epochs,
            verbose=0,
            callbacks=list(callbacks),
            **options,
        )
    return model


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Two epochs of each stage; its folder has models and backups on the way."""
    folder = tmp_path_factory.mktemp("unbroken")

    def save(epoch, logs):
        model.save(folder / f"{epoch + 1}.keras")

    model, _, _ = make_bagan(ae_epochs=2)
    copies = {place: folder / f"crash {place}" for place in [(1, 5), (2, 0)]}
    run(
        4,
        model,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=save),
            keras.callbacks.BackupAndRestore(str(folder / "backup")),
            CopyBackup(folder / "backup", copies),
        ],
    )
    return folder, state(model)


@pytest.mark.parametrize("half", [1, 2])
def test_a_run_saved_in_any_stage_goes_on_as_if_unbroken(unbroken, half):
    # After one epoch, and at the border before the transfer; contract: after it.
    folder, expected = unbroken
    loaded = keras.saving.load_model(folder / f"{half}.keras")
    assert loaded.training_data is None
    assert_same_state(state(run(4, loaded, initial_epoch=half)), expected)


@pytest.mark.parametrize("place", [(1, 5), (2, 0)])
def test_a_crash_at_the_transfer_or_before_it_changes_nothing(unbroken, place):
    folder, expected = unbroken
    backup = keras.callbacks.BackupAndRestore(str(folder / f"crash {place}"))
    assert_same_state(state(run(4, callbacks=[backup])), expected)


def test_a_saved_model_holds_none_of_the_data(tmp_path):
    sizes = []
    for counts in (COUNTS, (3000, 1200, 600)):
        model, x, y = make_bagan(counts=counts, ae_epochs=0)
        model.fit(batches(x, y, 48), epochs=1, verbose=0)
        model.save(tmp_path / f"{len(y)}.keras")
        sizes.append((tmp_path / f"{len(y)}.keras").stat().st_size)
    assert abs(sizes[1] - sizes[0]) < 2000  # the numbers in the config


def test_validation_logs_the_reconstruction_of_held_out_samples():
    model, x, y = make_bagan(ae_epochs=1, gan_epochs=1)
    held_out = make_data(seed=1)
    history = model.fit(batches(x, y, 8), validation_data=held_out, verbose=0).history
    assert len(history["val_reconstruction_loss"]) == 2
    decoded = model.generator(model.encoder(model.to_model(held_out[0]))).numpy()
    expected = np.mean(np.square(decoded - model.to_model(held_out[0]).numpy()))
    found = model.evaluate(*held_out, verbose=0, return_dict=True, batch_size=48)
    np.testing.assert_allclose(found["reconstruction_loss"], expected, rtol=1e-4)


def test_half_precision_trains_through_both_stages():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, x, y = make_bagan(ae_epochs=1, gan_epochs=1, lr=1e-3)
        before = weights_of(model)
        history = model.fit(batches(x, y, 8), verbose=0).history
        everything = {"generator", "encoder", "discriminator"}
        assert moved(before, weights_of(model)) == everything
        assert all(np.all(np.isfinite(values)) for values in history.values())
        assert model.gaussians.roots.dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


# What the paper claims, on digits.


@pytest.fixture(scope="module")
def digits():
    """Imbalanced digits, and a classifier trained on all of them."""
    data = load_digits()
    x, y = data.images.astype("float32")[..., None] / 16, data.target
    judge = KNeighborsClassifier(3).fit(x.reshape(len(x), -1), y)
    kept = np.flatnonzero(y < 5)
    counts = (150, 120, 90, 60, 30)
    rows = [kept[y[kept] == k][:n] for k, n in enumerate(counts)]
    kept = np.random.default_rng(0).permutation(np.concatenate(rows))
    return x[kept], y[kept], judge


def agreement(model, judge):
    labels = np.repeat(np.arange(5), 40)
    samples = model.sample(labels, seed=0)
    predicted = judge.predict(samples.reshape(len(labels), -1))
    return np.array([(predicted == labels)[labels == k].mean() for k in range(5)])


@pytest.mark.slow  # seven epochs of convolutions
def test_samples_show_their_class_before_adversarial_training_begins(digits):
    x, y, judge = digits
    model = BAGAN.from_data(x, y, seed=0, latent_dim=32, lr=2e-3, ae_epochs=6)
    assert agreement(model, judge).mean() < 0.5  # nothing is known yet
    with pytest.warns(UserWarning, match="end before the stage"):
        model.fit(batches(x, y, 50), epochs=6, verbose=0)
    model.transfer(x, y)
    scores = agreement(model, judge)
    assert scores.mean() > 0.8 and scores.min() > 0.6, scores
    model.fit(batches(x, y, 50), initial_epoch=6, epochs=7, verbose=0)
    scores = agreement(model, judge)
    assert scores.mean() > 0.8 and scores.min() > 0.6, scores


# What is refused.


@pytest.mark.parametrize(
    "options, words",
    [
        ({"shrinkage": 1.5}, r"`shrinkage`: it must be a finite number in \[0, 1\]"),
        ({"gan_epochs": 1.5}, "`gan_epochs`: it must be an integer of at least 1"),
        ({"d_labels": "balance"}, "Did you mean 'rebalance'"),
        ({"g_labels": "unifrom"}, "Did you mean 'uniform'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make_bagan(**options)


def test_an_endless_dataset_is_refused():
    model, x, y = make_bagan()
    with pytest.raises(ValueError, match="Expected a finite dataset"):
        model.fit(batches(x, y, 8).repeat(), steps_per_epoch=3)


@pytest.mark.parametrize(
    "name, wrong, words",
    [
        ("generator", network(4, 5), "`generator` must give rows of shape"),
        ("encoder", network(6, 3), "`encoder` must give rows of shape"),
        ("discriminator", network(6, 3), "`discriminator` must give rows"),
        ("discriminator", network(6, 4, hidden=7), "must have the same layers"),
    ],
)
def test_networks_that_do_not_fit_together_are_refused(name, wrong, words):
    model, _, _ = plain_bagan()
    parts = {n: getattr(model, n) for n in ("generator", "encoder", "discriminator")}
    with pytest.raises(ValueError, match=words):
        BAGAN(**{**parts, name: wrong}, spec=model.spec)
