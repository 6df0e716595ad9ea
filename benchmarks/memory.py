"""Peak memory of a process that trains GAMO on a large minority class.

    python benchmarks/memory.py

Two classes of images, 100,100 and 100,000 points of 784 features. Prints the peak
resident memory after each part; the anchor bank (`max_anchors`) is what bounds it.
"""

import numpy as np
from absl import app, flags
from timing import peak_mb

import kerasos

_POINTS = flags.DEFINE_integer("points", 100_000, "Points of the minority class.")
_FEATURES = flags.DEFINE_integer("features", 784, "Width of a point.")
_STEPS = flags.DEFINE_integer("steps", 20, "Training steps.")


def report(part):
    print(f"{part:24} {peak_mb():8.0f} MB", flush=True)


def main(_):
    report("imports")
    counts = (_POINTS.value + 100, _POINTS.value)
    y = np.repeat((0, 1), counts)
    source = np.random.default_rng(0)
    x = source.integers(0, 256, (len(y), _FEATURES.value), dtype="uint8")
    report("data")
    model = kerasos.GAMO.from_data(x, y, seed=0)
    report("model")
    model.fit(kerasos.data.batches(x, y, 32, steps_per_epoch=_STEPS.value), verbose=0)
    report("training")
    model.oversample(x, y)
    report("oversampling")


if __name__ == "__main__":
    app.run(main)
