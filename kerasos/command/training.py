"""How a method is trained by commands and scripts: data, devices, length, backup."""

import keras
import tensorflow as tf

from kerasos.callbacks import AtomicBackup
from kerasos.data.pipeline import batches
from kerasos.over_sampling.schedule import (
    STEPS_PER_EPOCH,
    default_batch_size,
    default_steps,
    epochs_of,
)


def class_counts(text):
    """`"20"`, `"40,20,10"`, `"gamo"` or `"all"`, as `kerasos.data.load` takes it."""
    if text == "all":
        return None
    if "," in text:
        return [int(count) for count in text.split(",")]
    try:
        return float(text)
    except ValueError:
        return text


def strategy_over(*kinds):
    """Returns a strategy over all devices of the first kind of which there are any."""
    found = (tf.config.list_logical_devices(kind) for kind in kinds)
    devices = next(filter(None, found), [])
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def train_images(
    method,
    x,
    y,
    backup,
    *,
    label_names=None,
    params=None,
    batch_size=None,
    epochs=None,
    seed=0,
    smoke=False,
):
    """Returns a model that is trained for as long as suits the number of images.

    Args:
        method: Class of the model, or of a baseline, which has nothing to train.
        x, y: Images, or rows of numbers, and integer labels.
        backup: Path of the backup, from which a run that was killed goes on.
        label_names: Names of the classes, or None.
        params: Dict of options of `from_data`.
        batch_size, epochs: Integers, epochs of 100 steps. Default: by number.
        seed: Integer behind weights, batches and noise.
        smoke: Whether to take a few steps only.
    """
    model = method.from_data(x, y, seed=seed, label_names=label_names, **(params or {}))
    if not isinstance(model, keras.Model):
        return model
    batch_size = batch_size or default_batch_size(len(x))
    steps = default_steps(len(x), batch_size, model.default_passes, model.default_steps)
    epochs = epochs or epochs_of(model, steps, STEPS_PER_EPOCH)
    per_epoch = STEPS_PER_EPOCH
    if smoke:
        per_epoch, epochs = 2, epochs_of(model, 2, 2)
        model.jit_compile = False  # XLA compiles for longer than a few steps take
    data = batches(x, y, batch_size, seed=seed, steps_per_epoch=per_epoch)
    model.fit(data, epochs=epochs, verbose=2, callbacks=[AtomicBackup(backup)])
    return model
