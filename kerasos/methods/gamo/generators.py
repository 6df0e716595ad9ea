"""The generators of GAMO: convex, conditional (the ablation cG), and two controls."""

import keras
import numpy as np
import tensorflow as tf

from kerasos.checks import Number, check
from kerasos.layers.float32_layer import NoiseLayer
from kerasos.layers.resting_weight import resting_weight


class Generator(NoiseLayer):
    """What the generators share: a copy in half precision would be no copy."""

    def compute_output_shape(self, noise_shape, labels_shape=None):
        return (noise_shape[0], self.num_features)


@keras.saving.register_keras_serializable(package="kerasos")
class ConvexGenerator(Generator):
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
        anchor_share: Ours, off (0) by default. Share in [0, 1) of one real point
            of the class, drawn uniformly for each sample, in the convex weights:
            `share * onehot(j) + (1 - share) * softmax(...)`. The trained softmax
            is nearly one-hot and uses few anchors; this keeps every sample
            between two of them, and every anchor in use.
        seed: Integer seed of the kernels.

    Call arguments:
        noise: Float tensor `(batch, latent_dim)`, standard normal; one column
            more than the trunk takes when `anchor_share` is on, which draws j.
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

    def __init__(
        self, trunk, anchor_counts, num_features, anchor_share=0.0, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        check("anchor_share", anchor_share, Number(0, below=1))
        self.trunk = trunk
        self.anchor_counts = tuple(int(count) for count in anchor_counts)
        self.num_features = int(num_features)
        self.anchor_share = float(anchor_share)
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
            self.anchors[f"{label}"] = resting_weight(
                self, f"anchors_{label}", (count, self.num_features)
            )
        self.build((None, self.latent_dim), (None,))

    @property
    def latent_dim(self):
        return self.trunk.input_shape[0][-1] + (1 if self.anchor_share else 0)

    def set_anchors(self, label, points):
        """Puts the real points of class `label`, `(anchors, num_features)`."""
        self.anchors[f"{label}"].assign(points)

    def get_anchors(self, label):
        """Returns the real points of class `label` as a tensor."""
        return tf.convert_to_tensor(self.anchors[f"{label}"])

    def class_variables(self, label):
        """Variables that a step on class `label` moves: the trunk and its unit."""
        unit = [self.kernels[f"{label}"], self.biases[f"{label}"]]
        return self.trunk.trainable_variables + unit

    def sample_weights(self, noise, label):
        """Convex weights `(batch, anchors)` behind samples of class `label`."""
        sizes = [0] * len(self.anchor_counts)
        sizes[label] = len(noise)
        hidden, place = self._hidden(noise, one_hot_of_sizes(sizes))
        return self._class_weights(hidden, place, label)

    def _hidden(self, noise, one_hot, training=False):
        """The trunk's output, and the noise that draws each sample's anchor."""
        noise, place = tf.convert_to_tensor(noise), None
        if self.anchor_share:
            noise, place = noise[:, :-1], noise[:, -1]
        # Softmax and sums need float32 under any precision policy.
        hidden = self.trunk([noise, one_hot], training=training)
        return tf.cast(hidden, tf.float32), place

    def _class_weights(self, hidden, place, label):
        logits = tf.matmul(hidden, self.kernels[f"{label}"]) + self.biases[f"{label}"]
        weights = tf.nn.softmax(logits)
        if place is None:
            return weights
        # The normal's own distribution function makes a uniform of the noise.
        uniform = 0.5 * (1.0 + tf.math.erf(place / tf.sqrt(2.0)))
        count = self.anchor_counts[label]
        index = tf.minimum(tf.cast(uniform * count, tf.int32), count - 1)
        drawn = tf.one_hot(index, count)
        return self.anchor_share * drawn + (1.0 - self.anchor_share) * weights

    def call(self, noise, labels, training=False):
        one_hot = tf.one_hot(labels, len(self.anchor_counts))
        hidden, place = self._hidden(noise, one_hot, training)
        samples = tf.zeros((tf.shape(noise)[0], self.num_features))
        for label in self.labels:
            weights = self._class_weights(hidden, place, label)
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
        hidden, place = self._hidden(noise, one_hot_of_sizes(sizes), training)
        samples, start = [], 0
        for label, size in enumerate(sizes):
            if size:
                rows = slice(start, start + size)
                weights = self._class_weights(
                    hidden[rows], None if place is None else place[rows], label
                )
                samples.append(tf.matmul(weights, self.anchors[f"{label}"]))
                start += size
        return samples[0] if len(samples) == 1 else tf.concat(samples, 0)


@keras.saving.register_keras_serializable(package="kerasos")
class ConditionalGenerator(Generator):
    """The ablation cG, without convexity: one network for all classes.

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
        super().__init__(**kwargs)
        self.network = network
        self.labels = [int(label) for label in labels]
        self.build((None, self.latent_dim), (None,))

    @property
    def latent_dim(self):
        return self.network.input_shape[0][-1]

    @property
    def num_features(self):
        return self.network.output_shape[-1]

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


@keras.saving.register_keras_serializable(package="kerasos")
class RandomCombination(Generator):
    """A control that does not learn: a random real point, or pair, of one class.

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
        super().__init__(**kwargs)
        if points not in (1, 2):
            raise ValueError(f"`points` must be 1 or 2. Received: points={points}.")
        self.anchor_counts = tuple(int(count) for count in anchor_counts)
        self.num_features = int(num_features)
        self.points = points
        self.labels = [k for k, count in enumerate(self.anchor_counts) if count]
        shape = (sum(self.anchor_counts), self.num_features)
        self.bank = resting_weight(self, "anchors", shape)
        self.build((None, self.latent_dim), (None,))

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


def one_hot_of_sizes(sizes):
    """One-hot rows `(sum(sizes), len(sizes))`, sorted by class, as a constant."""
    eye = np.eye(len(sizes), dtype="float32")
    return tf.constant(np.repeat(eye, sizes, axis=0))
