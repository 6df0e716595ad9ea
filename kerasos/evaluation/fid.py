"""Frechet distance between real and generated samples, e.g. FID.

    d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

with means and covariances (n - 1 in the denominator) of the features. With the
centred features A (n1, d) and B (n2, d),

    tr (C1 C2)^(1/2) = |A B^T|_* / sqrt((n1 - 1) (n2 - 1))

where |.|_* is the nuclear norm, the sum of the singular values. That needs no square
root of a matrix and holds for singular covariances too, so nothing is added to their
diagonals.

Reference:
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local
    Nash Equilibrium, NeurIPS 2017 (equation 6).
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def fid(real: ArrayLike, generated: ArrayLike, feature_fn: Callable[..., Any]) -> float:
    """Frechet distance between the features of real and of generated samples.

    Only with `kerasos.features.feature_fn("inception", ...)` it is an FID in the usual
    sense, and even then the weights are Keras's, not those of the reference
    implementation: compare methods with each other, not with published values. The
    value depends on the numbers of samples; keep both equal for all methods, and
    report them and the name of the features.

    Args:
        real: Array `(n1, ...)` of samples, in the units `feature_fn` takes.
        generated: Array `(n2, ...)` in the same units.
        feature_fn: Callable from samples `(n, ...)` to features `(n, d)`, e.g. of
            `kerasos.features.feature_fn`.

    Returns:
        Float, at least 0.

    Raises:
        ValueError: As `frechet_distance`.

    Example:

    ```python
    features = kerasos.features.feature_fn("cnn", spec, x_train, y_train)
    value = fid(x_test[y_test == 3], model.sample([3] * 1000), features)
    ```
    """
    return frechet_distance(feature_fn(real), feature_fn(generated))


def frechet_distance(features: ArrayLike, other: ArrayLike) -> float:
    """Frechet distance between the Gaussians with the moments of two samples.

    Computed in float64; the cost is O(n d min(n, d)). With d samples or fewer a
    covariance is singular. Then what is returned is still the exact distance between
    the two sample Gaussians, with a warning, because as an estimate it is too large.

    Args:
        features: Array `(n1, d)`.
        other: Array `(n2, d)`.

    Returns:
        Float, at least 0. (It is the square of a metric, as is customary.)

    Raises:
        ValueError: If the arrays are not of rank 2 and one width, hold NaN or
            infinity, or have fewer than 2 rows.

    Example:

    >>> a = np.array([[0.0], [2.0]])
    >>> round(frechet_distance(a, a + 3.0), 6)
    9.0
    """
    a, b = (np.asarray(values, dtype="float64") for values in (features, other))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            "Features must be two arrays (n, d) of one width d. Received: shapes "
            f"{a.shape} and {b.shape}."
        )
    if min(len(a), len(b)) < 2:
        raise ValueError(
            "A covariance needs at least 2 samples. Received: "
            f"{len(a)} and {len(b)} samples."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("Features must be finite. Received: NaN or infinity.")
    fewest, d = min(len(a), len(b)), a.shape[1]
    if fewest <= d:
        warnings.warn(
            f"{fewest} samples do not determine a covariance of {d} features, so the "
            "distance is biased upwards. Expected more samples than features. Compare "
            "it only with values from as many samples.",
            stacklevel=2,
        )
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    root_a, root_b = _covariance_root(a - mean_a), _covariance_root(b - mean_b)
    traces = np.square(root_a).sum() + np.square(root_b).sum()
    cross = np.linalg.norm(root_a @ root_b.T, ord="nuc")
    return float(max(0.0, np.square(mean_a - mean_b).sum() + traces - 2.0 * cross))


def _covariance_root(centred):
    """Returns R with at most d rows and R^T R = C."""
    scaled = centred / np.sqrt(len(centred) - 1)
    # An orthogonal factor in front changes no singular value of A B^T.
    return scaled if len(scaled) <= scaled.shape[1] else np.linalg.qr(scaled, mode="r")
