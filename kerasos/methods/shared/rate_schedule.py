"""Learning rates that fall at the starts of epochs, whatever the optimizer."""

import keras

from kerasos.layers.resting_weight import resting_weight


class RateSchedule:
    """Multiplies the learning rates of all players of a model by a factor.

    Rates that a callback changes are changed on from there; an optimizer with a
    `LearningRateSchedule` of its own keeps it. The present factor is saved with the
    model.

    Args:
        model: The `OversamplingModel`; its `compile` ends with `restart()`, and its
            `on_epoch_start` calls `change_to(factor)`.
    """

    def __init__(self, model):
        self.model = model
        self.factor = resting_weight(model, "rate_factor", initializer="ones")

    def restart(self):
        """Says that the optimizers are new and have their full rates."""
        self.factor.assign(1.0)

    def change_to(self, factor):
        """Brings the rates from the present factor to `factor`, a float above 0."""
        change = factor / keras.ops.convert_to_numpy(self.factor).item()
        if change == 1.0:
            return
        with self.model.distribute_strategy.scope():
            for name in self.model.player_variables():
                optimizer = getattr(self.model, name)
                inner = getattr(optimizer, "inner_optimizer", optimizer)
                if isinstance(inner._learning_rate, keras.Variable):
                    rate = keras.ops.convert_to_numpy(inner.learning_rate).item()
                    inner.learning_rate = rate * change
            self.factor.assign(factor)
