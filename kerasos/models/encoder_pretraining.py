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
from kerasos.models.training import watching
from kerasos.replicas import all_rows
from kerasos.seeds import derive_seed

GOOD_ENOUGH = 0.1


class EncoderPretraining:
    """Pre-trains an encoder when `fit` enters its first stage, once.

    For an `OversamplingModel` with `pretrain_steps`, `pretrain_rows`,
    `encoder_variables`, `e_optimizer`, the counter `pretrained` and the method
    `draw_latent(x, one_hot, noise)` in training mode.
    """

    def on_stage_begin(self, stage):
        super().on_stage_begin(stage)
        done = bool(keras.ops.convert_to_numpy(self.pretrained))
        if self.pretrain_steps and not done and self.training_data is not None:
            self.pretrain(self.training_data)
            self.pretrained.assign(1)

    def pretrain(self, dataset):
        """Makes the updates; `fit` calls it before its first step.

        Args:
            dataset: Of `(x, y)`, best from `kerasos.data.batches`.

        Returns:
            List of the losses, one an update.
        """
        strategy = self.distribute_strategy
        replicas = strategy.num_replicas_in_sync
        run = self._pretraining_step
        run = run if self.run_eagerly else tf.function(run, reduce_retracing=True)
        source = self._pretraining_batches(dataset)
        losses = []
        for step in range(self.pretrain_steps):
            x, y = next(source)
            noise_source = np.random.default_rng(
                derive_seed(self.seed, "pretrain_noise", step)
            )
            noise = noise_source.standard_normal((len(x), self.latent_dim), "float32")
            size = len(x) // replicas
            parts = [_parts(strategy, array, size) for array in (x, y, noise)]
            loss = strategy.run(run, args=tuple(parts))
            loss = strategy.experimental_local_results(loss)[0]
            losses.append(float(loss))
            if losses[-1] < GOOD_ENOUGH:
                break
        return losses

    def _pretraining_step(self, x, y, noise):
        x, one_hot = self.real_batch((x, y))
        variables = self.encoder_variables
        with watching(variables) as tape:
            loss = moments_loss(all_rows(self.draw_latent(x, one_hot, noise)))
        self.minimize(loss, tape, variables, self.e_optimizer)
        return loss

    def _pretraining_batches(self, dataset):
        """Yields `(x, y)` of `pretrain_rows` rows, or of all where there are fewer."""
        tables = getattr(dataset, "kerasos_tables", None)
        if tables is None:
            yield from _regrouped(dataset, self.pretrain_rows)
            return
        size = tables[0].shape[0]
        for step in range(self.pretrain_steps):
            rng = np.random.default_rng(derive_seed(self.seed, "pretrain_rows", step))
            index = rng.permutation(size)[: self.pretrain_rows]
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
