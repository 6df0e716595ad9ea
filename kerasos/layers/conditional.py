"""A generator without the convexity constraint: the ablation cG of GAMO."""

import keras
import tensorflow as tf

from kerasos.layers.convex import one_hot_of_sizes


@keras.saving.register_keras_serializable(package="kerasos")
class ConditionalGenerator(keras.layers.Layer):
    """Generates from `[noise, one_hot]` through one network for all classes.

    Args:
        network: Keras model from `[noise, one_hot]` to `(batch, num_features)`.
        labels: Labels that it generates.

    Call arguments:
        noise: Float tensor `(batch, latent_dim)`.
        labels: Integer tensor `(batch,)`.
        training: Boolean; batch normalisation.

    Returns:
        Float32 tensor `(batch, num_features)`.
    """

    def __init__(self, network, labels, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.network = network
        self.labels = [int(label) for label in labels]
        self.built = True

    @property
    def latent_dim(self):
        return self.network.input_shape[0][-1]

    def class_variables(self, label):
        """Variables that a step on class `label` moves: all of them."""
        del label
        return self.trainable_variables

    def call(self, noise, labels, training=False):
        one_hot = tf.one_hot(labels, self.network.input_shape[1][-1])
        return tf.cast(self.network([noise, one_hot], training=training), tf.float32)

    def grouped(self, noise, sizes, training=False):
        """Generates a batch whose rows are sorted by class; see ConvexGenerator."""
        inputs = [noise, one_hot_of_sizes(sizes)]
        return tf.cast(self.network(inputs, training=training), tf.float32)

    def compute_output_shape(self, noise_shape, labels_shape=None):
        return (noise_shape[0], self.network.output_shape[-1])

    def get_config(self):
        config = super().get_config()
        network = keras.saving.serialize_keras_object(self.network)
        config.update(network=network, labels=self.labels)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["network"] = keras.saving.deserialize_keras_object(config["network"])
        return cls(**config)
