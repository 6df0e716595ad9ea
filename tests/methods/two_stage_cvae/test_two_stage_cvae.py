"""Two-stage CVAE: both bounds, the frozen first stage, its batches, rates and draws."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy import stats

from kerasos import TwoStageCVAE
from kerasos.data import batches


def make_two_stage(data=rows, **options):
    x, y = data()
    small = {"latent_dim": 4, "latent_units": (8,), "vae_epochs": 2, "latent_epochs": 3}
    model = TwoStageCVAE.from_data(x, y, seed=0, **small | options)
    model.compile(*(keras.optimizers.SGD(0.0) for _ in "ez"), run_eagerly=True)
    return model, (tf.constant(x[:8]), tf.constant(y[:8], tf.int32))


def float64(*tensors):
    return [np.asarray(tensor, "float64") for tensor in tensors]


def bound_by_hand(mean, scale, output, target, gamma):
    mean, scale, output, target = float64(mean, scale, output, target)
    kl = 0.5 * np.sum(mean**2 + scale**2 - np.log(scale**2) - 1, axis=1)
    terms = (target - output) ** 2 / (2 * gamma**2) + np.log(gamma) + 0.91894
    return np.sum(terms.reshape(len(mean), -1), axis=1).mean(), kl.mean()


@pytest.mark.parametrize("data", [images, rows])
def test_the_loss_of_the_first_stage_is_its_bound(data):
    model, (x, y) = make_two_stage(data)
    model.raw_gamma_x.assign(-0.07)
    gamma = float(model.gamma_x)
    assert gamma == pytest.approx(np.exp(-4 + np.logaddexp(0, -0.7 + 4)), rel=1e-5)
    one_hot, samples = tf.one_hot(y, model.spec.num_classes), model.to_model(x)
    mean, scale = model.encoder([samples, one_hot], training=True)
    noise = model.normal(8, 4, "posterior")
    output = model.decoder([mean + scale * noise, one_hot], training=True)
    if data is images:
        assert 0 < np.min(output) and np.max(output) < 1  # a mean of grey levels
    reconstruction, kl = bound_by_hand(mean, scale, output, samples, gamma)
    logs = model.train_step((x, y))
    assert set(logs) == {"loss", "reconstruction_loss", "kl_loss"}
    assert float(logs["reconstruction_loss"]) == pytest.approx(reconstruction, rel=1e-4)
    assert float(logs["kl_loss"]) == pytest.approx(kl, rel=1e-4)
    assert float(logs["loss"]) == pytest.approx(reconstruction + kl, rel=1e-4)


def test_the_loss_of_the_second_stage_is_the_bound_of_latents():
    model, (x, y) = make_two_stage()
    model.enter_stage("latent")
    model.raw_gamma_z.assign(0.05)
    one_hot = tf.one_hot(y, 2)
    mean, scale = model.encoder([model.to_model(x), one_hot], training=False)
    z = mean + scale * model.normal(8, 4, "posterior_z")
    mean, scale = model.latent_encoder([z, one_hot])
    u = mean + scale * model.normal(8, 4, "posterior_u")
    output = model.latent_decoder([u, one_hot])
    gamma = float(model.gamma_z)
    reconstruction, kl = bound_by_hand(mean, scale, output, z, gamma)
    logs = model.train_step((x, y))
    assert set(logs) == {"loss", "z_loss", "z_reconstruction_loss", "z_kl_loss"}
    assert float(logs["loss"]) == float(logs["z_loss"])
    assert float(logs["z_reconstruction_loss"]) == pytest.approx(
        reconstruction, rel=1e-4
    )
    assert float(logs["z_kl_loss"]) == pytest.approx(kl, rel=1e-4)
    assert float(logs["z_loss"]) == pytest.approx(reconstruction + kl, rel=1e-4)


class Note(keras.callbacks.Callback):
    """Notes weights, rates and labels epoch by epoch."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.rates = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        model = self.model

        def copies(*networks):
            return [w.copy() for network in networks for w in network.get_weights()]

        self.first.append([*copies(model.encoder, model.decoder), model.gamma_x])
        second = copies(model.latent_encoder, model.latent_decoder)
        self.second.append([*second, model.gamma_z])
        optimizers = model.e_optimizer, model.z_optimizer
        self.rates.append([float(o.learning_rate.numpy()) for o in optimizers])


def equal(left, right):
    return [np.array_equal(a, b) for a, b in zip(left, right, strict=True)]


def test_the_second_stage_leaves_the_first_as_it_is_and_the_rates_fall():
    x, y = images()
    model, _ = make_two_stage(images, vae_epochs=3, latent_epochs=4)
    model.compile(jit_compile=False)
    note = Note()
    before = [*model.latent_encoder.get_weights(), *model.latent_decoder.get_weights()]
    history = model.fit(batches(x, y, 8), verbose=0, callbacks=[note]).history
    assert len(note.first) == len(history["loss"]) == 7
    assert len(history["z_loss"]) == 4
    # Moving averages of batch normalisation are among the weights.
    assert all(equal(note.first[2], note.first[6]))
    assert not any(equal(note.first[1], note.first[2])[:-1:2])
    assert all(equal(before, note.second[2][:-1]))
    assert not any(equal(note.second[2], note.second[6]))
    # Halved after 3/8 and 6/8 of a stage.
    first = [1e-4 * factor for factor in (1, 1, 0.5)]
    second = [1e-4 * factor for factor in (1, 1, 0.5, 0.25)]
    assert [rates[0] for rates in note.rates[:3]] == pytest.approx(first)
    assert [rates[1] for rates in note.rates[3:]] == pytest.approx(second)
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 8), initial_epoch=5, epochs=6, verbose=0, callbacks=[note])
    assert note.rates[-1][1] == pytest.approx(0.5e-4)


def test_rates_of_a_callback_are_halved_and_schedules_are_left_alone():
    model, _ = make_two_stage()
    slower = keras.optimizers.schedules.ExponentialDecay(0.3, 1000, 0.5)
    model.compile(keras.optimizers.SGD(0.4), keras.optimizers.SGD(slower))
    model.on_epoch_start(0)
    model.e_optimizer.learning_rate = 0.2
    model.on_epoch_start(1)
    assert float(model.e_optimizer.learning_rate.numpy()) == pytest.approx(0.1)
    assert float(model.z_optimizer.learning_rate) == pytest.approx(0.3)
    model.on_epoch_start(0)
    assert float(model.e_optimizer.learning_rate.numpy()) == pytest.approx(0.2)


@pytest.mark.parametrize("real_sampling", ["balanced", "natural"])
def test_rows_of_the_second_stage_are_drawn_class_by_class(real_sampling):
    x, y = rows((60, 4))
    model, _ = make_two_stage(lambda: (x, y), vae_epochs=3, real_sampling=real_sampling)
    seen, step = {"vae": [], "latent": []}, model.train_step
    model.train_step = lambda data: (
        seen[model.stage].append(data[1].numpy()) or step(data)
    )
    model.fit(x, y, batch_size=16, verbose=0)
    shares = {stage: np.mean(np.concatenate(ys)) for stage, ys in seen.items()}
    assert shares["vae"] == pytest.approx(1 / 16, abs=0.03)
    expected = 1 / 2 if real_sampling == "balanced" else 1 / 16
    assert shares["latent"] == pytest.approx(expected, abs=0.1)


def test_other_datasets_cannot_be_drawn_class_by_class():
    x, y = rows()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(8, drop_remainder=True)
    model, _ = make_two_stage()
    with pytest.raises(ValueError, match="`real_sampling='balanced'` draws rows"):
        model.fit(dataset, verbose=0)
    model, _ = make_two_stage(real_sampling="natural")
    model.fit(dataset, verbose=0)
    assert int(model.steps_done.numpy()) == 5 * 3


def test_samples_pass_through_both_decoders():
    model, _ = make_two_stage()
    noise = np.random.default_rng(0).standard_normal((6, 8)).astype("float32")
    labels = np.array([0, 1] * 3)
    one_hot = np.eye(2, dtype="float32")[labels]
    model.raw_gamma_z.assign(-0.1)
    z = model.latent_decoder([noise[:, :4], one_hot]).numpy()
    z += float(model.gamma_z) * noise[:, 4:]
    latent = model.latent(tf.constant(noise), labels)
    np.testing.assert_allclose(latent, z, rtol=1e-5, atol=1e-6)
    expected = model.decoder([tf.constant(z), tf.constant(one_hot)], training=False)
    found = model.generate(latent, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert model.latent_dim == 4 and model.noise_dim == 8


def test_the_deviations_start_where_they_are_told_and_are_bounded_below():
    for data, options, expected in (
        (images, {}, (1.0, 1.0)),
        (rows, {}, (np.exp(-2), np.exp(-2))),
        (rows, {"log_gammas": (-1, 0.5)}, (np.exp(-1), np.exp(0.5))),
    ):
        model, _ = make_two_stage(data, **options)
        found = float(model.gamma_x), float(model.gamma_z)
        assert found == pytest.approx(expected, rel=1e-4)
    model.raw_gamma_x.assign(-100.0)
    assert float(model.gamma_x) == pytest.approx(np.exp(-4), rel=1e-3)
    model.raw_gamma_x.assign(0.2)
    assert float(model.gamma_x) == pytest.approx(np.exp(2), rel=1e-2)


@pytest.mark.parametrize(
    ("counts", "options", "expected"),
    [
        ((200, 40), {}, (400, 800)),  # never more epochs than the authors
        ((14_000, 2_000), {}, (180, 360)),  # 250 batches of 64
        ((14_000, 2_000), {"pre_oversample": True}, (103, 206)),
        ((14_000, 2_000), {"vae_epochs": 7}, (7, 360)),
    ],
)
def test_epochs_are_as_many_steps_as_cvae_has(counts, options, expected):
    y = np.repeat([0, 1], counts)
    x = np.linspace(-1, 1, len(y) * 2, dtype="float32").reshape(-1, 2)
    model = TwoStageCVAE.from_data(x, y, seed=0, latent_units=(4,), **options)
    assert (model.vae_epochs, model.latent_epochs) == expected


def test_held_out_data_are_judged_by_both_bounds():
    model, _ = make_two_stage()
    found = model.evaluate(batches(*rows(), 7), verbose=0, return_dict=True)
    for tag in ("", "z_"):
        parts = found[f"{tag}reconstruction_loss"] + found[f"{tag}kl_loss"]
        assert found[f"{tag}loss"] == pytest.approx(parts, rel=1e-5)


def test_a_spectrally_normalised_encoder_trains_and_is_saved(tmp_path):
    model, batch = make_two_stage(spectral_norm=True)
    kinds = {type(layer).__name__ for layer in model.encoder.layers}
    assert "SpectralNormalization" in kinds and "Dense" not in kinds
    model.compile(jit_compile=False)
    model.fit(*(part.numpy() for part in batch), batch_size=8, epochs=5, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.all(again.sample([0, 1], seed=0) == model.sample([0, 1], seed=0))


def test_gammas_start_above_their_bound():
    with pytest.raises(ValueError, match="Invalid `log_gammas`.*number above -4"):
        make_two_stage(log_gammas=(0, -4))


def test_an_oversampler_shares_its_epochs_between_the_stages():
    for epochs, given, expected in (
        (10, False, (10, 10)),
        (10, True, (5, 5)),
        (3, True, (1, 2)),
        (1, True, (1, 1)),
    ):
        found = TwoStageCVAE.stage_epochs(epochs, given)
        assert (found["vae_epochs"], found["latent_epochs"]) == expected
        assert len(found) == 2


@pytest.mark.slow  # trains both stages on two rings
def test_the_second_stage_finds_what_the_first_one_uses_of_its_latents():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat([0, 1], [600, 60]))
    angle = source.uniform(0, 2 * np.pi, len(y))
    radius = np.where(y == 0, 0.9, 0.45) + 0.02 * source.standard_normal(len(y))
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype("float32")
    x = np.clip(x, -1, 1)
    model, _ = make_two_stage(
        lambda: (x, y), latent_units=(64,) * 3, vae_epochs=8, latent_epochs=8
    )
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 64, steps_per_epoch=100), verbose=0)
    assert 0.05 < float(model.gamma_x) < 0.4 and float(model.gamma_z) < 0.5
    for label, wanted in ((0, 0.9), (1, 0.45)):
        samples = model.sample([label] * 500, seed=0)
        norms = np.linalg.norm(samples, axis=1)
        assert np.median(norms) == pytest.approx(wanted, abs=0.1)
        assert np.mean(norms < 0.5 * wanted) < 0.1  # few between the sides of the ring
        angles = np.arctan2(samples[:, 1], samples[:, 0])
        spread = stats.kstest((angles + np.pi) / (2 * np.pi), "uniform")
        assert spread.statistic < 0.2  # all around
