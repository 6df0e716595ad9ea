"""Small data, eager models and their weights, for the tests of GAMO."""

import numpy as np
import tensorflow as tf
from steps import paths

from kerasos import GAMO

COUNTS = (12, 40, 6, 25)  # minority, rarest first: 2, 0, 3
MINORITY = [2, 0, 3]


def make_data(counts=COUNTS, width=3, seed=0):
    """Classes as boxes that do not touch, in [0, 1], shuffled."""
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    place = (y + 0.9 * source.uniform(size=(width, len(y)))) / len(counts)
    return place.T.astype("float32"), y


def make_images(counts=(8, 24, 5), seed=0):
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    x = source.integers(0, 100, (len(y), 8, 8, 1)) + 60 * y[:, None, None, None]
    return x.astype("uint8"), y


def make_gamo(counts=COUNTS, width=3, images=False, **options):
    """A compiled eager model and its data."""
    x, y = make_images(counts) if images else make_data(counts, width)
    if not images:
        options.setdefault("value_range", (0, 1))
    options.setdefault("seed", 0)
    model = GAMO.from_data(x, y, **options)
    model.compile(run_eagerly=True)
    return model, x, y


def real_batch(model, x, y, rows=32, seed=0):
    """Rows of the data with their one-hot labels, as a training step sees them."""
    chosen = np.random.default_rng(seed).integers(len(y), size=rows)
    one_hot = tf.one_hot(y[chosen], model.spec.num_classes)
    return tf.constant(x[chosen]), tf.constant(y[chosen].astype("int32")), one_hot


def weights_of(model):
    """Copies of every variable of every network, by path."""
    return {v.path: v.numpy().copy() for layer in model.layers for v in layer.variables}


def moved(before, after):
    """The path of every variable that changed."""
    return {path for path in before if np.any(before[path] != after[path])}


def moving_averages(model):
    return {v.path for v in model.generator.trunk.non_trainable_variables}


def players_paths(model):
    """Paths of the trainable variables of G, M and D."""
    players = (model.generator, model.classifier_head, model.discriminator)
    return paths(*(player for player in players if player is not None))
