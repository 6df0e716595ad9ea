"""GAMO's losses and updates against implementations of their own."""

import numpy as np
import pytest
import tensorflow as tf
from gamo_setup import make_gamo, real_batch
from scipy import special

# One step against an implementation of its own, in float64 NumPy.


class Mlp:
    """Dense, leaky ReLU, twice, then Dense; backpropagation and Adam by hand."""

    def __init__(self, network):
        self.weights = [w.astype("float64") for w in network.get_weights()]
        self.first = [np.zeros_like(w) for w in self.weights]
        self.second = [np.zeros_like(w) for w in self.weights]
        self.steps = 0

    def forward(self, x):
        k0, b0, k1, b1, k2, b2 = self.weights
        self.inputs = [x]
        for kernel, bias in ((k0, b0), (k1, b1)):
            x = x @ kernel + bias
            x = np.where(x > 0, x, 0.1 * x)
            self.inputs.append(x)
        return x @ k2 + b2

    def step(self, gradient):
        """One Adam step (2e-4, .5, .999, 1e-7) on the gradient by the output."""
        gradients = []
        for layer in (2, 1, 0):
            gradients = [self.inputs[layer].T @ gradient, gradient.sum(0)] + gradients
            gradient = gradient @ self.weights[2 * layer].T
            gradient = gradient * np.where(self.inputs[layer] > 0, 1.0, 0.1)
        self.steps += 1
        for k, g in enumerate(gradients):
            self.first[k] = 0.5 * self.first[k] + 0.5 * g
            self.second[k] = 0.999 * self.second[k] + 0.001 * g**2
            # As Keras and the end of section 2 of the Adam paper place epsilon.
            rate = 2e-4 * np.sqrt(1 - 0.999**self.steps) / (1 - 0.5**self.steps)
            change = rate * self.first[k] / (np.sqrt(self.second[k]) + 1e-7)
            self.weights[k] = self.weights[k] - change


def classifier_gradient(loss, logits, one_hot):
    m = special.softmax(logits, axis=1)
    if loss == "ce":
        return (m - one_hot) / len(m)
    by_probs = 2 * (m - one_hot) / one_hot.shape[1]
    return m * (by_probs - np.sum(by_probs * m, axis=1, keepdims=True)) / len(m)


def source_gradient(loss, logits, target):
    p = special.expit(logits)
    by_score = p - target if loss == "ce" else 2 * (p - target) * p * (1 - p)
    return by_score / len(p)


@pytest.mark.parametrize("loss", ["ls", "ce"])
def test_updates_of_classifier_and_discriminator_equal_numpy(loss, monkeypatch):
    model, x, y = make_gamo(loss=loss, width=5)
    # Sharper units, so that the generated samples differ.
    for kernel in model.generator.kernels.values():
        kernel.assign(8.0 * kernel)
    targets, source_loss = [], model.source_loss_fn
    monkeypatch.setattr(
        model,
        "source_loss_fn",
        lambda logits, target: targets.append(target) or source_loss(logits, target),
    )
    m, d = Mlp(model.classifier_head), Mlp(model.discriminator)

    losses = []
    for turn in range(2):
        images, labels, one_hot = real_batch(model, x, y, seed=turn)
        fake, fake_one_hot = model.draw_fakes(images)
        assert fake.shape == (32, 5)
        targets.clear()
        logs = model.train_step((images, labels))
        real_target, fake_target = (t.numpy().astype("float64") for t in targets[:2])
        rows = [
            (2.0 * images.numpy() - 1.0, one_hot.numpy(), real_target),
            (fake.numpy(), fake_one_hot.numpy(), fake_target),
        ]
        for features, labels_, target in rows:
            features = features.astype("float64")
            logits = m.forward(features)
            probs = special.softmax(logits, axis=1)
            squares = np.mean((probs - labels_) ** 2)
            entropy = -np.mean(np.sum(labels_ * np.log(probs), axis=1))
            losses.append(squares if loss == "ls" else entropy)
            m.step(classifier_gradient(loss, logits, labels_))
            logits = d.forward(np.concatenate([features, labels_], axis=1))
            d.step(source_gradient(loss, logits, target[:, None]))
        # Logged: the mean over steps of M's loss on real samples.
        assert float(logs["c_loss"]) == pytest.approx(np.mean(losses[::2]), rel=1e-4)

    for network, own in ((model.classifier_head, m), (model.discriminator, d)):
        for ours, theirs in zip(network.get_weights(), own.weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("loss", ["ls", "ce"])
@pytest.mark.parametrize("against", ["g_c_loss", "g_d_loss"])
def test_generator_update_equals_plain_tensorflow(loss, against):
    """One class's first step: eq. 1, the complement and Adam written out."""
    model, _, _ = make_gamo(loss=loss, width=5)
    label, q, c = 0, 6, 4
    points = model.generator.anchors["0"].numpy().astype("float64")
    noise = model.normal(q, model.noise_dim, "generator")
    variables = model.generator.class_variables(label)
    weights = [tf.constant(v.numpy().astype("float64")) for v in variables]
    judge = model.classifier_head if against == "g_c_loss" else model.discriminator
    judge = [w.astype("float64") for w in judge.get_weights()]
    one_hot = np.eye(c)[[label] * q]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        hidden = tf.concat([tf.cast(noise, tf.float64), one_hot], axis=1)
        for layer in (0, 4):
            kernel, bias, gamma, beta = weights[layer : layer + 4]
            hidden = tf.nn.relu(hidden @ kernel + bias)
            mean, variance = tf.nn.moments(hidden, [0])
            hidden = gamma * (hidden - mean) / tf.sqrt(variance + 1e-3) + beta
        kernel, bias = weights[8:]
        fake = tf.nn.softmax(hidden @ kernel + bias) @ points
        x = fake if against == "g_c_loss" else tf.concat([fake, one_hot], axis=1)
        for k in (0, 2):
            x = tf.nn.leaky_relu(x @ judge[k] + judge[k + 1], 0.1)
        logits = x @ judge[4] + judge[5]
        if against == "g_d_loss":
            p = tf.sigmoid(logits)
            values = (p - 1.0) ** 2 if loss == "ls" else -tf.math.log(p)
        elif loss == "ls":
            values = (tf.nn.softmax(logits) - (1.0 - one_hot)) ** 2
        else:
            others = (1.0 - one_hot) * tf.nn.log_softmax(logits)
            values = -tf.reduce_sum(others, axis=1) / (c - 1)
        value = tf.reduce_mean(values)
    gradients = tape.gradient(value, weights)

    # Only this opponent's step counts here.
    other = "g_d_optimizer" if against == "g_c_loss" else "g_optimizer"
    getattr(model, other).learning_rate = 0.0
    sizes = [q if k == label else 0 for k in range(c)]
    losses = model._generator_step(noise, sizes, variables)
    assert float(losses[against]) == pytest.approx(float(value), rel=1e-4)
    for variable, weight, gradient in zip(variables, weights, gradients, strict=True):
        # The first step of Adam: the gradient over its own size.
        g = gradient.numpy()
        expected = weight - 2e-4 * g / (np.abs(g) + 1e-7 / np.sqrt(0.001))
        np.testing.assert_allclose(variable.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("loss", ["ls", "ce", "ce_binary", "ce_minimax"])
def test_every_loss_name_means_its_formulas(loss):
    model, x, y = make_gamo(loss=loss)
    features, _, one_hot = real_batch(model, x, y)
    real = special.softmax(model.classifier_head(features), axis=1)
    sizes = [8, 0, 0, 0]
    noise = model.normal(8, model.noise_dim, "generator")
    hot = one_hot.numpy()
    # Against M as it is now: `_generator_step` leaves it alone.
    fake_logits = model.classifier_head(model.generator.grouped(noise, sizes, True))
    fake = special.softmax(fake_logits, axis=1)
    variables = model.generator.class_variables(0)
    g_c_loss = model._generator_step(noise, sizes, variables)["g_c_loss"]
    c_loss = model._classifier_step(features, one_hot)

    entropy = -np.sum(hot * np.log(real), axis=1)
    each_output = entropy - np.sum((1 - hot) * np.log(1 - real), axis=1)
    others = -np.mean(np.log(fake[:, 1:]), axis=1)
    minimax = np.log(fake[:, 0]) + np.sum(np.log(1 - fake[:, 1:]), axis=1)
    for_m, for_g = {
        "ls": ((real - hot) ** 2, (fake - [0, 1, 1, 1]) ** 2),
        "ce": (entropy, others),
        "ce_binary": (each_output, others),
        "ce_minimax": (each_output, minimax),
    }[loss]
    assert float(c_loss) == pytest.approx(np.mean(for_m), rel=1e-4)
    assert float(g_c_loss) == pytest.approx(np.mean(for_g), rel=1e-4)
