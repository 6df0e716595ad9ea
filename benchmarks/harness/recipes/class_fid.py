"""FID by class (Mullick et al. 2019, table 5)."""

import statistics

import kerasos
from harness import datasets, training
from harness.recipes import common
from kerasos.evaluation import fid


def class_fid(cell, data_dir, folder):
    """GAMO's table 5: FID of each oversampled class, and its mean."""
    (x, y), _ = datasets.load(
        cell.protocol.dataset, cell.protocol.class_counts, data_dir, cell.repeat
    )
    spec = kerasos.data.DataSpec.of(x, y)
    model, steps = training.oversampler(cell, x, y, folder, (0.0, 0.9))
    features = common.features_of_all(cell, spec, data_dir, folder)
    (x, y), _ = datasets.load(cell.protocol.dataset, None, data_dir, 0)
    scores = {}
    for label in spec.minority_labels:
        real = x[y == label]
        made = model.sample([label] * len(real), seed=cell.repeat, verbose=0)
        scores[f"fid/{label}"] = fid(real, made, features)
    scores["fid"] = statistics.fmean(scores.values())
    common.draw_samples(model, x, y, folder)
    return scores, steps
