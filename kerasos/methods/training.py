"""What happens around `fit`: checks before it, stages and epochs inside it."""

import collections.abc
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasos.data.arrays import as_array, check_labels
from kerasos.data.host import as_written
from kerasos.data.labels import check_names
from kerasos.data.pipeline import (
    batches,
    guarded,
    raise_fault,
    rebalanced,
    uniform_from,
)
from kerasos.data.sources import as_pairs, check_form, is_dataset
from kerasos.randomness.seeds import derive_seed
from kerasos.workers import has_workers

DEFAULT_BATCH_SIZE = 32
VALIDATION_BATCH_SIZE = 512


def check_fit_data(model, x, y, batch_size, shuffle, validation_split, validation):
    """Returns `(dataset, validation_data)`, or raises before any training."""
    if validation_split or validation is not None:
        validation = checked_validation(model, validation)
    if is_dataset(x):
        if y is not None or batch_size is not None or validation_split:
            raise ValueError(
                "`y`, `batch_size` and `validation_split` go with arrays. "
                "Received: a dataset and one of them. Put labels and batches into "
                "the dataset, with `kerasos.data.batches(x, y, batch_size)`."
            )
        check_names(x, model.spec.label_names)
        x = as_pairs(x)
        check_dataset(model.spec, x)
        return even_batches(model, in_balance(model, x)), validation
    if isinstance(x, tf.distribute.DistributedDataset):
        check_replicas(model, x)
        return in_balance(model, x), validation
    if y is None and not isinstance(x, collections.abc.Iterator):
        raise ValueError(
            "`fit` needs labels. Expected `fit(x, y)` or a dataset of `(x, y)`. "
            "Received: y=None."
        )
    if not shuffle and model.batch_balance is True:
        _refuse_order(model)
    check_form(x, y)
    x, y = as_array(x), np.asarray(model.spec.codes_of(y))
    model.spec.check_compatible(x, y)
    if validation_split:
        split = int(len(x) * (1.0 - validation_split))
        validation = validation or (x[split:], y[split:])
        x, y = x[:split], y[:split]
    dataset = batches(
        x,
        y,
        batch_size or DEFAULT_BATCH_SIZE,
        balanced=model.batch_balance,
        shuffle=shuffle,
        seed=derive_seed(model.seed, "batches"),
    )
    return even_batches(model, in_balance(model, dataset)), validation


def refuse_weights(model, function, weights):
    """Raises `ValueError` if one of the weights `{name: value}` is given."""
    if any(weights.get(n) is not None for n in ("class_weight", "sample_weight")):
        given = ", ".join(f"{name}={value}" for name, value in weights.items())
        raise ValueError(
            f"`{type(model).__name__}.{function}` takes no `class_weight` and no "
            f"`sample_weight`: oversampling replaces them. Received: {given}. "
            "Leave them out."
        )


def checked_validation(model, data):
    """Returns held-out data, after checking that the model can be judged on them."""
    if type(model).test_step is keras.Model.test_step:
        raise ValueError(
            f"`{type(model).__name__}` has no loss that tells on held-out data how "
            "good it is. Expected no `validation_data` and no `validation_split`. "
            "Train a classifier on `model.oversample(x, y)` and evaluate that."
        )
    if is_dataset(data):
        check_names(data, model.spec.label_names)
        data = as_pairs(data)
        check_dataset(model.spec, data)
        return guarded(data, model.spec)
    if isinstance(data, tf.distribute.DistributedDataset):
        check_replicas(model, data)
        return data
    if data is None or isinstance(data, collections.abc.Iterator):
        return data
    x, *others = data if isinstance(data, list | tuple) else [data]
    if not others or others[0] is None:
        raise ValueError(
            "Held-out data need labels. Expected `(x, y)` or a dataset of batches "
            f"`(x, y)`. Received: x of type {type(x).__name__} alone. Pass its labels."
        )
    y, *weights = others
    if any(part is not None for part in weights):
        raise ValueError(
            "Held-out samples count alike. Expected `(x, y)`. Received: a third part, "
            "the weights. Leave it out."
        )
    x, y = as_array(x), check_labels(model.spec.codes_of(y))
    model.spec.check_compatible(x, y)
    return x, y


def check_replicas(model, data):
    """Raises `ValueError` unless each replica has its part of a distributed dataset."""
    strategy = model.distribute_strategy
    whole = tf.nest.flatten(data.element_spec)
    parts = tf.nest.flatten(data.element_spec, expand_composites=True)
    given, replicas = len(parts) // len(whole), strategy.num_replicas_in_sync
    if given != replicas and not has_workers(strategy):
        raise ValueError(
            "A distributed dataset has a part for each replica of its strategy, which "
            f"must be the model's. Expected {replicas}. Received: {given}. Pass the "
            "dataset that it was made of, which `fit` distributes itself, or build the "
            "model in `with strategy.scope():`."
        )


def in_balance(model, dataset):
    """Returns the dataset that the model trains on."""
    if model.batch_balance:
        if model.batch_balance is True and getattr(dataset, "kerasos_ordered", False):
            _refuse_order(model)
        balanced = rebalanced(dataset, model.batch_balance)
        if balanced is None and model.pre_oversample is None:  # nobody asked for it
            _warn_of_shares(model, dataset)
            balanced = dataset
        dataset = balanced or _refuse(model, dataset)
    if model.uniform_from is not None:
        balanced = uniform_from(dataset, model.uniform_from)
        dataset = balanced or _refuse(model, dataset)
    return dataset


def even_batches(model, dataset):
    """Returns batches of which each replica gets equally many rows.

    The means of unequal parts are no mean of the whole, and one without a row is NaN.
    The last rows of a batch that does not divide, as the last of a pass, are left out;
    fewer rows than replicas are repeated.
    """
    replicas = model.distribute_strategy.num_replicas_in_sync
    rows = dataset.element_spec[0].shape[0]
    if replicas == 1 or (rows and rows % replicas == 0):
        return dataset
    if rows:
        raise ValueError(
            "Batches are shared among the replicas. Expected: a batch size that is a "
            f"multiple of {replicas}. Received: batches of {rows}. Take "
            f"{rows + -rows % replicas}."
        )

    @as_written
    def cut(*batch):
        rows = tf.shape(batch[0])[0]
        kept = tf.range(tf.maximum(rows // replicas, 1) * replicas) % rows
        return tuple(tf.gather(part, kept) for part in batch)

    return dataset.map(cut)


def _warn_of_shares(model, dataset):
    counts = model.spec.class_counts
    if len(set(counts)) > 1:
        warnings.warn(
            f"Classes are drawn as often as they come, {min(counts)} to {max(counts)} "
            f"samples each, because rows of a {type(dataset).__name__} cannot be "
            "repeated: more samples of rare classes will look like others. Train on "
            "arrays or on a dataset of `kerasos.data.batches`, or build the model with "
            "`pre_oversample=False`.",
            stacklevel=5,  # where `fit` is called
        )


def _refuse_order(model):
    asked = model.pre_oversample is not None
    way = "real_sampling='natural'" if asked else "pre_oversample=False"
    raise ValueError(
        "Classes are drawn alike, at random, so there is no order to keep. Expected: "
        "shuffle=True. Received: shuffle=False. Leave it out, or build the model with "
        f"`{way}`, which takes rows as they come."
    )


def _refuse(model, dataset):
    what = "`real_sampling='balanced'` draws rows"
    way = "take `real_sampling='natural'`"
    if model.pre_oversample:
        what = "`pre_oversample=True` repeats rows"
        way = (
            "balance your dataset yourself and build the model with "
            "`pre_oversample=False`"
        )
    raise ValueError(
        f"{what} of the smaller classes, which needs the rows. Expected arrays, or "
        "a dataset of `kerasos.data.batches` as it is. Received: a "
        f"{type(dataset).__name__}. Pass one of the two, or {way}."
    )


def check_dataset(spec, dataset):
    """Raises if the elements of `dataset` are not batches of `(x, y)` of `spec`."""
    spec.check_compatible(dataset)
    samples, labels = dataset.element_spec
    if labels.shape.rank == 0:
        raise ValueError(
            "A training dataset must yield batches. Received: single samples of "
            f"shape {samples.shape}. Use `dataset.batch(32, drop_remainder=True)`, "
            "or `kerasos.data.batches(x, y, 32)`."
        )
    if not labels.dtype.is_integer:
        raise ValueError(
            "Labels in a training dataset must be integers. Received: "
            f"{labels.dtype.name}. Number the classes: map names to their places with "
            "`keras.layers.StringLookup(vocabulary=names, num_oov_indices=0)`."
        )
    tables = getattr(dataset, "kerasos_tables", None)
    if tables is not None:
        spec.check_values(*tables[0].bounds)
        spec.check_largest_label(int(tables[1].bounds[1]))
    if int(dataset.cardinality()) == 0:
        raise ValueError(
            "The training dataset has no batch, so nothing would be trained. "
            "Lower the batch size, or keep the last partial batch."
        )


class StageCallback(keras.callbacks.Callback):
    """Keeps the order of batches and the stage of the model tied to the epoch."""

    def __init__(self, dataset, epochs):
        super().__init__()
        self.dataset = dataset
        self.epochs = epochs

    def steps_done(self):
        return int(self.model.steps_done.numpy())

    def on_train_begin(self, logs=None):
        seen = {self.model.stage_at(epoch) for epoch in range(self.epochs)}
        missed = [stage for stage in self.model.stages if stage not in seen]
        if missed:
            warnings.warn(
                f"{self.epochs} epochs end before the stage {missed[0]!r} of "
                f"{type(self.model).__name__}, whose stages are "
                f"{list(self.model.stages)}. Train for more epochs.",
                stacklevel=2,
            )
        self.entered = None

    def on_epoch_begin(self, epoch, logs=None):
        counter = getattr(self.dataset, "kerasos_epoch", None)
        if counter is not None:
            counter.assign(epoch)
        self.before = self.steps_done()
        self.model.on_epoch_start(epoch)
        stage = self.model.stage_at(epoch)
        if stage != self.entered:
            self.model.enter_stage(stage)
            self.entered = stage

    def on_epoch_end(self, epoch, logs=None):
        # Some steps of the last execution were made, so that Keras took it for whole.
        steps = (self.params or {}).get("steps")
        if steps and self.steps_done() - self.before < steps:
            raise_fault(self.dataset)
