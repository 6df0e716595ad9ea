"""FID by class (Mullick et al. 2019, table 5)."""

import statistics

import numpy as np

from kerasos.evaluation import fid


def class_fid(work):
    """GAMO's table 5: FID of each oversampled class, and its mean.

    Row option `real_points`: training images drawn with replacement. GAMO2pix decodes
    their features in place of GAMO's, other methods return them as they are.
    """
    x, y, seed = work.x, work.y, work.cell.repeat
    model, steps = work.oversampler((0.0, 0.9))
    x_all, y_all = work.whole[0]
    real_points = work.cell.method.classifier.get("real_points", False)

    def make(label, count):
        if not real_points:
            return model.sample([label] * count, seed=seed, verbose=0)
        rows = np.random.default_rng(seed).choice(np.flatnonzero(y == label), count)
        if not hasattr(model, "reconstruct"):
            return x[rows]
        return model.reconstruct(x[rows], y[rows], seed=seed)

    scores, shown, minority = {}, [], work.spec.minority_labels
    for label in minority:
        real = x_all[y_all == label]
        made = make(label, len(real))
        scores[f"fid/{label}"] = fid(real, made, work.features)
        shown.append(made[:8])
    scores["fid"] = statistics.fmean(scores.values())
    images, labels = (
        np.concatenate([x, *shown]),
        np.concatenate([y, np.repeat(minority, 8)]),
    )
    work.draw_made(images, labels, np.arange(len(images)) >= len(x))
    return scores, steps
