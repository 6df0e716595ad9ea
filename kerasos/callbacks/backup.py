"""A backup of training that a kill at any moment leaves whole."""

import hashlib
import json
import pathlib
import re
import time
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from kerasos.annotations import PathLike
from kerasos.checks import NonNegative, checked
from kerasos.files import DRAFT, check_writable
from kerasos.methods.base import OversamplingModel
from kerasos.version import __version__
from kerasos.weights_file import WeightsInMemory
from kerasos.workers import has_workers, is_chief

_NAME = re.compile(r"epoch_(\d+)\.weights\.h5")
_STAMP = "kerasos_backup"  # an attribute of the file
_FORMAT = 1


class AtomicBackup(keras.callbacks.Callback):
    """Saves the training state at ends of epochs; `fit` goes on from the newest one.

    Like `keras.callbacks.BackupAndRestore`, which writes weights and epoch number one
    after the other into fixed files: a kill in between repeats or loses an epoch, a
    kill within leaves a file that cannot be read. Here a state is one file with the
    epoch in its name, written beside the old one and then renamed.

    Every method of kerasos, and every model without randomness of its own, ends a
    resumed run on `kerasos.data.batches` with the weights of an unbroken one, bit for
    bit on a CPU. Put it after the callbacks that write results of the epoch, e.g.
    `EvaluationCSV`: these drop the rows of epochs that are trained again.

    A state also says of what model it is, with which options, and has a checksum.

    Under `tf.distribute.MultiWorkerMirroredStrategy` the first worker writes for all,
    into a folder that all of them read.

    Args:
        directory: Folder for the backups; it stays after training.
        seconds: Float, least time between two backups. The last epoch is always
            saved. Default 0: every epoch.
        data: The dataset of `kerasos.data.batches` that a plain Keras model is
            trained on, so that an epoch has its batches in any run. The methods of
            kerasos see to that themselves.

    Raises:
        OSError: At the start of `fit`, if the folder cannot be written to; at the end
            of an epoch, if there is no room. What was saved before stays.
        ValueError: At the start of `fit`, if the newest state is damaged, or of
            another model, other options, other data, or a later format. Nothing is
            loaded then and nothing overwritten.

    Example:

    >>> model.fit(batches, epochs=80, callbacks=[AtomicBackup("backup")])
    """

    @checked
    def __init__(
        self, directory: PathLike, seconds: NonNegative = 0.0, data: Any = None
    ) -> None:
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.seconds = float(seconds)
        self.data = data

    def on_train_begin(self, logs=None):
        self._saved_at = time.monotonic()
        if is_chief(self.model.distribute_strategy):
            check_writable(self.directory, "The backup")
            for path in self.directory.glob(f"{DRAFT}*"):  # of a run that was killed
                path.unlink(missing_ok=True)
        found = self._backups()
        if found:
            epoch, path = found[-1]
            optimizer = self.model.optimizer
            if optimizer is not None and not optimizer.built:
                # A plain model builds it in its first step: too late for its state.
                optimizer.build(self.model.trainable_variables)
            older = found[-2][1].name if len(found) > 1 else None
            others = getattr(self.model, "sampling_only", ())
            _check_stamp(path, _stamp_of(self.model), older, others)
            self.model.load_weights(path)
            self.model._initial_epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if self.data is not None:
            self.data.kerasos_epoch.assign(epoch)

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs")
        if not last and self._seconds_ago() < self.seconds:
            return
        if not is_chief(self.model.distribute_strategy):
            WeightsInMemory(self.model)  # reading some variables takes all workers
            self._saved_at = time.monotonic()
            return
        old = [path for _, path in self._backups()]
        new = self.directory / f"epoch_{epoch + 1:06d}.weights.h5"
        weights = WeightsInMemory(self.model)
        with h5py.File(weights, "r+") as file:
            stamp = {**_stamp_of(self.model), "contents": _checksum(file)}
            file.attrs[_STAMP] = json.dumps(stamp)
        weights.write_to(new, "The backup")
        for path in old:
            if path != new:
                path.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def on_train_end(self, logs=None):
        # Keras would start the next `fit` there, too.
        self.model._initial_epoch = None

    def _seconds_ago(self):
        """Seconds since the last backup; all workers get the same number."""
        own = time.monotonic() - self._saved_at
        strategy = self.model.distribute_strategy
        if not has_workers(strategy):
            return own
        each = strategy.run(lambda: tf.constant(own, tf.float32))
        return float(strategy.reduce("MEAN", each, axis=None))

    def _backups(self):
        """Returns `(epoch, path)` of the whole backups, ascending."""
        if not self.directory.is_dir():
            return []
        matches = [(_NAME.fullmatch(p.name), p) for p in self.directory.iterdir()]
        return sorted((int(match[1]), path) for match, path in matches if match)


def _stamp_of(model):
    """Returns what a backup has in common with the model that may go on from it."""
    is_ours = isinstance(model, OversamplingModel)
    names = model.players if is_ours else ["optimizer"]
    optimizers = [getattr(model, name) for name in names]
    variables = list(model.weights)
    variables += [v for o in optimizers if o is not None for v in o.variables]
    shapes = [[*v.shape, keras.backend.standardize_dtype(v.dtype)] for v in variables]
    return {
        "format": _FORMAT,
        "model": type(model).__name__,
        "options": _plain(model.get_config()) if is_ours else {},
        "variables": hashlib.blake2b(json.dumps(shapes).encode()).hexdigest()[:32],
        "kerasos": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }


def _plain(config):
    """Returns the numbers and words of a config, by dotted names.

    Networks are left to their variables, since Keras counts up the names in them, and
    the seed, which differs from run to run where none is given and is in the state.
    """
    found = {}
    for name, value in config.items():
        if isinstance(value, dict) and "class_name" not in value:
            found |= {f"{name}.{inner}": v for inner, v in _plain(value).items()}
        elif name not in ("name", "seed") and "class_name" not in str(value):
            found[name] = json.loads(json.dumps(value, default=str))
    return found


def _checksum(file):
    """Of all that is stored in an HDF5 file, in the order of the names."""
    digest = hashlib.blake2b(digest_size=16)

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            value = np.ascontiguousarray(item[()])
            digest.update(f"{name} {value.shape} {value.dtype}".encode())
            is_text = value.dtype.kind == "O"
            digest.update(str(value.tolist()).encode() if is_text else value.tobytes())

    file.visititems(add)
    return digest.hexdigest()


def _check_stamp(path, own, older, sampling_only=()):
    """Raises `ValueError` unless a model can go on from a backup.

    Args:
        path: The backup. One without a stamp, of an earlier version, may be anything.
        own: `_stamp_of` the model.
        older: Name of the backup before it, or None.
        sampling_only: Names of options that may differ.
    """
    try:
        with h5py.File(path, "r") as file:
            stamp = json.loads(file.attrs.get(_STAMP, "null"))
            contents = _checksum(file)
    except Exception as error:  # every kind of damage fails in its own way
        raise _damaged(path, error, older) from error
    if stamp is None:
        return
    if stamp["format"] > _FORMAT:
        raise ValueError(
            f"The backup {str(path)!r} is of a later kerasos. Expected format "
            f"{_FORMAT} at most. Received: format {stamp['format']}, of kerasos "
            f"{stamp['kerasos']}. Install that, or give another folder."
        )
    if stamp["contents"] != contents:
        raise _damaged(path, "its checksum is another", older)
    differences = [
        (name, own[name], stamp[name])
        for name in ("model", "variables")
        if own[name] != stamp[name]
    ]
    if differences[:1] != [("model", own["model"], stamp["model"])]:
        here, there = own["options"], stamp["options"]
        names = sorted({*here, *there} - {*sampling_only})
        pairs = [(name, here.get(name), there.get(name)) for name in names]
        # An option says more than the variables that follow from it.
        differences = [pair for pair in pairs if pair[1] != pair[2]] or differences
    if differences:
        name, here, there = differences[0]
        what = f"{name}={here!r}. Received: {name}={there!r}"
        if name == "variables":
            what = "its variables. Received: others, in number, shape or type"
        raise ValueError(
            f"The backup {str(path)!r} is of another run than this. Expected {what}, "
            f"written by kerasos {stamp['kerasos']}, Keras {stamp['keras']}. Go on "
            "with the options it was made with, or give another folder to begin anew."
        )


def _damaged(path, why, older):
    then = "begin anew" if older is None else f"go on from {older}"
    return ValueError(
        f"The backup {str(path)!r} is damaged. Expected a whole file. Received: {why}. "
        f"Move it elsewhere to {then}."
    )
