"""Adam in one operation a variable."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasos")
class Adam(keras.optimizers.Adam):
    """Keras's Adam, whose update of a variable is one operation of TensorFlow's.

    Keras writes an update as some twenty operations. A step of many players and
    layers is mostly those, and they are what tracing and compiling it takes. The
    equations are the same, so results differ by rounding alone. `amsgrad` and
    gradients of embeddings, which the operation does not know, go Keras's way.

    Args:
        **kwargs: Those of `keras.optimizers.Adam`; with `weight_decay` it is AdamW.

    Source: Kingma and Ba. Adam: a method for stochastic optimization. ICLR 2015,
    the order of computation at the end of section 2.
    """

    def apply(self, grads, trainable_variables=None):
        self._factors = (None, None)
        super().apply(grads, trainable_variables)
        self._factors = (None, None)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            grad=tf.cast(gradient, variable.dtype),
            **self._factors_for(variable, learning_rate),
        )

    def _factors_for(self, variable, learning_rate):
        """The numbers that all variables of an `apply` share, computed once.

        Once for each device, so that no replica waits for another, and each branch
        of a condition, which is a graph of its own.
        """
        graph = tf.compat.v1.get_default_graph()
        place = (graph, variable.handle.device, variable.dtype)
        if self._factors[0] != place:
            step = tf.cast(self.iterations + 1, variable.dtype)
            beta_1, beta_2, epsilon, rate = (
                tf.cast(value, variable.dtype)
                for value in (self.beta_1, self.beta_2, self.epsilon, learning_rate)
            )
            factors = {
                "beta1_power": tf.pow(beta_1, step),
                "beta2_power": tf.pow(beta_2, step),
                "lr": rate,
                "beta1": beta_1,
                "beta2": beta_2,
                "epsilon": epsilon,
            }
            self._factors = (place, factors)
        return self._factors[1]
