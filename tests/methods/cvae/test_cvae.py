"""CVAE: the bound, its warm-up, black and white images, tables, and conditioning."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from files_entered import files_entered
from scipy import special, stats
from sklearn.linear_model import LogisticRegression

import kerasos
from kerasos import CVAE
from kerasos.data import batches


def make_cvae(data=images, **options):
    x, y = data()
    model = CVAE.from_data(x, y, seed=0, latent_dim=4, **options)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model, (tf.constant(x[:8]), tf.constant(y[:8], tf.int32))


def terms_by_hand(model, x, y):
    """Both terms in float64 from what the networks put out in training."""
    one_hot = tf.one_hot(y, model.spec.num_classes)
    x = tf.cast(model.to_model(x), tf.float32)
    mean, scale = model.encoder([x, one_hot], training=True)
    noise = model.normal(len(x), model.code_dim, "posterior")
    output = model.decoder([mean + scale * noise, one_hot], training=True)
    mean, scale, x, output = (
        part.numpy().astype("float64") for part in (mean, scale, x, output)
    )
    kl = 0.5 * np.sum(mean**2 + scale**2 - np.log(scale**2) - 1, axis=1)
    if model.likelihood == "bernoulli":
        p = special.expit(output)
        logs = x * np.log(p) + (1 - x) * np.log(1 - p)
    else:
        deviation = np.exp(0.5 * model.log_variance.numpy())
        logs = stats.norm(output, deviation).logpdf(x)
    return -np.sum(logs.reshape(len(x), -1), axis=1).mean(), kl.mean()


@pytest.mark.parametrize("data", [images, rows])
def test_the_loss_is_the_bound(data):
    model, (x, y) = make_cvae(data)
    reconstruction, kl = terms_by_hand(model, x, y)
    logs = model.train_step((x, y))
    assert float(logs["reconstruction_loss"]) == pytest.approx(reconstruction, rel=1e-5)
    assert float(logs["kl_loss"]) == pytest.approx(kl, rel=1e-4)
    assert float(logs["loss"]) == pytest.approx(reconstruction + kl, rel=1e-5)
    assert kl > 0


def test_one_step_moves_encoder_and_decoder_together():
    model, batch = make_cvae(rows)
    model.compile(run_eagerly=True)
    before = [v.numpy() for v in model.trainable_variables]
    model.train_step(batch)
    for v, was in zip(model.trainable_variables, before, strict=True):
        assert v.path.endswith("bias") or np.any(v.numpy() != was)
    assert int(model.e_optimizer.iterations.numpy()) == 1


def test_a_step_is_read_in_six_files():
    model, batch = make_cvae(rows)
    model.train_step(batch)  # seeds are derived once
    assert len(files_entered(lambda: model.train_step(batch))) <= 6


def test_black_and_white_images_train_without_nan():
    y = np.repeat([0, 1], 16)
    x = np.tile(255 * y[:, None, None, None], (1, 8, 8, 1)).astype("uint8")
    with pytest.warns(UserWarning, match="repeated samples"):
        model = CVAE.from_data(x, y, seed=0, latent_dim=4)
    model.compile(jit_compile=False)
    history = model.fit(batches(x, y, 16), epochs=40, verbose=0).history
    for values in history.values():
        assert np.all(np.isfinite(values)) and min(values) >= 0
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    samples = model.sample([0, 1], seed=0).astype(int)
    assert np.all(samples[0] < 40) and np.all(samples[1] > 215)


def test_the_divergence_gets_its_weight_epoch_by_epoch():
    x, y = rows()
    weights = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: weights.append(float(model.kl_weight.numpy()))
    )
    model, _ = make_cvae(rows, kl_warmup_epochs=3)
    data = batches(x, y, 8)
    history = model.fit(data, epochs=6, verbose=0, callbacks=[note]).history
    # Ours runs after the user's callbacks: each value is that of the epoch before.
    assert weights[1:] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    for epoch, weight in enumerate([0.25, 0.5, 0.75, 1.0, 1.0, 1.0]):
        expected = history["reconstruction_loss"][epoch]
        expected += weight * history["kl_loss"][epoch]
        assert history["loss"][epoch] == pytest.approx(expected, rel=1e-5)
    # A run that goes on at a later epoch has that epoch's weight.
    history = model.fit(data, initial_epoch=1, epochs=2, verbose=0).history
    expected = history["reconstruction_loss"][0] + 0.5 * history["kl_loss"][0]
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_no_warm_up_by_default():
    model, _ = make_cvae(rows)
    assert model.kl_warmup_epochs == 0
    model.on_epoch_start(0)
    assert float(model.kl_weight.numpy()) == 1.0


def test_held_out_data_are_judged_by_the_same_bound_every_time():
    x, y = rows()
    model, _ = make_cvae(rows, kl_warmup_epochs=9)
    first, second = (
        model.evaluate(batches(x, y, 7, shuffle=False), verbose=0, return_dict=True)
        for _ in range(2)
    )
    assert first == second
    whole = first["reconstruction_loss"] + first["kl_loss"]
    assert first["loss"] == pytest.approx(whole, rel=1e-5)
    history = model.fit(x, y, batch_size=8, validation_data=(x, y), verbose=0).history
    names = {"loss", "reconstruction_loss", "kl_loss"}
    assert set(history) == names | {f"val_{name}" for name in names}


def test_samples_are_the_means_of_the_decoder():
    model, _ = make_cvae()
    latent = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    labels = [0, 1, 2, 0, 1]
    logits = model.decoder([latent, np.eye(3, dtype="float32")[labels]])
    generated = model.generate(tf.constant(latent), labels).numpy()
    np.testing.assert_allclose(generated, special.expit(logits.numpy()), rtol=1e-5)
    assert 0 <= generated.min() and generated.max() <= 1
    np.testing.assert_array_equal(model.latent(latent, labels), latent)


def test_rows_are_drawn_from_the_likelihood():
    model, _ = make_cvae(rows)
    means, _ = make_cvae(rows, observation_noise=False)
    assert model.noise_dim == means.noise_dim + model.spec.num_features
    model.column_variance.assign(np.linspace(0.1, 0.6, 6))
    latent = np.random.default_rng(0).normal(size=(6, model.latent_dim))
    latent, labels = latent.astype("float32"), [0, 1, 0, 1, 0, 1]
    one_hot = np.eye(model.spec.num_classes, dtype="float32")[labels]
    expected = model.decoder([latent[:, :4], one_hot]).numpy()
    # The same weights, so the means are those of the other model.
    generated = means.generate(tf.constant(latent[:, :4]), labels)
    np.testing.assert_allclose(generated, expected, rtol=1e-5, atol=1e-6)
    deviation = np.exp(0.5 * model.log_variance.numpy())
    np.testing.assert_allclose(
        model.generate(tf.constant(latent), labels),
        expected + deviation * latent[:, 4:],
        rtol=1e-5,
        atol=1e-6,
    )


def test_categories_keep_their_means():
    x, y = rows()
    x = np.concatenate([x, np.where(y == 1, -1.0, 1.0)[:, None]], axis=1)
    model = CVAE.from_data(x.astype("float32"), y, seed=0, latent_dim=4)
    width = x.shape[1]
    assert model.observation_noise == [True] * (width - 1) + [False]
    quiet, loud = np.zeros((2, 1, 4 + width), "float32")
    loud[0, 4:] = 1.0
    low, high = (model.generate(tf.constant(z), [0]).numpy()[0] for z in (quiet, loud))
    deviation = np.exp(0.5 * model.log_variance.numpy())
    np.testing.assert_allclose((high - low)[:-1], deviation[:-1], rtol=1e-4)
    assert high[-1] == low[-1]
    copy = CVAE.from_config(model.get_config())
    assert copy.observation_noise == model.observation_noise
    # Nothing but two values: no noise, so the latents are the code alone.
    codes = np.where(np.random.default_rng(0).random((len(y), 16)) < 0.5, -1.0, 1.0)
    assert CVAE.from_data(codes, y, seed=0, latent_dim=4).noise_dim == 4


@pytest.mark.parametrize(
    "data, value",
    [(images, True), (rows, "yes"), (rows, 1), (rows, [True]), (images, [False] * 8)],
)
def test_pixels_have_no_noise_to_draw(data, value):
    with pytest.raises(ValueError, match="`observation_noise` must be a boolean"):
        make_cvae(data, observation_noise=value)


def test_the_variance_of_a_column_follows_its_squared_error():
    model, (x, y) = make_cvae(rows)
    np.testing.assert_array_equal(model.column_variance, np.ones(6))
    one_hot = tf.one_hot(y, 2)
    target = model.to_model(x)
    mean, scale = model.encoder([target, one_hot])
    latent = mean + scale * model.normal(len(x), model.code_dim, "posterior")
    errors = np.mean((model.decoder([latent, one_hot]) - target) ** 2, axis=0)
    model.train_step((x, y))
    np.testing.assert_allclose(model.column_variance, 1 + 0.05 * (errors - 1), 1e-4)
    model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(model.column_variance, 1 + 0.05 * (errors - 1), 1e-4)
    model.column_variance.assign(np.zeros(6))
    np.testing.assert_allclose(model.log_variance, np.full(6, -8.0), rtol=1e-3)


def test_a_shared_variance_is_learned_and_bounded_below():
    model, _ = make_cvae(rows)
    model = CVAE.from_config({**model.get_config(), "variance": "shared"})
    assert float(model.log_variance) == pytest.approx(0.0, abs=1e-3)
    for raw, expected in ((-3.0, -3.0), (2.0, 2.0), (-1e3, -8.0)):
        model.raw_log_variance.assign(raw)
        assert float(model.log_variance) == pytest.approx(expected, abs=1e-2)


def test_generated_rows_follow_their_label():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat([0, 1], [120, 30]))
    centres = np.array([[0.2, 0.8, 0.5], [0.6, 0.3, 0.5]])
    x = (centres[y] + 0.02 * source.standard_normal((150, 3))).astype("float32")
    model = CVAE.from_data(x, y, seed=0, latent_dim=4)
    model.compile(keras.optimizers.Adam(1e-2, beta_1=0.5), jit_compile=False)
    model.fit(batches(x, y, 30), epochs=40, verbose=0)
    for label in (0, 1):
        samples = model.sample([label] * 200, seed=0)
        # They are .4 apart.
        np.testing.assert_allclose(samples.mean(axis=0), centres[label], atol=0.1)
    # The label explains two columns, so their variances have fallen from 1.
    assert np.max(model.log_variance[:2]) < -0.5 < model.log_variance[2]


@pytest.mark.slow  # trains a convolutional model on the digits
def test_an_independent_classifier_recognises_what_was_asked_for():
    (x, y), (x_test, y_test) = kerasos.data.load("digits")
    classifier = LogisticRegression(max_iter=2000)
    classifier.fit(x.reshape(len(x), -1) / 255.0, y)
    score = classifier.score(x_test.reshape(len(x_test), -1) / 255.0, y_test)
    assert score > 0.9
    model = CVAE.from_data(x, y, seed=0, latent_dim=16)
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 64), epochs=10, verbose=0)
    labels = np.repeat(np.arange(10), 50)
    samples = model.sample(labels, seed=0).reshape(500, -1) / 255.0
    agreement = np.mean(classifier.predict(samples) == labels)
    assert agreement >= 0.9
    # And they are not one image a class.
    spread = np.std(samples.reshape(10, 50, -1), axis=1).mean()
    real = x.reshape(len(x), -1) / 255.0
    whole = np.mean([np.std(real[y == k], axis=0).mean() for k in range(10)])
    assert spread > 0.1 * whole
