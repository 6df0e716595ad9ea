"""Whether two checkouts train alike: the losses of the first steps of each method.

    python benchmarks/same_losses.py --other=HEAD~1
    python benchmarks/same_losses.py --other=v0.1 --methods=gamo,cvae --steps=50

Checks `--other` out into a temporary folder, trains every method there and here, each
checkout in a process of its own, on scikit-learn's digits thinned out to an imbalance
of 20 and, where it makes tables, on their rows, and compares what each step logs. A row
a method: the largest difference relative to the loss, and of which; ends with 1 if one
exceeds `--tolerance`. A change of speed may change the order of sums, no more.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import entries
import keras
import numpy as np
from absl import app, flags, logging
from timing import add_row, machine

import kerasos

_OTHER = flags.DEFINE_string("other", "HEAD", "Commit, branch or tag.")
_METHODS = flags.DEFINE_list("methods", None, "As in entries.py. Default: all.")
_STEPS = flags.DEFINE_integer("steps", 50, "Of each stage, about.", 1)
_TOLERANCE = flags.DEFINE_float("tolerance", 1e-5, "Relative to the loss.", 0)
_OUTPUT = flags.DEFINE_string("output", None, "CSV file for the rows.")
_TRAIN = flags.DEFINE_string("train", None, "Only train, and write losses here.")

HERE = pathlib.Path(__file__).resolve()
MORE = ["gamo:variant=conv", "gamo:g_update=joint"]


class Log(keras.callbacks.Callback):
    """Keeps what each step logs: means since the begin of the epoch."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def on_train_batch_end(self, batch, logs=None):
        self.rows.append({name: float(value) for name, value in logs.items()})


def train(methods, steps, path):
    """Writes `{method and data: one dict a step}`."""
    counts = np.geomspace(120, 6, 10).astype(int)
    x, y = kerasos.data.load("digits", class_counts=counts, seed=0)[0]
    rows = (x.reshape(len(x), -1) / 255).astype("float32")
    found = {}
    for entry in methods:
        method, options = entries.read(entry, passes=1)
        for kind, data in {"images": x, "tables": rows}.items():
            if kind not in method.makes or (":" in entry and kind == "tables"):
                continue
            model = method.from_data(data, y, seed=0, **options)
            batches = kerasos.data.batches(data, y, 32, seed=0, steps_per_epoch=steps)
            log = Log()
            epochs = len(model.stages)
            model.fit(batches, epochs=epochs, verbose=0, callbacks=[log])
            found[f"{entry} {kind}"] = log.rows
            keras.backend.clear_session()
    pathlib.Path(path).write_text(json.dumps(found))


def trained(checkout, methods, path):
    """Trains with the package of a checkout, and returns what it logged."""
    command = [sys.executable, str(HERE), f"--train={path}", f"--steps={_STEPS.value}"]
    command += [f"--methods={','.join(methods)}"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(checkout)})
    return json.loads(path.read_text())


def largest_difference(ours, theirs):
    """Returns the largest relative difference of two logs, its name and its step."""
    worst = (0.0, "", 0)
    for step, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine.keys() != other.keys():
            return float("inf"), f"{sorted(mine)} and {sorted(other)}", step
        for name in mine:
            scale = max(abs(mine[name]), abs(other[name]), 1e-3)
            worst = max(worst, (abs(mine[name] - other[name]) / scale, name, step))
    return worst


def main(_):
    logging.set_verbosity(logging.ERROR)
    if _TRAIN.value:
        train(_METHODS.value, _STEPS.value, _TRAIN.value)
        return 0
    methods = _METHODS.value or entries.with_networks() + MORE
    root = HERE.parent.parent
    git = ["git", "-C", str(root)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        other = folder / "other"
        subprocess.run(
            [*git, "worktree", "add", "-q", "-d", other, _OTHER.value], check=True
        )
        try:
            theirs = trained(other, methods, folder / "theirs.json")
            ours = trained(root, methods, folder / "ours.json")
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", other], check=True)
    differs = False
    for name, log in ours.items():
        found, loss, step = largest_difference(log, theirs[name])
        differs |= not found <= _TOLERANCE.value
        row = {"method": name, "steps": len(log), "difference": f"{found:.1e}"}
        row |= {"loss": loss, "at_step": step}
        if _OUTPUT.value:
            commits = {"other": _OTHER.value, "tolerance": _TOLERANCE.value}
            add_row(_OUTPUT.value, {**machine(), **commits, **row})
        else:
            print(*row.values())
    return int(differs)


if __name__ == "__main__":
    app.run(main)
