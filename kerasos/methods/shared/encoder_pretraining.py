"""The encoder is brought near to the prior before training begins.

Tolstikhin et al. (Wasserstein Auto-Encoders, ICLR 2018, authors' code), which DGC
follows: up to 200 updates of the encoder alone, on 1,000 samples each, that match mean
and covariance of the latents to those of N(0, I), until the loss is below 0.1. With
the weights and sizes of the paper an untrained encoder is there already, and one
update is made.
"""

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.pipeline import every_row
from kerasos.losses.mmd import moments_loss
from kerasos.methods.base import watching
from kerasos.randomness.draws import all_rows
from kerasos.randomness.seeds import derive_seed

GOOD_ENOUGH = 0.1


def pretrain_encoder(model, dataset):
    """Makes the updates, once in the life of a model; `fit` calls it at its start.

    Args:
        model: An `OversamplingModel` with `pretrain_steps`, `pretrain_rows`,
            `encoder_variables`, `e_optimizer`, the counter `pretrained` and the method
            `draw_latent(x, one_hot, noise)` in training mode.
        dataset: Of `(x, y)`, best from `kerasos.data.batches`.

    Returns:
        List of the losses, one an update.
    """
    if not model.pretrain_steps or keras.ops.convert_to_numpy(model.pretrained):
        return []

    def step(x, y, noise):
        x, one_hot = model.real_batch((x, y))
        variables = model.encoder_variables
        with watching(variables) as tape:
            loss = moments_loss(all_rows(model.draw_latent(x, one_hot, noise)))
        model.minimize(loss, tape, variables, model.e_optimizer)
        return loss

    run = step
    if not model.run_eagerly:
        run = tf.function(step, reduce_retracing=True, autograph=False)
    strategy = model.distribute_strategy
    source, losses = _batches(model, dataset), []
    for index in range(model.pretrain_steps):
        x, y = next(source)
        rng = np.random.default_rng(derive_seed(model.seed, "pretrain_noise", index))
        noise = rng.standard_normal((len(x), model.latent_dim), "float32")
        size = len(x) // strategy.num_replicas_in_sync
        parts = [_parts(strategy, array, size) for array in (x, y, noise)]
        loss = strategy.run(run, args=tuple(parts))
        losses.append(float(strategy.experimental_local_results(loss)[0]))
        if losses[-1] < GOOD_ENOUGH:
            break
    model.pretrained.assign(1)
    return losses


def _batches(model, dataset):
    """Yields `(x, y)` of `pretrain_rows` rows, or of all where there are fewer."""
    tables = getattr(dataset, "kerasos_tables", None)
    if tables is None:
        yield from _regrouped(dataset, model.pretrain_rows)
        return
    size = tables[0].shape[0]
    for step in range(model.pretrain_steps):
        rng = np.random.default_rng(derive_seed(model.seed, "pretrain_rows", step))
        index = rng.permutation(size)[: model.pretrain_rows]
        yield tuple(table.gather(tf.constant(index)).numpy() for table in tables)


def _regrouped(dataset, rows):
    """Yields arrays of `rows` rows, pass after pass over a dataset of batches."""
    parts, count = [], 0
    while True:
        for part in every_row(dataset):
            parts.append(part)
            count += len(part[1])
            if count >= rows:
                yield tuple(np.concatenate(p)[:rows] for p in zip(*parts, strict=True))
                parts, count = [], 0
        if parts:  # a whole pass has fewer rows
            yield tuple(np.concatenate(p) for p in zip(*parts, strict=True))
            parts, count = [], 0


def _parts(strategy, array, size):
    """Equal parts of an array, one a replica."""
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            array[context.replica_id_in_sync_group * size :][:size]
        )
    )
