"""Class probabilities of a generative model: which label explains a sample best."""

import math

import keras
import tensorflow as tf

from kerasos.checks import check_count
from kerasos.layers.float32_layer import Float32Layer
from kerasos.losses.classification import cross_entropy_loss

# Decoded at once. What bounds the memory are the decoder's activations: of 28x28
# images at full width about 300 kB each.
_LEAST_DECODED = 256
_DECODED_FEATURES = 2**18


@keras.saving.register_keras_serializable(package="kerasos")
class GenerativePrediction(Float32Layer):
    """Scores every label by the samples that its posterior gives (DGC, eq. 9).

        s_k = log (1/S) sum_s exp(-0.5 |x - x_s|^2 + log p(k | z_s))
        z_s = mu(x, k) + sigma(x, k) eps_s,    x_s = decoder(z_s)
        p(k | x) = softmax(s)_k

    The noise eps_1 .. eps_S is drawn once, when the layer is made, and is the same for
    every sample and label: a prediction depends on its sample alone, not on the others
    of its batch, and labels are compared at the same noise.

    A sample takes `num_classes * draws` decoder passes, made in parts of bounded size.

    Args:
        trunk: Keras model from samples to features.
        posterior: Keras model from `[features, one_hot]` to mean and scale.
        decoder: Keras model from latents to samples.
        classifier_head: Keras model from latents to logits.
        draws: Integer S, 10 (authors' code).
        seed: Integer behind the noise.

    Attributes:
        pairs_at_once: Integer, pairs of a sample and a label that are decoded at once.

    Call arguments:
        inputs: Float tensor `(batch, ...)`, samples as the networks take them.

    Returns:
        Float32 tensor `(batch, num_classes)`, rows summing to 1.
    """

    def __init__(
        self, trunk, posterior, decoder, classifier_head, draws=10, seed=0, **kwargs
    ):
        # Sums over pixels and their exponentials mean nothing in half precision.
        super().__init__(**kwargs)
        check_count("draws", draws)
        self.trunk = trunk
        self.posterior = posterior
        self.decoder = decoder
        self.classifier_head = classifier_head
        self.draws, self.seed = int(draws), int(seed)
        self.num_classes = classifier_head.output_shape[-1]
        features = math.prod(decoder.output_shape[1:])
        decoded = max(_LEAST_DECODED, _DECODED_FEATURES // features)
        self.pairs_at_once = max(1, decoded // self.draws)
        self.noise = self.add_weight(
            shape=(draws, decoder.input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
            name="noise",
        )
        self.built = True

    def call(self, inputs):
        return tf.nn.softmax(self.scores(inputs))

    def scores(self, x):
        """Returns s_k of every label, `(batch, num_classes)`."""
        features = self.trunk(x, training=False)
        pairs = tf.shape(x)[0] * self.num_classes
        # Equal parts, so that the last one is filled up with few pairs.
        parts = tf.maximum(1, -(-pairs // self.pairs_at_once))
        size = -(-pairs // parts)

        def score(part):
            pair = tf.minimum(part * size + tf.range(size), pairs - 1)
            row = pair // self.num_classes
            return self._score_pairs(
                tf.gather(x, row), tf.gather(features, row), pair % self.num_classes
            )

        scores = tf.map_fn(
            score,
            tf.range(parts),
            fn_output_signature=tf.TensorSpec([None], tf.float32),
            parallel_iterations=1,
        )
        return tf.reshape(tf.reshape(scores, [-1])[:pairs], (-1, self.num_classes))

    def _score_pairs(self, x, features, labels):
        one_hot = tf.one_hot(labels, self.num_classes)
        mean, scale = self.posterior([features, one_hot], training=False)
        noise = tf.convert_to_tensor(self.noise)
        latent = mean[:, None] + scale[:, None] * noise
        latent = tf.reshape(latent, (-1, noise.shape[-1]))
        decoded = tf.cast(self.decoder(latent, training=False), tf.float32)
        shape = (-1, self.draws, math.prod(decoded.shape[1:]))
        x = tf.reshape(tf.cast(x, tf.float32), (-1, 1, shape[-1]))
        errors = tf.math.squared_difference(x, tf.reshape(decoded, shape))
        logits = self.classifier_head(latent, training=False)
        surprise = cross_entropy_loss(logits, tf.repeat(one_hot, self.draws, axis=0))
        bound = -0.5 * tf.reduce_sum(errors, -1)
        bound -= tf.reshape(surprise, (-1, self.draws))
        return tf.reduce_logsumexp(bound, -1) - math.log(self.draws)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], self.num_classes), "float32")
