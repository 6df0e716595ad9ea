"""Runs that break off, and whether another one ended in the same state."""

import shutil

import keras
import numpy as np


class Crash(keras.callbacks.Callback):
    """Dies at the end of an epoch, before callbacks that come after it in the list.

    With `batch`, after that batch of the epoch.
    """

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch and self.batch is None:
            raise KeyboardInterrupt


class CopyBackup(keras.callbacks.Callback):
    """Keeps a backup as runs that a kill ends after a batch would leave it.

    Args:
        backup: Folder of `keras.callbacks.BackupAndRestore`.
        copies: `{(epoch, batch): folder to make}`.
    """

    def __init__(self, backup, copies):
        super().__init__()
        self.backup, self.copies = backup, copies

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) in self.copies:
            shutil.copytree(self.backup, self.copies[self.now, batch])


def state(model):
    """Everything that training changes, except the means shown in the log."""
    shown = {id(v) for metric in model.metrics for v in metric.variables}
    found = {
        f"{i} {v.path}": v.numpy()
        for i, v in enumerate(model.variables)
        if id(v) not in shown
    }
    for name in model.player_variables():
        for i, v in enumerate(getattr(model, name).variables):
            found[f"{name} {i} {v.path}"] = v.numpy()
    return found


def assert_same_state(left, right):
    """Bit by bit. Paths hold names that Keras counts up, so order decides."""
    assert len(left) == len(right)
    for (path, a), b in zip(left.items(), right.values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=path, strict=True)
