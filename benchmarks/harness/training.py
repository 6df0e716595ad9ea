"""What every recipe shares: training that survives a kill, and its clock."""

import contextlib
import csv
import json
import os
import shutil
import statistics
import time

import keras

import kerasos
from kerasos.callbacks import AtomicBackup
from kerasos.over_sampling.schedule import epochs_of

# Set by the scripts.
backup_seconds = 30.0
WINDOW = 10  # evaluations; one alone swings by .01 to .02
EPOCH_STEPS = 250  # for oversamplers that train for a number of steps


class Clock(keras.callbacks.Callback):
    """Keeps the seconds of training, over kills, and tells how far a cell is.

    Args:
        folder: The cell's folder; the file is read by `reproduce.py`.
        share: `(from, to)`, the part of the cell's work that this `fit` is.
    """

    def __init__(self, folder, share=(0.0, 1.0)):
        super().__init__()
        self.path = folder / "progress.json"
        self.share = share

    def on_train_begin(self, logs=None):
        self.before = read_progress(self.path.parent)["seconds"]
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        start, end = self.share
        done = (epoch + 1) / self.params["epochs"]
        write_progress(
            self.path.parent,
            self.before + time.monotonic() - self.started,
            start + (end - start) * done,
        )


def read_progress(folder):
    """Returns `{"seconds": ..., "done": ...}` of a cell's folder."""
    try:
        return json.loads((folder / "progress.json").read_text("utf-8"))
    except FileNotFoundError:
        return {"seconds": 0.0, "done": 0.0}


def write_progress(folder, seconds, done):
    draft = folder / f"progress.{os.getpid()}.part"
    draft.write_text(json.dumps({"seconds": seconds, "done": done}), "utf-8")
    os.replace(draft, folder / "progress.json")


@contextlib.contextmanager
def timed(folder, done):
    """Adds the seconds of a piece of work to the cell's; then it is at `done`.

    Yields a function that does so at a share of the work, for what a kill would lose.
    """
    before, started = read_progress(folder), time.monotonic()

    def lap(share):
        seconds = before["seconds"] + time.monotonic() - started
        write_progress(
            folder, seconds, before["done"] + share * (done - before["done"])
        )

    yield lap
    lap(1.0)


class Parts:
    """Finished parts of a cell, as JSON values by name that a kill does not lose."""

    def __init__(self, folder):
        self.path = folder / "parts.json"
        self.values = {}
        if self.path.is_file():
            self.values = json.loads(self.path.read_text("utf-8"))

    def __contains__(self, name):
        return name in self.values

    def __getitem__(self, name):
        return self.values[name]

    def __setitem__(self, name, value):
        self.values[name] = value
        draft = self.path.with_suffix(f".{os.getpid()}.part")
        draft.write_text(json.dumps(self.values), "utf-8")
        os.replace(draft, self.path)


def fit(model, data, epochs, folder, name, share=(0.0, 1.0), callbacks=()):
    """Fits, going on from the newest backup in `folder / name`."""
    backup = AtomicBackup(folder / name, backup_seconds, data)
    return model.fit(
        data,
        epochs=epochs,
        shuffle=False,  # the dataset has its own order
        verbose=0,
        callbacks=[*callbacks, Clock(folder, share), backup],
    )


def oversampler(cell, x, y, folder, share=(0.0, 0.5), **options):
    """Builds the cell's oversampler and trains it where it needs that.

    Args:
        cell: `harness.cells.Cell`.
        x, y: Training data.
        folder: The cell's folder.
        share: As in `Clock`.
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
    batch = training["batch_size"]
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
        batch,
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


def window_scores(curve, names):
    """Reads a curve of `EvaluationCSV` into scores.

    Args:
        curve: Path of the CSV.
        names: Columns, e.g. `("acsa", "g_mean")`.

    Returns:
        `{"<data set>/<column>": (mean, sample standard deviation)}` over the last ten
        evaluations, and `"<data set>/<column>/last"` of the last one.
    """
    with open(curve, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scores = {}
    for data in dict.fromkeys(row["data_set"] for row in rows):
        last = [row for row in rows if row["data_set"] == data][-WINDOW:]
        for name in names:
            values = [float(row[name]) for row in last]
            spread = statistics.stdev(values) if len(values) > 1 else None
            scores[f"{data}/{name}"] = (statistics.fmean(values), spread)
            scores[f"{data}/{name}/last"] = values[-1]
    return scores
