"""Images that have another size inside the model than in the data."""

import numpy as np
import tensorflow as tf


class ResizedImages:
    """Resizes images bilinearly on their way in, and undoes it on their way out.

    For an `OversamplingModel` with `decoder_shape`, the shape inside the model. Stands
    before it among the bases.
    """

    @property
    def resizes(self):
        return self.spec.is_image and self.decoder_shape != self.spec.shape

    def to_model(self, x):
        x = super().to_model(x)
        if self.resizes:
            x = tf.image.resize(x, self.decoder_shape[:2], "bilinear")
        return x

    def to_user(self, samples):
        if self.resizes:
            samples = undo_resize(samples, self.spec.shape[:2])
            # The inverse overshoots at edges sharper than resizing makes any.
            samples = tf.clip_by_value(samples, *self.model_range)
        return super().to_user(samples)


def undo_resize(images, size):
    """Returns the images of `size` that resizing makes most like `images`.

    An image that was enlarged comes back as it was, which resizing a second time
    would blur. Where an axis was made smaller, it is enlarged bilinearly.

    Args:
        images: Float32 tensor `(batch, height, width, channels)`.
        size: `(height, width)` before the resizing.

    Returns:
        Float32 tensor `(batch, *size, channels)`.
    """
    rows, columns = (
        tf.constant(_undo(before, now), tf.float32)
        for before, now in zip(size, images.shape[1:3], strict=True)
    )
    images = tf.einsum("ih,bhwc->biwc", rows, images)
    return tf.einsum("jw,biwc->bijc", columns, images)


def _undo(before, now):
    if now < before:
        return enlargement(now, before)
    # Well-conditioned: enlarging keeps at least .17 of any pattern up to side 64.
    return np.linalg.pinv(enlargement(before, now))


def enlargement(before, after):
    """The matrix `(after, before)` of `tf.image.resize`, bilinear, along one axis."""
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    # A hat around each pixel, one wide to either side.
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(before)))
