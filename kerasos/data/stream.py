"""A balanced stream: all classes alike, of real rows, and generated ones where few are.

A batch is planned first. With B rows and K classes the rows of all batches go round the
classes, so that in a batch they differ by one row at most; a row is generated with the
share of its class, else real. Then the batch is filled. Real rows come from memory,
drawn with replacement, or from the user's dataset as they go by; generated ones from a
pool, or they are made for the batch. All draws follow from the seed and the batch.
"""

import collections
import math
import threading

import keras
import numpy as np
import tensorflow as tf

from kerasos.checks import AnyOf, Boolean, Integer, Number, check
from kerasos.data.arrays import (
    check_labels,
    check_same_length,
    check_samples,
    fingerprints,
    value_bounds,
)
from kerasos.data.host import EpochCounter, as_written, weakly
from kerasos.data.labels import check_names, codes_of, named, strategy_of
from kerasos.data.pipeline import AHEAD, with_our_options
from kerasos.data.redraw import redrawn
from kerasos.data.resample import samples_to_add
from kerasos.data.sources import (
    as_pairs,
    check_form,
    dataset_specs,
    is_dataset,
    label_form,
    parts_of,
)
from kerasos.randomness.seeds import derive_seed, fresh_seed

_SHUFFLED_ROWS, _SHUFFLED_BYTES = 1_024, 1 << 26  # of those that go by

Maker = collections.namedtuple(
    "Maker", "make labels shape dtype num_classes names check_values"
)
Maker.__doc__ = """Who generates rows, as a stream sees it.

Args:
    make: Function from labels `(n,)` and a seed to samples.
    labels: Labels that it can generate, none for one that makes none.
    shape, dtype: Of a sample.
    num_classes: Of the data.
    names: Names of the classes, or None.
    check_values: Function of the smallest and the largest real value that raises where
        these are in other units.
"""


def balanced_stream(
    maker,
    x,
    y=None,
    batch_size=None,
    *,
    synthetic="missing",
    augment=None,
    pool=256,
    refresh=5,
    mark_synthetic=False,
    synthetic_weight=None,
    filter=None,
    steps_per_epoch=None,
    memory_mb=512,
    seed=None,
):
    """Returns a dataset in which the classes are alike.

    Args:
        maker: A `Maker`.
        x, y: Real rows: arrays with labels, integers or names; or a dataset, as
            `kerasos.data.as_arrays` takes it, then y is left out. Of a dataset the
            smaller classes are kept in memory, as far as `memory_mb` goes, and rows of
            the others are taken as it is read on, shuffled a little, each class with
            the share of its real rows.
        batch_size: Rows of a batch, over all replicas together; 32 by default. Every
            batch is full.
        synthetic: Share of generated rows in a class. "missing": as many as the class
            lacks to the size of the largest, so none in that, and nearly all in a rare
            one; a number in [0, 1], of each class that can be generated; or a dict
            `{class: share}`, 0 for those left out. With 0 the smaller classes are
            repeated.
        augment: A Keras layer, a function of float32 batches, or a list of them, which
            change real rows and leave their shape: `keras.layers.RandomFlip()`. Under
            mixed precision make layers with `dtype="float32"`.
        pool: Generated rows that are kept of each class and drawn from, at most, and
            no more than these epochs ask for or half of `memory_mb` holds. None makes
            all rows for their batch, which costs a pass of the generator a batch.
        refresh: Epochs after which the pool is made anew, with the weights of that
            moment.
        mark_synthetic: If true, batches have a third part, booleans that say which
            rows are generated. `fit` would take it for weights.
        synthetic_weight: If given, batches have a third part, which `fit` takes for the
            weights of the rows: this number, at least 0, for generated ones and 1 for
            real ones.
        filter: A `kerasos.over_sampling.SampleFilter`: rows that it does not let pass
            are made again, up to 7 times. One that is not fitted is fitted on `x` and
            `y`; for a dataset fit it first.
        steps_per_epoch: Batches of an epoch; by default as many as the real rows fill.
        memory_mb: Megabytes of rows that may be kept.
        seed: Integer: the same one gives the same batches, of data in memory, and of
            datasets that give the same rows in the same order. A run that is resumed
            gets those of the unbroken one but for rows that go by and layers with draws
            of their own, which begin anew.

    Returns:
        A `tf.data.Dataset` of `(x, y)`, or of three parts, in the dtype of the real
        rows and in the form of their labels, integers or one-hot; every iterator is one
        epoch, counted as in `kerasos.data.batches`.

    Raises:
        TypeError, ValueError: If the rows are not those the generator was made for, or
            an argument has a bad value.
    """
    if is_dataset(x) and batch_size is None and isinstance(y, int):
        y, batch_size = None, y
    batch_size = 32 if batch_size is None else batch_size
    check_form(x, y)
    at_least_one = Integer(1)
    check("batch_size", batch_size, at_least_one)
    check("pool", pool, AnyOf((at_least_one, None)), 256)
    check("refresh", refresh, at_least_one, 5)
    check("mark_synthetic", mark_synthetic, Boolean(), False)
    check("steps_per_epoch", steps_per_epoch, AnyOf((at_least_one, None)), None)
    check("memory_mb", memory_mb, Number(above=0), 512)
    check("synthetic_weight", synthetic_weight, AnyOf((Number(0), None)), None)
    if mark_synthetic and synthetic_weight is not None:
        raise ValueError(
            "A batch has one third part. Expected `mark_synthetic` or "
            "`synthetic_weight`. Received: both. Leave one out."
        )
    seed = fresh_seed(seed)
    if filter is not None:
        maker = maker._replace(make=_filtered(maker, filter, x, y))
    rows = _Rows(maker, x, y, memory_mb * 2**20)
    shares = _shares(maker, synthetic, rows.counts)
    rows.let_pass(1 - shares, batch_size)
    steps = steps_per_epoch or -(-int(rows.counts.sum()) // batch_size)
    if pool is not None:
        needed = max(shares) * batch_size * steps * refresh / len(shares)
        row_bytes = rows.dtype.itemsize * math.prod(rows.shape)
        held = memory_mb * 2**19 / row_bytes / max(1, np.count_nonzero(shares))
        pool = max(1, min(pool, math.ceil(needed), int(held)))
    made = _Made(maker, np.flatnonzero(shares), pool, refresh, seed)
    epochs = EpochCounter()

    def batch(number):
        rng = np.random.default_rng(derive_seed(seed, "stream", int(number)))
        turn = number * batch_size + np.arange(batch_size)
        labels = rng.permutation(turn % len(shares))
        is_new = rng.random(batch_size) < shares[labels]
        draws = rng.random(batch_size)
        samples = np.empty((batch_size, *rows.shape), rows.dtype)
        rows.fill(samples, labels, ~is_new, draws)
        if is_new.any():
            chosen = labels[is_new], draws[is_new]
            samples[is_new] = made.rows(*chosen, int(number), int(number) // steps)
        return samples, labels.astype("int32"), is_new

    @as_written
    def numbers(_):
        first = epochs.advance() * steps
        return tf.data.Dataset.range(first, first + steps)

    @as_written
    def filled(number):
        dtypes = tf.as_dtype(rows.dtype), tf.int32, tf.bool
        parts = tf.numpy_function(weakly(batch), [number], dtypes)
        for part, shape in zip(parts, (rows.shape, (), ()), strict=True):
            part.set_shape((batch_size, *shape))
        return tuple(parts)

    dataset = tf.data.Dataset.from_tensors(0).flat_map(numbers).map(filled)
    dataset.kerasos_function = batch
    if augment is not None:
        dataset = dataset.map(_augmenting(augment, rows))
    form = label_form(x) if is_dataset(x) else tf.identity

    @as_written
    def given(x, y, is_new):
        if synthetic_weight is not None:
            weight = tf.constant(synthetic_weight, tf.float32)
            return x, form(y), tf.where(is_new, weight, 1.0)
        return (x, form(y), is_new) if mark_synthetic else (x, form(y))

    dataset = dataset.map(given)
    dataset = dataset.prefetch(AHEAD)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    dataset = with_our_options(dataset)
    dataset.kerasos_epoch = epochs
    dataset.class_names = maker.names and list(maker.names)
    return dataset


def _shares(maker, synthetic, counts):
    """Returns the share of generated rows of each class."""
    can = np.isin(np.arange(len(counts)), maker.labels)
    if isinstance(synthetic, str) and synthetic == "missing":
        return np.where(can, 1 - counts / counts.max(), 0.0)
    if not isinstance(synthetic, dict):
        if not Number(0, 1).fits(synthetic):
            raise ValueError(
                'Invalid `synthetic`: it must be "missing", a share in [0, 1], or a '
                f"dict of shares by class. Received: synthetic={synthetic!r}. Leave it "
                'out for "missing".'
            )
        return np.where(can, float(synthetic), 0.0)
    shares = np.zeros(len(counts))
    codes = codes_of(list(synthetic), maker.names)
    for code, share in zip(codes, synthetic.values(), strict=True):
        if code not in maker.labels:
            raise ValueError(
                "The keys of `synthetic` must be classes that can be generated: "
                f"{list(maker.labels)}. Received: {code!r}. Leave it out."
            )
        check(f"synthetic[{code}]", share, Number(0, 1))
        shares[code] = share
    return shares


def _filtered(maker, given, x, y):
    """Returns a `Maker.make` that makes rows again that a filter does not let pass."""
    if not hasattr(given, "excess"):
        raise TypeError(
            "Invalid `filter`: expected a `kerasos.over_sampling.SampleFilter`. "
            f"Received: {given!r}. Leave it out to take all rows."
        )
    if not hasattr(given, "classes_"):
        if is_dataset(x):
            raise ValueError(
                "A filter learns from rows in memory. Expected one that is fitted. "
                "Received: a dataset and a filter that is not. Call "
                "`filter.fit(x, y)` with some real rows of each class."
            )
        from sklearn.base import clone  # here: `import kerasos` is light

        given = clone(given).fit(x, codes_of(y, maker.names))
    names = None if maker.names is None else np.asarray(maker.names)

    def excess(rows, labels):
        by_name = names is not None and named(given.classes_)
        return given.excess(rows, names[labels] if by_name else labels)

    def make(labels, seed):
        return redrawn(maker.make, np.asarray(labels), excess, seed)[0]

    return make


class _Rows:
    """Real rows: from memory, or of the largest classes as their dataset is read.

    Attributes:
        shape, dtype: Of a row.
        counts: int64 `(num_classes,)`.
    """

    def __init__(self, maker, x, y, most_bytes):
        self.kept, self.passing, self._pairs = {}, None, None
        if is_dataset(x):
            check_names(x, maker.names)
            _refuse_batches(x)
            pairs = self._pairs = as_pairs(x)
            spec, *_, batched = dataset_specs(pairs)
            shape, dtype = spec.shape[1 if batched else 0 :], spec.dtype.as_numpy_dtype
            _check_samples(maker, tuple(shape), np.dtype(dtype))
            self.counts = self._keep(maker, pairs, most_bytes)
        else:
            x, y = check_samples(x), check_labels(codes_of(y, maker.names))
            check_same_length(x, y)
            _check_samples(maker, x.shape[1:], x.dtype)
            maker.check_values(*value_bounds(x))
            _check_largest(maker, y)
            self.counts = np.bincount(y, minlength=maker.num_classes)
            for label in range(maker.num_classes):
                self.kept[label] = x, np.flatnonzero(y == label)
            shape, dtype = x.shape[1:], x.dtype
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        if not self.counts.all():
            raise ValueError(
                "Every class needs a real row to be balanced. Received: none of "
                f"{np.flatnonzero(self.counts == 0).tolist()}. Pass the training data."
            )

    def let_pass(self, weights, rows_at_once):
        """Reads on for the classes that are not kept, in shares like their weights."""
        weights = np.where(np.isin(np.arange(len(weights)), [*self.kept]), 0, weights)
        if weights.any():
            chance = weights / self.counts
            self.passing = _Passing(self._pairs, chance / chance.max(), rows_at_once)

    def _keep(self, maker, pairs, most_bytes):
        """Keeps the rows of the classes that fit, the smaller ones; returns counts.

        They are sorted by content: datasets often come in another order each time.
        """
        counts, held = np.zeros(maker.num_classes, "int64"), 0
        parts, bounds = collections.defaultdict(list), []
        large = set()
        for x, y in parts_of(pairs):
            x, y = check_samples(x, counts.sum()), check_labels(y)
            _check_largest(maker, y)
            bounds.append(value_bounds(x))
            counts += np.bincount(y, minlength=maker.num_classes)
            for label in set(y.tolist()) - large:
                parts[label].append(x[y == label])
                held += parts[label][-1].nbytes
            while held > most_bytes:
                largest = max(parts, key=counts.__getitem__)
                large.add(largest)
                held -= sum(part.nbytes for part in parts.pop(largest))
        _check_bounds(maker, bounds)
        for label in sorted(parts):
            rows = _joined(parts.pop(label))
            order = np.argsort(fingerprints(rows, np.zeros(len(rows), int)))
            self.kept[label] = rows, order
        return counts

    def fill(self, samples, labels, wanted, draws):
        """Puts real rows where they are wanted, and labels where a class goes by."""
        planned = labels.copy()
        for label in np.unique(planned[wanted]):
            places = np.flatnonzero(wanted & (planned == label))
            if label in self.kept:
                rows, index = self.kept[label]
                drawn = (draws[places] * len(index)).astype("int64")
                samples[places] = rows[index[drawn]]
            else:
                samples[places], labels[places] = self.passing.next(len(places))


def _refuse_batches(x):
    """Raises for batches whose passes leave rows out."""
    if hasattr(x, "kerasos_tables"):
        raise ValueError(
            "A pass over `kerasos.data.batches` leaves rows out. Expected arrays, or a "
            "dataset of each row once. Received: one of `batches`. Pass its arrays."
        )


def _joined(parts):
    """Returns arrays one after the other, giving each up as soon as it is copied."""
    rows = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    start = 0
    parts.reverse()
    while parts:
        part = parts.pop()
        rows[start : start + len(part)] = part
        start += len(part)
    return rows


def _check_samples(maker, shape, dtype):
    dtypes = {dtype.name, np.dtype(maker.dtype).name}
    both_float = all(np.dtype(name).kind == "f" for name in dtypes)
    if shape != tuple(maker.shape) or (len(dtypes) > 1 and not both_float):
        raise ValueError(
            "Real rows must be like the generated ones. Expected samples of shape "
            f"{tuple(maker.shape)} and dtype {np.dtype(maker.dtype).name}. Received: "
            f"{shape} and {dtype.name}. Pass the data that the model was built for."
        )


def _check_bounds(maker, bounds):
    if not bounds:
        check_samples(np.zeros((0, 0)))
    low, high = zip(*bounds, strict=True)
    maker.check_values(min(low), max(high))


def _check_largest(maker, y):
    if y.max() >= maker.num_classes:
        raise ValueError(
            "Labels must be classes the model was built for. Expected "
            f"0..{maker.num_classes - 1}. Received: label {y.max()}. Leave such rows "
            "out, or build a model on them."
        )


class _Passing:
    """Rows of the largest classes, each with a chance, from a dataset read anew."""

    def __init__(self, pairs, chance, rows_at_once):
        chance = tf.constant(chance, tf.float32)

        @as_written
        def is_taken(number, row):
            seed = tf.stack([number, tf.zeros_like(number)])
            uniform = tf.random.stateless_uniform((), seed)
            return uniform < tf.gather(chance, row[1])

        *_, batched = dataset_specs(pairs)
        pairs = pairs.unbatch() if batched else pairs
        spec = pairs.element_spec[0]
        row_bytes = spec.shape.num_elements() * spec.dtype.size
        shuffled = max(1, min(_SHUFFLED_ROWS, _SHUFFLED_BYTES // row_bytes))
        self._dataset = with_our_options(
            pairs.repeat()
            .enumerate()
            .filter(is_taken)
            .map(as_written(lambda number, row: row))
            .shuffle(shuffled, seed=0)
            .batch(rows_at_once)
            .prefetch(AHEAD)
        )
        self._iterator, self._rest = None, None
        self._lock = threading.Lock()

    def next(self, count):
        """Returns the next so many rows and their labels."""
        with self._lock:
            if self._iterator is None:
                self._iterator = self._dataset.as_numpy_iterator()
                self._rest = next(self._iterator)
            while len(self._rest[1]) < count:
                more = next(self._iterator)
                pairs = zip(self._rest, more, strict=True)
                self._rest = tuple(np.concatenate(pair) for pair in pairs)
            x, y = self._rest
            self._rest = x[count:], y[count:]
            return x[:count], y[:count]


class _Made:
    """Generated rows: drawn from a pool that is made anew now and then, or all new."""

    def __init__(self, maker, classes, pool, refresh, seed):
        self._maker, self._classes = maker, classes
        self._size, self._refresh, self._seed = pool, refresh, seed
        self._lock, self._number, self._pool = threading.Lock(), None, None

    def rows(self, labels, draws, batch, epoch):
        """Returns one row for each label."""
        if self._size is None:
            return self._maker.make(labels, derive_seed(self._seed, "batch", batch))
        with self._lock:
            number = epoch // self._refresh
            if self._number != number:
                self._pool = None  # two at once would be twice the memory
                labels_of_pool = np.repeat(self._classes, self._size)
                seed = derive_seed(self._seed, "pool", number)
                self._pool = self._maker.make(labels_of_pool, seed)
                self._number = number
            first = np.searchsorted(self._classes, labels) * self._size
            return self._pool[first + (draws * self._size).astype("int64")]


def _augmenting(augment, rows):
    """Returns a function of `(x, y, is_new)` that changes the real rows."""
    layers = augment if isinstance(augment, list | tuple) else [augment]

    def changed(x):
        for layer in layers:
            keyword = {"training": True} if isinstance(layer, keras.Layer) else {}
            x = tf.convert_to_tensor(layer(x, **keyword))
        return x

    # Once outside of the dataset, where layers may still make variables.
    shape = changed(tf.zeros((1, *rows.shape))).shape
    if tuple(shape) != (1, *rows.shape):
        raise ValueError(
            f"`augment` must leave the shape of the rows. Expected {rows.shape}. "
            f"Received: {tuple(shape[1:])}. Resize in the classifier instead."
        )
    dtype = tf.as_dtype(rows.dtype)

    def apply(x, y, is_new):
        moved = changed(tf.cast(x, tf.float32))
        if dtype.is_integer:
            moved = tf.saturate_cast(tf.round(moved), dtype)
        is_real = tf.reshape(~is_new, [-1] + [1] * len(rows.shape))
        return tf.where(is_real, tf.cast(moved, dtype), x), y, is_new

    return apply


def filled_up(maker, x, y, sampling_strategy, seed, mark_synthetic):
    """Returns a dataset followed by generated rows that balance its classes.

    Args:
        maker: A `Maker`.
        x, y: A finite dataset, and None.
        sampling_strategy, seed, mark_synthetic: As in `OversamplingModel.oversample`.
    """
    check_form(x, y)
    check_names(x, maker.names)
    _refuse_batches(x)
    pairs, form, seed = as_pairs(x), label_form(x), fresh_seed(seed)
    spec, *_, batched = dataset_specs(pairs)
    shape = tuple(spec.shape[1 if batched else 0 :])
    _check_samples(maker, shape, np.dtype(spec.dtype.as_numpy_dtype))
    labels, bounds, number = [], [], 0
    for samples, codes in parts_of(pairs):
        bounds.append(value_bounds(check_samples(samples, number)))
        labels.append(check_labels(codes))
        _check_largest(maker, labels[-1])
        number += len(codes)
    _check_bounds(maker, bounds)
    strategy = strategy_of(sampling_strategy, maker.names)
    wanted = samples_to_add(np.concatenate(labels), strategy, maker.num_classes)
    if not maker.labels:
        wanted = wanted[:0]
    if not np.isin(wanted, maker.labels).all():
        raise ValueError(
            "Only some classes can be generated. Expected a `sampling_strategy` that "
            f"adds to {list(maker.labels)}. Received one that adds to "
            f"{np.setdiff1d(wanted, maker.labels).tolist()}. Leave those out."
        )
    rows = max(map(len, labels))  # of a batch

    def new():
        for start in range(0, len(wanted), rows):
            chunk = wanted[start : start + rows]
            yield maker.make(chunk, derive_seed(seed, "filled", start)), chunk

    def marked(dataset, is_new):
        @as_written
        def written(x, y):
            mark = tf.fill(tf.shape(y), is_new)
            return (x, form(y), *([mark] if mark_synthetic else []))

        dataset = dataset if batched else dataset.batch(rows)
        dataset = dataset.map(written)
        return dataset if batched else dataset.unbatch()

    signature = (
        tf.TensorSpec((None, *shape), spec.dtype),
        tf.TensorSpec((None,), pairs.element_spec[1].dtype),
    )
    added = tf.data.Dataset.from_generator(weakly(new), output_signature=signature)
    added.kerasos_function = new
    number = -(-len(wanted) // rows)
    added = added.apply(tf.data.experimental.assert_cardinality(number))
    added = added if batched else added.unbatch()
    result = marked(pairs, False).concatenate(marked(added, True))
    result.class_names = maker.names and list(maker.names)
    return result
