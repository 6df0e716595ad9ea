"""Shift, turn, zoom and mirror a batch of images in a single interpolation."""

import math

import tensorflow as tf


@tf.function(jit_compile=True, autograph=False)
def affine_images(images, uniforms, shift, rotation, zoom, flip):
    """Returns images moved at random, one bilinear interpolation each.

    With c the centre of the image, an output pixel p shows the input at

        c + t + R(a) s (p - c),    t in +-shift of the height and of the width,
                                   a in +-rotation, s in 1 +- zoom, all uniform,

    and half of the images are mirrored first if `flip` is true. These are Keras's
    `RandomFlip`, `RandomTranslation`, `RandomRotation` and `RandomZoom` one after
    the other, with edges repeated outwards, but interpolated once, not three times.
    It is compiled with XLA; inside a graph compiled with XLA it is part of that.

    Args:
        images: Float tensor `(batch, height, width, channels)`.
        uniforms: Float tensor `(batch, 5)` in [0, 1): what decides the shift down,
            the shift right, the angle, the size and the mirroring.
        shift: Float, the largest shift as a fraction of height and of width.
        rotation: Float, the largest angle in degrees.
        zoom: Float, the largest change of size.
        flip: Boolean, whether to mirror left and right.

    Returns:
        Tensor like `images`.
    """
    batch, (height, width, channels) = tf.shape(images)[0], images.shape[1:]
    signed = 2.0 * tf.cast(uniforms, tf.float32)[:, :, None, None] - 1.0
    down, right = shift * height * signed[:, 0], shift * width * signed[:, 1]
    angle = math.radians(rotation) * signed[:, 2]
    size = 1.0 + zoom * signed[:, 3]
    cosine, sine = size * tf.cos(angle), size * tf.sin(angle)
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y = tf.range(height, dtype=tf.float32)[None, :, None] - middle_y
    x = tf.range(width, dtype=tf.float32)[None, None, :] - middle_x
    from_y = middle_y + down + sine * x + cosine * y
    from_x = middle_x + right + cosine * x - sine * y
    from_y = tf.clip_by_value(from_y, 0.0, height - 1.0)
    from_x = tf.clip_by_value(from_x, 0.0, width - 1.0)
    if flip:
        mirrored = signed[:, 4] < 0.0
        from_x = tf.where(mirrored, width - 1.0 - from_x, from_x)

    top, left = tf.floor(from_y), tf.floor(from_x)
    below, beside = (from_y - top)[..., None], (from_x - left)[..., None]
    top, left = tf.cast(top, tf.int32), tf.cast(left, tf.int32)
    bottom = tf.minimum(top + 1, height - 1)
    far = tf.minimum(left + 1, width - 1)
    flat = tf.reshape(images, [batch, height * width, channels])

    def pixel(row, column):
        place = tf.reshape(row * width + column, [batch, height * width])
        values = tf.gather(flat, place, batch_dims=1)
        values = tf.reshape(values, [batch, height, width, channels])
        return tf.cast(values, tf.float32)

    upper = pixel(top, left) * (1 - beside) + pixel(top, far) * beside
    lower = pixel(bottom, left) * (1 - beside) + pixel(bottom, far) * beside
    return tf.cast(upper * (1 - below) + lower * below, images.dtype)
