"""Trains a method in several processes that Ray starts, on one machine or a cluster.

    pip install -e ".[ray]"
    python examples/train_ray.py --workers=2 --method=cvae

Ray Train says who takes part and starts all workers again when one is lost, up to
`--failures` times; training then goes on from the last backup. On a cluster
`--output_dir` is a folder that all machines share, and `RAY_ADDRESS=auto` names the
cluster. `--batch_size` rows are shared among all; the model ends where one process
would, but for the order of sums. The first worker writes `backup` and `model.keras`
into `--output_dir`. Losses are in what Ray prints and shows.
"""

import pathlib
import shutil
import sys

from absl import app, flags

_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_WORKERS = flags.DEFINE_integer("workers", 2, "Processes that train together.", 1)
_CPUS = flags.DEFINE_integer("cpus", 1, "Processors of each.", 1)
_GPUS = flags.DEFINE_bool("gpus", False, "One GPU for each, too.")
_OUTPUT = flags.DEFINE_string("output_dir", "ray_output", "Folder to write.")
_EPOCHS = flags.DEFINE_integer("epochs", 50, "Passes over the data.", 1)
_BATCH = flags.DEFINE_integer("batch_size", 64, "Rows a step, over all workers.", 1)
_RATIO = flags.DEFINE_float("ratio", 20.0, "Largest class over smallest.", 1.01)
_FAILURES = flags.DEFINE_integer("failures", 3, "Times that a worker may be lost.", 0)
_RESUME = flags.DEFINE_bool("resume", False, "Go on from the backup in output_dir.")
_SEED = flags.DEFINE_integer("seed", 0, "Fixes the subset, the weights, the noise.")


def train(config):
    """What each worker does; Ray has set `TF_CONFIG` there."""
    import tempfile

    import keras
    import tensorflow as tf

    import kerasos
    from kerasos.callbacks import AtomicBackup
    from kerasos.workers import is_chief

    # Before anything is computed, or TensorFlow refuses.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    output, seed = pathlib.Path(config["output"]), config["seed"]
    (x, y), _ = kerasos.data.load("digits", config["ratio"], seed=seed)
    with strategy.scope():
        method = kerasos.get_method(config["method"])
        model = method.from_data(x, y, seed=seed)
    data = kerasos.data.batches(x, y, config["batch_size"], seed=seed)
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_end=report),
        AtomicBackup(output / "backup"),
    ]
    model.fit(data, epochs=config["epochs"], verbose=0, callbacks=callbacks)
    with tempfile.TemporaryDirectory() as own:
        # All save, since reading some variables takes all; the first one keeps it.
        folder = output if is_chief(strategy) else pathlib.Path(own)
        model.save(folder / "model.keras")


def report(epoch, logs):
    """Tells Ray the losses. The model is in the backup, which Ray need not know."""
    import ray.train

    ray.train.report({"epoch": epoch + 1, **{k: float(v) for k, v in logs.items()}})


def main(_):
    try:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.tensorflow import TensorflowTrainer
    except ImportError as error:
        sys.exit(f'train_ray: {error}. Ray comes with `pip install -e ".[ray]"`.')
    output = pathlib.Path(_OUTPUT.value).resolve()
    if not _RESUME.value:
        shutil.rmtree(output / "backup", ignore_errors=True)
    trainer = TensorflowTrainer(
        train,
        train_loop_config={
            "method": _METHOD.value,
            "output": str(output),
            "epochs": _EPOCHS.value,
            "batch_size": _BATCH.value,
            "ratio": _RATIO.value,
            "seed": _SEED.value,
        },
        scaling_config=ScalingConfig(
            num_workers=_WORKERS.value,
            use_gpu=_GPUS.value,
            resources_per_worker={"CPU": _CPUS.value, "GPU": int(_GPUS.value)},
        ),
        run_config=RunConfig(
            storage_path=str(output / "ray"),
            failure_config=FailureConfig(max_failures=_FAILURES.value),
        ),
    )
    trainer.fit()
    print(f"Model: {output / 'model.keras'}")


if __name__ == "__main__":
    app.run(main)
