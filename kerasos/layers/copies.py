"""Generators with nothing to learn: the controls that GAMO must beat."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kerasos")
class RandomCombination(keras.layers.Layer):
    """Copies a random real point, or mixes a random pair of one class.

    Under GAMO's schedule it is random oversampling batch by batch, so it tells what
    training the generator adds. With `points=2` a sample lies at a uniform place on
    the segment between two points of its class drawn at random.

    Args:
        anchor_counts: As in `ConvexGenerator`.
        num_features: Width of a sample.
        points: 1 for copies, 2 for pairs.

    Call arguments:
        noise: Float tensor `(batch, 3)`, standard normal; it decides the draw.
        labels: Integer tensor `(batch,)`.
        training: Ignored.

    Returns:
        Float32 tensor `(batch, num_features)`.
    """

    latent_dim = 3

    def __init__(self, anchor_counts, num_features, points=1, **kwargs):
        # A copy in half precision would be no copy.
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if points not in (1, 2):
            raise ValueError(f"`points` must be 1 or 2. Received: points={points}.")
        self.anchor_counts = tuple(int(count) for count in anchor_counts)
        self.num_features = int(num_features)
        self.points = points
        self.labels = [k for k, count in enumerate(self.anchor_counts) if count]
        self.bank = self.add_weight(
            shape=(sum(self.anchor_counts), self.num_features),
            initializer="zeros",
            trainable=False,
            name="anchors",
        )
        self.built = True

    def set_anchors(self, label, points):
        """Puts the real points of class `label`, `(anchors, num_features)`."""
        first = sum(self.anchor_counts[:label])
        bank = self.bank.numpy()
        bank[first : first + self.anchor_counts[label]] = points
        self.bank.assign(bank)

    def get_anchors(self, label):
        """Returns the real points of class `label` as a tensor."""
        first = sum(self.anchor_counts[:label])
        return self.bank[first : first + self.anchor_counts[label]]

    def class_variables(self, label):
        """Nothing is trained."""
        del label
        return []

    def call(self, noise, labels, training=False):
        del training
        counts = tf.constant(self.anchor_counts, tf.int32)
        count = tf.gather(counts, labels)
        first = tf.gather(tf.cumsum(counts, exclusive=True), labels)
        # The normal's own distribution function makes uniforms of the noise.
        uniform = 0.5 * (1.0 + tf.math.erf(noise / tf.sqrt(2.0)))

        def draw(column):
            place = uniform[:, column] * tf.cast(count, tf.float32)
            index = first + tf.minimum(tf.cast(place, tf.int32), count - 1)
            return tf.gather(tf.convert_to_tensor(self.bank), index)

        if self.points == 1:
            return draw(0)
        share = uniform[:, 2:3]
        return share * draw(0) + (1.0 - share) * draw(1)

    def grouped(self, noise, sizes, training=False):
        """Generates a batch whose rows are sorted by class; see ConvexGenerator."""
        labels = [label for label, size in enumerate(sizes) for _ in range(size)]
        return self.call(noise, tf.constant(labels, tf.int32), training)

    def compute_output_shape(self, noise_shape, labels_shape=None):
        return (noise_shape[0], self.num_features)

    def get_config(self):
        config = super().get_config()
        config.update(
            anchor_counts=self.anchor_counts,
            num_features=self.num_features,
            points=self.points,
        )
        return config
