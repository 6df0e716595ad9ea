"""Augmentation on the fly: every batch sees its images moved another way."""

from typing import Any

import keras
import tensorflow as tf

from kerasos.checks import check, check_options
from kerasos.networks.affine_images import affine_images
from kerasos.over_sampling.baselines import AugmentOversampler
from kerasos.randomness.counted_layers import CountedNoise


def augmented(model: keras.Model, seed: int = 0, **options: Any) -> keras.Model:
    """Puts random shifts, rotations and zooms before a model, in training only.

    The options, their defaults and their meaning are those of the method
    `augment` (`kerasos.over_sampling.AugmentOversampler`). Inference is that of
    `model`, to the bit; the weights are shared with it.

    Args:
        model: Keras model with one input, images `(height, width, channels)` in any
            units: a classifier of this package or a network. Integer images stay
            integers.
        seed: Integer, decides the draws.
        **options: `shift`, `rotation`, `zoom`, `flip`.

    Returns:
        A `keras.Model` from the same input to the same output, compiled like
        `model` (with a fresh optimizer) if that is compiled.

    Raises:
        TypeError: If an option is unknown.
        ValueError: If the input is no image or an option has a bad value.

    Example:

    ```python
    classifier = augmented(strong_cnn(spec, seed=0), seed=0, rotation=10)
    classifier.fit(x, y, batch_size=32, epochs=5)
    ```
    """
    moves = {n: AugmentOversampler.options[n] for n in AugmentOversampler.moves}
    check_options(options, moves, "augmented")
    settings = {}
    for name, default, kind in moves.values():
        settings[name] = options.get(name, default)
        check(name, settings[name], kind, default)
    (raw,), (output,) = model.inputs, model.outputs
    shape = tuple(raw.shape[1:])
    if len(shape) != 3:
        raise ValueError(
            "`augmented` moves images (height, width, channels). Received: a model of "
            f"inputs of shape {shape}. Train it as it is."
        )
    images = keras.Input(shape, dtype=raw.dtype)
    moved = RandomAffine(**settings, seed=seed)(images)
    # The same layers without the optimizer, which would be saved beside the new one.
    network = keras.Model(raw, output, name=model.name)
    result = keras.Model(images, network(moved), name=f"augmented_{model.name}")
    if model.compiled:
        result.compile_from_config(model.get_compile_config())
    return result


@keras.saving.register_keras_serializable(package="kerasos")
class RandomAffine(CountedNoise):
    """Moves every image at random in training, see `affine_images`.

    Args:
        shift: Float, the largest shift as a fraction of height and of width.
        rotation: Float, the largest angle in degrees.
        zoom: Float, the largest change of size.
        flip: Boolean, whether to mirror left and right.
        seed: Integer.

    Call arguments:
        images: Tensor `(batch, height, width, channels)`, floats or integers, which
            are rounded.
        training: Boolean; without it the images are returned as they are.
    """

    def __init__(self, shift, rotation, zoom, flip, seed=0, **kwargs):
        kwargs.setdefault("autocast", False)  # half precision would blur uint8
        super().__init__(seed, **kwargs)
        self.settings = {
            "shift": float(shift),
            "rotation": float(rotation),
            "zoom": float(zoom),
            "flip": bool(flip),
        }

    def call(self, images, training=False):
        if not training:
            return images
        uniforms = self.next_uniform((tf.shape(images)[0], 5))
        if images.dtype.is_floating:
            return affine_images(images, uniforms, **self.settings)
        moved = affine_images(tf.cast(images, tf.float32), uniforms, **self.settings)
        # A mean of pixels lies between them: nothing to clip.
        return tf.cast(tf.round(moved), images.dtype)

    def get_config(self):
        return {**super().get_config(), **self.settings}
