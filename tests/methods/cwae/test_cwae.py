"""cWAE: its terms, D, class by class, the rates, and latents that are N(0, I)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy import special, stats

import kerasos
from kerasos import ConditionalWAE
from kerasos.data import batches
from kerasos.losses.mmd import imq_mmd
from kerasos.methods.cwae.cwae import truncated_normal
from kerasos.methods.shared.encoder_pretraining import pretrain_encoder


def make_cwae(data=rows, **options):
    x, y = data()
    small = {"latent_dim": 3, "width": 8, "pretrain_steps": 0}
    model = ConditionalWAE.from_data(x, y, seed=0, **small | options)
    model.compile(*(keras.optimizers.SGD(0.0) for _ in "deg"), run_eagerly=True)
    model.steps_done.assign(3)  # noise is that of the step
    return model, (tf.constant(x[:20]), tf.constant(y[:20], tf.int32))


def rate_of(optimizer):
    return float(optimizer.learning_rate.numpy())


def parts_of_a_step(model, x, y):
    """What the networks put out in training, and the draws of the prior."""
    one_hot, samples = tf.one_hot(y, model.spec.num_classes), model.to_model(x)
    share = model.uniform(len(x), "input", width=model.spec.num_features)
    noisy = samples + 0.01 * tf.reshape(truncated_normal(share), samples.shape)
    latent = model.encoder([noisy, one_hot], training=True)
    decoded = model.decoder([latent, one_hot], training=True)
    errors = (decoded.numpy().astype("float64") - samples.numpy()) ** 2
    reconstruction = np.sum(errors.reshape(len(x), -1), axis=1).mean()
    return reconstruction, latent, model.normal(len(x), 3, "prior"), one_hot


@pytest.mark.parametrize("data", [images, rows])
def test_the_loss_is_reconstruction_and_both_discrepancies(data):
    model, (x, y) = make_cwae(data, class_rows=4)
    reconstruction, latent, prior, _ = parts_of_a_step(model, x, y)
    pooled = float(imq_mmd(latent, prior))
    large = [k for k in range(3) if np.sum(y == k) >= 4]
    by_class = np.mean([float(imq_mmd(latent[y == k], prior)) for k in large])
    logs = {name: float(value) for name, value in model.train_step((x, y)).items()}
    assert logs["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-4)
    assert logs["mmd_loss"] == pytest.approx(pooled, rel=1e-3)
    assert logs["class_mmd_loss"] == pytest.approx(by_class, rel=1e-3)
    expected = model.reconstruction_weight * reconstruction + 10 * (pooled + by_class)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_the_adversarial_losses_equal_scipy():
    model, (x, y) = make_cwae(penalty="gan")
    reconstruction, latent, prior, one_hot = parts_of_a_step(model, x, y)
    real, fake = (
        special.expit(model.discriminator([z, one_hot]).numpy())
        for z in (prior, latent)
    )
    logs = {name: float(value) for name, value in model.train_step((x, y)).items()}
    fooled = -np.mean(np.log(fake))
    assert logs["g_loss"] == pytest.approx(fooled, rel=1e-4)
    expected = -np.mean(np.log(real)) - np.mean(np.log(1 - fake))
    assert logs["d_loss"] == pytest.approx(expected, rel=1e-4)
    expected = model.reconstruction_weight * reconstruction + model.mmd_weight * fooled
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_replicas_with_unequal_rows_are_judged(two_replicas):
    x, y = rows()
    with two_replicas.scope():
        model, _ = make_cwae(penalty="mmd")
    found = model.evaluate(x[:9], y[:9], batch_size=5, verbose=0, return_dict=True)
    assert np.all(np.isfinite([*found.values()]))
    scaled = model.to_model(x[:9])
    one_hot = tf.one_hot(y[:9], 2)
    decoded = model.decoder([model.encoder([scaled, one_hot]), one_hot])
    errors = np.sum((decoded.numpy() - scaled.numpy()) ** 2, axis=1)
    assert found["reconstruction_loss"] == pytest.approx(errors.mean(), rel=1e-5)


def test_noise_on_the_input_is_a_truncated_normal():
    shares = np.linspace(0.0, 1.0, 4001, dtype="float32")
    expected = stats.truncnorm(-2.0, 2.0).ppf(shares)
    np.testing.assert_allclose(truncated_normal(shares), expected, atol=1e-4)


@pytest.mark.parametrize("real_sampling", ["balanced", "natural"])
def test_batches_are_drawn_class_by_class(real_sampling):
    x, y = rows((60, 4))
    model, _ = make_cwae(lambda: (x, y), real_sampling=real_sampling)
    seen, step = [], model.train_step
    model.train_step = lambda data: seen.append(data[1].numpy()) or step(data)
    for data in ((x, y, 16), (batches(x, y, 16),)):
        seen.clear()
        model.fit(*data, epochs=3, verbose=0)
        expected = 1 / 2 if real_sampling == "balanced" else 1 / 16
        assert np.mean(seen) == pytest.approx(expected, abs=0.1)


def test_other_datasets_cannot_be_drawn_class_by_class():
    x, y = rows()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(8, drop_remainder=True)
    with pytest.raises(ValueError, match="`real_sampling='balanced'` draws rows"):
        make_cwae()[0].fit(dataset, verbose=0)
    for data in ((x, y), (batches(x, y, 8, shuffle=False),)):
        with pytest.raises(ValueError, match="no order to keep.*'natural'"):
            make_cwae()[0].fit(*data, shuffle=False, verbose=0)
    make_cwae(real_sampling="natural")[0].fit(dataset, verbose=0)


def test_rates_fall_after_so_many_steps():
    x, y = rows()
    model, _ = make_cwae(lr_steps=(9, 15))
    model.compile(jit_compile=False)
    rates = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: rates.append(rate_of(model.g_optimizer))
    )
    model.fit(batches(x, y, 8), epochs=6, verbose=0, callbacks=[note])  # 3 steps each
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 1e-4, 1e-4])
    model, _ = make_cwae(lr_steps=None)
    model.compile()
    model.steps_done.assign(10**6)
    model.on_epoch_start(99)
    assert rate_of(model.g_optimizer) == pytest.approx(1e-3)


def test_the_encoder_is_pre_trained_before_the_first_step():
    x, y = rows()
    model, _ = make_cwae(pretrain_steps=40)
    model.compile(jit_compile=False)
    start = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda *_, **__: latents.append(moments())
    )
    latents = []

    def moments():
        z = model.encoder([model.to_model(x), tf.one_hot(y, 2)], training=True).numpy()
        excess = np.cov(z, rowvar=False) - np.eye(3)
        return np.mean(z.mean(axis=0) ** 2) + np.mean(excess**2)

    before = moments()
    decoder = model.decoder.get_weights()
    losses = pretrain_encoder(model, batches(x, y, 8))
    assert losses[0] > 0.1 and (losses[-1] < 0.1 or losses[-1] < losses[0])
    for was, weight in zip(decoder, model.decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(was, weight)
    assert pretrain_encoder(model, batches(x, y, 8)) == []  # once
    model.pretrained.assign(0)
    near = moments()
    model.fit(batches(x, y, 8), verbose=0, callbacks=[start])
    assert latents[0] < before and latents[0] != near


def test_samples_are_decoded_draws_of_the_prior():
    model, _ = make_cwae(images)
    z = np.random.default_rng(0).standard_normal((3, 3)).astype("float32")
    z = tf.constant(z)
    expected = model.decoder([z, tf.eye(3)], training=False).numpy()
    np.testing.assert_array_equal(model.latent(z, [0, 1, 2]), z)
    np.testing.assert_allclose(model.generate(z, [0, 1, 2]), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (lambda: images(size=28), (8, 10.0, 0.05, 1e-3)),
        (images, (8, 10.0, 0.05 * 784 / 64, 1e-3)),
        (lambda: images(size=32, channels=3), (64, 100.0, 0.8, 5e-4)),
        (rows, (6, 10.0, 2.6 / 6, 1e-3)),
    ],
)
def test_defaults(data, expected):
    model = ConditionalWAE.from_data(*data(), seed=0, width=8)
    found = (
        model.noise_dim,
        model.mmd_weight,
        model.reconstruction_weight,
        rate_of(model.g_optimizer),
    )
    assert found == pytest.approx(expected)
    assert model.lr_steps == [18_000, 30_000] and model.class_rows == 8
    assert set(model.player_variables()) == {"e_optimizer", "g_optimizer"}


def test_the_discriminator_has_half_the_rate_and_a_tenth_of_the_weight():
    model, _ = make_cwae(penalty="gan")
    assert model.mmd_weight == 1.0
    model.compile()
    assert rate_of(model.d_optimizer) == pytest.approx(5e-4)
    assert model.d_optimizer.beta_1 == 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"networks": "cvae"}, "Invalid `networks`"),  # rows have no such networks
        ({"class_rows": 1}, "Invalid `class_rows`.*an integer of at least 2"),
        ({"lr_steps": (1, 2.5)}, "Invalid `lr_steps`.*list of 2 entries, each an int"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make_cwae(**options)


def test_a_discriminator_goes_with_its_penalty():
    model, _ = make_cwae(penalty="gan")
    with pytest.raises(ValueError, match="A `discriminator` goes with"):
        ConditionalWAE(model.encoder, model.decoder, spec=model.spec, penalty="gan")
    networks = model.encoder, model.decoder, model.discriminator
    with pytest.raises(ValueError, match="A `discriminator` goes with"):
        ConditionalWAE(*networks, spec=model.spec)


@pytest.mark.slow  # trains a convolutional model on the digits
def test_latents_of_each_class_of_balanced_digits_have_mean_zero():
    (x, y), _ = kerasos.data.load("digits")
    model = ConditionalWAE.from_data(x, y, seed=0, width=32)
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 100, steps_per_epoch=100), epochs=5, verbose=0)
    inputs = [model.to_model(x), tf.one_hot(y, 10)]
    latent = model.encoder(inputs, training=False).numpy()
    for label in range(10):
        own = latent[y == label]
        assert np.linalg.norm(own.mean(axis=0)) / 8**0.5 < 0.3
        assert own.std(axis=0).mean() == pytest.approx(1.0, abs=0.15)
    # And the prior decodes to images of the class that are not all alike.
    samples = model.sample(np.arange(10).repeat(30), seed=0).reshape(10, 30, 64)
    centres = np.stack([x[y == label].mean(axis=0).ravel() for label in range(10)])
    distances = np.linalg.norm(samples[:, :, None] - centres, axis=-1)
    assert np.mean(distances.argmin(axis=-1) == np.arange(10)[:, None]) > 0.75
    real = np.mean([x[y == label].std(axis=0).mean() for label in range(10)])
    assert samples.std(axis=1).mean() > 0.5 * real
