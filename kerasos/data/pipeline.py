"""Batches whose order is a function of the seed and the epoch alone.

One seed fixes an endless stream of passes over the data. Pass `k` is the
permutation drawn from `(seed, k)`, and its first `(n // b) * b` samples make
`n // b` batches of `b`. Epoch `e` of `s` steps reads the batches
`[e s, (e + 1) s)` of that stream, so a run resumed at epoch `e` sees what an
unbroken run sees, with no iterator state to save.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import AnyOf, Boolean, OneOf, check, check_count
from kerasos.data.arrays import check_labels, check_same_length, check_samples
from kerasos.data.host import EpochCounter, HostTable, as_written
from kerasos.randomness.seeds import derive_seed

BALANCED = AnyOf((Boolean(), OneOf(("copies",))))
AHEAD = 2  # batches that are gathered, and that wait, while one trains


def batches(
    x: Samples,
    y: ArrayLike | None = None,
    batch_size: int | None = None,
    balanced: bool | str = False,
    shuffle: bool = True,
    seed: int = 0,
    steps_per_epoch: int | None = None,
) -> tf.data.Dataset:
    """Returns a `tf.data.Dataset` of `(x, y)` batches in a reproducible order.

    Every iterator over the result is one epoch. The epoch counter
    `dataset.kerasos_epoch` (`.assign(int)`, `.numpy()`) says which: it starts at
    0 and advances when an iterator yields its first batch, until somebody
    assigns it; from then on it stays where it is put. Methods of kerasos assign it.
    Under a strategy, `fit` of another model looks at a batch first, which counts:
    assign the epoch at its beginning, and the batches are those of one device. The
    data are copied once, in their own dtype, to host memory.

    Args:
        x: Array `(n, ...)`, images `(n, height, width, channels)` or tables
            `(n, num_features)`, any numeric dtype.
        y: Integer labels `(n,)`, `>= 0`.
        batch_size: Samples in a batch, over all replicas together, at most `n`.
            Every batch is full: the up to `batch_size - 1` samples left at the
            end of a pass are dropped, others in each pass when shuffled.
        balanced: If true, each row draws its class uniformly over the classes
            in `y`, then one sample of that class, with replacement. If "copies",
            random oversampling: copies of rows of the smaller classes, drawn once
            with replacement, bring each class to the size of the largest, and a
            pass goes over all of them. Row numbers are copied, not samples.
        shuffle: If false, every pass keeps the order of `x`, copies last.
        seed: Integer. Fixes the order of every epoch.
        steps_per_epoch: Batches in an epoch. Default: `n // batch_size`, one
            pass. It may be larger or smaller than a pass.

    Returns:
        A dataset of `x (batch_size, ...)` in the dtype of `x` and
        `y (batch_size,)` int32, with static shapes and known cardinality.

    Raises:
        TypeError: If `y` or `batch_size` is missing, `x` is not numeric or `y` holds no
            numbers.
        ValueError: If `x` and `y` do not fit together, if a batch would not be
            full, if `balanced` is none of the three, or if `balanced=True` is
            combined with `shuffle=False`.

    Example:

    >>> x, y = np.arange(20, dtype="uint8").reshape(10, 2), np.arange(10) % 2
    >>> for x_batch, y_batch in batches(x, y, 5):
    ...     print(x_batch.shape, y_batch.shape)
    (5, 2) (5,)
    (5, 2) (5,)
    """
    _check_complete(x, y, batch_size)
    x, y = check_samples(x), check_labels(y)
    check_same_length(x, y)
    check("balanced", balanced, BALANCED)
    balanced = balanced if balanced == "copies" else bool(balanced)
    if balanced is True and not shuffle:
        raise ValueError(
            "`balanced=True` draws samples at random, so it has no unshuffled "
            "order. Expected `shuffle=True`. Received: shuffle=False. Drop one "
            "of the two arguments."
        )
    tables = HostTable(x), HostTable(y.astype("int32"))
    order = (batch_size, shuffle, seed, steps_per_epoch)
    return _dataset_of(tables, y, balanced, order)


def rebalanced(dataset, balanced):
    """Returns `dataset` with batches of balanced classes.

    Args:
        dataset: Of `batches`. With `balanced=False` the result is what `balanced`
            would have given, over the same samples in memory; one that is balanced
            already, either way, stays as it is.
        balanced: As in `batches`: True or "copies".

    Returns:
        A dataset of `batches`; None if `dataset` is not one.
    """
    remake = getattr(dataset, "kerasos_rebalanced", None)
    return None if remake is None else remake(balanced)


def overloaded(dataset, plan):
    """Returns `dataset` with rows repeated, and with a mark beside each.

    Args:
        dataset: Of `batches`, with `balanced=False`.
        plan: Function from the labels `(n,)` to `(repeats, marks)`, integer arrays
            `(n,)`: how often a pass visits a row, and what comes with it.

    Returns:
        A dataset of `(x, y, mark)` over the same samples in memory, with as many
        batches an epoch as `dataset`; None if `dataset` is not one of those.
    """
    remake = getattr(dataset, "kerasos_overloaded", None)
    return None if remake is None else remake(plan)


def uniform_from(dataset, epoch):
    """Returns `dataset` with rows drawn class by class from an epoch on.

    Args:
        dataset: Of `batches`.
        epoch: Integer, the first epoch, from 0, whose batches are those of
            `balanced=True`. Earlier ones stay as they are.

    Returns:
        A dataset of `batches`; None if `dataset` is not one.
    """
    remake = getattr(dataset, "kerasos_uniform_from", None)
    return None if remake is None else remake(epoch)


def with_our_options(dataset):
    """Returns a dataset in a fixed order, sharded by rows, and without a tuner.

    The tuner's thread may miss that its iterator is gone and sleep on; the end of an
    epoch waits for it, at worst as long as the epoch took (up to a minute).
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return dataset.with_options(options)


def guarded(dataset, spec):
    """Returns `dataset` up to the first batch that does not fit, with what is wrong.

    Batches pass unchanged; the look at them happens beside the training, on the
    processor, whatever compiles the step. The dataset ends before a batch that does
    not fit, for an error in it would leave a step half done; `raise_fault` tells the
    two ends apart. Datasets of `batches` were checked when they were made.

    Args:
        dataset: Of batches `(x, y, ...)`.
        spec: `kerasos.data.DataSpec` that each batch has to fit.

    Returns:
        A dataset; `dataset` itself if it is of `batches`, or distributed already, where
        no single batch is to be had.
    """
    if hasattr(dataset, "kerasos_tables") or not isinstance(dataset, tf.data.Dataset):
        return dataset
    errors = []

    def explain(x, y):
        try:
            spec.check_compatible(x.numpy(), y.numpy())
        except ValueError as error:
            errors[:] = [error]
        return not errors

    @as_written
    def fits(number, batch):
        x, y = batch[:2]
        return tf.cond(
            spec.fits(x, y, number == 0),
            lambda: True,
            lambda: tf.ensure_shape(tf.py_function(explain, [x, y], tf.bool), ()),
        )

    numbered = dataset.enumerate().take_while(fits)
    result = numbered.map(as_written(lambda number, batch: batch)).prefetch(1)
    # Keras counts steps by it, and the number is unknown to TensorFlow now.
    result.cardinality = dataset.cardinality
    result.kerasos_errors = errors
    return result


def raise_fault(dataset):
    """Raises `ValueError` if a dataset of `guarded` ended before a batch unfit."""
    for error in getattr(dataset, "kerasos_errors", ()):
        raise ValueError(
            "A batch of the dataset does not fit the model, and was not trained on. "
            f"{error}"
        ) from None


def every_row(dataset, chunk=512):
    """Yields the training samples behind a dataset, a part at a time.

    Args:
        dataset: Of `batches`: each row comes once, in the order of the arrays, also
            those that an epoch leaves out. Any other dataset of batches `(x, y)`:
            one pass over it.
        chunk: Rows of a part, where that is ours to choose.

    Yields:
        `(x, y)`, arrays `(rows, ...)` and `(rows,)`.
    """
    tables = getattr(dataset, "kerasos_tables", None)
    if tables is not None:
        size = tables[0].shape[0]
        for start in range(0, size, chunk):
            index = tf.range(start, min(start + chunk, size))
            yield tuple(table.gather(index).numpy() for table in tables)
        return
    for batch in dataset:
        # A distributed dataset yields one batch a replica.
        x, y = ([*getattr(part, "values", (part,))] for part in batch)
        for pair in zip(x, y, strict=True):
            yield tuple(part.numpy() for part in pair)
    raise_fault(dataset)


def _dataset_of(tables, y, balanced, order, copies=None, uniform_epoch=None):
    batch_size, shuffle, seed, steps_per_epoch = order
    if balanced == "copies":
        copies = _rows_with_copies(y, seed)
    num_rows = len(y) if copies is None else len(copies)
    _check_sizes(num_rows, batch_size, steps_per_epoch)
    per_pass = num_rows // batch_size
    steps = steps_per_epoch or per_pass
    if balanced is True:
        first_rows, rows = _balanced_order(y, batch_size, steps, seed)
    else:
        first_rows, rows = _pass_order(
            num_rows, batch_size, steps, seed if shuffle else None, copies
        )
    if uniform_epoch is not None and balanced is not True:
        late = _balanced_order(y, batch_size, steps, seed)
        first_rows, rows = _switched((first_rows, rows), late, uniform_epoch, steps)
    epoch = EpochCounter()

    @as_written
    def gather(item):
        index = rows(item)
        return tuple(table.gather(index) for table in tables)

    dataset = (
        tf.data.Dataset.from_tensors(0)
        .flat_map(as_written(lambda _: first_rows(epoch.advance() * steps)))
        .map(gather, num_parallel_calls=AHEAD)
        .prefetch(AHEAD)
        .apply(tf.data.experimental.assert_cardinality(steps))
    )
    dataset = with_our_options(dataset)
    dataset.kerasos_epoch = epoch
    dataset.kerasos_tables = tables
    dataset.kerasos_ordered = not (shuffle or balanced)  # as the arrays are

    def remake(wanted):
        return dataset if balanced else _dataset_of(tables, y, wanted, order)

    dataset.kerasos_rebalanced = remake

    def remake_overloaded(plan):
        repeats, marks = plan(y)
        rows = np.repeat(np.arange(len(y)), repeats) if np.any(repeats != 1) else None
        with_marks = (*tables, HostTable(marks.astype("int32")))
        return _dataset_of(with_marks, y, False, (*order[:3], steps), rows)

    if not balanced and copies is None:
        dataset.kerasos_overloaded = remake_overloaded

    def remake_from(epoch):
        return _dataset_of(tables, y, balanced, order, uniform_epoch=epoch)

    dataset.kerasos_uniform_from = remake_from
    return dataset


def _rows_with_copies(y, seed):
    """Numbers of all rows, then of the copies that balance the classes."""
    from imblearn.over_sampling import RandomOverSampler

    sampler = RandomOverSampler(random_state=derive_seed(seed, "batches", "copies"))
    sampler.fit_resample(np.zeros((len(y), 1), "int8"), y)
    return sampler.sample_indices_


def _pass_order(n, batch_size, steps, seed, copies=None):
    """Returns functions: first batch to a dataset of places, places to rows."""
    per_pass = n // batch_size
    stream = None if seed is None else derive_seed(seed, "batches", "pass")

    def one_pass(number):
        order = tf.range(n)
        if stream is not None:
            order = tf.random.experimental.stateless_shuffle(
                order, tf.stack([tf.constant(stream, tf.int64), number])
            )
        return tf.reshape(order[: per_pass * batch_size], (per_pass, batch_size))

    def from_batch(first):
        @as_written
        def slices(number):
            start = tf.where(number == first // per_pass, first % per_pass, 0)
            return tf.data.Dataset.from_tensor_slices(one_pass(number)[start:])

        passes = tf.data.Dataset.range(first // per_pass, tf.int64.max)
        return passes.flat_map(slices).take(steps)

    if copies is None:
        return from_batch, lambda place: place
    copies = tf.constant(copies)
    return from_batch, lambda place: tf.gather(copies, place)


def _balanced_order(y, batch_size, steps, seed):
    """Returns functions: first batch to batch numbers, number to row indices."""
    _, counts = np.unique(y, return_counts=True)
    by_class = tf.constant(np.argsort(y, kind="stable"))
    first_of = tf.constant(np.cumsum(counts) - counts)
    count_of = tf.constant(counts, tf.float64)
    class_seed = derive_seed(seed, "batches", "class")
    member_seed = derive_seed(seed, "batches", "member")

    def from_batch(first):
        return tf.data.Dataset.range(first, first + steps)

    def draw(number):
        label = tf.random.stateless_uniform(
            (batch_size,),
            tf.stack([tf.constant(class_seed, tf.int64), number]),
            maxval=len(counts),
            dtype=tf.int32,
        )
        fraction = tf.random.stateless_uniform(
            (batch_size,),
            tf.stack([tf.constant(member_seed, tf.int64), number]),
            dtype=tf.float64,
        )
        member = tf.cast(fraction * tf.gather(count_of, label), tf.int64)
        return tf.gather(by_class, tf.gather(first_of, label) + member)

    return from_batch, draw


def _switched(early, late, epoch, steps):
    """Returns the functions of `early` before that epoch and of `late` from it on."""

    def from_batch(first):
        def drawn(first_rows, rows):
            read = as_written(lambda item: tf.cast(rows(item), tf.int64))
            return first_rows(first).map(read)

        parts = [drawn(*order) for order in (early, late)]
        taken = tf.where(first < epoch * steps, tf.constant(steps, tf.int64), 0)
        return parts[0].take(taken).concatenate(parts[1].take(steps - taken))

    return from_batch, lambda index: index


def _check_complete(x, y, batch_size):
    if isinstance(x, tf.data.Dataset):
        raise TypeError(
            "`batches` makes a dataset of arrays. Received: a dataset. Give it to "
            "`fit` as it is, or its arrays: `kerasos.data.as_arrays(dataset)`."
        )
    missing = {"y": y, "batch_size": batch_size}
    missing = [f"`{name}`" for name, value in missing.items() if value is None]
    if missing:
        raise TypeError(
            "`batches` needs samples, their integer labels and the rows of a batch. "
            f"Missing: {' and '.join(missing)}. Call for example `batches(x, y, 32)`."
        )


def _check_sizes(num_rows, batch_size, steps_per_epoch):
    check_count("batch_size", batch_size)
    if steps_per_epoch is not None:
        check_count("steps_per_epoch", steps_per_epoch)
    if batch_size > num_rows:
        raise ValueError(
            "`batch_size` must not exceed the number of samples, or an epoch "
            f"has no batch. Expected at most {num_rows}. Received: {batch_size}. "
            "Use a smaller `batch_size`."
        )
