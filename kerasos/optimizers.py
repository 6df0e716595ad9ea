"""Adam in one operation a variable."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasos")
class Adam(keras.optimizers.Adam):
    """Keras's Adam, whose update of a variable is one operation of TensorFlow's.

    Keras writes an update as some fifteen operations. A step of many players and
    layers is mostly those, and they are what tracing and compiling it takes. The
    equations are the same, so results differ by rounding alone. `amsgrad` and
    gradients of embeddings, which the operation does not know, go Keras's way.

    Args:
        **kwargs: Those of `keras.optimizers.Adam`; with `weight_decay` it is AdamW.

    Source: Kingma and Ba. Adam: a method for stochastic optimization. ICLR 2015,
    the order of computation at the end of section 2.
    """

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )
