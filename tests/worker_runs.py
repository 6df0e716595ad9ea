"""One of several processes that train together; `test_workers.py` starts them.

    python worker_runs.py INDEX PORTS FOLDER CASE [CASE ...]

trains each case of the contract under `MultiWorkerMirroredStrategy` and writes its
weights and logs to `FOLDER/CASE_INDEX.npz`. With `backup:EPOCHS:CASE` it trains up to
that epoch with a backup in the folder, and goes on from there if there is one.
"""

import json
import os
import sys

index, ports, folder, *names = sys.argv[1:]
workers = [f"127.0.0.1:{port}" for port in ports.split(",")]
task = {"type": "worker", "index": int(index)}
os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

strategy = tf.distribute.MultiWorkerMirroredStrategy()

from contract_cases import CASES  # noqa: E402
from contract_runs import batches, compile_plain, fit_plain  # noqa: E402

from kerasos.callbacks import AtomicBackup  # noqa: E402

for name in names:
    epochs = None
    if name.startswith("backup:"):
        _, epochs, name = name.split(":")
    case = next(case for case in CASES if case.id == name)
    with strategy.scope():
        model = case.build()
        compile_plain(model, case)
    if epochs:
        saver = AtomicBackup(os.path.join(folder, "backup"))
        data = batches(case, steps_per_epoch=2)
        model.fit(data, epochs=int(epochs), verbose=0, callbacks=[saver])
        name = f"{name}_{epochs}"
    else:
        fit_plain(model, case)
    logs = {k: float(v.result()) for k, v in model._trackers.items()}
    weights = {
        f"weight_{i}": v.numpy() for i, v in enumerate(model.trainable_variables)
    }
    np.savez(os.path.join(folder, f"{name}_{index}.npz"), **weights, **logs)
