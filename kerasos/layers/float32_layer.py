"""The base of layers whose weights or sums mean nothing in half precision."""

import inspect

import keras


class Float32Layer(keras.layers.Layer):
    """A layer in float32 under any policy, whose config is its constructor's arguments.

    Each argument but `**kwargs`, the last, is an attribute of its name; networks among
    them are saved with it.

    Attributes:
        rests: Whether none of its weights is ever trained.
    """

    rests = False

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")
        if self.rests:
            kwargs["trainable"] = False
        super().__init__(**kwargs)

    def get_config(self):
        config = super().get_config()
        for name in list(inspect.signature(type(self).__init__).parameters)[1:-1]:
            value = getattr(self, name)
            if isinstance(value, keras.Model):
                value = keras.saving.serialize_keras_object(value)
            config[name] = value
        return config

    @classmethod
    def from_config(cls, config):
        networks = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
            if isinstance(value, dict) and name != "dtype"
        }
        return super().from_config({**config, **networks})


class NoiseLayer(Float32Layer):
    """A layer from noise `(batch, noise_dim)` and labels `(batch,)` to rows.

    A constructor ends with `self.build((None, noise_dim), (None,))`, so that Keras's
    `summary` knows the shapes.

    Attributes:
        width: Columns of the rows.
    """

    def build(self, noise_shape, labels_shape):
        """Makes nothing: the constructor has made all weights."""

    def compute_output_shape(self, noise_shape, labels_shape=None):
        return (noise_shape[0], self.width)
