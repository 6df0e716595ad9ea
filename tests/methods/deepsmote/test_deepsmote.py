"""DeepSMOTE: its two terms, the best epoch, rows and latents, and where samples lie."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows

import kerasos
from kerasos import DeepSMOTE
from kerasos.data import batches
from kerasos.data.spec import DataSpec
from kerasos.networks.mlp import leaky_mlp


def make_deepsmote(data=rows, **options):
    x, y = data()
    small = {"k_neighbors": 3, "latent_dim": 4}
    small |= {"filters": 2} if data is images else {}
    model = DeepSMOTE.from_data(x, y, seed=0, **small | options)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    model.run_eagerly = True
    return model, (tf.constant(x[:8]), tf.constant(y[:8], tf.int32))


def encode(model, rows, training):
    return model.encoder(model.to_model(rows), training=training)


@pytest.mark.parametrize("data", [images, rows])
@pytest.mark.parametrize("permute_target", [True, False])
def test_the_loss_is_two_mean_squared_errors(data, permute_target):
    model, (x, y) = make_deepsmote(data, permute_target=permute_target)
    current, following = model.draw_class_rows()
    decoded = model.decoder(encode(model, x, True), training=True)
    reconstruction = np.mean((decoded.numpy() - model.to_model(x)) ** 2)
    decoded = model.decoder(encode(model, following, True), training=True)
    target = model.to_model(following if permute_target else current)
    penalty = np.mean((decoded.numpy() - target) ** 2)
    logs = model.train_step((x, y))
    assert float(logs["reconstruction_loss"]) == pytest.approx(reconstruction, rel=1e-5)
    assert float(logs["penalty_loss"]) == pytest.approx(penalty, rel=1e-5)
    assert float(logs["loss"]) == pytest.approx(reconstruction + penalty, rel=1e-5)


def test_the_penalty_trains_the_decoder_alone():
    model, _ = make_deepsmote()
    encoder, decoder = (
        network.trainable_variables for network in (model.encoder, model.decoder)
    )
    with tf.GradientTape(persistent=True) as tape:
        loss = model._penalty()
    assert all(tape.gradient(loss, v.value) is None for v in encoder)
    assert all(np.any(tape.gradient(loss, v.value) != 0) for v in decoder)


def test_rows_of_the_penalty_are_a_permutation_of_one_class():
    x, y = rows()
    classes, orders = set(), set()
    for size, distinct in ((4, {0: 4, 1: 4}), (100, {0: 20, 1: 8})):
        model, _ = make_deepsmote(penalty_size=size)
        for step in range(12):
            model.steps_done.assign(step)
            current, following = (part.numpy() for part in model.draw_class_rows())
            assert len(current) == len(following) == min(size, 20)
            found = [int(np.flatnonzero(np.all(x == row, 1))[0]) for row in current]
            (label,) = set(y[found])
            turn = distinct[label]
            assert len(set(found)) == turn
            assert found == list(np.resize(found[:turn], len(found)))
            # Moved on by one place, and round.
            np.testing.assert_array_equal(
                following[:turn], np.roll(current[:turn], -1, 0)
            )
            classes.add(int(label))
            orders.add(tuple(found))
    assert classes == {0, 1} and len(orders) > 20


def test_a_class_of_one_row_is_not_drawn():
    source = np.random.default_rng(0)
    x = source.uniform(size=(10, 3)).astype("float32")
    y = np.array([0] * 9 + [1])
    with pytest.warns(UserWarning, match="have one sample each"):
        model = DeepSMOTE.from_data(x, y, seed=0)
    for step in range(8):
        model.steps_done.assign(step)
        assert not np.any(np.all(model.draw_class_rows()[0] == x[9], axis=1))
    samples = model.sample([1] * 4, seed=0)
    assert np.all(samples == samples[0])
    with pytest.warns(UserWarning, match="have one sample each"):
        model = DeepSMOTE.from_data(x[8:], y[8:], seed=0)
    assert model.draw_class_rows() is None and float(model._penalty()) == 0.0


def test_moved_copies_fill_up_the_rows_of_small_classes(tmp_path):
    x, y = images()
    counts = np.bincount(y)
    model, _ = make_deepsmote(images, min_anchors=15)
    assert model.bank.counts == np.maximum(counts, 15).tolist()
    first = 0
    for label, count in enumerate(model.bank.counts):
        part = model.bank.rows.numpy()[first : first + count]
        own = x[y == label]
        np.testing.assert_array_equal(part[: len(own)], own)
        for image in part[len(own) :]:
            assert not (image == own).all(axis=(1, 2, 3)).any()
        encoded = encode(model, part, False)
        latents = model.between.points.numpy()[first : first + count]
        np.testing.assert_allclose(latents, encoded, atol=1e-5)
        first += count
    # Rows put by `fit`, of a class of fewer, are filled up as well.
    kept = np.sort(np.concatenate([np.flatnonzero(y == k)[:3] for k in (0, 1, 2)]))
    model.bank.fill(batches(x[kept], y[kept], len(kept), shuffle=False))
    assert len(np.unique(model.bank.rows.numpy()[:15], axis=0)) == 15
    model.fit(batches(x, y, 8), epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.min_anchors == 15
    np.testing.assert_array_equal(again.sample([1], seed=0), model.sample([1], seed=0))
    within, _ = make_deepsmote(images, min_anchors=15, rows_per_class=9)
    assert within.bank.counts == [9, 9, 9]
    with pytest.raises(ValueError, match="`min_anchors` is for images"):
        make_deepsmote(min_anchors=5)


def test_latents_of_samples_lie_between_encoded_rows_of_their_class():
    x, y = rows()
    model = DeepSMOTE.from_data(x, y, seed=0, k_neighbors=3, latent_dim=4)
    model.compile(jit_compile=False)
    model.fit(batches(x, y, 8), epochs=3, verbose=0)
    assert model.latent_dim == 4 and model.noise_dim == 3
    for label in (0, 1):
        encoded = encode(model, x[y == label], False).numpy().astype("float64")
        distances = np.linalg.norm(encoded[:, None] - encoded[None], axis=-1)
        near = np.argsort(distances, axis=1)[:, 1:4]
        noise = np.random.default_rng(label).standard_normal((40, 3))
        labels = tf.fill([40], label)
        latents = model.latent(tf.constant(noise, tf.float32), labels)
        for latent in latents.numpy():
            residuals = []
            for i, j in ((i, j) for i, row in enumerate(near) for j in row):
                step = encoded[j] - encoded[i]
                u = np.dot(latent - encoded[i], step) / np.dot(step, step)
                u = np.clip(u, 0, 1)
                residuals.append(np.linalg.norm(latent - encoded[i] - u * step))
            assert min(residuals) < 1e-4 * np.abs(encoded).max()
        decoded = model.to_user(model.decoder(latents, training=False))
        generated = model.to_user(model.generate(latents, labels))
        np.testing.assert_array_equal(generated, decoded)


def test_samples_follow_an_encoder_that_has_moved():
    model, batch = make_deepsmote()
    first = model.sample([0, 1], seed=0)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.5))
    assert np.all(model.sample([0, 1], seed=0) == first)
    model.train_step(batch)
    moved = encode(model, model.bank.rows, False).numpy()
    assert np.any(np.abs(model.between.points.numpy() - moved) > 1e-3)
    assert np.any(model.sample([0, 1], seed=0) != first)
    np.testing.assert_allclose(model.between.points.numpy(), moved, atol=1e-6)
    for look in (lambda: model.predict(np.arange(2), verbose=0), model.refresh):
        model.train_step(batch)
        look()
        moved = encode(model, model.bank.rows, False).numpy()
        np.testing.assert_allclose(model.between.points.numpy(), moved, atol=1e-6)


class Worse(keras.callbacks.Callback):
    """Notes the weights at the end of each epoch, and spoils those of the second."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 0):
            for variable in self.model.decoder.trainable_variables:
                variable.assign(variable + 3.0)

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([w.copy() for w in self.model.decoder.get_weights()])


@pytest.mark.parametrize("keep_best", [True, False])
def test_fit_ends_with_the_epoch_of_the_lowest_loss(keep_best):
    x, y = rows()
    model = DeepSMOTE.from_data(x, y, seed=0, k_neighbors=3, keep_best=keep_best)
    model.compile(jit_compile=False)
    watch = Worse()
    data = batches(x, y, 8)
    history = model.fit(data, epochs=3, verbose=0, callbacks=[watch]).history
    assert np.argmin(history["loss"]) == 0
    expected = watch.seen[0 if keep_best else 2]
    for found, weight in zip(model.decoder.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, weight)
    moved = encode(model, model.bank.rows, False).numpy()
    np.testing.assert_allclose(model.between.points.numpy(), moved, atol=1e-6)
    if keep_best:
        assert float(model.best.loss) == pytest.approx(history["loss"][0], rel=1e-5)
        # A run that begins anew is compared with itself alone.
        again = model.fit(data, epochs=1, verbose=0, callbacks=[Worse()]).history
        assert float(model.best.loss) == pytest.approx(again["loss"][0], rel=1e-5)


def test_held_out_data_are_judged_by_their_reconstruction():
    model, (x, y) = make_deepsmote()
    decoded = model.decoder(encode(model, x, False), training=False).numpy()
    expected = np.mean((decoded - model.to_model(x)) ** 2)
    found = model.evaluate(batches(x, y, 8), verbose=0, return_dict=True)
    assert found == {"reconstruction_loss": pytest.approx(expected, rel=1e-5)}


def test_networks_of_your_own_take_their_rows_from_the_data_of_fit():
    x, y = rows()
    networks = leaky_mlp(6, 2, 0, "encoder"), leaky_mlp(2, 6, 0, "decoder")
    model = DeepSMOTE(*networks, spec=DataSpec.of(x, y), seed=0)
    model.compile(jit_compile=False)
    assert not model.bank.is_filled
    model.fit(batches(x, y, 8), verbose=0)
    assert model.bank.is_filled
    kept = model.bank.rows.numpy()
    np.testing.assert_array_equal(np.sort(kept, axis=0), np.sort(x, axis=0))
    moved = encode(model, kept, False).numpy()
    np.testing.assert_allclose(model.between.points.numpy(), moved, atol=1e-6)


def test_a_class_with_too_few_neighbours_warns():
    x, y = images((12, 4))
    with pytest.warns(UserWarning, match=r"Labels \[1\] have too few samples for k_"):
        model = DeepSMOTE.from_data(x, y, filters=2, seed=0)
    assert model.sample([1] * 3, seed=0).shape == (3, 8, 8, 1)
    with pytest.warns(UserWarning, match=r"Labels \['crack'\] have too few samples"):
        DeepSMOTE.from_data(x, y, filters=2, seed=0, label_names=["good", "crack"])


def test_defaults_are_those_of_the_code():
    x, y = images((12, 8), size=28)
    model = DeepSMOTE.from_data(x, y, seed=0, filters=1)
    assert model.latent_dim == 300 and model.penalty_size == 100
    assert model.permute_target and model.k_neighbors == 5
    for optimizer in (model.d_optimizer, model.e_optimizer):
        assert float(optimizer.learning_rate.numpy()) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)
    x, y = images((12, 8), size=32, channels=3)
    assert DeepSMOTE.from_data(x, y, seed=0, filters=1).latent_dim == 600


@pytest.mark.slow  # trains a convolutional autoencoder on the digits
def test_samples_of_digits_are_recognised():
    from sklearn.linear_model import LogisticRegression

    (x, y), _ = kerasos.data.load("digits", class_counts=20)
    (x_all, y_all), _ = kerasos.data.load("digits")
    judge = LogisticRegression(max_iter=2000)
    judge.fit(x_all.reshape(len(x_all), -1) / 255.0, y_all)
    model = DeepSMOTE.from_data(x, y, seed=0, filters=8, latent_dim=32)
    model.compile(*(keras.optimizers.Adam(1e-3) for _ in "de"), jit_compile=False)
    model.fit(batches(x, y, 50, steps_per_epoch=50), epochs=6, verbose=0)
    labels = np.repeat(np.arange(10), 50)
    samples = model.sample(labels, seed=0).reshape(500, -1) / 255.0
    assert np.mean(judge.predict(samples) == labels) > 0.9
