"""A backup of training that a kill at any moment leaves whole."""

import os
import pathlib
import re
import tempfile
import time
from typing import Any

import keras
import tensorflow as tf

from kerasos.annotations import PathLike
from kerasos.checks import NonNegative, checked
from kerasos.workers import has_workers, is_chief

_NAME = re.compile(r"epoch_(\d+)\.weights\.h5")


class AtomicBackup(keras.callbacks.Callback):
    """Saves the training state at ends of epochs; `fit` goes on from the newest one.

    Like `keras.callbacks.BackupAndRestore`, which writes weights and epoch number one
    after the other into fixed files: a kill in between repeats or loses an epoch, a
    kill within leaves a file that cannot be read. Here a state is one file with the
    epoch in its name, written beside the old one and then renamed.

    Every method of kerasos, and every model without randomness of its own, ends a
    resumed run on `kerasos.data.batches` with the weights of an unbroken one, bit for
    bit on a CPU. Put it after the callbacks that write results of the epoch, e.g.
    `EvaluationCSV`: these drop the rows of epochs that are trained again.

    Under `tf.distribute.MultiWorkerMirroredStrategy` the first worker writes for all,
    into a folder that all of them read.

    Args:
        directory: Folder for the backups; it stays after training.
        seconds: Float, least time between two backups. The last epoch is always
            saved. Default 0: every epoch.
        data: The dataset of `kerasos.data.batches` that a plain Keras model is
            trained on, so that an epoch has its batches in any run. The methods of
            kerasos see to that themselves.

    Example:

    >>> model.fit(batches, epochs=80, callbacks=[AtomicBackup("backup")])
    """

    @checked
    def __init__(
        self, directory: PathLike, seconds: NonNegative = 0.0, data: Any = None
    ) -> None:
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.seconds = float(seconds)
        self.data = data

    def on_train_begin(self, logs=None):
        self._saved_at = time.monotonic()
        found = self._backups()
        if found:
            epoch, path = found[-1]
            optimizer = self.model.optimizer
            if optimizer is not None and not optimizer.built:
                # A plain model builds it in its first step: too late for its state.
                optimizer.build(self.model.trainable_variables)
            self.model.load_weights(path)
            self.model._initial_epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if self.data is not None:
            self.data.kerasos_epoch.assign(epoch)

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs")
        if not last and self._seconds_ago() < self.seconds:
            return
        if not is_chief(self.model.distribute_strategy):
            # Reading some variables takes all workers.
            with tempfile.TemporaryDirectory() as folder:
                self.model.save_weights(os.path.join(folder, "draft.weights.h5"))
            self._saved_at = time.monotonic()
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        old = [path for _, path in self._backups()]
        new = self.directory / f"epoch_{epoch + 1:06d}.weights.h5"
        draft = self.directory / f"draft_{os.getpid()}.weights.h5"
        self.model.save_weights(draft, overwrite=True)
        os.replace(draft, new)
        for path in old:
            if path != new:
                path.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def on_train_end(self, logs=None):
        # Keras would start the next `fit` there, too.
        self.model._initial_epoch = None

    def _seconds_ago(self):
        """Seconds since the last backup; all workers get the same number."""
        own = time.monotonic() - self._saved_at
        strategy = self.model.distribute_strategy
        if not has_workers(strategy):
            return own
        each = strategy.run(lambda: tf.constant(own, tf.float32))
        return float(strategy.reduce("MEAN", each, axis=None))

    def _backups(self):
        """Returns `(epoch, path)` of the whole backups, ascending."""
        if not self.directory.is_dir():
            return []
        matches = [(_NAME.fullmatch(p.name), p) for p in self.directory.iterdir()]
        return sorted((int(match[1]), path) for match, path in matches if match)
