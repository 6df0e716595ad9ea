"""What CGAN, cDCGAN, ACGAN and CVAE share: data, labels, units, R- variants."""

import numpy as np
import tensorflow as tf

from kerasos.checks import checked
from kerasos.layers.diff_augment import augmented
from kerasos.methods.base import OversamplingModel

LATENT_DIM = 62


class ConditionalModel(OversamplingModel):
    """A model of samples given the label, for all classes at once.

    Images live in `model_range`. Table rows, whose columns have units of their own,
    are standardised column by column; what is generated is clipped to the value
    range of the data.

    A subclass sets `decoder_shape`; its `from_data` ends with `for_data`.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        noise_dim: Width of the noise behind one sample.
        model_range: `(low, high)` of the images inside the model.
        column_mean, column_scale: Lists of a float a column, or None for images.
        pre_oversample: The R- variants of Fajardo et al.: `fit` repeats random rows
            of the smaller classes until all have n_max; the samples are not copied in
            memory, and `oversample` still adds n_max - n_k. Default False.
        seed: Integer behind all noise of training.
        **kwargs: `name`.

    Raises:
        ValueError: If an option's value is unknown, out of range or does not fit the
            data; so in all subclasses.
    """

    @checked
    def __init__(
        self,
        *,
        spec,
        noise_dim,
        model_range=(0.0, 1.0),
        column_mean=None,
        column_scale=None,
        pre_oversample: bool = False,
        seed=None,
        **kwargs,
    ):
        super().__init__(spec=spec, noise_dim=noise_dim, seed=seed, **kwargs)
        low, high = model_range
        self.model_range = float(low), float(high)
        self.column_mean = column_mean
        self.column_scale = column_scale
        self.pre_oversample = bool(pre_oversample)

    @classmethod
    def for_data(cls, data, networks, *, d_augment=(), **settings):
        """Builds and compiles the model; what every `from_data` ends with.

        Args:
            data: `kerasos.methods.base.Data`.
            networks: Dict of the networks that the constructor takes.
            d_augment: How the images are changed that the discriminator sees, names
                out of `kerasos.layers.diff_augment.POLICY`.
            **settings: Other arguments of the constructor. Rows get the scales of
                their columns, unless `model_range` is among them.
        """
        if d_augment:
            name = "trunk" if "trunk" in networks else "discriminator"
            units = settings.get("model_range", (0.0, 1.0))
            judge = augmented(networks[name], d_augment, units, data.seed)
            networks = {**networks, name: judge}
        if "model_range" not in settings:
            settings = {**column_scales(data), **settings}
        model = cls(**networks, spec=data.spec, seed=data.seed, **settings)
        model.compile()
        return model

    # Units.

    def to_model(self, x):
        if self.column_mean is None:
            return super().to_model(x)
        return (tf.cast(x, tf.float32) - self.column_mean) / self.column_scale

    def to_user(self, samples):
        if self.column_mean is None:
            samples = tf.reshape(samples, (-1, *self.spec.shape))
            return super().to_user(samples)
        values = tf.cast(samples, tf.float32) * self.column_scale + self.column_mean
        values = tf.clip_by_value(values, *self.spec.value_range)
        dtype = tf.as_dtype(self.sample_dtype)
        return tf.cast(tf.round(values) if dtype.is_integer else values, dtype)

    # Training.

    def real_batch(self, data):
        """Samples as the networks take them, and one-hot labels."""
        x, y = data
        x = tf.reshape(self.to_model(x), (-1, *self.decoder_shape))
        return x, tf.one_hot(y, self.spec.num_classes)


def trainable(*networks):
    """Lists the trainable variables of networks, in this order."""
    return [v for network in networks for v in network.trainable_variables]


def column_scales(data):
    """Mean and deviation of each column of rows, as the constructor takes them.

    The deviation of a constant column is 1. Nothing for images.
    """
    if data.spec.is_image:
        return {}
    mean, scale = [], []
    for column in data.x.T:  # all at once would be the table in float64, twice
        mean.append(float(column.mean(dtype="float64")))
        deviation = float(column.std(dtype="float64"))
        scale.append(deviation if np.ptp(column) else 1.0)
    return {"column_mean": mean, "column_scale": scale}
