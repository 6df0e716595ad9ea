"""ACGAN: terms, the order of its three steps, and what each of them moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from scipy import special
from steps import moved_paths, paths

from kerasos import ACGAN

COUNTS = (20, 8, 4)


def make_acgan(data=rows, rate=None, **options):
    x, y = data(COUNTS)
    model = ACGAN.from_data(x, y, seed=0, latent_dim=4, **options)
    optimizers = {}
    if rate is not None:
        names = ("c_optimizer", "d_optimizer", "g_optimizer")
        optimizers = {name: keras.optimizers.SGD(rate) for name in names}
    model.compile(**optimizers, run_eagerly=True)
    return model, (tf.constant(x[:16]), tf.constant(y[:16], tf.int32))


@pytest.mark.parametrize("data", [rows, images])
def test_the_steps_come_in_order_and_move_their_own_networks(data, monkeypatch):
    model, batch = make_acgan(data)
    steps = moved_paths(model, monkeypatch)
    assert set(model.train_step(batch)) == {"loss", "d_loss", "g_loss", "c_loss"}
    assert [name for name, _ in steps] == ["d_optimizer", "g_optimizer", "c_optimizer"]
    d, g, c = (changed for _, changed in steps)
    judges = paths(model.trunk, model.discriminator_head)
    generator = paths(model.generator)
    assert d <= judges and g <= generator
    assert c <= paths(model.classifier_head, model.trunk, model.generator)
    # Biases before a batch norm may rest; kernels may not.
    kernels = {path for path in judges | generator if path.endswith("kernel")}
    assert kernels & judges <= d and kernels & generator <= g
    head = paths(model.discriminator_head)
    assert {p for p in paths(model.classifier_head) if p.endswith("kernel")} <= c
    assert kernels - head <= c and not c & head


def test_the_three_steps_share_noise_and_labels_and_c_passes_afresh(monkeypatch):
    model, (x, y) = make_acgan()
    inputs, fakes, generator = [], [], model.generator

    class Watched:
        trainable_variables = generator.trainable_variables

        def __call__(self, given, training=False):
            assert training
            inputs.append([np.asarray(part) for part in given])
            fakes.append(generator(given, training=True))
            return fakes[-1]

    object.__setattr__(model, "generator", Watched())
    model.train_step((x, y))
    assert len(inputs) == 2
    for first, second in zip(*inputs, strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(inputs[0][1], np.eye(3)[y])
    assert np.any(fakes[0] != fakes[1])  # G has moved in between


def test_losses_equal_scipy_on_the_networks_outputs():
    model, (x, y) = make_acgan(rate=0.0, fake_labels="uniform")
    one_hot = tf.one_hot(y, 3)
    latent, fake_one_hot = model.draw_fakes(one_hot)
    fake = model.generator([latent, fake_one_hot], training=True)

    def outputs(z, labels):
        """D's probabilities, and C's surprises at the labels."""
        features = model.trunk(z, training=True)
        logits = model.classifier_head(features, training=True).numpy()
        surprise = -special.log_softmax(logits, axis=1)[np.asarray(labels) == 1]
        return special.expit(model.discriminator_head(features).numpy()), surprise

    real_score, real_surprise = outputs(model.to_model(x), one_hot)
    fake_score, fake_surprise = outputs(fake, fake_one_hot)
    logs = {name: float(value) for name, value in model.train_step((x, y)).items()}
    assert logs.pop("loss") == pytest.approx(sum(logs.values()))
    assert logs == {
        "d_loss": pytest.approx(
            -np.mean(np.log(real_score)) - np.mean(np.log(1 - fake_score)), rel=1e-4
        ),
        "g_loss": pytest.approx(-np.mean(np.log(fake_score)), rel=1e-4),
        "c_loss": pytest.approx(
            np.mean(real_surprise) + np.mean(fake_surprise), rel=1e-4
        ),
    }


def test_d_sees_no_label():
    model, (x, _) = make_acgan()
    x = model.to_model(x)
    first, second = (
        model.source_logits(x, np.eye(3, dtype="float32")[np.full(16, k)])
        for k in (0, 1)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (1e-3, 1e-3, 2e-4)),
        ({"lr": "base"}, (1e-3, 2e-4, 1e-3)),
        ({"lr_c": 5e-4, "lr_g": 1e-4}, (5e-4, 1e-3, 1e-4)),
    ],
)
def test_learning_rates(options, expected):
    model, _ = make_acgan(**options)
    found = [
        float(getattr(model, f"{player}_optimizer").learning_rate.numpy())
        for player in "cdg"
    ]
    assert found == pytest.approx(list(expected))
