"""What CGAN, cDCGAN, ACGAN and CVAE share: data, labels, units, R- variants."""

import math

import numpy as np
import tensorflow as tf

from kerasos.data.spec import DataSpec, as_arrays
from kerasos.models.base import OversamplingModel
from kerasos.networks.shifted import shifted
from kerasos.seeds import fresh_seed
from kerasos.suggest import check_number, check_options

LATENT_DIM = 62
LARGE_KERNEL = 2**20
# Options of `from_data` that every conditional model takes.
OPTIONS = ("latent_dim", "pre_oversample", "value_range", "label_names")


class ConditionalModel(OversamplingModel):
    """A model of samples given the label, for all classes at once.

    Images live in `model_range`. Table rows, whose columns have units of their own,
    are standardised column by column; what is generated is clipped to the value
    range of the data.

    A subclass sets `decoder_shape` and the class attribute `options`, and provides
    `build_networks`.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        noise_dim: Width of the noise behind one sample.
        model_range: `(low, high)` of the images inside the model.
        column_mean, column_scale: Lists of a float a column, or None for images.
        pre_oversample: The R- variants: train on random copies; see `fit`.
        seed: Integer behind all noise of training.
        **kwargs: `name`.
    """

    options = OPTIONS

    def __init__(
        self,
        *,
        spec,
        noise_dim,
        model_range=(0.0, 1.0),
        column_mean=None,
        column_scale=None,
        pre_oversample=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(spec=spec, noise_dim=noise_dim, seed=seed, **kwargs)
        self.model_range = tuple(float(bound) for bound in model_range)
        self.column_mean = column_mean
        self.column_scale = column_scale
        self.pre_oversample = bool(pre_oversample)

    @classmethod
    def from_data(cls, x, y=None, *, seed=None, **options):
        """Builds and compiles the model for a data set, with the paper's settings.

        Args:
            x: Images `(n, height, width, channels)` or rows `(n, num_features)`,
                or a `tf.data.Dataset` of `(x, y)`, which is read once.
            y: Integer labels `0..num_classes - 1`.
            seed: Integer behind weights and noise.
            **options: See the class; and:
                value_range: `(low, high)` of the data where it cannot be seen.
                label_names: Names of the classes.

        Returns:
            A compiled model.

        Raises:
            TypeError: If an option is unknown.
            ValueError: If the data are not fit to train on, or an option's value
                cannot be used.
        """
        check_options(options, cls.options, f"{cls.__name__}.from_data")
        seed = fresh_seed() if seed is None else int(seed)
        x, y = as_arrays(x, y)
        spec = DataSpec.of(
            x, y, options.pop("value_range", None), options.pop("label_names", None)
        )
        check_number("d_shift", options.get("d_shift", 0.0), most=0.5)
        networks, settings = cls.build_networks(spec, seed, options)
        share = options.pop("d_shift", 0.0)
        if share:
            name = "trunk" if "trunk" in networks else "discriminator"
            networks[name] = shifted(networks[name], share, seed)
        if not (spec.is_image or "model_range" in settings):
            settings["column_mean"], settings["column_scale"] = standardization(x)
            settings.update(cls.settings_of_rows(x))
        networks.update(cls.learn_parts(x, y, spec, seed, networks, settings, options))
        model = cls(**networks, spec=spec, seed=seed, **{**settings, **options})
        model.keep_from(x, y)
        model.compile()
        return model

    def keep_from(self, x, y):
        """Called by `from_data` with the arrays, for models that keep some of them."""

    @classmethod
    def build_networks(cls, spec, seed, options):
        """Takes its own entries out of `options`; returns networks and settings."""
        raise NotImplementedError

    @classmethod
    def learn_parts(cls, x, y, spec, seed, parts, settings, options):
        """Returns further arguments of the constructor, learnt from the data.

        Args:
            x, y, spec, seed: The data.
            parts, settings: What `build_networks` returned.
            options: Those left; it takes its own entries out.
        """
        del x, y, spec, seed, parts, settings, options
        return {}

    @classmethod
    def settings_of_rows(cls, x):
        """Returns further arguments of the constructor that depend on the rows."""
        del x
        return {}

    @property
    def prefers_jit(self):
        # Measured at 28x28, batches of 64, two cores: XLA takes 12 to 18 % off the
        # processor time of a step, all of it in Adam's passes over large dense
        # kernels. It adds 12 % where convolutions have the weights, and changes
        # nothing for small networks.
        sizes = [math.prod(v.shape) for v in self.trainable_variables if v.ndim == 2]
        return max(sizes, default=0) >= LARGE_KERNEL

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

    def get_config(self):
        config = super().get_config()
        del config["noise_dim"]
        config.update(
            model_range=list(self.model_range),
            column_mean=self.column_mean and list(self.column_mean),
            column_scale=self.column_scale and list(self.column_scale),
            pre_oversample=self.pre_oversample,
        )
        return config


def standardization(x):
    """Mean and standard deviation of each column, 1 where it is constant."""
    mean, scale = x.mean(axis=0, dtype="float64"), x.std(axis=0, dtype="float64")
    constant = np.ptp(x, axis=0) == 0
    return mean.tolist(), np.where(constant, 1.0, scale).tolist()


def latent_dim_of(options, default=LATENT_DIM):
    value = options.pop("latent_dim", default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"`latent_dim` must be a positive integer. Received: {value!r}."
        )
    return value
