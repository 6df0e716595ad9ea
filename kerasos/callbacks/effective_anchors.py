"""How many anchors GAMO's generator mixes, in the logs."""

import keras
import numpy as np

from kerasos.checks import Count, checked


class EffectiveAnchors(keras.callbacks.Callback):
    """Logs how many anchors GAMO's generator mixes, as `effective_anchors`.

    The mean over classes of `GAMO.effective_anchors`: 1 is a generator that copies
    real points, and the number of anchors one that returns the class mean.

    Args:
        every: Integer, log after each `every` epochs. Default 1.
        num_samples: Integer, samples a class. Default 256.
    """

    @checked
    def __init__(self, every: Count = 1, num_samples: Count = 256):
        super().__init__()
        self.every = every
        self.num_samples = num_samples

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 and logs is not None:
            report = self.model.effective_anchors(self.num_samples)
            values = [entry["effective"] for entry in report.values()]
            logs["effective_anchors"] = float(np.mean(values))
