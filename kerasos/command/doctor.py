"""Says what this machine has, and whether training, sampling and saving work on it.

    kerasos doctor
    kerasos doctor --json > doctor.json
    kerasos doctor --noself_test

The self test trains a small CVAE for 20 steps, samples it, saves it and loads it again;
it takes about ten seconds. Put what this prints into a report of a fault.
"""

import importlib.metadata
import json
import os
import pathlib
import platform
import re
import tempfile
import time

from absl import flags

from kerasos.command import package
from kerasos.version import __version__

ARGUMENTS = {}
PACKAGES = (
    "keras tensorflow tf-keras tensorflow-probability tensorflow-datasets numpy pandas "
    "scikit-learn imbalanced-learn scipy absl-py joblib"
).split()
# `{extra: distributions that it adds}`, as setup.py has them.
EXTRAS = {
    "dask": ("dask", "distributed"),
    "mlserver": ("mlserver",),
    "onnx": ("onnx", "onnxruntime", "tf2onnx"),
    "ray": ("ray",),
    "serving": ("tensorflow-serving-api",),
    "tensorboard": ("tensorboard",),
}
GIB = 2**30


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_bool("json", False, "JSON in place of lines.", to)
    flags.DEFINE_bool("self_test", True, "Train, sample, save and load.", to)


def run(options):
    """Looks, tests and prints; `options` holds the flags. Returns 1 for a failure."""
    found = {
        "versions": versions(),
        "extras": {name: has_extra(name) for name in EXTRAS},
        "memory": memory(),
    }
    package.load(quiet=False)  # TensorFlow says there why it finds no GPU
    found["devices"] = devices()
    found["threads"] = threads()
    found["onednn"] = onednn()
    found["xla"] = xla()
    if options.self_test:
        found["self_test"] = self_test()
    print(json.dumps(found, indent=2) if options.json else text_of(found))
    return int(found.get("self_test", {}).get("error") is not None)


def versions():
    """Returns `{distribution: version or None}`."""
    found = {"kerasos": __version__, "python": platform.python_version()}
    found["system"] = f"{platform.system()} {platform.machine()}"
    return found | {name: version_of(name) for name in PACKAGES}


def version_of(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def has_extra(name):
    """Whether all that `pip install kerasos[name]` adds is there."""
    return all(version_of(part) is not None for part in EXTRAS[name])


def memory():
    """Returns GiB of the machine, `None` where its system does not tell."""
    found = {"total_gib": None, "available_gib": None}
    path = pathlib.Path("/proc/meminfo")
    if path.is_file():
        sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", path.read_text(), re.M))
        for name, key in (("total_gib", "MemTotal"), ("available_gib", "MemAvailable")):
            found[name] = round(int(sizes[key]) * 1024 / GIB, 1)
    return found


def devices():
    """Returns a list of `{name, kind, description}`, processors and GPUs."""
    import tensorflow as tf

    found = []
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device)
        found.append(
            {
                "name": device.name.removeprefix("/physical_device:"),
                "kind": device.device_type,
                "description": details.get("device_name"),
            }
        )
    return found


def threads():
    """Returns the numbers of processors and of threads; 0 is TensorFlow's choice."""
    import tensorflow as tf

    allowed = getattr(os, "sched_getaffinity", None)
    return {
        "processors": os.cpu_count(),
        "processors_allowed": len(allowed(0)) if allowed else os.cpu_count(),
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


def onednn():
    """Returns what is set, and whether TensorFlow uses oneDNN, None if it cannot tell.

    It does by default on processors with instructions for small numbers (AVX512_VNNI,
    AMX and their like) alone. No public name of TensorFlow says so.
    """
    try:
        from tensorflow.python.util._pywrap_util_port import IsMklEnabled as is_on
    except ImportError:
        is_on = None
    given = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    return {"TF_ENABLE_ONEDNN_OPTS": given, "on": is_on and is_on()}


def xla():
    """Returns the flags of XLA, and the folder where it keeps what it compiled."""
    given = os.environ.get("TF_XLA_FLAGS", "")
    folder = re.search(r"--tf_xla_persistent_cache_directory=(\S+)", given)
    return {"TF_XLA_FLAGS": given or None, "cache": folder and folder[1]}


def self_test():
    """Trains, samples, saves and loads; returns seconds and what failed, or None."""
    import keras
    import numpy as np

    from kerasos.data import batches
    from kerasos.methods import CVAE

    began, error, stage = time.monotonic(), None, "data"
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (64, 4)).astype("float32"), np.repeat([0, 1], [48, 16])
    try:
        stage = "training"
        model = CVAE.from_data(x, y, seed=0, value_range=(-1, 1))
        model.compile(jit_compile=False)
        model.fit(batches(x, y, 32, seed=0, steps_per_epoch=20), epochs=1, verbose=0)
        stage = "sampling"
        rows = model.sample([0, 1], seed=0, verbose=0)
        if rows.shape != (2, 4) or not np.isfinite(rows).all():
            raise ValueError(f"Expected 2 finite rows of 4. Received: {rows}.")
        with tempfile.TemporaryDirectory() as folder:
            stage = "saving"
            path = pathlib.Path(folder) / "model.keras"
            model.save(path)
            stage = "loading"
            again = keras.saving.load_model(path).sample([0, 1], seed=0, verbose=0)
        if not np.allclose(rows, again, atol=1e-5):
            raise ValueError("A loaded model samples other rows than the saved one.")
    except Exception as fault:  # any: that is what the test is for
        error = f"{stage}: {type(fault).__name__}: {fault}"
    return {"seconds": round(time.monotonic() - began, 1), "error": error}


def text_of(found):
    """Returns what was found as lines."""
    lines = []
    for name, version in found["versions"].items():
        lines.append(f"{name:24}{version or 'missing'}")
    for name, is_there in found["extras"].items():
        how = "installed" if is_there else f'pip install "kerasos[{name}]"'
        lines.append(f"{f'extra {name}':24}{how}")
    sizes = found["memory"]
    if sizes["total_gib"] is not None:
        free = f"{sizes['available_gib']} of {sizes['total_gib']} GiB free"
        lines.append(f"{'memory':24}{free}")
    for device in found["devices"]:
        text = " ".join(filter(None, (device["name"], device["description"])))
        lines.append(f"{'device':24}{text}")
    if not any(device["kind"] == "GPU" for device in found["devices"]):
        lines.append(f"{'GPU':24}none seen by TensorFlow; none is needed")
    of = found["threads"]
    lines.append(
        f"{'processors':24}{of['processors_allowed']} of {of['processors']}; threads "
        f"between operations {of['inter_op'] or 'by TensorFlow'}, within them "
        f"{of['intra_op'] or 'by TensorFlow'}, OMP_NUM_THREADS "
        f"{of['OMP_NUM_THREADS'] or 'not set'}"
    )
    if found["onednn"]["on"] is not None:
        off = "off; TF_ENABLE_ONEDNN_OPTS=1 makes images faster, see docs/speed.md"
        lines.append(f"{'oneDNN':24}{'on' if found['onednn']['on'] else off}")
    lines.append(f"{'XLA cache':24}{found['xla']['cache'] or 'none'}")
    if "self_test" in found:
        test = found["self_test"]
        words = "passed" if test["error"] is None else f"FAILED in {test['error']}"
        lines.append(f"{'self test':24}{words} ({test['seconds']} s)")
    return "\n".join(lines)
