import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.data import batches
from kerasos.data.pipeline import every_row, overloaded, rebalanced, uniform_from

N = 23
X = np.stack([np.arange(N), np.arange(N) + 100], axis=1).astype("uint8")
Y = np.arange(N) % 3


def rows(dataset):
    """Returns the sample numbers of one epoch, `(steps, batch)`."""
    return np.stack([x[:, 0] for x, _ in dataset.as_numpy_iterator()]).astype(int)


def test_shapes_are_static_and_the_dtype_is_the_users():
    dataset = batches(X, Y, 5)
    x, y = dataset.element_spec
    assert (x.shape, x.dtype) == ((5, 2), tf.uint8)
    assert (y.shape, y.dtype) == ((5,), tf.int32)
    assert dataset.cardinality() == 4
    images = batches(np.zeros((6, 2, 3, 1)), [0, 1] * 3, 3).element_spec[0]
    assert (images.shape, images.dtype) == ((3, 2, 3, 1), tf.float64)


def test_labels_stay_with_their_samples():
    for balanced in (False, True, "copies"):
        for x, y in batches(X, Y, 5, balanced=balanced).as_numpy_iterator():
            np.testing.assert_array_equal(y, Y[x[:, 0]])
            np.testing.assert_array_equal(x, X[x[:, 0]])


def test_a_pass_visits_a_sample_at_most_once_and_each_in_the_end():
    dataset = batches(X, Y, 5)
    epochs = [rows(dataset) for _ in range(30)]
    for epoch in epochs:
        assert len(np.unique(epoch)) == 20
    assert len(np.unique(epochs)) == N
    assert not np.array_equal(epochs[0], epochs[1])


def test_order_is_a_function_of_seed_and_epoch():
    first = batches(X, Y, 5, seed=3)
    epochs = [rows(first) for _ in range(4)]
    assert first.kerasos_epoch.numpy() == 4
    again = batches(X, Y, 5, seed=3)
    for number in (2, 0, 3, 1):
        again.kerasos_epoch.assign(number)
        np.testing.assert_array_equal(rows(again), epochs[number])
    assert not np.array_equal(rows(batches(X, Y, 5, seed=4)), epochs[0])


def test_an_assigned_epoch_stays():
    """Keras makes iterators that it throws away; they must not move the epoch."""
    dataset = batches(X, Y, 5)
    dataset.kerasos_epoch.assign(2)
    first = rows(dataset)
    next(iter(dataset))
    assert dataset.kerasos_epoch.numpy() == 2
    np.testing.assert_array_equal(rows(dataset), first)


def test_counters_of_two_datasets_are_apart():
    a, b = batches(X, Y, 5), batches(X, Y, 5)
    a.kerasos_epoch.assign(7)
    assert b.kerasos_epoch.numpy() == 0


@pytest.mark.parametrize("balanced", [False, True, "copies"])
@pytest.mark.parametrize("steps", [1, 3, 11])
def test_epochs_of_any_length_cut_one_stream(steps, balanced):
    """A pass has 4 batches; epochs of 1, 3 and 11 cross its ends."""
    options = {"balanced": balanced, "seed": 1}
    stream = rows(batches(X, Y, 5, steps_per_epoch=48, **options))
    dataset = batches(X, Y, 5, steps_per_epoch=steps, **options)
    assert dataset.cardinality() == steps
    epochs = np.concatenate([rows(dataset) for _ in range(4)])
    np.testing.assert_array_equal(epochs, stream[: 4 * steps])


def test_unshuffled_order_is_the_arrays():
    dataset = batches(X, Y, 5, shuffle=False)
    for _ in range(2):
        np.testing.assert_array_equal(rows(dataset).ravel(), np.arange(20))


def test_repeat_goes_on_to_the_next_epoch():
    two = rows(batches(X, Y, 5).repeat(2))
    dataset = batches(X, Y, 5)
    np.testing.assert_array_equal(two, np.concatenate([rows(dataset), rows(dataset)]))


@pytest.mark.parametrize("balanced", [False, True, "copies"])
def test_no_epoch_waits_for_the_thread_of_a_tuner(balanced):
    # It may sleep on as long as the epoch took; seen in one epoch of two, by chance.
    dataset = batches(X, Y, 5, balanced=balanced)
    for other in (dataset, uniform_from(dataset, 1)):
        assert other.options().autotune.enabled is False


def test_order_is_uniform():
    y = np.arange(6) % 2
    dataset = batches(np.arange(6, dtype="uint8")[:, None], y, 6, steps_per_epoch=3000)
    order = rows(dataset)
    counts = np.stack([np.bincount(column, minlength=6) for column in order.T])
    # Binomial(3000, 1/6): mean 500, standard deviation 20.4.
    assert np.all(np.abs(counts - 500) < 5 * 20.4)


def test_balanced_draws_are_uniform_over_classes_and_inside_them():
    y = np.array([4] * 90 + [1] * 8 + [2] * 2)  # labels need not be 0..K-1
    x = np.arange(100, dtype="uint8")[:, None]
    order = np.random.default_rng(0).permutation(100)
    dataset = batches(x[order], y[order], 50, balanced=True, steps_per_epoch=180)
    counts = np.bincount(rows(dataset).ravel(), minlength=100)
    # Of 9,000 rows each class gets 3,000, standard deviation 44.7.
    assert abs(counts[:90].sum() - 3000) < 5 * 44.7
    assert abs(counts[98:].sum() - 3000) < 5 * 44.7
    assert np.all(np.abs(counts[90:98] - 375) < 5 * 19)
    assert np.all(np.abs(counts[98:] - 1500) < 5 * 35.4)
    assert counts[:90].min() > 0


def test_copies_bring_every_class_to_the_largest():
    y = np.array([0] * 9 + [1] * 4 + [2] * 2)
    x = np.arange(15, dtype="uint8")[:, None]
    order = np.random.default_rng(0).permutation(15)
    dataset = batches(x[order], y[order], 9, balanced="copies")
    assert dataset.cardinality() == 3
    for _ in range(2):
        counts = np.bincount(rows(dataset).ravel(), minlength=15)
        assert [counts[y == k].sum() for k in range(3)] == [9, 9, 9]
        assert counts.min() >= 1 and np.all(counts[:9] == 1)
    # Drawn once, not in each pass.
    again = np.bincount(rows(dataset).ravel(), minlength=15)
    np.testing.assert_array_equal(again, counts)
    other = batches(x[order], y[order], 9, balanced="copies", seed=1)
    assert np.any(np.bincount(rows(other).ravel(), minlength=15) != counts)


def test_copies_of_a_dataset_are_those_of_the_arrays_and_share_its_samples():
    options = {"seed": 3, "steps_per_epoch": 4, "shuffle": False}
    y = np.array([0] * 9 + [1] * 4)
    x = np.arange(13, dtype="uint8")[:, None]
    plain = batches(x, y, 5, **options)
    copied = rebalanced(plain, "copies")
    direct = batches(x, y, 5, balanced="copies", **options)
    for _ in range(2):
        np.testing.assert_array_equal(rows(copied), rows(direct))
    assert plain.cardinality() == copied.cardinality() == 4
    assert copied.kerasos_tables is plain.kerasos_tables
    assert rebalanced(copied, "copies") is copied
    by_class = batches(x, y, 5, balanced=True)
    assert rebalanced(by_class, "copies") is by_class
    assert rebalanced(plain.map(lambda x, y: (x, y)), "copies") is None


def test_class_draws_of_a_dataset_are_those_of_the_arrays():
    y = np.array([0] * 9 + [1] * 4)
    x = np.arange(13, dtype="uint8")[:, None]
    plain = batches(x, y, 5, seed=3)
    drawn, direct = rebalanced(plain, True), batches(x, y, 5, balanced=True, seed=3)
    for _ in range(2):
        np.testing.assert_array_equal(rows(drawn), rows(direct))
    assert drawn.cardinality() == plain.cardinality() == 2  # passes keep their length
    assert drawn.kerasos_tables is plain.kerasos_tables
    assert rebalanced(drawn, True) is drawn


@pytest.mark.parametrize("balanced", [False, "copies"])
def test_rows_are_drawn_class_by_class_from_an_epoch_on(balanced):
    y = np.array([0] * 9 + [1] * 4)
    x = np.arange(13, dtype="uint8")[:, None]
    plain = batches(x, y, 5, balanced, seed=3, steps_per_epoch=3)
    switched = uniform_from(plain, 2)
    by_class = batches(x, y, 5, balanced=True, seed=3, steps_per_epoch=3)
    by_class.kerasos_epoch.assign(2)
    late = rows(by_class)
    for expected in (rows(plain), rows(plain), late):
        np.testing.assert_array_equal(rows(switched), expected)
    assert switched.cardinality() == 3
    switched.kerasos_epoch.assign(2)  # a run that goes on there
    np.testing.assert_array_equal(rows(switched), late)
    assert uniform_from(plain.map(lambda x, y: (x, y)), 0) is None


def test_a_batch_may_be_larger_than_the_data_without_their_copies():
    y = np.array([0] * 9 + [1])
    x = np.arange(10, dtype="uint8")[:, None]
    assert rows(batches(x, y, 18, balanced="copies")).shape == (1, 18)
    with pytest.raises(ValueError, match="Expected at most 18. Received: 19"):
        batches(x, y, 19, balanced="copies")


def test_later_changes_to_the_arrays_make_no_difference():
    x = X.copy()
    dataset = batches(x, Y, 5, shuffle=False)
    x[:] = 0
    np.testing.assert_array_equal(rows(dataset).ravel(), np.arange(20))


def test_two_replicas_share_each_batch_in_order(two_replicas):
    plain = batches(X, Y, 6)
    with two_replicas.scope():
        dataset = batches(X, Y, 6)
    distributed = two_replicas.experimental_distribute_dataset(dataset)
    for _ in range(2):
        for (x, y), (x_all, y_all) in zip(distributed, plain, strict=True):
            halves = [two_replicas.experimental_local_results(part) for part in (x, y)]
            assert [len(half) for half in halves[0]] == [3, 3]
            np.testing.assert_array_equal(np.concatenate(halves[0]), x_all)
            np.testing.assert_array_equal(np.concatenate(halves[1]), y_all)
    assert dataset.kerasos_epoch.numpy() == 2
    dataset.kerasos_epoch.assign(0)
    plain.kerasos_epoch.assign(0)
    for (x, _), (x_all, _) in zip(distributed, plain, strict=True):
        parts = two_replicas.experimental_local_results(x)
        np.testing.assert_array_equal(np.concatenate(parts), x_all)


def test_fit_resumed_at_an_epoch_sees_the_same_batches():
    class Recorder(keras.Model):
        def __init__(self):
            super().__init__()
            self.built = True
            self.seen = []

        def call(self, x):
            return x

        def train_step(self, data):
            self.seen.append(data[0].numpy()[:, 0].tolist())
            return {"loss": 0.0}

    def fit(dataset, **epochs):
        model = Recorder()
        model.compile(run_eagerly=True)
        set_epoch = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: dataset.kerasos_epoch.assign(epoch)
        )
        model.fit(dataset, verbose=0, shuffle=False, callbacks=[set_epoch], **epochs)
        return model.seen

    unbroken = fit(batches(X, Y, 5), epochs=3)
    resumed = fit(batches(X, Y, 5), initial_epoch=2, epochs=3)
    assert unbroken[-4:] == resumed[-4:]
    assert unbroken[-8:-4] != resumed[-4:]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, "Invalid `batch_size`: it must be"),
        ({"batch_size": -4}, ValueError, "integer of at least 1. .*=-4"),
        ({"batch_size": 2.0}, ValueError, "integer of at least 1. .*=2.0"),
        ({"batch_size": N + 1}, ValueError, "at most 23. Received: 24"),
        ({"steps_per_epoch": 0}, ValueError, "Invalid `steps_per_epoch`"),
        ({"batch_size": True}, ValueError, "Invalid `batch_size`"),
        ({"batch_size": None}, TypeError, r"Missing: `batch_size`. .*`batches\(x, y"),
        ({"y": None, "batch_size": None}, TypeError, "Missing: `y` and `batch_size`"),
        ({"x": tf.data.Dataset.range(3)}, TypeError, "Received: a dataset"),
        ({"y": Y[:-1]}, ValueError, "23 samples and 22 labels"),
        ({"y": Y - 1}, ValueError, "must not be negative"),
        ({"y": Y + 0.5}, ValueError, "must be integers"),
        ({"x": X[:, 0]}, ValueError, r"x\[:, None\]"),
        ({"x": X.astype(str)}, TypeError, "must be numeric"),
        ({"x": np.where(X == 0, np.nan, X)}, ValueError, "must be finite"),
        ({"balanced": "copy"}, ValueError, "True or False, or one of 'copies'"),
        ({"balanced": True, "shuffle": False}, ValueError, "draws samples at random"),
    ],
)
def test_bad_input(change, error, words):
    arguments = {"x": X, "y": Y, "batch_size": 5} | change
    with pytest.raises(error, match=words):
        batches(**arguments)


def rows_seen(dataset, chunk=512):
    parts = list(every_row(dataset, chunk))
    return [np.concatenate(part) for part in zip(*parts, strict=True)], len(parts)


@pytest.mark.parametrize("options", [{}, {"balanced": True}, {"steps_per_epoch": 1}])
def test_every_row_comes_once_and_in_order_whatever_the_batches(options):
    x = np.arange(26, dtype="uint8").reshape(13, 2)
    y = np.arange(13) % 3
    dataset = batches(x, y, 5, **options)
    (x_seen, y_seen), parts = rows_seen(dataset, chunk=4)
    np.testing.assert_array_equal(x_seen, x, strict=True)
    np.testing.assert_array_equal(y_seen, y)
    assert parts == 4
    assert dataset.kerasos_epoch.numpy() == 0  # no epoch is used up


def test_every_row_of_another_dataset_is_one_pass_over_it():
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    (x_seen, y_seen), parts = rows_seen(dataset)
    np.testing.assert_array_equal(x_seen, x)
    np.testing.assert_array_equal(y_seen, y)
    assert parts == 3


def test_every_row_of_a_distributed_dataset_comes_once(two_replicas):
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    dataset = two_replicas.experimental_distribute_dataset(dataset)
    (x_seen, y_seen), parts = rows_seen(dataset)
    np.testing.assert_array_equal(np.sort(y_seen), y)
    np.testing.assert_array_equal(x_seen, x[y_seen])
    assert parts == 6


def test_rows_are_repeated_and_marked_over_the_same_samples():
    plain = batches(X, Y, 5, seed=3)
    repeats, marks = np.array([1, 2, 3])[Y], 10 * np.arange(N) - 1
    seen = []
    marked = overloaded(plain, lambda y: (repeats, marks) if y is not None else None)
    assert int(marked.cardinality()) == int(plain.cardinality()) == 4
    assert marked.kerasos_tables[0] is plain.kerasos_tables[0]
    stream = iter(marked.repeat())
    per_pass = repeats.sum() // 5
    for _ in range(per_pass):
        x, y, mark = (part.numpy() for part in next(stream))
        np.testing.assert_array_equal(y, Y[x[:, 0]])
        np.testing.assert_array_equal(mark, marks[x[:, 0]])
        seen += x[:, 0].tolist()
    counts = np.bincount(seen, minlength=N)
    assert np.all(counts <= repeats) and counts.sum() == 5 * per_pass
    # Every row once, whatever is repeated.
    x, y, mark = (
        np.concatenate(parts) for parts in zip(*every_row(marked), strict=True)
    )
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(mark, marks)


def test_marks_alone_leave_the_order_as_it_was():
    plain = batches(X, Y, 5, seed=3)
    marked = overloaded(plain, lambda y: (np.ones(N, int), np.arange(N)))
    for epoch in (0, 2):
        for dataset in (plain, marked):
            dataset.kerasos_epoch.assign(epoch)
        numbers = np.stack([mark for *_, mark in marked.as_numpy_iterator()])
        np.testing.assert_array_equal(numbers, rows(plain))


@pytest.mark.parametrize("balanced", [True, "copies"])
def test_other_datasets_cannot_be_overloaded(balanced):
    assert overloaded(batches(X, Y, 5, balanced=balanced), None) is None
    assert overloaded(tf.data.Dataset.range(3), None) is None
