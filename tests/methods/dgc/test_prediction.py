"""Prediction by a generative model: eq. 9 by NumPy, and what it may depend on."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from kerasos.methods.dgc.prediction import GenerativePrediction
from kerasos.networks import dgc

SHAPE, CLASSES, LATENT = (5,), 3, 4


def make_layer(draws=6, seed=0, **options):
    trunk = dgc.trunk(SHAPE, seed, width=8)
    return GenerativePrediction(
        trunk,
        dgc.posterior(trunk.output_shape[-1], CLASSES, LATENT, seed, None),
        dgc.decoder(SHAPE, LATENT, seed, width=8),
        dgc.label_head(SHAPE, LATENT, CLASSES, seed),
        draws,
        seed=3,
        **options,
    )


def samples(n=7, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *SHAPE)).astype("float32")


def scores_by_hand(layer, x):
    """Eq. 9, label by label and draw by draw, in float64."""
    scores = np.zeros((len(x), CLASSES))
    for k in range(CLASSES):
        one_hot = tf.one_hot(np.full(len(x), k), CLASSES)
        mean, scale = layer.posterior([layer.trunk(x), one_hot])
        bounds = []
        for noise in layer.noise.numpy():
            latent = mean + scale * noise
            decoded = layer.decoder(latent).numpy().astype("float64")
            logits = layer.classifier_head(latent).numpy().astype("float64")
            log_likelihood = -0.5 * np.sum((x - decoded) ** 2, axis=1)
            bounds.append(log_likelihood + special.log_softmax(logits, axis=1)[:, k])
        scores[:, k] = special.logsumexp(bounds, axis=0) - np.log(len(bounds))
    return scores


def test_scores_are_equation_9():
    layer, x = make_layer(), samples()
    expected = scores_by_hand(layer, x)
    np.testing.assert_allclose(layer.scores(x), expected, rtol=1e-4, atol=1e-5)
    probabilities = layer(x).numpy()
    np.testing.assert_allclose(probabilities, special.softmax(expected, 1), atol=1e-5)
    assert layer.noise.shape == (6, LATENT)
    assert len(np.unique(layer.noise.numpy())) == 6 * LATENT


@pytest.mark.parametrize("at_once", [1, 4, 1000])
def test_a_prediction_depends_on_its_sample_alone(at_once):
    layer, x = make_layer(), samples()
    expected = layer(x).numpy()
    layer.pairs_at_once = at_once
    order = np.random.default_rng(1).permutation(len(x))
    np.testing.assert_allclose(layer(x[order]), expected[order], atol=1e-5)
    for row in (0, 3):
        np.testing.assert_allclose(layer(x[row : row + 1])[0], expected[row], atol=1e-5)


def test_the_memory_does_not_grow_with_the_batch():
    layer, decoded = make_layer(), []
    decoder = layer.decoder
    layer.pairs_at_once = 4

    class Watched:
        output_shape = decoder.output_shape

        def __call__(self, latent, training):
            decoded.append(len(latent))
            return decoder(latent, training=training)

    layer.__dict__["decoder"] = Watched()
    layer.scores(tf.constant(samples(20)))
    assert max(decoded) <= 4 * layer.draws
    assert sum(decoded) == 20 * CLASSES * layer.draws


def test_xla_and_graphs_of_any_batch_give_the_same():
    layer, x = make_layer(), samples()
    expected = layer(x)
    for jit_compile in (False, True):
        compiled = tf.function(
            layer,
            input_signature=[tf.TensorSpec((None, *SHAPE))],
            jit_compile=jit_compile,
        )
        np.testing.assert_allclose(compiled(x), expected, atol=1e-5)
        np.testing.assert_allclose(compiled(x[:2]), expected[:2], atol=1e-5)


def test_a_saved_classifier_needs_no_other_model(tmp_path):
    inputs = keras.Input(SHAPE)
    model = keras.Model(inputs, make_layer()(inputs))
    x = samples()
    model.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    )


@pytest.mark.parametrize("draws", [0, 2.5, True])
def test_draws_are_a_number_of_latents(draws):
    with pytest.raises(ValueError, match="`draws`: it must be an integer"):
        make_layer(draws=draws)
