"""The convex generator of GAMO: samples are convex combinations of real points."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kerasos")
class ConvexGenerator(keras.layers.Layer):
    """Generates inside the convex hull of the real points of each class.

        G(z | i) = softmax(t(z, y_i) K_i + b_i) X_i              (GAMO, eq. 1)

    `X_i` are the anchors of class i: its real points, or a fixed part of them.
    Each class owns its instance generation unit `(K_i, b_i)`; the trunk t is
    shared. Nothing of size batch x anchors x features is ever made.

    Args:
        trunk: Keras model from `[noise, one_hot]` to `(batch, width)`.
        anchor_counts: Number of anchors of each class, in label order. 0 for a
            class that is not generated.
        num_features: Width of a sample.
        seed: Integer seed of the kernels.

    Call arguments:
        noise: Float tensor `(batch, latent_dim)`.
        labels: Integer tensor `(batch,)`, classes with anchors only.
        training: Boolean; batch normalisation of the trunk.

    Returns:
        Float32 tensor `(batch, num_features)` in the units of the anchors.

    Example:

    >>> generator = ConvexGenerator(trunk, anchor_counts=(5, 3, 0), num_features=2)
    >>> generator.set_anchors(0, points_of_class_0)
    >>> generator(noise, labels).shape
    TensorShape([4, 2])

    Reference:
        Mullick, Datta, Das. Generative Adversarial Minority Oversampling,
        ICCV 2019, section 3.
    """

    def __init__(self, trunk, anchor_counts, num_features, seed=0, **kwargs):
        # Convex weights and sums of points need float32 under any policy.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.trunk = trunk
        self.anchor_counts = tuple(int(count) for count in anchor_counts)
        self.num_features = int(num_features)
        self.seed = int(seed)
        self.labels = [k for k, count in enumerate(self.anchor_counts) if count]
        self.kernels, self.biases, self.anchors = {}, {}, {}
        width = trunk.output_shape[-1]
        for label in self.labels:
            count = self.anchor_counts[label]
            self.kernels[f"{label}"] = self.add_weight(
                shape=(width, count),
                initializer=keras.initializers.GlorotUniform(self.seed + label),
                name=f"kernel_{label}",
            )
            self.biases[f"{label}"] = self.add_weight(
                shape=(count,), initializer="zeros", name=f"bias_{label}"
            )
            self.anchors[f"{label}"] = self.add_weight(
                shape=(count, self.num_features),
                initializer="zeros",
                trainable=False,
                name=f"anchors_{label}",
            )
        self.built = True

    @property
    def latent_dim(self):
        return self.trunk.input_shape[0][-1]

    def set_anchors(self, label, points):
        """Puts the real points of class `label`, `(anchors, num_features)`."""
        self.anchors[f"{label}"].assign(points)

    def class_variables(self, label):
        """Variables that a step on class `label` moves: the trunk and its unit."""
        unit = [self.kernels[f"{label}"], self.biases[f"{label}"]]
        return self.trunk.trainable_variables + unit

    def class_weights(self, hidden, label):
        """Convex weights `(batch, anchors)` of class `label`; rows sum to 1."""
        logits = tf.matmul(hidden, self.kernels[f"{label}"]) + self.biases[f"{label}"]
        return tf.nn.softmax(logits)

    def sample_weights(self, noise, label):
        """Convex weights `(batch, anchors)` behind samples of class `label`."""
        sizes = [0] * len(self.anchor_counts)
        sizes[label] = len(noise)
        hidden = self.hidden(noise, one_hot_of_sizes(sizes))
        return self.class_weights(hidden, label)

    def hidden(self, noise, one_hot, training=False):
        """The trunk's output in float32: softmax and sums need its precision."""
        noise = tf.convert_to_tensor(noise)
        return tf.cast(self.trunk([noise, one_hot], training=training), tf.float32)

    def call(self, noise, labels, training=False):
        one_hot = tf.one_hot(labels, len(self.anchor_counts))
        hidden = self.hidden(noise, one_hot, training)
        samples = tf.zeros((tf.shape(noise)[0], self.num_features))
        for label in self.labels:
            weights = self.class_weights(hidden, label)
            weights *= tf.cast(labels == label, tf.float32)[:, None]
            samples += tf.matmul(weights, self.anchors[f"{label}"])
        return samples

    def grouped(self, noise, sizes, training=False):
        """Generates a batch whose rows are sorted by class.

        The same samples as a call with these labels, for the cost of each class's
        own anchors only.

        Args:
            noise: Float tensor `(sum(sizes), latent_dim)`.
            sizes: Rows of each class, in label order; Python integers.
            training: As in `call`.

        Returns:
            Float32 tensor `(sum(sizes), num_features)`.
        """
        one_hot = one_hot_of_sizes(sizes)
        hidden = self.hidden(noise, one_hot, training)
        labels = [label for label, size in enumerate(sizes) if size]
        parts = tf.split(hidden, [sizes[label] for label in labels])
        samples = [
            tf.matmul(self.class_weights(part, label), self.anchors[f"{label}"])
            for part, label in zip(parts, labels, strict=True)
        ]
        return samples[0] if len(samples) == 1 else tf.concat(samples, 0)

    def compute_output_shape(self, noise_shape, labels_shape=None):
        return (noise_shape[0], self.num_features)

    def get_config(self):
        config = super().get_config()
        config.update(
            trunk=keras.saving.serialize_keras_object(self.trunk),
            anchor_counts=self.anchor_counts,
            num_features=self.num_features,
            seed=self.seed,
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["trunk"] = keras.saving.deserialize_keras_object(config["trunk"])
        return cls(**config)


def one_hot_of_sizes(sizes):
    """One-hot rows `(sum(sizes), len(sizes))`, sorted by class, as a constant."""
    eye = np.eye(len(sizes), dtype="float32")
    return tf.constant(np.repeat(eye, sizes, axis=0))
