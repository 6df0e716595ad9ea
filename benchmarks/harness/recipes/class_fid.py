"""FID by class (Mullick et al. 2019, table 5)."""

import statistics

import numpy as np

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos.evaluation import fid


def class_fid(cell, data_dir, folder):
    """GAMO's table 5: FID of each oversampled class, and its mean.

    Row option `real_points`: training images drawn with replacement. GAMO2pix decodes
    their features in place of GAMO's, other methods return them as they are.
    """
    (x, y), _ = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    spec = kerasos.data.DataSpec.of(x, y)
    model, steps = training.oversampler(cell, x, y, folder, (0.0, 0.9))
    features = common.features_of_all(cell, spec, data_dir, folder)
    (x_all, y_all), _ = datasets.load(cell.protocol.dataset, None, data_dir, 0)
    real_points = cell.method.classifier.get("real_points", False)

    def make(label, count):
        if not real_points:
            return model.sample([label] * count, seed=cell.repeat, verbose=0)
        source = np.random.default_rng(cell.repeat)
        rows = source.choice(np.flatnonzero(y == label), count)
        if not hasattr(model, "reconstruct"):
            return x[rows]
        return model.reconstruct(x[rows], y[rows], seed=cell.repeat)

    scores, shown = {}, []
    for label in spec.minority_labels:
        real = x_all[y_all == label]
        made = make(label, len(real))
        scores[f"fid/{label}"] = fid(real, made, features)
        shown.append(made[:8])
    scores["fid"] = statistics.fmean(scores.values())
    images = np.concatenate([x, *shown])
    labels = np.concatenate([y, np.repeat(spec.minority_labels, 8)])
    common.draw_made(images, labels, np.arange(len(images)) >= len(x), folder)
    return scores, steps
