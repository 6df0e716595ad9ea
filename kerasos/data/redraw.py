"""Draws samples again that are not what they should be."""

import numpy as np

from kerasos.randomness.seeds import derive_seed

ROUNDS = 8


def redrawn(sample, labels, excess, seed):
    """Draws samples, and again where the excess is not negative.

    Args:
        sample: Function of labels and a seed to rows `(n, ...)`.
        labels: Integer array `(n,)`.
        excess: Function of rows and labels to a float array `(n,)`. After `ROUNDS`
            draws a row keeps the one with the least.
        seed: Integer.

    Returns:
        The rows, and the excess of each.
    """
    result, least = None, np.full(len(labels), np.inf)
    todo = np.arange(len(labels))
    for number in range(ROUNDS):
        drawn = sample(labels[todo], derive_seed(seed, "screening", number))
        found = excess(drawn, labels[todo])
        better = found < least[todo]
        result = drawn if result is None else result
        result[todo[better]], least[todo[better]] = drawn[better], found[better]
        todo = todo[least[todo] >= 0]
        if not len(todo):
            break
    return result, least
