"""Pictures of generated samples beside real ones."""

import os

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos import plots
from kerasos.annotations import PathLike
from kerasos.checks import Count, Seed, checked


class SampleGrid(keras.callbacks.Callback):
    """Draws real images beside generated ones at the end of epochs.

    The same real images and the same noise every time, so that a series of
    pictures shows the training and nothing else.

    Args:
        x: Array `(n, height, width, channels)`, real images, the user's units.
        y: Integer array `(n,)`.
        path: File to write; `{epoch}` in it becomes the number of finished
            epochs, e.g. `"pictures/{epoch:03d}.png"`. Without it the file is
            overwritten.
        every: Integer, draw after each `every` epochs. Default 1.
        per_class: Integer, images per class and side. Default 8.
        seed: Integer, picks the real images and the noise. Default 0.
        log_dir: Folder for TensorBoard; the picture then also appears there, at
            the same step as Keras' epoch metrics. Writing needs no package
            beyond TensorFlow; looking needs `pip install kerasos[tensorboard]`.

    Raises:
        ValueError: At the start of `fit`, if the samples are no images.

    Example:

    ```python
    model.fit(batches, callbacks=[SampleGrid(x, y, "pictures/{epoch:03d}.png")])
    ```
    """

    @checked
    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        path: PathLike,
        every: Count = 1,
        per_class: Count = 8,
        seed: Seed = 0,
        log_dir: PathLike | None = None,
    ) -> None:
        super().__init__()
        self.x, self.y = np.asarray(x), np.asarray(y)
        self.path = _check_pattern(path)
        self.every, self.per_class, self.seed = every, per_class, seed
        self.log_dir = log_dir
        self.writer = None

    def on_train_begin(self, logs=None):
        plots.check_drawable(self.model, self.x)
        if self.log_dir is not None:
            self.writer = tf.summary.create_file_writer(os.fspath(self.log_dir))

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        path = plots.real_and_generated(
            self.x,
            self.y,
            self.model,
            self.path.format(epoch=epoch + 1),
            self.per_class,
            self.seed,
            title=f"{self.model.method_name}, epoch {epoch + 1}",
        )
        if self.writer is not None:
            with self.writer.as_default():
                _write_image_summary("samples", path.read_bytes(), epoch)
            self.writer.flush()

    def on_train_end(self, logs=None):
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _check_pattern(path):
    path = os.fspath(path)
    try:
        path.format(epoch=1)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            "`path` may hold `{epoch}` and no other field, e.g. "
            f"'pictures/{{epoch:03d}}.png'. Received: {path!r}. Write a brace "
            "that belongs to the name twice."
        ) from error
    return path


def _write_image_summary(name, png, step):
    """`tf.summary.image` of an encoded PNG; that one needs tensorboard to run."""
    height, width = tf.io.decode_png(png).shape[:2]
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="images")
    )
    values = tf.constant([str(width).encode(), str(height).encode(), png])
    tf.summary.write(name, values, step=step, metadata=metadata)
