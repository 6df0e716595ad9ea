"""Imbalanced training sets: class counts, and the samples that meet them."""

import numbers
import re

import numpy as np
from numpy.typing import ArrayLike

from kerasos.annotations import ClassCounts
from kerasos.checks import Number, nearest_name
from kerasos.data.arrays import check_labels
from kerasos.randomness.seeds import derive_seed

# Mullick, Datta, Das, ICCV 2019, section 4: counts of the labels 0..9 by data set.
_GAMO_28 = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
_GAMO_32 = (4500, 2000, 1000, 800, 600, 500, 400, 250, 150, 80)
PROTOCOLS = {
    "gamo": {
        "mnist": _GAMO_28,
        "fashion_mnist": _GAMO_28,
        "cifar10": _GAMO_32,
        "svhn_cropped": _GAMO_32,
    },
}

# Fajardo et al., ESWA 2021, section 4: majority classes of 3,200 samples, minority
# classes of 3,200 / rho. "fajardo-320-12345" names rho and the minority digits.
_FAJARDO_MAJORITY = 3200
_FAJARDO_NAME = re.compile(r"fajardo-(\d+)-(\d+)")
_EXAMPLES = (*PROTOCOLS, "fajardo-320-12345", "fajardo-80-345")


def resolve_class_counts(
    class_counts: ClassCounts, available: ArrayLike, dataset: str | None = None
) -> np.ndarray:
    """Returns how many samples of each class to keep.

    An imbalance ratio `r` asks for a long tail over the `K` labels in order,

        count_k = max(1, round(n_max r^(-k / (K - 1)))),

    with the largest `n_max` that no class is too small for.

    Args:
        class_counts: One of: a list of `num_classes` positive integers; a dict
            `{label: count}`, where labels left out keep all their samples; a
            number `>= 1`, the ratio of the first class to the last; the name of
            a published protocol, `"gamo"` or `"fajardo-<rho>-<minority
            digits>"`; None to keep everything.
        available: Samples there are of each class, in label order.
        dataset: Name of the data set, as `load` takes it. `"gamo"` needs it.

    Returns:
        int64 array `(num_classes,)`.

    Raises:
        TypeError: If `class_counts` is of none of these kinds.
        ValueError: If the counts are not positive integers, are too many or too
            few, exceed what is available, or if the name is unknown or does not
            fit the data set.

    Example:

    >>> resolve_class_counts(100, [900, 1000, 1000])
    array([900,  90,   9])
    >>> resolve_class_counts({2: 5}, [90, 100, 100])
    array([ 90, 100,   5])
    """
    available = np.asarray(available, "int64")
    if class_counts is None:
        return available
    if isinstance(class_counts, str):
        counts = _protocol(class_counts, available, dataset)
    elif isinstance(class_counts, dict):
        counts = _from_dict(class_counts, available)
    elif np.ndim(class_counts) == 0:
        counts = _long_tail(class_counts, available)
    else:
        counts = class_counts
    return _check_counts(counts, available)


def subsample(
    y: ArrayLike, class_counts: ClassCounts, seed: int = 0, dataset: str | None = None
) -> np.ndarray:
    """Returns the indices of a random subset with the given class counts.

    Each class is drawn without replacement, from its own stream of `seed`: the
    same arguments give the same indices in every process, the counts of other
    classes make no difference, and a smaller count gives a subset of a larger.

    Args:
        y: Integer labels `(n,)`.
        class_counts: As in `resolve_class_counts`.
        seed: Integer.
        dataset: As in `resolve_class_counts`.

    Returns:
        int64 array of indices into `y`, in ascending order.

    Raises:
        TypeError, ValueError: As `resolve_class_counts`.

    Example:

    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> y[subsample(y, [3, 1], seed=0)]
    array([0, 0, 0, 1])
    """
    y = check_labels(y)
    counts = resolve_class_counts(class_counts, np.bincount(y), dataset)
    return np.sort(rows_of_classes(y, counts, seed, "subsample"))


def rows_of_classes(y, counts, seed, purpose):
    """Returns indices of `counts[k]` random samples of each class k, class by class.

    scikit-learn's splits draw all classes from one stream; here each has its own.

    Args:
        y: Integer labels `(n,)`.
        counts: Integers, in label order.
        seed: Integer.
        purpose: String that keeps draws for different ends apart.
    """
    drawn = []
    for label, count in enumerate(counts):
        rng = np.random.default_rng(derive_seed(seed, purpose, label))
        drawn.append(rng.permutation(np.flatnonzero(y == label))[:count])
    return np.concatenate(drawn)


def _protocol(name, available, dataset):
    if name in PROTOCOLS:
        fits = PROTOCOLS[name]
        if dataset not in fits:
            raise ValueError(
                f'Protocol "{name}" has class counts for {sorted(fits)} only. '
                f"Received: data set {dataset!r}. Give the counts as a list."
            )
        return fits[dataset]
    match = _FAJARDO_NAME.fullmatch(name)
    if match:
        rho, minority = int(match[1]), [int(digit) for digit in match[2]]
        repeated = len(set(minority)) < len(minority)
        if rho < 1 or repeated or max(minority) >= len(available):
            raise ValueError(
                f'Protocol "{name}" must be "fajardo-<rho>-<minority digits>". '
                "Expected rho >= 1 and different digits, each a label in "
                f"0..{len(available) - 1}. Received: rho {rho}, digits {minority}."
            )
        counts = np.full(len(available), _FAJARDO_MAJORITY)
        counts[minority] = max(1, round(_FAJARDO_MAJORITY / rho))
        return counts
    nearest = nearest_name(name, _EXAMPLES)
    hint = f' Did you mean "{nearest}"?' if nearest else ""
    raise ValueError(
        f"`class_counts` must name a known protocol. Expected one of "
        f'{sorted(PROTOCOLS)} or "fajardo-<rho>-<minority digits>". Received: '
        f'"{name}".{hint}'
    )


def _from_dict(counts, available):
    labels = set(range(len(available)))
    if not set(counts) <= labels:
        raise ValueError(
            "The keys of `class_counts` must be labels. Expected integers in "
            f"0..{len(available) - 1}. Received: {list(set(counts) - labels)}."
        )
    return [counts.get(label, available[label]) for label in range(len(available))]


def _long_tail(ratio, available):
    if not isinstance(ratio, numbers.Real) or isinstance(ratio, bool):
        raise TypeError(
            "`class_counts` must be a list, a dict, an imbalance ratio, the name "
            f"of a protocol, or None. Received: {ratio!r}."
        )
    if not Number(1).fits(ratio):
        raise ValueError(
            "`class_counts` as a number is the imbalance ratio. Expected a finite "
            f"number >= 1. Received: {ratio}. Give class counts as a list."
        )
    share = float(ratio) ** -np.linspace(0, 1, len(available))
    largest = int(np.min((available + 0.5) / share))
    counts = np.rint(largest * share)
    while largest > 1 and np.any(counts > available):  # halves round to even
        largest -= 1
        counts = np.rint(largest * share)
    return np.maximum(counts, 1)


def _check_counts(counts, available):
    values = np.asarray(counts)
    if values.shape != available.shape:
        raise ValueError(
            "`class_counts` must have one count per class. Expected "
            f"{len(available)} counts. Received: {counts!r}."
        )
    if (
        values.dtype.kind not in "iuf"
        or np.any(values != np.rint(values))
        or np.any(values < 1)
    ):
        raise ValueError(
            "`class_counts` must be integers of at least 1. Received: "
            f"{values.tolist()}. Every class needs a sample."
        )
    values = values.astype("int64")
    if np.any(values > available):
        short = {
            label: (int(values[label]), int(available[label]))
            for label in np.flatnonzero(values > available).tolist()
        }
        raise ValueError(
            "`class_counts` must not exceed the samples there are. Received: "
            "{label: (count, available)} = "
            f"{short}. Lower these counts."
        )
    return values
