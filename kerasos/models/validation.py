"""Validation of the methods that train a classifier."""

import keras
import tensorflow as tf

from kerasos.metrics import ACSA, GMean


class ClassifierValidation:
    """Loss, ACSA and G-mean of the classifier on held-out data.

    For an `OversamplingModel` with `classifier_head`, from features to logits, with
    `_features`, from samples in `model_range` to features, and with `c_loss_fn`.
    """

    def make_val_metrics(self):
        """Makes the metrics; call in the constructor."""
        self.val_metrics = [
            keras.metrics.Mean(name="loss"),
            ACSA(self.spec.num_classes, name="acsa"),
            GMean(self.spec.num_classes, name="g_mean"),
        ]

    def test_step(self, data):
        x, y = data
        logits = self.classifier_head(self._features(self.to_model(x)))
        loss = self.c_loss_fn(logits, tf.one_hot(y, self.spec.num_classes))
        mean_loss, *scores = self.val_metrics
        mean_loss.update_state(loss)
        for score in scores:
            score.update_state(y, tf.cast(logits, tf.float32))
        return {metric.name: metric.result() for metric in self.val_metrics}

    @property
    def metrics(self):
        return super().metrics + self.val_metrics
