"""What every recipe shares: training that survives a kill, and its clock."""

import contextlib
import json
import os
import shutil
import time

import keras
import numpy as np
import pandas as pd

import kerasos
from kerasos.callbacks import AtomicBackup
from kerasos.over_sampling.schedule import epochs_of

# Set by the scripts.
backup_seconds = 30.0
WINDOW = 10  # evaluations; one alone swings by .01 to .02
EPOCH_STEPS = 250  # for oversamplers that train for a number of steps


def read_progress(folder):
    """Returns `{"seconds": ..., "done": ...}` of a cell's folder."""
    return _read_json(folder / "progress.json") or {"seconds": 0.0, "done": 0.0}


def write_progress(folder, seconds, done):
    _write_json(folder / "progress.json", {"seconds": seconds, "done": done})


def _read_json(path):
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _write_json(path, values):
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(values), "utf-8")
    os.replace(draft, path)


@contextlib.contextmanager
def timed(folder, done, start=None):
    """Adds the seconds of a piece of work to the cell's; then it is at `done`.

    Yields a function that does so at a share of the work, for what a kill would lose.

    Args:
        folder: The cell's folder; `reproduce.py` reads how far it is.
        done: Share of the cell's work that is done then.
        start: Share that was done before. Default: as the folder has it.
    """
    before, started = read_progress(folder), time.monotonic()
    start = before["done"] if start is None else start

    def lap(share):
        seconds = before["seconds"] + time.monotonic() - started
        write_progress(folder, seconds, start + share * (done - start))

    yield lap
    lap(1.0)


class Parts(dict):
    """Finished parts of a cell, as JSON values by name that a kill does not lose."""

    def __init__(self, folder):
        self.path = folder / "parts.json"
        super().__init__(_read_json(self.path))

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        _write_json(self.path, self)


def fit(model, data, epochs, folder, name, share=(0.0, 1.0), callbacks=()):
    """Fits, going on from the newest backup in `folder / name`.

    Args:
        model, data, epochs, callbacks: As in Keras.
        folder: The cell's folder.
        name: Of the backups.
        share: `(from, to)`, the part of the cell's work that this `fit` is.
    """
    backup = AtomicBackup(folder / name, backup_seconds, data)
    with timed(folder, share[1], share[0]) as lap:
        clock = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: lap((epoch + 1) / epochs)
        )
        return model.fit(
            data,
            epochs=epochs,
            shuffle=False,  # the dataset has its own order
            verbose=0,
            callbacks=[*callbacks, clock, backup],
        )


def oversampler(cell, x, y, folder, share=(0.0, 0.5), **options):
    """Builds the cell's oversampler and trains it where it needs that.

    Args:
        cell: `harness.cells.Cell`.
        x, y: Training data.
        folder: The cell's folder.
        share: As in `fit`.
        **options: Options of `from_data` beside those of the cell's method.

    Returns:
        The oversampler and its number of training steps.
    """
    method, training = cell.method, cell.method.training
    # Stages of the method itself, which share the budget.
    stages = {
        name: cell.steps(method.options[name]) for name in training.get("stages", ())
    }
    model = kerasos.get_method(method.oversampler).from_data(
        x, y, seed=cell.repeat, **{**options, **method.options, **stages}
    )
    if not training:
        return model, 0
    if "steps" in training:
        steps = cell.steps(training["steps"])
        every = min(EPOCH_STEPS, max(1, steps // training.get("least_epochs", 1)))
        # Epochs of earlier stages come on top.
        epochs = epochs_of(model, round(steps / every) * every, every)
    else:
        every = None
        epochs = sum(stages.values()) or cell.steps(training["epochs"])
    data = kerasos.data.batches(
        x,
        y,
        training["batch_size"],
        balanced=training.get("balanced", False),
        seed=cell.repeat,
        steps_per_epoch=every,
    )
    if cell.trained_as:
        take_over(folder.parent / cell.trained_as.hash, folder, "generator")
    fit(model, data, epochs, folder, "generator", share)
    return model, int(model.steps_done.numpy())


def take_over(source, folder, name):
    """Copies the newest backup in `source / name` into `folder / name`.

    Does nothing where `folder` has one or `source` has none.
    """
    backups = sorted((source / name).glob("epoch_*.h5"))
    if not backups or (folder / name).exists():
        return
    draft = folder / f"{name}.{os.getpid()}.part"
    draft.mkdir(parents=True)
    shutil.copy(backups[-1], draft)
    os.replace(draft, folder / name)


def mean_and_spread(values):
    """Returns the mean and the sample standard deviation, None for one value."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return float(np.mean(values)), spread


def window_scores(curve, names):
    """Reads a curve of `EvaluationCSV` into scores.

    Args:
        curve: Path of the CSV.
        names: Columns, e.g. `("acsa", "g_mean")`.

    Returns:
        `{"<data set>/<column>": (mean, sample standard deviation)}` over the last ten
        evaluations, and `"<data set>/<column>/last"` of the last one.
    """
    scores = {}
    for data, rows in pd.read_csv(curve).groupby("data_set"):
        for name in names:
            values = rows[name].tolist()[-WINDOW:]
            scores[f"{data}/{name}"] = mean_and_spread(values)
            scores[f"{data}/{name}/last"] = values[-1]
    return scores
