"""ActiveGAN: its losses and steps, rewards without a gradient, and hard samples."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from files_entered import files_entered
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from steps import moved_paths

import kerasos
from kerasos import ActiveGAN
from kerasos.methods.activegan import build
from kerasos.methods.activegan.policy import POLICIES
from kerasos.methods.activegan.reward import uncertainty_reward
from kerasos.methods.base import Adam

COUNTS = (20, 8, 4)
SVM = {"kernel": "rbf", "C": 10.0}


def make(data=rows, rate=None, stage="active", eager=True, **options):
    """A small model in `stage`, and one batch; plain descent if `rate` is given."""
    x, y = data(COUNTS)
    settings = {"latent_dim": 4, "buffer_size": 24, "policy_steps": 3, "svm": SVM}
    if data is images:
        settings["features"] = "pixels"
    model = ActiveGAN.from_data(x, y, seed=0, **{**settings, **options})
    names = model.player_variables() if rate is not None else ()
    optimizers = {name: keras.optimizers.SGD(rate) for name in names}
    model.compile(**optimizers, run_eagerly=eager)
    if stage in model.stages:
        model.stage = stage
    return model, (tf.constant(x[:16]), tf.constant(y[:16], tf.int32))


def values(tensors):
    return [np.array(tf.convert_to_tensor(tensor)) for tensor in tensors]


def assert_equal(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def networks_of(model):
    return [
        model.generator,
        model.trunk,
        model.discriminator_head,
        model.classifier_head,
    ]


# AC-GAN.


def acgan_by_hand(model, batches, lr=2e-4, g_steps=2):
    """AC-GAN in its joint form, written anew; returns all weights after training.

    It shares the networks and the draws of noise with `model`, and nothing else.
    """
    generator, trunk, source_head, class_head = networks_of(model)
    d_variables = [
        *trunk.trainable_variables,
        *source_head.trainable_variables,
        *class_head.trainable_variables,
    ]
    g_variables = generator.trainable_variables
    optimizers = [Adam(lr, beta_1=0.5) for _ in range(2)]
    binary = tf.nn.sigmoid_cross_entropy_with_logits

    def loss_of(x, one_hot, target):
        features = trunk(x, training=True)
        logits = source_head(features, training=True)[:, 0]
        source = tf.reduce_mean(binary(tf.fill(logits.shape, target), logits))
        logs = tf.nn.log_softmax(class_head(features, training=True))
        return source + tf.reduce_mean(-tf.reduce_sum(one_hot * logs, axis=1))

    def draw(step, rows, tag):
        model.steps_done.assign(step)
        latent = model.uniform(rows, f"latent_{tag}", 2.0, model.noise_dim) - 1.0
        labels = tf.cast(model.uniform(rows, f"labels_{tag}", 3), tf.int32)
        return latent, tf.one_hot(labels, 3)

    for step, (x, y) in enumerate(batches):
        for number in range(g_steps):
            latent, one_hot = draw(step, len(x), f"g{number}")
            with tf.GradientTape() as tape:
                fake = generator([latent, one_hot], training=True)
                loss = loss_of(fake, one_hot, 1.0)
            optimizers[0].apply(tape.gradient(loss, g_variables), g_variables)
        latent, fake_labels = draw(step, len(x), "d")
        fake = generator([latent, fake_labels], training=True)
        with tf.GradientTape() as tape:
            loss = loss_of(model.to_model(x), tf.one_hot(y, 3), 1.0)
            loss += loss_of(fake, fake_labels, 0.0)
        optimizers[1].apply(tape.gradient(loss, d_variables), d_variables)
    return values(v for network in networks_of(model) for v in network.variables)


def test_without_lambda_it_is_an_acgan_bit_by_bit():
    """Against the loop above, from the same weights and seeds: three steps."""
    model, batch = make(lam=0)
    assert model.stages == ("acgan",) and model.policy_network is None
    for _ in range(3):
        logs = model.train_step(batch)
    assert set(logs) == {"loss", "d_loss", "g_loss"}
    found = values(v for network in networks_of(model) for v in network.variables)
    fresh, _ = make(lam=0)
    assert_equal(found, acgan_by_hand(fresh, [batch] * 3))


@pytest.mark.parametrize(
    "options", [{"stage": "acgan"}, {"constant_reward": 0.0}], ids=["warmup", "r=0"]
)
def test_the_warmup_and_a_reward_of_zero_are_an_acgan(options):
    model, batch = make(**options)
    plain, _ = make(lam=0)
    for trained in (model, plain):
        for _ in range(2):
            trained.train_step(batch)
    for own, other in zip(networks_of(model), networks_of(plain), strict=True):
        assert_equal(values(own.variables), values(other.variables))


@pytest.mark.parametrize("learns", [True, False])
def test_losses_equal_scipy_on_the_networks_outputs(learns):
    options = {"lam": 0.7, "kappa": 0.3, "learn_fake_labels": learns}
    model, batch = make(rate=0.0, g_steps_per_d=1, **options)
    x, one_hot = model.real_batch(batch)
    fakes = {tag: model.draw_fakes(one_hot, f"_{tag}") for tag in ("g0", "d")}
    parts = {}
    for tag, (latent, labels) in fakes.items():
        fake = model.generator([latent, labels], training=True)
        parts[tag] = (fake, labels, latent)

    def loss_of(x, labels, real, known=True):
        source, classes = (part.numpy() for part in model.judge(x, training=True))
        probability = special.expit(source if real else -source)
        logs = special.log_softmax(classes, axis=1) * known
        return -np.mean(np.log(probability)) - np.mean((logs * labels.numpy()).sum(1))

    fake, labels, latent = parts["g0"]
    reward = model.reward(model.to_user(fake).numpy())
    mean, log_std = (part.numpy() for part in model.policy_network(fake))
    log_p = stats.norm.logpdf(latent, mean, np.exp(log_std)).mean(axis=1)
    logs = model.train_step(batch)
    expected = loss_of(fake, labels, True) - 0.7 * np.mean(reward * log_p)
    assert float(logs["g_loss"]) == pytest.approx(expected, rel=1e-4)
    expected = loss_of(x, one_hot, True) + loss_of(*parts["d"][:2], False, learns)
    assert float(logs["d_loss"]) == pytest.approx(expected, rel=1e-4)
    # The buffer held this batch alone.
    place = np.floor(16 * model_uniform(model, "buffer_0"))
    expected = -np.mean(reward * log_p) - 0.3 * np.mean(log_p[place.astype(int)])
    assert float(logs["p_loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(logs["reward"]) == pytest.approx(reward.mean(), rel=1e-4)


def model_uniform(model, tag):
    """The draw of the step that was just done."""
    model.steps_done.assign_sub(1)
    drawn = model.uniform(16, tag).numpy()
    model.steps_done.assign_add(1)
    return drawn


# The reward.


def test_the_reward_is_that_of_the_probabilities():
    model, (x, _) = make(alpha=0.3, eps=0.6)
    probs = model.probabilities(x.numpy())
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-5)
    ordered = np.sort(probs, axis=1)
    difference = ordered[:, -1] - ordered[:, -2]
    np.testing.assert_allclose(model.margin(x.numpy()), difference, atol=1e-6)
    of_margin = np.where(difference <= 0.6, np.exp(-difference), 0.0)
    of_entropy = np.exp(special.entr(probs).sum(axis=1))
    np.testing.assert_allclose(
        model.reward(x.numpy()), 0.3 * of_margin + 0.7 * of_entropy, rtol=1e-4
    )


def g_gradient(model, term):
    """Gradient of `term(latent, fake)` on a fixed batch with respect to G."""
    one_hot = tf.one_hot(np.arange(16) % 3, 3)
    latent, _ = model.draw_fakes(one_hot, "_g0")
    variables = model.generator.trainable_variables
    with tf.GradientTape() as tape:
        loss = term(latent, model.generator([latent, one_hot], training=True))
    return tape.gradient(loss, variables)


def test_no_gradient_passes_through_the_reward():
    """The classifier is a differentiable network: with constants it is the same."""
    model, _ = make(eps=1.0)
    numbers = {}

    def by_model(latent, fake):
        scored = model.batch_rewards(fake, 0)
        numbers["r"] = scored["weight"].numpy()
        return -model.policy_term.value(scored["weight"], latent, fake)

    def by_hand(latent, fake):
        log_p = model.policy_term.log_density(latent, fake)
        return -tf.reduce_mean(numbers["r"] * log_p)

    def through(latent, fake):
        reward = uncertainty_reward(model.reward_classifier(fake), eps=1.0)
        return -tf.reduce_mean(reward * model.policy_term.log_density(latent, fake))

    found, expected = g_gradient(model, by_model), g_gradient(model, by_hand)
    assert np.ptp(numbers["r"]) > 0.01
    assert_equal(values(found), values(expected))
    # There is one to stop.
    other = g_gradient(model, through)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(found, other, strict=True))
    only_r = g_gradient(
        model, lambda z, x: tf.reduce_sum(model.batch_rewards(x, 0)["reward"])
    )
    assert all(gradient is None for gradient in only_r)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_step_leads_g_to_what_is_rewarded(policy):
    """The sign of lambda: G minimises, and the objective is to be large.

    It is the density of a rewarded sample, or the score of the critic.
    """
    model, batch = make(policy=policy, rate=0.0, lam=1.0)
    model.train_step(batch)  # fills the buffer
    reward = tf.one_hot(5, 16, 3.0, 0.0)
    one_hot = tf.one_hot(np.arange(16) % 3, 3)
    latent, _ = model.draw_fakes(one_hot, "_g0")

    def objective():
        fake = model.generator([latent, one_hot], training=True)
        if policy == "critic":
            return float(tf.reduce_mean(model.policy_network(fake)))
        return float(model.policy_term.log_density(latent, fake)[5])

    before = objective()
    scored = dict.fromkeys(("weight", "reward", "margin"), reward)
    model.batch_rewards = lambda fake, number: {**scored, "due": tf.ones(())}
    # Losses of AC-GAN that lead nowhere.
    model.judge = lambda x, training: (0.0 * x[:, :1], 0.0 * x[:, :3])
    model.g_optimizer.learning_rate.assign(0.02)
    model._generator_step(latent, one_hot, 0)
    assert objective() > before


def test_without_their_labels_generated_samples_teach_d_no_classes():
    model, batch = make(rate=1.0, lam=0, learn_fake_labels=False)
    x, one_hot = model.real_batch(batch)
    head = values(model.classifier_head.trainable_variables)
    noise = tf.random.stateless_uniform(x.shape, [1, 2], -3.0, 3.0)
    model._discriminator_step(x, one_hot, noise, tf.roll(one_hot, 1, axis=1))
    first = values(model.classifier_head.trainable_variables)
    other, _ = make(rate=1.0, lam=0, learn_fake_labels=False)
    assert_equal(values(other.classifier_head.trainable_variables), head)
    other._discriminator_step(x, one_hot, -noise, one_hot)
    assert_equal(values(other.classifier_head.trainable_variables), first)
    assert any(np.any(a != b) for a, b in zip(head, first, strict=True))


def test_the_critic_learns_the_standardised_rewards():
    model, batch = make(policy="critic", stage="acgan")
    model.train_step(batch)
    model.stage = "active"
    model.p_optimizer.learning_rate.assign(1e-2)
    model.policy_steps = 300
    model.run_eagerly = False
    model.on_stage_begin("active")
    held = model.buffer.contents()
    rewards = model.reward(model.to_user(held["samples"]).numpy())
    np.testing.assert_allclose(held["rewards"], rewards, rtol=1e-5)
    scores = model.policy_network(held["samples"]).numpy()[:, 0]
    target = (rewards - rewards.mean()) / rewards.std()
    assert np.corrcoef(scores, target)[0, 1] > 0.9


def test_the_buffer_policy_is_the_gaussian_of_the_embeddings():
    model, batch = make(policy="buffer")
    model.train_step(batch)
    held = model.buffer.contents()["samples"]
    assert len(held) == 24  # of the 32 of two updates
    embedded = model.embedding(held).numpy()
    fake = tf.constant(held[:5] + 0.1)
    expected = stats.norm.logpdf(
        model.embedding(fake).numpy(), embedded.mean(0), embedded.std(0)
    ).mean(axis=1)
    found = model.policy_term.log_density(None, fake)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_of_many_rows_the_rewards_know_as_many_of_each_class(monkeypatch):
    seen = []

    class Watched(LogisticRegression):
        def fit(self, X, y):
            seen.append(np.bincount(y).tolist())
            return super().fit(X, y)

    x, y = rows((50, 20, 5))
    monkeypatch.setattr(build, "MAX_ROWS", 75)
    ActiveGAN.from_data(x, y, seed=0, svm=Watched())
    monkeypatch.setattr(build, "MAX_ROWS", 30)
    ActiveGAN.from_data(x, y, seed=0, svm=Watched())
    assert seen == [[50, 20, 5], [10, 10, 5]]


class Counted(LogisticRegression):
    """Counts how often it is asked."""

    asked = 0

    def predict_proba(self, X):
        Counted.asked += 1
        return super().predict_proba(X)


def test_rewards_only_every_so_often_count_more():
    model, batch = make(reward_every=3, svm=Counted())
    fake = model.generator([tf.ones((16, 4)), tf.one_hot([1] * 16, 3)])
    weights, Counted.asked = [], 0
    for step in range(3):
        model.steps_done.assign(step)
        weights += [model.batch_rewards(fake, number) for number in range(2)]
    assert Counted.asked == 2  # updates 0 and 3 of six
    assert [float(w["due"]) for w in weights] == [1, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(weights[0]["weight"], 3 * weights[0]["reward"])
    assert not np.any(weights[1]["weight"])
    logs = model.train_step(batch)  # update 4 and 5 of the count: no reward
    assert float(logs["reward"]) == 0.0


def test_a_reward_is_told_from_those_before():
    model, _ = make(reward_baseline=True)
    fake = model.generator([tf.ones((16, 4)), tf.one_hot([1] * 16, 3)])
    first = model.batch_rewards(fake, 0)
    mean = float(tf.reduce_mean(first["reward"]))
    np.testing.assert_allclose(first["weight"], first["reward"] - mean, atol=1e-6)
    assert float(model.reward_mean.numpy()) == pytest.approx(mean)


# Steps, stages, buffer.


@pytest.mark.parametrize("policy", ["latent", "buffer"])
def test_the_steps_come_in_order_and_move_their_own_networks(policy, monkeypatch):
    model, batch = make(policy=policy)
    steps = moved_paths(model, monkeypatch)
    classifier = values(model.reward_classifier.variables)
    model.train_step(batch)
    order = [name[0] for name, _ in steps]
    assert order == (list("gpgpd") if policy == "latent" else list("ggd"))
    for name, moved in steps:
        own = {v.path for v in model.player_variables()[name]}
        kernels = {path for path in own if path.endswith("kernel")}
        assert kernels <= moved <= own, name
    assert_equal(values(model.reward_classifier.variables), classifier)


def test_a_step_stays_in_few_files():
    model, batch = make()
    model.train_step(batch)
    entered = files_entered(lambda: model.train_step(batch))
    assert "methods/activegan/policy.py" in entered
    assert len(entered) <= 9, sorted(entered)


def test_one_fit_warms_up_and_fits_theta_once():
    x, y = rows(COUNTS)
    model, _ = make(warmup=0.4)
    seen, fits, fit_policy = [], [], model.fit_policy
    model.fit_policy = lambda: fits.append(len(seen)) or fit_policy()
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(model.stage_at(epoch))
    )
    history = model.fit(
        kerasos.data.batches(x, y, 8), epochs=5, verbose=0, callbacks=[watch]
    ).history
    assert seen == ["acgan"] * 2 + ["active"] * 3
    assert len(fits) == 1 and fits[0] in (2, 3)
    assert len(history["g_loss"]) == 5 and len(history["reward"]) == 3
    assert int(model.buffer.filled.numpy()) == 24
    with pytest.warns(UserWarning, match="end before the stage 'active'"):
        model.fit(kerasos.data.batches(x, y, 8), epochs=1, verbose=0)
    assert int(model.policy_fitted.numpy()) == 0


def test_the_buffer_holds_the_last_batches_with_their_latents():
    model, batch = make(rate=0.0)
    model.train_step(batch)
    held = model.buffer.contents()
    one_hot = tf.one_hot(held["labels"], 3)[8:]
    # At rate 0 G is what it was; batches share no rows, so the last can be redone.
    latents = tf.constant(held["latents"][8:])
    again = model.generator([latents, one_hot], training=True)
    np.testing.assert_allclose(held["samples"][8:], again, atol=1e-5)
    rewards = model.reward(model.to_user(again).numpy())
    np.testing.assert_allclose(held["rewards"][8:], rewards, rtol=1e-4)


def test_smaller_classes_are_drawn_by_what_they_lack():
    model, _ = make(preset="imbalanced")
    assert (model.fake_labels, model.lam) == ("deficit", 1.0)
    _, one_hot = model.draw_fakes(tf.one_hot([0] * 4000, 3))
    shares = one_hot.numpy().mean(axis=0)
    np.testing.assert_allclose(shares, [0.0, 12 / 28, 16 / 28], atol=0.03)
    x, y = rows((8, 8))
    with pytest.raises(ValueError, match="Received: balanced data"):
        ActiveGAN.from_data(x, y, svm=SVM, preset="imbalanced")


# Hard samples.


def test_hard_samples_have_small_margins_and_stay_in_order():
    model, _ = make(images)
    labels = np.array([2, 0, 1] * 8)
    limit = float(np.median(model.margin(model.sample(labels, seed=1))))
    hard = model.sample(labels, seed=1, max_margin=limit)
    assert model.margin(hard).max() <= limit
    share = np.array(list(model.acceptance["accepted"].values()))
    assert model.acceptance["short"] == {} and np.all((0 < share) & (share <= 1))
    for chunk in (3, 500):
        again = model.sample(labels, seed=1, max_margin=limit, batch_size=chunk)
        assert np.abs(again.astype(int) - hard).max() <= 1
    np.testing.assert_array_equal(
        model.sample(labels, seed=1, max_margin=1.0), model.sample(labels, seed=1)
    )


def test_a_shortfall_is_named_and_filled_with_the_nearest():
    model, _ = make(max_margin=0.0)
    with pytest.warns(UserWarning, match=r"\{0: 6, 2: 4\} by label are missing"):
        hard = model.sample([0] * 6 + [2] * 4, seed=1, max_draws=10)
    assert model.acceptance["accepted"] == {0: 0.0, 2: 0.0}
    any_margin = model.margin(model.sample([0] * 60, seed=1, max_margin=1))
    assert model.margin(hard[:6]).max() <= np.quantile(any_margin, 0.5)
    for wrong in (1.5, -0.1):
        with pytest.raises(ValueError, match=r"`max_margin`: .* in \[0, 1\]"):
            model.sample([0], max_margin=wrong)
    with pytest.raises(TypeError, match=r"`sample\(\[1\] \* 10\)` gives ten"):
        model.sample(n=10)


# The classifier of the rewards.


def test_an_estimator_is_used_on_the_host_and_given_again(tmp_path):
    x, y = rows(COUNTS)
    model, _ = make(svm=LogisticRegression())
    with pytest.raises(ValueError, match="scikit-learn estimator, outside"):
        model.compile(jit_compile=True)
    data = kerasos.data.batches(x, y, 8)
    model.fit(data, epochs=2, verbose=0)
    features = model.features(x)
    estimator = LogisticRegression().fit(features, y)
    expected = estimator.predict_proba(features)
    np.testing.assert_allclose(model.probabilities(x), expected, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    labels = [0, 1, 2]
    np.testing.assert_array_equal(loaded.sample(labels, 3), model.sample(labels, 3))
    with pytest.raises(Exception, match="holds no scikit-learn estimator"):
        loaded.reward(x)
    loaded.set_estimator(estimator)
    np.testing.assert_array_equal(loaded.reward(x), model.reward(x))
    with pytest.raises(ValueError, match="part of it"):
        make()[0].set_estimator(estimator)


@pytest.mark.parametrize("size", [4, 16])
def test_a_keras_model_can_give_the_features(size):
    """XLA is refused where it makes images smaller by averaging."""
    x, y = images(COUNTS)
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    resized = keras.ops.image.resize(scaled, (size, size), antialias=size < 8)
    network = keras.Model(inputs, keras.layers.Flatten()(resized))
    model = ActiveGAN.from_data(x, y, seed=0, features=network, svm=SVM, lam=0)
    np.testing.assert_allclose(model.features(x), network.predict(x, verbose=0))
    assert model.reward(x).shape == (32,)
    if size < 8:
        with pytest.raises(ValueError, match="made smaller with antialiasing"):
            model.compile(jit_compile=True)
    else:
        model.compile(jit_compile=True)
        assert model.jit_compile


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"policy": "latents"}, "Did you mean 'latent'"),
        ({"alpha": 1.5}, r"`alpha`: it must be a finite number in \[0, 1\]"),
        ({"eps": 1.5}, "`eps`"),
        ({"warmup": 1.5}, "`warmup`"),
        ({"max_margin": 2.0}, "`max_margin`"),
        ({"networks": "acgan"}, "'dense' are for rows"),
        ({"preset": "papers"}, "Did you mean 'paper'"),
        ({"features": "vgg"}, "Did you mean 'vgg16'"),
        ({"svm": "rbf"}, "`svm`: it must be a dict of settings"),
    ],
)
def test_bad_options_are_refused(option, words):
    x, y = rows(COUNTS)
    with pytest.raises(ValueError, match=words):
        ActiveGAN.from_data(x, y, **{"svm": SVM, **option})


def test_an_estimator_without_probabilities_is_refused():
    x, y = rows(COUNTS)
    with pytest.raises(TypeError, match="`svm` must give class probabilities"):
        ActiveGAN.from_data(x, y, svm=LinearSVC())


def test_the_defaults_are_those_of_the_policy_and_of_the_preset():
    models = [
        make(**options)[0]
        for options in (
            {},
            {"policy": "critic"},
            {"preset": "paper"},
            {"preset": "paper", "lam": 0.3},
        )
    ]
    assert [model.lam for model in models] == [1.0, 0.05, 0.1, 0.3]
    assert models[0].fake_labels == "uniform" and models[0].prior == "uniform"
    assert rates(models[0]) == pytest.approx([2e-4] * 3)


def test_networks_of_infogan_learn_at_its_rates():
    model, _ = make(images)
    assert rates(model) == pytest.approx([2e-4, 1e-3, 1e-3])
    model, _ = make(images, lr_d=1e-3, lr_p=3e-4)
    assert rates(model) == pytest.approx([1e-3, 1e-3, 3e-4])


def rates(model):
    optimizers = [getattr(model, f"{player}_optimizer") for player in "dgp"]
    return [float(optimizer.learning_rate) for optimizer in optimizers]
