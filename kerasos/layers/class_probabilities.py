"""Class probabilities of features, from an SVM or from a scikit-learn estimator."""

import keras
import numpy as np
import tensorflow as tf

WEIGHTS = ("mean", "scale", "support", "dual", "intercept", "slope", "offset", "gamma")


@keras.saving.register_keras_serializable(package="kerasos")
class SupportVectorProbabilities(keras.layers.Layer):
    """The probabilities of calibrated one-vs-rest SVMs, as plain weights.

    With z = (x - mean) / scale and for class k

        f_k = sum_i dual_ik exp(-gamma |z - support_i|^2) + intercept_k
        p_k = sigmoid(-(slope_k f_k + offset_k)),    scaled to sum 1

    Where there are no support vectors, f_k = z dual_k + intercept_k: the linear
    kernel. Two classes have one f, that of the second. It runs wherever TensorFlow
    does, under XLA and on replicas, and a saved model holds numbers instead of a
    pickled estimator.

    Args:
        num_features: Integer.
        num_classes: Integer.
        num_support: Integer, support vectors; 0 for the linear kernel.

    Call arguments:
        features: Float tensor `(batch, num_features)`.

    Returns:
        Float32 tensor `(batch, num_classes)`.
    """

    def __init__(self, num_features, num_classes, num_support, **kwargs):
        # Differences of large squares have no digits left in half precision.
        kwargs["dtype"] = "float32"
        super().__init__(**{**kwargs, "trainable": False})
        self.num_features = int(num_features)
        self.num_classes = int(num_classes)
        self.num_support = int(num_support)
        machines = (1 if self.num_classes == 2 else self.num_classes,)
        shapes = {
            "mean": (self.num_features,),
            "scale": (self.num_features,),
            "support": (self.num_support, self.num_features),
            "dual": (self.num_support or self.num_features, *machines),
            "intercept": machines,
            "slope": machines,
            "offset": machines,
            "gamma": (),
        }
        for name in WEIGHTS:
            if name == "support" and not self.num_support:
                continue
            initializer = "ones" if name == "scale" else "zeros"
            weight = self.add_weight(
                shape=shapes[name],
                initializer=initializer,
                trainable=False,
                autocast=False,
                name=name,
            )
            setattr(self, name, weight)
        self.built = True

    @classmethod
    def of(cls, arrays, num_classes):
        """Returns the layer for what `kerasos.svm.support_arrays` gives."""
        num_support, num_features = arrays["support"].shape
        layer = cls(num_features, num_classes, num_support)
        for name in WEIGHTS:
            if num_support or name != "support":
                getattr(layer, name).assign(np.asarray(arrays[name], "float32"))
        return layer

    def call(self, features):
        value = tf.convert_to_tensor
        z = (tf.cast(features, tf.float32) - value(self.mean)) / value(self.scale)
        if self.num_support:
            support = value(self.support)
            products = tf.matmul(z, support, transpose_b=True)
            squares = tf.reduce_sum(z * z, -1)[:, None] + tf.reduce_sum(support**2, -1)
            distances = tf.maximum(squares - 2.0 * products, 0.0)
            z = tf.exp(-value(self.gamma) * distances)
        decision = tf.matmul(z, value(self.dual)) + value(self.intercept)
        probs = tf.sigmoid(-(value(self.slope) * decision + value(self.offset)))
        if self.num_classes == 2:
            return tf.concat([1.0 - probs, probs], axis=-1)
        # As in scikit-learn: nothing to scale where all are 0.
        total = tf.reduce_sum(probs, -1, keepdims=True)
        equal = tf.fill(tf.shape(probs), 1.0 / self.num_classes)
        return tf.where(total > 0.0, tf.math.divide_no_nan(probs, total), equal)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        config.update(
            num_features=self.num_features,
            num_classes=self.num_classes,
            num_support=self.num_support,
        )
        return config


@keras.saving.register_keras_serializable(package="kerasos")
class EstimatorProbabilities(keras.layers.Layer):
    """The probabilities of any scikit-learn estimator, computed on the host.

    Each call leaves the graph for Python, so XLA cannot compile it. A file holds no
    estimator: pickled ones run code when they are loaded. After loading, set
    `estimator` again.

    Args:
        num_classes: Integer.
        estimator: Fitted, with `predict_proba` for `num_classes` classes in label
            order; None for a layer that still waits for it.

    Call arguments:
        features: Float tensor `(batch, num_features)`.

    Returns:
        Float32 tensor `(batch, num_classes)`; no gradient passes.
    """

    def __init__(self, num_classes, estimator=None, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**{**kwargs, "trainable": False})
        self.num_classes = int(num_classes)
        # Held outside Keras's attribute tracking: it is no state of the layer.
        self.__dict__["estimator"] = estimator

    def __setattr__(self, name, value):
        if name == "estimator":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def call(self, features):
        probs = tf.numpy_function(self._probabilities, [features], tf.float32)
        return tf.ensure_shape(probs, (features.shape[0], self.num_classes))

    def _probabilities(self, features):
        if self.estimator is None:
            raise ValueError(
                "This model was loaded from a file, which holds no scikit-learn "
                "estimator. Fit it again on `model.features(x)` and labels, and call "
                "`model.set_estimator(estimator)`."
            )
        return np.asarray(self.estimator.predict_proba(features), "float32")

    def compute_output_spec(self, features):
        return keras.KerasTensor((features.shape[0], self.num_classes), "float32")

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return {**config, "num_classes": self.num_classes}
