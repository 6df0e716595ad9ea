"""GAMO2pix: both decoders' losses, what moves when, a given GAMO, and its images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows, two_kinds_of_images

from kerasos import GAMO, GAMO2pix
from kerasos.data import batches


@pytest.fixture(scope="module")
def gamo():
    """A convolutional GAMO whose generator copies anchors; it saw two steps."""
    x, y = images()
    model = GAMO.from_data(
        x, y, seed=0, variant="conv", generator="copies", discriminator=False
    )
    data = batches(x, y, 8, steps_per_epoch=1)
    model.compile(run_eagerly=True)
    model.fit(data, epochs=2, verbose=0)
    return model


def make(gamo, **options):
    """A compiled eager model whose GAMO is trained, and its data."""
    x, y = images()
    options = {"decoder_batch": 4, "pix_latent_dim": 3, "filters": 2, **options}
    model = GAMO2pix.from_data(x, y, seed=0, gamo=gamo, **options)
    model.compile(run_eagerly=True)
    return model, x, y


def weights_of(networks):
    return [v.numpy().copy() for network in networks for v in network.variables]


def moved(before, after):
    return [bool(np.any(a != b)) for a, b in zip(before, after, strict=True)]


# The batches of the decoders.


@pytest.mark.parametrize("shared", [False, True])
def test_a_decoder_sees_images_of_its_classes_with_their_features(gamo, shared):
    model, x, y = make(gamo, shared=shared, decoder_batch=64)
    assert model.parts == ([[1, 2]] if shared else [[1], [2]])
    for part, labels in enumerate(model.parts):
        drawn, features, given = model.anchor_batch(part)
        assert set(given.numpy()) == set(labels)
        own = {label: {image.tobytes() for image in x[y == label]} for label in labels}
        back = model.to_user(drawn).numpy()
        seen = {label: set() for label in labels}
        for image, label in zip(back, given.numpy(), strict=True):
            seen[label].add(image.tobytes())
        assert seen == own  # 64 draws of 9 and of 5 images
        np.testing.assert_allclose(
            features, model.feature_extractor(drawn), rtol=1e-5, atol=1e-6
        )


def test_every_step_draws_anew():
    x, y = two_kinds_of_images()
    model = GAMO2pix.from_data(x, y, seed=0, generator="copies")
    first = model.anchor_batch(0)[0].numpy()
    assert first.shape[0] == 32
    np.testing.assert_array_equal(model.anchor_batch(0)[0], first)
    model.steps_done.assign_add(1)
    assert np.any(model.anchor_batch(0)[0].numpy() != first)


# The variational decoder.


def vae_terms_by_hand(model, part):
    """Both terms in float64 from what the networks put out."""
    x, features, labels = model.anchor_batch(part)

    def run(network, rows):
        one_hot = tf.one_hot(labels, model.spec.num_classes)
        return network([rows, one_hot] if model.shared else rows)

    mean, log_variance = run(model.heads[part], features)
    noise = model.normal(len(x), model.pix_latent_dim, f"posterior_{part}")
    z = mean + tf.exp(0.5 * log_variance) * noise
    decoded = run(model.decoders[part], z)
    x, mean, log_variance, decoded = (
        np.asarray(part, "float64") for part in (x, mean, log_variance, decoded)
    )
    kl = -0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance), axis=1)
    pixels = x[0].size * np.mean((x - decoded) ** 2, axis=(1, 2, 3))
    return pixels.mean(), kl.mean()


@pytest.mark.parametrize("shared", [False, True])
def test_the_vae_loss_is_that_of_the_paper(gamo, shared):
    model, x, y = make(gamo, shared=shared)
    terms = [vae_terms_by_hand(model, part) for part in range(len(model.parts))]
    squares, kl = np.mean(terms, axis=0)
    logs = model.train_step((tf.constant(x[:8]), tf.constant(y[:8])))
    assert float(logs["reconstruction_loss"]) == pytest.approx(squares, rel=1e-5)
    assert float(logs["kl_loss"]) == pytest.approx(kl, rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"shared": True}, {"decoder": "began"}])
def test_a_decoder_step_moves_no_part_of_gamo(gamo, options):
    model, x, y = make(gamo, **options)
    rest = [model.feature_extractor, model.classifier_head, model.generator]
    before, own = weights_of(rest), weights_of(model.decoders)
    others = model.critics or model.heads
    their = weights_of(others)
    model.train_step((tf.constant(x[:8]), tf.constant(y[:8])))
    assert not any(moved(before, weights_of(rest)))
    assert all(moved(own, weights_of(model.decoders)))
    assert all(moved(their, weights_of(others)))


def test_decoders_of_two_classes_learn_apart(gamo):
    """Training one part alone gives it the weights of training both."""
    both, x, y = make(gamo)
    data = (tf.constant(x[:8]), tf.constant(y[:8]))
    for _ in range(2):
        both.train_step(data)
    one, _, _ = make(gamo)
    for _ in range(2):
        variables = one.heads[1].trainable_variables
        variables = variables + one.decoders[1].trainable_variables
        with tf.GradientTape() as tape:
            loss = sum(one._vae_losses(1, *one.anchor_batch(1)))
        one.minimize(loss, tape, variables, one.pix_optimizer)
        one.steps_done.assign_add(1)
    for a, b in zip(
        weights_of([both.heads[1], both.decoders[1]]),
        weights_of([one.heads[1], one.decoders[1]]),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shared", [False, True])
def test_a_sample_goes_through_head_and_decoder_of_its_class(gamo, shared):
    model, _, _ = make(gamo, shared=shared)
    latent = np.random.default_rng(0).standard_normal((5, model.latent_dim), "float32")
    labels = tf.constant([2, 1, 1, 2, 1])
    images = model.generate(tf.constant(latent), labels).numpy()
    assert model.noise_dim == 3 + 3
    features = model.generator(tf.constant(latent[:, :3]), labels)
    for row, label in enumerate(labels.numpy()):
        part, own = 0 if shared else label - 1, features[row : row + 1]
        one_hot = tf.one_hot([label], 3)
        mean, log_variance = model.heads[part]([own, one_hot] if shared else own)
        z = mean + tf.exp(0.5 * log_variance) * latent[row, 3:]
        expected = model.decoders[part]([z, one_hot] if shared else z)
        np.testing.assert_allclose(images[row], expected[0], atol=1e-5)


def test_decoders_learn_to_paint_their_class(gamo):
    """Copies of anchors come back as images of their class, and close to themselves."""
    x, y = images()
    model = GAMO2pix.from_data(x, y, seed=0, gamo=gamo, decoder_batch=16)
    model.compile(
        pix_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5), jit_compile=False
    )
    small = y > 0

    def error():
        decoded = model.reconstruct(x[small], y[small], seed=0)
        return np.abs(decoded.astype(float) - x[small]).mean()

    before = error()
    model.fit(batches(x, y, 8, steps_per_epoch=100), epochs=1, verbose=0)
    # The noise of these images, 30 grey levels on average, is nobody's to learn.
    assert before > 60.0 and error() < 35.0
    labels = np.repeat([1, 2], 20)
    samples = model.sample(labels, seed=0).astype(float)
    means = np.stack([x[y == label].mean(axis=0) for label in range(3)])
    distance = np.square(samples[:, None] - means).sum(axis=(2, 3, 4))
    assert np.mean(distance.argmin(axis=1) == labels) == 1.0


# BEGAN.


def l1(critic, v):
    return float(np.mean(np.abs(np.asarray(v, "float64") - critic(v).numpy())))


def test_the_began_losses_are_those_of_the_paper(gamo):
    model, x, y = make(gamo, decoder="began", pair_weight=0.7)
    model.compile(
        pix_optimizer=keras.optimizers.SGD(0.0),
        pix_d_optimizer=keras.optimizers.SGD(0.0),
        run_eagerly=True,
    )
    model.began.balances.assign([0.3, 0.6])
    d_losses, losses, balances, convergences = [], [], [], []
    for part, k in enumerate((0.3, 0.6)):
        real, features, labels, is_real = model.mixed_batch(part)
        assert is_real.numpy().tolist() == [True, False, True, False]
        fake = model.decoders[part](features)
        critic = model.critics[part]
        l_real, l_fake = l1(critic, real), l1(critic, fake)
        d_losses.append(l_real - k * l_fake)
        pairs = np.abs(real.numpy() - fake.numpy())[::2].mean()
        losses.append(l_fake + 0.7 * pairs)
        balances.append(k + 0.001 * (0.5 * l_real - l_fake))
        convergences.append(l_real + abs(0.5 * l_real - l_fake))
        # Real features are those of the images, the others belong to GAMO.
        own = model.feature_extractor(real).numpy()
        gap = np.abs(features.numpy() - own).max(axis=1)
        assert gap[::2].max() < 1e-5
        bank = model.generator.get_anchors(part + 1).numpy()
        for row in features.numpy()[1::2]:
            assert np.abs(bank - row).max(axis=1).min() < 1e-6
    logs = model.train_step((tf.constant(x[:8]), tf.constant(y[:8])))
    assert float(logs["pix_d_loss"]) == pytest.approx(np.mean(d_losses), rel=1e-4)
    assert float(logs["pix_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert float(logs["convergence"]) == pytest.approx(np.mean(convergences), rel=1e-4)
    np.testing.assert_allclose(model.began.balances.numpy(), balances, rtol=1e-5)


def test_the_critic_step_leaves_the_decoders_and_the_other_way_round(gamo):
    for player, resting in (("pix_optimizer", 0), ("pix_d_optimizer", 1)):
        model, x, y = make(gamo, decoder="began")
        getattr(model, player).learning_rate = 0.0
        networks = (model.decoders, model.critics)
        before = [weights_of(n) for n in networks]
        model.train_step((tf.constant(x[:8]), tf.constant(y[:8])))
        steps = [moved(b, weights_of(n)) for b, n in zip(before, networks, strict=True)]
        assert not any(steps[resting]) and all(steps[1 - resting])


@pytest.mark.parametrize(("real", "fake"), [(9e3, 1.0), (1.0, 9e3)])
def test_k_stays_in_its_bounds(gamo, real, fake):
    model, _, _ = make(gamo, decoder="began")
    for _ in range(3):
        model.began.follow(tf.fill((2,), real), tf.fill((2,), fake))
    expected = 1.0 if real > fake else 0.0
    np.testing.assert_array_equal(model.began.balances.numpy(), [expected, expected])


def test_each_class_keeps_the_decoder_of_its_lowest_convergence(gamo):
    model, _, _ = make(gamo, decoder="began")
    kept = []
    # M of class 1 falls, then rises; that of class 2 only falls.
    for step, real in enumerate([(4.0, 4.0), (2.0, 3.0), (9.0, 2.0)]):
        for decoder in model.decoders:
            decoder.set_weights([np.full_like(w, step) for w in decoder.get_weights()])
        convergence = model.began.follow(tf.constant(real), 0.5 * tf.constant(real))
        np.testing.assert_allclose(convergence, real)
        kept.append([float(k.get_weights()[0].flat[0]) for k in model.kept_decoders])
    assert kept == [[0.0, 0.0], [1.0, 1.0], [1.0, 2.0]]
    smooth = 0.99 * 4.0 + 0.01 * 2.0
    assert model.began.lowest_convergences.numpy()[0] == pytest.approx(smooth)
    # And samples are theirs.
    latent = tf.zeros((1, model.latent_dim))
    features = model.generator(latent, tf.constant([1]))
    np.testing.assert_allclose(  # sums of 512 in float32, in another order
        model.generate(latent, tf.constant([1])),
        model.kept_decoders[0](features),
        rtol=1e-6,
    )


# A GAMO that is trained already.


def test_a_given_gamo_is_copied_and_stays_as_it_is(gamo, tmp_path):
    x, y = images()
    gamo.save(tmp_path / "gamo.keras")
    before = [w.copy() for w in gamo.get_weights()]
    options = {"decoder_batch": 4, "pix_latent_dim": 3, "seed": 0}
    model = GAMO2pix.from_data(x, y, gamo=tmp_path / "gamo.keras", **options)
    assert model.stages == ("decoder",) and model.discriminator is None
    assert set(model.player_variables()) == {"pix_optimizer"}
    trained = {v.path for net in (*model.heads, *model.decoders) for v in net.variables}
    assert {v.path for v in model.trainable_variables} == trained
    np.testing.assert_array_equal(
        model.classifier.predict(x, verbose=0), gamo.classifier.predict(x, verbose=0)
    )
    model.fit(batches(x, y, 8), epochs=1, verbose=0)
    for was, now in zip(before, gamo.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_a_run_with_a_given_gamo_resumes_from_its_own_file(gamo, tmp_path):
    x, y = images()

    def run(epochs, model=None, start=0):
        if model is None:
            model = GAMO2pix.from_data(
                x, y, gamo=gamo, decoder_batch=4, pix_latent_dim=3, seed=0
            )
        data = batches(x, y, 8, seed=1)
        model.fit(data, epochs=epochs, initial_epoch=start, verbose=0)
        return model

    whole = run(2)
    run(1).save(tmp_path / "half.keras")
    resumed = run(2, keras.saving.load_model(tmp_path / "half.keras"), 1)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        whole.sample([1, 2], seed=0), resumed.sample([1, 2], seed=0)
    )


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"gamo": 3}, TypeError, "must be a GAMO, or the path.*gamo=3"),
        ({"gamo": "a"}, TypeError, "must be a GAMO, or the path.*gamo='a'"),
        ({"gamo_rounds": 2}, ValueError, "trained no further.*'gamo_rounds'"),
        ({"loss": "ce"}, ValueError, "trained no further.*'loss'"),
        ({"decoder": "gan"}, ValueError, "'vae', 'began'"),
        ({"filters": True}, ValueError, "`filters`: it must be an integer"),
        ({"decoder_batch": 1}, ValueError, "an integer of at least 2"),
    ],
)
def test_options_that_cannot_be_used_are_refused(gamo, options, error, words):
    with pytest.raises(error, match=words):
        make(**{"gamo": gamo, **options})


def test_gamos_that_do_not_fit_are_refused(gamo):
    x, y = images()
    with pytest.raises(ValueError, match="shape the model was built for"):
        GAMO2pix.from_data(x[:, :-1], y, gamo=gamo)
    dense = GAMO.from_data(x, y, seed=0)
    with pytest.raises(ValueError, match="variant='conv'"):
        GAMO2pix.from_data(x, y, gamo=dense)
    raw = GAMO.from_data(x, y, seed=0, variant="conv", discriminator=False)
    with pytest.warns(UserWarning, match="has not been trained"):
        GAMO2pix.from_data(x, y, gamo=raw, pix_latent_dim=2)


def test_data_without_a_way_to_images_are_refused():
    with pytest.raises(ValueError, match="For rows take `kerasos.GAMO`"):
        GAMO2pix.from_data(*rows())
    with pytest.raises(ValueError, match="generator='conditional'"):
        GAMO2pix.from_data(*images(), generator="conditional")


def test_lists_of_networks_must_match(gamo):
    model, _, _ = make(gamo)
    parts = {
        "feature_extractor": model.feature_extractor,
        "spec": model.spec,
        "gamo_rounds": 0,
    }
    nets = (model.generator, model.classifier_head, None)
    with pytest.raises(ValueError, match="either `heads`.*neither"):
        GAMO2pix(*nets, decoders=model.decoders, **parts)
    with pytest.raises(ValueError, match="2 decoders and 1 others"):
        GAMO2pix(*nets, decoders=model.decoders, heads=model.heads[:1], **parts)


# Stages.


def test_epochs_are_shared_out_among_the_stages():
    x, y = two_kinds_of_images()
    model = GAMO2pix.from_data(x, y, seed=0, gamo_rounds=2, generator="copies")
    stages = [model.stage_at(epoch) for epoch in range(6)]
    assert stages == ["features", "adversarial"] * 2 + ["decoder"] * 2
    default = GAMO2pix.from_data(x, y, seed=0, generator="copies")
    # 89 passes of 281 steps: the 25,000 of the paper.
    assert (default.gamo_rounds, default.decoder_epochs) == (89, 89)
    assert [default.stage_at(epoch) for epoch in (177, 178)] == [
        "adversarial",
        "decoder",
    ]
