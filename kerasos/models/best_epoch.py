"""Keeps the weights of the epoch with the lowest training loss."""

import math

import keras
import numpy as np


class BestEpoch:
    """Copies weights at the end of an epoch that was the best of its run so far.

    For an `OversamplingModel` that calls `add_best_weights` in its constructor and
    `note_loss` in each step. A run begins at epoch 0; one that goes on later, from a
    saved model or a backup, goes on comparing. All of it is saved with the model.
    """

    best_of = None

    def add_best_weights(self, weights):
        """Makes room for copies of the float32 `weights`, and what compares epochs."""

        def scalar(name, dtype="float32", **kwargs):
            return self.add_weight(
                shape=(), dtype=dtype, trainable=False, name=name, **kwargs
            )

        self.best_of = list(weights)
        self.has_best = self._counter("has_best")
        self.best_loss = scalar("best_loss", initializer="zeros")
        # The mean over replicas is the loss of the whole batch.
        self.epoch_loss = scalar("epoch_loss", initializer="zeros", aggregation="mean")
        self.epoch_steps = self._counter("epoch_steps")
        size = sum(math.prod(weight.shape) for weight in self.best_of)
        self.best_weights = self.add_weight(
            shape=(size,), initializer="zeros", trainable=False, name="best_weights"
        )

    def note_loss(self, loss):
        """Adds the loss of a training step to that of its epoch."""
        self.epoch_loss.assign_add(loss)
        self.epoch_steps.assign_add(1)

    def on_epoch_start(self, epoch):
        super().on_epoch_start(epoch)
        if self.best_of is None:
            return
        self.close_epoch()
        if epoch == 0:
            with self.distribute_strategy.scope():
                self.has_best.assign(0)

    def close_epoch(self):
        """Compares the epoch that has ended, and copies its weights if it is best."""
        steps = _number(self.epoch_steps)
        if not steps:
            return
        loss = _number(self.epoch_loss) / steps
        with self.distribute_strategy.scope():
            if not _number(self.has_best) or loss < _number(self.best_loss):
                self.has_best.assign(1)
                self.best_loss.assign(loss)
                parts = [keras.ops.convert_to_numpy(weight) for weight in self.best_of]
                self.best_weights.assign(np.concatenate([p.ravel() for p in parts]))
            self.epoch_loss.assign(0.0)
            self.epoch_steps.assign(0)

    def restore_best(self):
        """Puts the weights of the best epoch back; `fit` does so at its end."""
        self.close_epoch()
        if not _number(self.has_best):
            return
        values, first = keras.ops.convert_to_numpy(self.best_weights), 0
        with self.distribute_strategy.scope():
            for weight in self.best_of:
                end = first + math.prod(weight.shape)
                weight.assign(values[first:end].reshape(weight.shape))
                first = end


def _number(variable):
    return keras.ops.convert_to_numpy(variable).item()
