"""Trains a method in several processes, on one machine or on a cluster.

    python examples/train_workers.py --workers=2 --method=cvae

starts two workers on this machine, for a trial. On a cluster start it once on each
machine, with the same flags, a shared `--output_dir` and `TF_CONFIG` set to say who
takes part and which of them this is, as TensorFlow's guides have it:

    TF_CONFIG='{"cluster": {"worker": ["a:2222", "b:2222"]},
                "task": {"type": "worker", "index": 0}}'

`--batch_size` rows are shared among all; the model ends where one process would end,
but for the order of sums. The first worker writes `history.csv`, the backup,
`model.keras` and `saved_model` into `--output_dir`. When one is lost, all stop and say
so; the same command with `--resume` goes on from the last backup.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import common
import tensorflow as tf
from absl import app, flags

import kerasos
from kerasos.callbacks import AtomicBackup
from kerasos.workers import is_chief, telling_of_lost_workers

flags.adopt_module_key_flags(common)
_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_WORKERS = flags.DEFINE_integer("workers", 2, "On this machine, without TF_CONFIG.", 1)
_OUTPUT = flags.DEFINE_string("output_dir", "workers_output", "Folder to write.")
_EPOCHS = flags.DEFINE_integer("epochs", 50, "Passes over the data.", 1)
_BATCH = flags.DEFINE_integer("batch_size", 64, "Rows a step, over all workers.", 1)


def start_workers(count):
    """Starts this script `count` times; returns 0 if all end well."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    workers = []
    for index in range(count):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = [sys.executable, *sys.argv]
        workers.append(
            subprocess.Popen(command, env={**os.environ, "TF_CONFIG": config})
        )
    while True:
        codes = [worker.poll() for worker in workers]
        if any(codes):
            break
        if None not in codes:
            return 0
        time.sleep(0.5)
    for worker in workers:
        worker.kill()
        worker.wait()
    index, code = next((i, code) for i, code in enumerate(codes) if code)
    print(
        f"Worker {index} ended with code {code}; the others were stopped. Go on with "
        "the same command and --resume.",
        file=sys.stderr,
    )
    return 1


def train():
    """Trains in this process, as one of those that `TF_CONFIG` names."""
    # Before anything is computed, or TensorFlow refuses.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    chief = is_chief(strategy)
    output = pathlib.Path(_OUTPUT.value)
    (x, y), test = common.load()
    if chief and not common.RESUME.value:
        # Before the others look, who wait for each other when the model is made.
        shutil.rmtree(output / "backup", ignore_errors=True)
    with strategy.scope():
        method = kerasos.get_method(_METHOD.value)
        model = method.from_data(x, y, seed=common.SEED.value)
    data = kerasos.data.batches(x, y, _BATCH.value, seed=common.SEED.value)
    callbacks = common.callbacks(model, x, y, output) if chief else []
    if not chief:
        callbacks = [AtomicBackup(output / "backup")]
    epochs = 1 if common.SMOKE.value else _EPOCHS.value
    model.fit(data, epochs=epochs, verbose=2 if chief else 0, callbacks=callbacks)
    with telling_of_lost_workers(strategy), tempfile.TemporaryDirectory() as own:
        # All save, since reading some variables takes all; the first one keeps it.
        folder = output if chief else pathlib.Path(own)
        scores = common.score_oversampled(model, x, y, test) if chief else {}
        common.save(model, folder, scores)


def main(_):
    pathlib.Path(_OUTPUT.value).mkdir(parents=True, exist_ok=True)
    if "TF_CONFIG" not in os.environ:
        return start_workers(_WORKERS.value)
    try:
        return train()
    except RuntimeError as error:  # another worker was lost
        sys.exit(f"train_workers: {error} Here: the same command and --resume.")


if __name__ == "__main__":
    app.run(main)
