"""Learning rates that fall at the starts of epochs, whatever the optimizer."""

import keras


class RateSchedule:
    """Multiplies the learning rates of all players by a factor, epoch by epoch.

    For an `OversamplingModel` that calls `add_rate_factor` in its constructor and
    defines `rate_factor(epoch)`. Rates that a callback changes are changed on from
    there; an optimizer with a `LearningRateSchedule` of its own keeps it. The present
    factor is saved with the model.
    """

    def add_rate_factor(self):
        self.current_factor = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="rate_factor"
        )

    def rate_factor(self, epoch):
        """Returns the factor on the rates of `compile` in `epoch`."""
        raise NotImplementedError

    def compile_players(self, optimizers, **kwargs):
        super().compile_players(optimizers, **kwargs)
        self.current_factor.assign(1.0)  # new optimizers have their full rates

    def on_epoch_start(self, epoch):
        super().on_epoch_start(epoch)
        factor = self.rate_factor(epoch)
        change = factor / keras.ops.convert_to_numpy(self.current_factor).item()
        if change == 1.0:
            return
        with self.distribute_strategy.scope():
            for name in self._players:
                optimizer = getattr(self, name)
                inner = getattr(optimizer, "inner_optimizer", optimizer)
                if isinstance(inner._learning_rate, keras.Variable):
                    rate = keras.ops.convert_to_numpy(inner.learning_rate).item()
                    inner.learning_rate = rate * change
            self.current_factor.assign(factor)
