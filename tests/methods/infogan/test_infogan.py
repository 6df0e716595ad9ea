"""InfoGAN: terms, what each step moves, classes, codes, sizes of images, presets."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy import special
from steps import moved_paths, paths

import kerasos
from kerasos import InfoGAN
from kerasos.export import load_card
from kerasos.methods.infogan.infogan import enlargement, undo_resize
from kerasos.methods.training import check_fit_data

COUNTS = (20, 8, 4)
PLAYERS = ("d_optimizer", "g_optimizer", "i_optimizer")


def make_infogan(data=rows, rate=None, method=InfoGAN, **options):
    x, y = data(COUNTS)
    options = {"latent_dim": 4, "num_codes": 2, **options}
    model = method.from_data(x, y, seed=0, **options)
    optimizers = {}
    if rate is not None:
        optimizers = {name: keras.optimizers.SGD(rate) for name in PLAYERS}
    model.compile(**optimizers, run_eagerly=True)
    return model, (tf.constant(x[:16]), tf.constant(y[:16], tf.int32))


@pytest.fixture(scope="module")
def model():
    """Not trained; for what does not change it."""
    return make_infogan()[0]


def kernels(names):
    return {path for path in names if path.endswith("kernel")}


# Training.


@pytest.mark.parametrize("class_code", ["supervised", "unsupervised"])
@pytest.mark.parametrize("data", [rows, images])
def test_the_steps_come_in_order_and_move_their_own_networks(
    data, class_code, monkeypatch
):
    model, batch = make_infogan(data, class_code=class_code)
    steps = moved_paths(model, monkeypatch)
    logs = {"loss", "g_loss", "d_loss", "class_loss", "code_loss", "d_accuracy"}
    supervised = class_code == "supervised"
    assert set(model.train_step(batch)) - {"real_class_loss"} == logs
    assert [name for name, _ in steps] == ["g_optimizer", "d_optimizer", "i_optimizer"]
    g, d, both = (changed for _, changed in steps)
    generator, trunk = paths(model.generator), paths(model.trunk)
    score, classes = paths(model.discriminator_head), paths(model.classifier_head)
    assert kernels(generator) <= g <= generator
    judges = trunk | score | (classes if supervised else set())
    assert kernels(judges) <= d <= judges
    everything = generator | trunk | classes | paths(model.code_head)
    assert kernels(everything) <= both <= everything  # the score head rests


def test_d_sees_the_fakes_of_g_and_the_third_step_draws_afresh():
    model, (x, y) = make_infogan()

    class Watched:
        def __init__(self, network):
            self.network, self.seen = network, []
            self.trainable_variables = network.trainable_variables

        def __call__(self, given, training=False):
            assert training
            self.seen.append(keras.tree.map_structure(np.asarray, given))
            return self.network(given, training=True)

    for name in ("generator", "trunk"):
        object.__setattr__(model, name, Watched(getattr(model, name)))
    model.train_step((x, y))
    inputs, seen = model.generator.seen, model.trunk.seen
    assert len(inputs) == 2 and len(seen) == 4
    for first, second in zip(*inputs, strict=True):
        assert np.any(first != second)
    fake, real, fake_again, informed = seen
    np.testing.assert_array_equal(fake, fake_again)
    np.testing.assert_allclose(real, model.to_model(x))
    assert np.any(informed != fake)


@pytest.mark.parametrize("real_sampling", ["balanced", "natural"])
def test_losses_equal_scipy_on_the_networks_outputs(real_sampling):
    model, (x, y) = make_infogan(
        rate=0.0, real_sampling=real_sampling, lambda_cat=0.5, lambda_con=2.0
    )
    draws = {tag: model.draw_inputs(16, tag) for tag in ("adversarial", "information")}
    fakes = {
        tag: model.trunk(model.generator(draw, training=True))
        for tag, draw in draws.items()
    }
    real = model.trunk(model.to_model(x))
    score = model.discriminator_head
    logs = {k: float(v) for k, v in model.train_step((x, y)).items()}
    scores = [score(f).numpy()[:, 0] for f in (real, fakes["adversarial"])]
    expected = 0.5 * (np.mean((scores[0] - 1) ** 2) + np.mean(scores[1] ** 2))
    assert logs["d_loss"] == pytest.approx(expected, rel=1e-4)
    assert logs["g_loss"] == pytest.approx(np.mean((scores[1] - 1) ** 2), rel=1e-4)
    right = np.mean([scores[0] > 0.5, scores[1] <= 0.5])
    assert logs["d_accuracy"] == pytest.approx(right)
    entropies = -special.log_softmax(model.classifier_head(real).numpy(), axis=1)
    entropies = entropies[np.arange(16), y.numpy()]
    if real_sampling == "natural":  # n / (K n_k) of the whole data
        entropies *= np.array([32 / 60, 32 / 24, 32 / 12])[y.numpy()]
    assert logs["real_class_loss"] == pytest.approx(entropies.mean(), rel=1e-4)
    _, one_hot, codes = draws["information"]
    features = fakes["information"]
    entropies = -special.log_softmax(model.classifier_head(features).numpy(), axis=1)
    expected = np.sum(one_hot * entropies, axis=1).mean()
    assert logs["class_loss"] == pytest.approx(expected, rel=1e-4)
    read = model.code_head(features).numpy()
    expected = np.sum(np.mean((read - codes) ** 2, axis=0))
    assert logs["code_loss"] == pytest.approx(expected, rel=1e-4)


def test_the_steps_minimise_the_weighted_sum_of_these(monkeypatch):
    model, batch = make_infogan(rate=0.0, lambda_cat=0.5, lambda_con=2.0)
    minimized = []
    monkeypatch.setattr(model, "minimize", lambda loss, *_: minimized.append(loss))
    logs = {k: float(v) for k, v in model.train_step(batch).items()}
    expected = [
        logs["g_loss"],
        logs["d_loss"] + 0.5 * logs["real_class_loss"],
        0.5 * logs["class_loss"] + 2.0 * logs["code_loss"],
    ]
    assert [float(loss) for loss in minimized] == pytest.approx(expected, rel=1e-5)


def test_a_second_softmax_keeps_the_entropy_of_ten_classes_above_1_46():
    x, y = images((12, *9 * (4,)))
    one_hot = np.eye(10, dtype="float32")
    sure = 50.0 * one_hot
    by_default, as_code = (
        InfoGAN.from_data(x, y, seed=0, latent_dim=2, num_codes=1, **options)
        for options in ({}, {"double_softmax": True})
    )
    np.testing.assert_allclose(by_default._class_losses(sure, one_hot), 0, atol=1e-6)
    floor = np.log(np.e + 9) - 1
    assert floor == pytest.approx(1.461, abs=1e-3)
    np.testing.assert_allclose(as_code._class_losses(sure, one_hot), floor, rtol=1e-5)


@pytest.mark.parametrize(
    ("prior", "deviation", "largest"), [("uniform", 3**-0.5, 1.0), ("normal", 1.0, 6.0)]
)
def test_training_draws_from_the_priors(prior, deviation, largest):
    model, _ = make_infogan(code_prior=prior)
    noise, one_hot, codes = (part.numpy() for part in model.draw_inputs(20_000, "t"))
    for values, expected in ((noise, 1.0), (codes, deviation)):
        assert abs(values.mean()) < 0.03
        assert values.std() == pytest.approx(expected, rel=0.03)
    assert largest / 2 < np.abs(codes).max() <= largest
    np.testing.assert_array_equal(one_hot.sum(axis=1), 1.0)
    np.testing.assert_allclose(one_hot.mean(axis=0), 1 / 3, atol=0.02)
    values = np.hstack([noise, codes])
    assert np.abs(np.corrcoef(values.T) - np.eye(6)).max() < 0.04


def test_real_batches_draw_each_class_alike_unless_told_otherwise():
    x, y = rows((90, 10))
    data = kerasos.data.batches(x, y, 20, seed=1, steps_per_epoch=100)

    def shares(model):
        dataset, _ = check_fit_data(model, data, None, None, True, 0.0, None)
        labels = np.concatenate([labels for _, labels in dataset])
        return dataset, np.bincount(labels) / len(labels)

    model = InfoGAN.from_data(x, y, seed=0, num_codes=1)
    dataset, found = shares(model)
    assert found[1] == pytest.approx(0.5, abs=0.05)
    assert dataset.cardinality() == 100
    natural = InfoGAN.from_data(x, y, seed=0, num_codes=1, real_sampling="natural")
    dataset, found = shares(natural)
    assert dataset is data and found[1] == pytest.approx(0.1)
    arrays, _ = check_fit_data(model, x, y, 20, True, 0.0, None)
    assert np.concatenate([labels for _, labels in arrays]).mean() > 0.3
    plain = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    with pytest.raises(ValueError, match="real_sampling='natural'"):
        model.fit(plain)


# Class codes.


def test_unsupervised_codes_are_aligned_by_the_hungarian_method(monkeypatch, tmp_path):
    model, _ = make_infogan(class_code="unsupervised")
    x, y = rows(COUNTS)
    # Greedy choice would give code 0 to class 0 and leave class 1 with nothing.
    rates = np.array([[0.6, 0.4, 0.0], [0.55, 0.0, 0.45], [0.0, 0.6, 0.4]])
    monkeypatch.setattr(InfoGAN, "class_probabilities", lambda self, x: rates[y])
    with pytest.warns(UserWarning, match=r"single classes.*: \{1: 0.45\}"):
        agreement = model.align_classes(x, y)
    np.testing.assert_allclose(agreement, rates)
    codes = model.code_of_class.numpy()
    best = max(
        ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]),
        key=lambda p: sum(rates[k, p[k]] for k in range(3)),
    )
    assert codes.tolist() == best != [0, 1, 2]
    # Samples of a class are made with its code, before and after saving.
    noise = np.random.default_rng(0).standard_normal((3, 6)).astype("float32")
    latent = model.latent(noise, None)
    made = model.generate(latent, tf.constant([0, 1, 2]))
    one_hot = tf.one_hot(codes, 3)
    expected = model.generator([latent[:, :4], one_hot, latent[:, 4:]])
    np.testing.assert_array_equal(made, expected)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.code_of_class, codes)


def test_a_clear_alignment_needs_no_warning_and_every_class_is_needed(monkeypatch):
    model, _ = make_infogan(class_code="unsupervised")
    x, y = rows(COUNTS)
    swapped = np.eye(3)[[1, 2, 0]]
    monkeypatch.setattr(
        InfoGAN, "class_probabilities", lambda self, x: swapped[y[: len(x)]]
    )
    model.align_classes(x, y)
    assert model.code_of_class.numpy().tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="none of class 2"):
        model.align_classes(x[y < 2], y[y < 2])


@pytest.mark.parametrize("as_arrays", [False, True])
def test_fit_ends_with_the_alignment_where_codes_are_unsupervised(as_arrays):
    x, y = rows(COUNTS)
    calls = []

    class Watched(InfoGAN):
        def align_classes(self, *data):
            calls.append(data)

    for class_code in ("supervised", "unsupervised"):
        model = Watched.from_data(x, y, seed=0, num_codes=1, class_code=class_code)
        model.compile(run_eagerly=True)
        given = (x, y) if as_arrays else (kerasos.data.batches(x, y, 16), None)
        model.fit(*given, epochs=1, verbose=0)
    assert len(calls) == 1
    assert all(a is b for a, b in zip(calls[0], given, strict=True))


def test_data_without_end_cannot_be_aligned_on():
    model, _ = make_infogan(class_code="unsupervised", real_sampling="natural")
    endless = tf.data.Dataset.from_tensor_slices(rows(COUNTS)).batch(8).repeat()
    with pytest.raises(ValueError, match="arrays or a finite dataset"):
        model.fit(endless, steps_per_epoch=1)


def test_class_probabilities_are_those_of_the_head(model):
    x, y = rows(COUNTS)
    found = model.class_probabilities(x, batch_size=5)
    logits = model.classifier_head(model.trunk(model.to_model(x)))
    np.testing.assert_allclose(found, special.softmax(logits, axis=1), rtol=1e-5)
    unsure, _ = make_infogan()
    with pytest.warns(UserWarning, match="single classes"):
        agreement = unsure.align_classes(kerasos.data.batches(x, y, 8))
    expected = [found[y == k].mean(axis=0) for k in range(3)]
    np.testing.assert_allclose(agreement, expected, rtol=1e-5)


# Codes.


def drawn(model, n, seed):
    noise = np.random.default_rng(seed).standard_normal((n, 6), dtype="float32")
    return model.latent(noise, None).numpy()


@pytest.mark.parametrize(("data", "z_std"), [(rows, 1.0), (images, 0.5)])
def test_samples_draw_noise_and_codes_as_stated(data, z_std):
    model, _ = make_infogan(data)
    latent = drawn(model, 20_000, 0)
    noise, codes = latent[:, :4], latent[:, 4:]
    assert noise.std() == pytest.approx(z_std, rel=0.02)
    assert codes.std() == pytest.approx(3**-0.5, rel=0.02)
    assert 0.99 < np.abs(codes).max() <= 1.0
    model, _ = make_infogan(data, code_prior="normal", z_std=0.1)
    latent = drawn(model, 20_000, 0)
    assert latent[:, :4].std() == pytest.approx(0.1, rel=0.02)
    assert latent[:, 4:].std() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize(
    "changes", [{"z_std": 0.0}, {"z_std": 2.0, "code_std": [0.0, 3.0]}]
)
def test_samples_follow_noise_that_is_set_after_the_first_of_them(changes):
    model, _ = make_infogan()
    labels = [0, 1, 2, 0, 1]
    before = model.sample(labels, seed=3)
    as_built = {name: getattr(model, name) for name in changes}
    for name, value in changes.items():
        setattr(model, name, value)
    after = model.sample(labels, seed=3)
    noise = np.random.default_rng(3).standard_normal((5, 6), dtype="float32")
    model_input = tf.constant(drawn(model, 5, 3))
    np.testing.assert_allclose(
        model_input[:, :4], changes["z_std"] * noise[:, :4], rtol=1e-6
    )
    made = model.to_user(model.generate(model_input, tf.constant(labels)))
    np.testing.assert_allclose(after, made, rtol=1e-5, atol=1e-6)
    assert np.abs(after - before).max() > 1e-3
    for name, value in as_built.items():
        setattr(model, name, value)
    np.testing.assert_array_equal(model.sample(labels, seed=3), before)


def test_given_codes_leave_the_noise_and_the_other_codes_as_they_are(model):
    labels = [0, 1, 2, 0, 1]
    free = model.sample(labels, seed=3)
    codes = drawn(model, 5, 3)[:, 4:]
    for given in (codes, {"c0": codes[:, 0]}, {1: codes[:, 1]}, {}):
        again = model.sample(labels, codes=given, seed=3)
        np.testing.assert_allclose(again, free, rtol=1e-5, atol=1e-6)
    chunked = model.sample(labels, seed=3, batch_size=2, codes=codes)
    np.testing.assert_allclose(chunked, free, rtol=1e-5, atol=1e-6)
    other = model.sample(labels, codes={"c0": 0.9}, seed=3)
    assert np.all(np.any(other != free, axis=1))
    full = np.column_stack([np.full(5, 0.9), codes[:, 1]])
    np.testing.assert_allclose(
        other, model.sample(labels, codes=full, seed=3), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(
        model.sample(labels, codes=[0.5, -0.5], seed=3),
        model.sample(labels, codes={"c0": 0.5, "c1": -0.5}, seed=3),
    )


def test_a_traversal_changes_one_code_and_nothing_else(model):
    values = [-1.0, 0.0, 0.0, 0.7]
    samples = model.traverse(1, "c1", values, seed=5)
    assert samples.shape == (4, 6) and samples.dtype == np.float32
    np.testing.assert_array_equal(samples[1], samples[2])
    assert np.any(samples[0] != samples[1]) and np.any(samples[3] != samples[1])
    latent = np.repeat(drawn(model, 1, 5), 4, axis=0)
    latent[:, 5] = values
    expected = model.to_user(model.generate(latent, np.full(4, 1)))
    np.testing.assert_allclose(samples, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.traverse(1, 1, values, seed=5), samples)
    assert np.any(model.traverse(1, "c1", values, seed=6) != samples)
    assert np.any(model.traverse(0, "c1", values, seed=5) != samples)


@pytest.mark.parametrize(
    ("codes", "error", "words"),
    [
        ({"c9": 0.0}, ValueError, "Unknown code 'c9'"),
        ({2: 0.0}, ValueError, "from 0 to 1. Received: 2"),
        ({"c0": 0.0, 0: 0.5}, ValueError, "given once"),
        ({"c0": [0.0, 0.5]}, ValueError, "a vector of 3 numbers"),
        (np.zeros((3, 5)), ValueError, r"shape \(3, 2\) or \(2,\)"),
        ([np.nan, 0.0], ValueError, "must be finite"),
        ({"c0": "a"}, ValueError, "must be finite"),
        ({0.5: 1.0}, TypeError, "by name or number"),
    ],
)
def test_codes_that_do_not_fit_are_refused(model, codes, error, words):
    with pytest.raises(error, match=words):
        model.sample([0, 1, 2], codes=codes)


def test_traversals_that_cannot_be_are_refused(model):
    with pytest.raises(ValueError, match="must be a vector of floats"):
        model.traverse(0, "c0", 0.5)
    with pytest.raises(ValueError, match="Received also"):
        model.traverse(7, "c0", [0.5])
    with pytest.raises(ValueError, match="`codes` must be finite"):
        model.traverse(0, "c0", ["a"])
    with pytest.raises(TypeError, match=r"for each label: `sample\(\[1\]"):
        model.sample(n=10)


def test_codes_far_from_their_prior_warn():
    uniform, _ = make_infogan()
    far = "4.9 in size lie far outside the uniform"
    with pytest.warns(UserWarning, match=far) as warned:
        uniform.sample([0], codes={"c1": 4.9})
        uniform.traverse(0, "c1", [4.9])
    assert [w.filename for w in warned] == [__file__] * 2
    normal, _ = make_infogan(code_prior="normal")
    normal.sample([0], codes={"c1": 2.0})


def test_renamed_codes_are_found_and_saved(tmp_path):
    model, _ = make_infogan()
    model.graph = model.graph.rename({"c0": "thickness"})
    by_number = model.sample([0, 1], codes={0: 0.8}, seed=1)
    named = model.sample([0, 1], codes={"thickness": 0.8}, seed=1)
    np.testing.assert_array_equal(named, by_number)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.graph.names == ("thickness", "c1")
    again = loaded.traverse(1, "thickness", [0.8], seed=1)
    np.testing.assert_array_equal(again, model.traverse(1, "c0", [0.8], seed=1))
    with pytest.raises(ValueError, match="edges of a model's graph"):
        model.graph = kerasos.CodeGraph([["c0"], ["c0", "c1"]])
    with pytest.raises(TypeError, match="must be a `kerasos.CodeGraph`"):
        model.graph = "one_to_one"


def test_latent_codes_are_read_off_samples_by_the_head(model):
    x, _ = rows(COUNTS)
    found = model.latent_codes(x, batch_size=7)
    features = model.trunk(model.to_model(x), training=False)
    np.testing.assert_allclose(found, model.code_head(features), rtol=1e-5, atol=1e-6)
    assert found.shape == (32, 2) and found.dtype == np.float32
    with pytest.raises(ValueError, match="shape the model was built for"):
        model.latent_codes(x[:, :-1])
    with pytest.raises(ValueError, match="`batch_size`"):
        model.latent_codes(x, batch_size=0)


def test_codes_are_inputs_of_the_exported_model(model, tmp_path):
    folder = model.export(tmp_path / "infogan")
    served = tf.saved_model.load(folder).signatures
    latent = drawn(model, 4, 0)
    labels = np.array([0, 1, 2, 1], "int32")
    reply = served["from_latent"](
        latent=tf.constant(latent[:, :4]),
        codes=tf.constant(latent[:, 4:]),
        labels=tf.constant(labels),
    )
    expected = model.to_user(model.generate(latent, labels))
    np.testing.assert_allclose(reply["samples"], expected, rtol=1e-5, atol=1e-6)
    card = load_card(folder)
    assert card["codes"] == ["c0", "c1"]
    interface = card["signatures"]
    assert interface["from_latent"]["inputs"] == {
        "latent": {"dtype": "float32", "shape": [None, 4]},
        "codes": {"dtype": "float32", "shape": [None, 2]},
        "labels": {"dtype": "int32", "shape": [None]},
    }
    assert set(interface["serving_default"]["inputs"]) == {"labels", "seed"}


# Sizes of images.


@pytest.mark.parametrize(
    ("side", "options", "inside"),
    [
        (28, {}, 32),
        (28, {"image_size": None}, 28),
        (28, {"image_size": 16}, 16),
        (8, {}, 8),
    ],
)
def test_images_have_the_size_of_the_code_inside_and_their_own_outside(
    side, options, inside
):
    x, y = images((6, 4), side)
    model = InfoGAN.from_data(x, y, seed=0, latent_dim=2, num_codes=1, **options)
    scaled = model.to_model(x)
    assert scaled.shape == (10, inside, inside, 1)
    assert model.trunk.input_shape[1:] == (inside, inside, 1)
    assert model.generator.output_shape[1:] == (inside, inside, 1)
    assert model.to_user(scaled).shape == x.shape
    if inside == side:
        np.testing.assert_array_equal(model.to_user(scaled), x)
    assert model.sample([0, 1], seed=0).shape == (2, side, side, 1)


def test_images_are_resized_bilinearly_and_come_back_as_they_were():
    x, y = images((6, 4), 28)
    ramp = np.linspace(0, 255, 28).round().astype("uint8")
    x[:] = ramp[None, :, None, None]
    with pytest.warns(UserWarning, match="repeated samples"):
        model = InfoGAN.from_data(x, y, seed=0, latent_dim=2, num_codes=1)
    inside = model.to_model(x[:1]).numpy()[0, :, 0, 0]
    # Centres of pixels: 32 of them over 28, ends repeated.
    places = (np.arange(32) + 0.5) * 28 / 32 - 0.5
    expected = np.interp(places, np.arange(28), ramp / 127.5 - 1.0)
    np.testing.assert_allclose(inside, expected, atol=1e-5)
    x = np.random.default_rng(0).integers(0, 256, x.shape, dtype="uint8")
    np.testing.assert_array_equal(model.to_user(model.to_model(x)), x)


@pytest.mark.parametrize(("before", "after"), [(28, 32), (8, 16), (5, 13), (31, 32)])
def test_enlargement_is_that_of_tensorflow(before, after):
    pixels = np.eye(before, dtype="float32")[:, :, None, None]
    expected = tf.image.resize(pixels, (after, 1), "bilinear").numpy()[:, :, 0, 0].T
    np.testing.assert_allclose(enlargement(before, after), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(28, 28), (31, 20), (8, 32)])
def test_an_enlarged_image_comes_back_as_it_was(size):
    drawn = np.random.default_rng(0).uniform(-1, 1, (3, *size, 2)).astype("float32")
    inside = tf.image.resize(drawn, (32, 32), "bilinear")
    np.testing.assert_allclose(undo_resize(inside, size), drawn, atol=1e-4)


def test_the_inverse_of_an_enlargement_magnifies_noise_six_times_at_most():
    """One axis, every size up to 64."""
    kept = [
        np.linalg.svd(enlargement(before, after), compute_uv=False)[-1]
        for after in range(5, 65)
        for before in range(4, after)
    ]
    assert min(kept) > 0.17


def test_of_other_images_the_nearest_in_squares_comes_back():
    """Against a solver, pixel by pixel of one small image."""
    image = np.random.default_rng(1).normal(size=(1, 7, 7, 1)).astype("float32")
    basis = np.eye(25, dtype="float32").reshape(25, 5, 5, 1)
    resized = tf.image.resize(basis, (7, 7), "bilinear").numpy().reshape(25, 49)
    expected = np.linalg.lstsq(resized.T, image.reshape(49), rcond=None)[0]
    found = undo_resize(tf.constant(image), (5, 5)).numpy().reshape(25)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_image_made_smaller_is_enlarged():
    drawn = np.random.default_rng(2).normal(size=(2, 16, 16, 1)).astype("float32")
    expected = tf.image.resize(drawn, (28, 28), "bilinear")
    np.testing.assert_allclose(undo_resize(drawn, (28, 28)), expected, atol=1e-5)


def test_samples_stay_in_range_where_the_inverse_overshoots():
    """Black and white at random is sharper than resizing makes any image."""
    draw = np.random.default_rng(3)
    x = draw.uniform(0, 1, (12, 28, 28, 1)).astype("float32")
    y = np.repeat([0, 1], 6)
    model = InfoGAN.from_data(x, y, seed=0, latent_dim=2, num_codes=1)
    inside = tf.constant(draw.choice([-1.0, 1.0], (2, 32, 32, 1)), tf.float32)
    assert np.abs(undo_resize(inside, (28, 28)).numpy()).max() > 1.5
    samples = model.to_user(inside).numpy()
    low, high = model.spec.value_range
    assert samples.shape == (2, 28, 28, 1)
    np.testing.assert_allclose([samples.min(), samples.max()], [low, high], atol=1e-6)


# Presets and options.


def test_the_preset_does_what_the_authors_code_does(tmp_path):
    x, y = images(COUNTS)
    model = InfoGAN.from_data(x, y, seed=0, preset="repo")
    config = model.get_config()
    expected = {
        "class_code": "unsupervised",
        "real_sampling": "natural",
        "double_softmax": True,
        "per_class": 100,
        "z_std": 0.5,
        "code_std": [0.0] * 4,
        "code_prior": "uniform",
        "lambda_con": 0.15,
    }
    assert {name: config[name] for name in expected} == expected
    norms = [layer for layer in model.trunk.layers if hasattr(layer, "epsilon")]
    assert {(n.epsilon, n.momentum) for n in norms} == {(0.8, 0.9)}
    noise = np.random.default_rng(0).standard_normal((9, 66), dtype="float32")
    np.testing.assert_array_equal(model.latent(noise, None)[:, 62:], 0.0)
    x_res, y_res, _ = model.oversample(x, y, seed=0)
    np.testing.assert_array_equal(x_res[:32], x)
    assert np.bincount(y_res).tolist() == [120, 108, 104]
    _, y_res, _ = model.oversample(x, y, {2: 9})
    assert np.bincount(y_res).tolist() == [20, 8, 9]
    fashion = InfoGAN.from_data(x, y, seed=0, preset="repo", num_codes=3)
    latent = fashion.latent(noise[:, :65], None)
    np.testing.assert_array_equal(latent[:, 62:64], 0.0)
    np.testing.assert_allclose(latent[:, 64], 4.9 * noise[:, 64], rtol=1e-6)
    np.testing.assert_allclose(latent[:, :62], 0.2 * noise[:, :62], rtol=1e-6)
    mine = InfoGAN.from_data(x, y, seed=0, preset="repo", per_class=7)
    assert mine.per_class == 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"code_std": [1.0]}, "`code_std` must fit"),
        ({"code_std": []}, "`code_std` must fit"),
        ({"code_std": [1.0, -1.0]}, "`code_std`: .* of at least 0"),
        ({"image_size": 2}, "`image_size`: .* of at least 4"),
        ({"preset": "repo"}, "options of the networks for images"),
        ({"image_size": 32}, "Leave them out for table rows"),
        ({"bn_epsilon": 0.1}, "Leave them out for table rows"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make_infogan(**options)


def test_networks_that_do_not_fit_together_are_refused():
    model, _ = make_infogan()
    names = ("generator", "trunk", "discriminator_head", "classifier_head", "code_head")
    built = {name: getattr(model, name) for name in names}
    wrong = {**built, "code_head": built["classifier_head"]}
    with pytest.raises(ValueError, match="`code_head` must fit 3 classes and 2 codes"):
        InfoGAN(**wrong, spec=model.spec)
    graph = kerasos.CodeGraph.preset("figure2")
    with pytest.raises(ValueError, match="`graph` must fit"):
        InfoGAN(**built, spec=model.spec, graph=graph)


@pytest.mark.parametrize(("options", "rate"), [({}, 2e-4), ({"lr": 1e-3}, 1e-3)])
def test_rates_are_those_of_the_authors_code(options, rate):
    model, _ = make_infogan(**options)
    for name in PLAYERS:
        optimizer = getattr(model, name)
        assert float(optimizer.learning_rate.numpy()) == pytest.approx(rate)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
