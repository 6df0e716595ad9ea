"""CGAN and cDCGAN: terms, steps, settings, units, and the R- variants of all."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy import special, stats

import kerasos
from kerasos import ACGAN, CDCGAN, CGAN, CVAE
from kerasos.data import DataSpec, batches

COUNTS = (20, 8, 4)
FAMILY = [CGAN, ACGAN, CVAE]


def network(widths, outputs, name, activation=None):
    """`[a, b]` to a linear or activated output, without batch normalisation."""
    inputs = [keras.Input((width,)) for width in widths]
    seed = 10 * sum(widths) + outputs
    x = keras.layers.Concatenate()(inputs)
    x = keras.layers.Dense(
        7, "tanh", kernel_initializer=keras.initializers.GlorotUniform(seed)
    )(x)
    x = keras.layers.Dense(
        outputs, activation, kernel_initializer=keras.initializers.GlorotUniform(seed)
    )(x)
    return keras.Model(inputs, x, name=name)


def plain_cgan(**options):
    """Small networks, run eagerly, by gradient descent."""
    spec = DataSpec((6,), "float32", (0, 1), COUNTS)
    model = CGAN(
        network((4, 3), 6, "generator", "sigmoid"),
        network((6, 3), 1, "discriminator"),
        spec=spec,
        seed=0,
        **options,
    )
    model.compile(
        keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.3), run_eagerly=True
    )
    return model


def batch(size=16, seed=0):
    source = np.random.default_rng(seed)
    x = source.uniform(size=(size, 6)).astype("float32")
    return tf.constant(x), tf.constant(source.integers(3, size=size), tf.int32)


def weights(model):
    return {v.path: v.numpy().copy() for v in model.variables}


def moved(before, model):
    return {v.path for v in model.variables if np.any(before[v.path] != v.numpy())}


def paths(variables):
    return {v.path for v in variables}


def probabilities(model, x, one_hot):
    """D's, in float64."""
    logits = model.discriminator([x, one_hot]).numpy()
    return special.expit(logits.astype("float64"))


# One step.


def test_a_step_moves_d_by_its_loss_then_g_by_its_own():
    """The whole step again in plain TensorFlow, with a fresh pass of G for its step."""
    model = plain_cgan()
    # The same weights, by their seeds.
    generator = network((4, 3), 6, "generator", "sigmoid")
    discriminator = network((6, 3), 1, "discriminator")
    x, y = batch()
    one_hot = tf.one_hot(y, 3)
    latent, _ = model.draw_fakes(one_hot)

    def bce(logits, target):
        p = tf.sigmoid(logits[:, 0])
        return -tf.reduce_mean(
            target * tf.math.log(p) + (1 - target) * tf.math.log(1 - p)
        )

    with tf.GradientTape() as tape:
        fake = generator([latent, one_hot])
        d_loss = bce(discriminator([x, one_hot]), 1.0)
        d_loss += bce(discriminator([fake, one_hot]), 0.0)
    own = discriminator.trainable_variables
    for v, slope in zip(own, tape.gradient(d_loss, own), strict=True):
        v.assign_sub(0.5 * slope)
    with tf.GradientTape() as tape:
        g_loss = bce(discriminator([generator([latent, one_hot]), one_hot]), 1.0)
    own = generator.trainable_variables
    for v, slope in zip(own, tape.gradient(g_loss, own), strict=True):
        v.assign_sub(0.3 * slope)

    logs = model.train_step((x, y))
    assert float(logs["d_loss"]) == pytest.approx(float(d_loss), rel=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(float(g_loss), rel=1e-5)
    for ours, theirs in (
        (model.generator, generator),
        (model.discriminator, discriminator),
    ):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", ["ce", "ls"])
def test_losses_equal_scipy_on_the_networks_outputs(loss):
    model = plain_cgan(loss=loss)
    model.compile(*(keras.optimizers.SGD(0.0) for _ in "dg"), run_eagerly=True)
    x, y = batch()
    one_hot = tf.one_hot(y, 3)
    latent, _ = model.draw_fakes(one_hot)
    fake = model.generator([latent, one_hot])
    real_score, fake_score = (probabilities(model, z, one_hot) for z in (x, fake))
    if loss == "ce":
        d_loss = -np.mean(np.log(real_score)) - np.mean(np.log(1 - fake_score))
        g_loss = -np.mean(np.log(fake_score))
    else:
        d_loss = np.mean((real_score - 1) ** 2) + np.mean(fake_score**2)
        g_loss = np.mean((fake_score - 1) ** 2)
    logs = model.train_step((x, y))
    assert float(logs["d_loss"]) == pytest.approx(d_loss, rel=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(g_loss, rel=1e-5)


def test_fakes_are_judged_with_their_own_labels():
    model = plain_cgan(fake_labels="uniform")
    x, y = batch()
    one_hot = tf.one_hot(y, 3)
    latent, own = model.draw_fakes(one_hot)
    fake = model.generator([latent, own])
    real_score = probabilities(model, x, one_hot)
    right, wrong = (probabilities(model, fake, labels) for labels in (own, one_hot))
    assert np.abs(np.mean(np.log(1 - right)) - np.mean(np.log(1 - wrong))) > 1e-3
    expected = -np.mean(np.log(real_score)) - np.mean(np.log(1 - right))
    found = model._discriminator_step(x, one_hot, fake, own)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_both_players_see_the_same_noise_and_labels_real_and_fake_apart(monkeypatch):
    model = plain_cgan()
    seen, scores = [], model.source_logits

    def watched(x, one_hot, training=False):
        seen.append((np.asarray(x), np.asarray(one_hot), training))
        return scores(x, one_hot, training)

    monkeypatch.setattr(model, "source_logits", watched)
    x, y = batch()
    model.train_step((x, y))
    (real, real_labels, _), (fake, labels, _), (again, labels_again, _) = seen
    np.testing.assert_array_equal(real, x)
    np.testing.assert_array_equal(real_labels, np.eye(3)[y])
    np.testing.assert_array_equal(labels, real_labels)
    np.testing.assert_array_equal(fake, again)
    np.testing.assert_array_equal(labels, labels_again)
    assert all(training for _, _, training in seen)


def test_each_player_moves_its_own_network():
    x, y = images()
    model = CGAN.from_data(x, y, seed=0, latent_dim=4)
    model.compile(run_eagerly=True)
    data = tf.constant(x[:8]), tf.constant(y[:8], tf.int32)
    for player, still, moving in (
        ("d_optimizer", model.discriminator, model.generator),
        ("g_optimizer", model.generator, model.discriminator),
    ):
        rate = getattr(model, player).learning_rate.numpy()
        getattr(model, player).learning_rate = 0.0
        before = weights(model)
        model.train_step(data)
        changed = moved(before, model)
        assert not changed & paths(still.trainable_variables)
        assert changed & paths(moving.trainable_variables)
        getattr(model, player).learning_rate = rate


def test_noise_of_training_and_of_sampling_is_uniform():
    model = plain_cgan()
    one_hot = tf.one_hot(np.zeros(2000, "int32"), 3)
    trained, _ = model.draw_fakes(one_hot)
    normal = np.random.default_rng(0).standard_normal((2000, 4)).astype("float32")
    sampled = model.latent(normal, None)
    for latent in (trained, sampled):
        latent = latent.numpy().ravel()
        assert -1 <= latent.min() < -0.99 and 0.99 < latent.max() <= 1
        assert stats.kstest(latent, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    model = plain_cgan(prior="normal")
    np.testing.assert_array_equal(model.latent(normal, None), normal)
    trained = model.draw_fakes(one_hot)[0].numpy().ravel()
    assert stats.kstest(trained, stats.norm.cdf).pvalue > 1e-3


def test_labels_of_generated_samples():
    one_hot = np.eye(3, dtype="float32")[[0] * 2900 + [1] * 100]
    _, labels = plain_cgan().draw_fakes(one_hot)
    np.testing.assert_array_equal(labels, one_hot)
    _, labels = plain_cgan(fake_labels="uniform").draw_fakes(one_hot)
    np.testing.assert_array_equal(labels.numpy().sum(axis=1), 1.0)
    # Binomial(3000, 1/3): standard deviation 25.8.
    assert np.all(np.abs(labels.numpy().sum(axis=0) - 1000) < 5 * 25.8)
    _, labels = plain_cgan(fake_labels="deficit").draw_fakes(one_hot)
    shares = labels.numpy().mean(axis=0)  # of 20 - 20, 20 - 8 and 20 - 4 samples
    assert shares == pytest.approx([0, 12 / 28, 16 / 28], abs=0.05)


# Settings.


def rates(model):
    return {
        name: float(getattr(model, name).learning_rate.numpy())
        for name in model.player_variables()
    }


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        (CGAN, {}, (1e-3, 2e-4)),
        (CGAN, {"lr": "paper"}, (1e-3, 2e-4)),
        (CGAN, {"lr": "base"}, (2e-4, 1e-3)),
        (CGAN, {"lr": "base", "lr_d": 5e-4}, (5e-4, 1e-3)),
        (CGAN, {"variant": "gamo"}, (2e-4, 2e-4)),
        (CGAN, {"variant": "gamo", "lr": "paper"}, (1e-3, 2e-4)),
        (CDCGAN, {}, (2e-4, 2e-4)),
        (CDCGAN, {"lr_g": 3e-4}, (2e-4, 3e-4)),
    ],
)
def test_learning_rates(method, options, expected):
    model = method.from_data(*images(), seed=0, latent_dim=4, **options)
    expected = dict(zip(("d_optimizer", "g_optimizer"), expected, strict=True))
    for _ in range(2):
        assert rates(model) == pytest.approx(expected)
        assert all(
            getattr(model, name).beta_1 == 0.5 for name in model.player_variables()
        )
        model.compile(jit_compile=False)  # keeps them


def test_settings_of_the_variants():
    x, y = images()
    conv = CGAN.from_data(x, y, seed=0)
    assert (conv.latent_dim, conv.model_range, conv.prior) == (62, (0, 1), "uniform")
    gamo = CGAN.from_data(x, y, seed=0, variant="gamo")
    assert (gamo.latent_dim, gamo.model_range, gamo.prior) == (100, (-1, 1), "normal")
    assert gamo.generator.output_shape == (None, 64)
    dcgan = CDCGAN.from_data(x, y, seed=0)
    assert (dcgan.latent_dim, dcgan.model_range) == (62, (-1, 1))
    dense = CGAN.from_data(*rows(), seed=0)
    assert dense.generator.output_shape == (None, 6)
    assert dense.generator.layers[-1].activation is keras.activations.linear


@pytest.mark.parametrize(("size", "hidden"), [(28, True), (32, False)])
def test_cdcgan_has_a_hidden_layer_up_to_28_pixels(size, hidden):
    model = CDCGAN.from_data(*images(size=size, channels=3), seed=0)
    widths = [v.shape[-1] for v in model.discriminator.trainable_variables]
    assert (1024 in widths) == hidden
    assert model.generator.layers[-1].activation is keras.activations.tanh


@pytest.mark.parametrize(
    ("method", "data", "options", "words"),
    [
        (CGAN, images, {"variant": "dense"}, "`variant='conv'` needs images"),
        (CGAN, rows, {"variant": "conv"}, "`variant='conv'` needs images"),
        (CGAN, rows, {"variant": "gammo"}, "Did you mean 'gamo'"),
        (CDCGAN, rows, {}, "cDCGAN needs images"),
    ],
)
def test_settings_that_cannot_be_used(method, data, options, words):
    with pytest.raises(ValueError, match=words):
        method.from_data(*data(), seed=0, **options)


def test_cdcgan_has_one_set_of_rates():
    with pytest.raises(TypeError, match="Unknown option 'lr'.*Did you mean 'lr_"):
        CDCGAN.from_data(*images(), lr="paper")


def test_validation_is_refused_before_training():
    model = plain_cgan()
    x, y = batch()
    before = weights(model)
    for data in ({"validation_data": (x, y)}, {"validation_split": 0.5}):
        with pytest.raises(ValueError, match="`CGAN` has no loss that tells"):
            model.fit(x.numpy(), y.numpy(), batch_size=4, **data)
    assert not moved(before, model)


# Units.


def test_images_are_scaled_to_the_range_of_the_networks():
    x, y = images()
    black_and_white = np.stack([np.zeros((8, 8, 1)), np.full((8, 8, 1), 255)])
    for method, low in ((CGAN, 0.0), (CDCGAN, -1.0)):
        model = method.from_data(x, y, seed=0, latent_dim=4)
        inside = model.to_model(black_and_white).numpy()
        np.testing.assert_allclose(inside[0], low, atol=1e-6)
        np.testing.assert_allclose(inside[1], 1.0, atol=1e-6)
        np.testing.assert_array_equal(model.to_user(inside), black_and_white)


@pytest.mark.parametrize("method", FAMILY)
def test_columns_of_tables_are_standardised_and_samples_clipped(method):
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], [40, 20])
    x = np.stack(
        [source.normal(0, 1e-3, 60), source.uniform(0, 90, 60), np.full(60, 7.0)], 1
    ).astype("float32")
    model = method.from_data(x, y, seed=0, latent_dim=4, value_range=(-1, 90))
    inside = model.to_model(x).numpy()
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(inside.std(axis=0), [1, 1, 0], atol=1e-4)
    np.testing.assert_allclose(model.to_user(inside), x, atol=1e-4)
    far = model.to_user(np.array([[0, 1e3, 0], [0, -1e3, 0]], "float32")).numpy()
    np.testing.assert_allclose(far[:, 1:], [[90, 7], [-1, 7]])
    copy = type(model).from_config(model.get_config())
    np.testing.assert_array_equal(copy.to_model(x), inside)


def test_integer_tables_stay_integer():
    y = np.repeat([0, 1], [40, 20])
    x = np.random.default_rng(0).integers(0, 5, (60, 9))
    model = CGAN.from_data(x, y, seed=0, latent_dim=4, value_range=(0, 4))
    samples = model.sample([0, 1] * 20, seed=0)
    assert samples.dtype == x.dtype
    assert samples.min() >= 0 and samples.max() <= 4


# The R- variants.


def labels_seen(model, *data, **options):
    """How often `fit` shows each class; no step is made."""
    seen = []

    def train_step(data):
        seen.append(data[1].numpy())
        return {"rows": tf.size(data[1])}

    model.train_step = train_step
    model.compile(run_eagerly=True)
    model.fit(*data, verbose=0, **options)
    return np.bincount(np.concatenate(seen)).tolist()


@pytest.mark.parametrize("method", FAMILY)
def test_pre_oversampling_balances_what_the_generator_sees(method):
    x, y = rows(COUNTS)
    model = method.from_data(x, y, seed=0, latent_dim=4, pre_oversample=True)
    assert labels_seen(model, batches(x, y, 5)) == [20, 20, 20]
    assert labels_seen(model, x, y, batch_size=4) == [20, 20, 20]
    assert labels_seen(model, batches(x, y, 10), epochs=2) == [40, 40, 40]
    # The original counts decide what is added.
    assert model.spec.class_counts == COUNTS
    _, y_res, is_synthetic = model.oversample(x, y, seed=0)
    assert np.bincount(y_res).tolist() == [20, 20, 20]
    assert is_synthetic.sum() == 12 + 16


def test_without_pre_oversampling_the_counts_stay():
    x, y = rows(COUNTS)
    model = CGAN.from_data(x, y, seed=0, latent_dim=4)
    assert labels_seen(model, batches(x, y, 4)) == list(COUNTS)


def test_a_dataset_that_is_not_ours_cannot_be_oversampled():
    x, y = rows(COUNTS)
    model = CVAE.from_data(x, y, seed=0, latent_dim=4, pre_oversample=True)
    for dataset in (
        tf.data.Dataset.from_tensor_slices((x, y)).batch(4),
        batches(x, y, 4).map(lambda x, y: (-x, y)),
    ):
        with pytest.raises(ValueError, match="dataset of `kerasos.data.batches` as it"):
            model.fit(dataset)
    assert int(model.steps_done.numpy()) == 0


def test_a_resumed_run_on_copies_equals_an_unbroken_one(tmp_path):
    x, y = rows(COUNTS)

    def build():
        model = CVAE.from_data(x, y, seed=0, latent_dim=4, pre_oversample=True)
        model.compile(jit_compile=False)
        return model

    whole = build()
    whole.fit(batches(x, y, 8, seed=3), epochs=4, verbose=0)
    first = build()
    first.fit(batches(x, y, 8, seed=3), epochs=2, verbose=0)
    first.save(tmp_path / "half.keras")
    second = keras.saving.load_model(tmp_path / "half.keras")
    assert second.pre_oversample
    second.fit(batches(x, y, 8, seed=3), initial_epoch=2, epochs=4, verbose=0)
    for a, b in zip(whole.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=a.path)


def test_the_registered_names_are_the_classes():
    names = {"cgan": CGAN, "cdcgan": CDCGAN, "acgan": ACGAN, "cvae": CVAE}
    assert {name: kerasos.get_method(name) for name in names} == names
