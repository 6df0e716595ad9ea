import contextlib
import gc
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.data import batches
from kerasos.data.host import weakly
from kerasos.data.stream import Maker, balanced_stream, filled_up

COUNTS = (24, 12, 3)
Y = np.repeat(np.arange(3), COUNTS)
# The first value of a real row is its number, that of a new one 200 and its class.
X = np.zeros((39, 2, 2, 1), "uint8")
X[:, 0, 0, 0] = np.arange(39)
X[:, 1, 1, 0] = Y
slices = tf.data.Dataset.from_tensor_slices


def maker(labels=(0, 1, 2), calls=None, names=("good", "dent", "hole")):
    def make(wanted, seed):
        if calls is not None:
            calls.append((np.array(wanted), seed))
        rows = np.zeros((len(wanted), 2, 2, 1), "uint8")
        rows[:, 0, 0, 0] = 200 + np.asarray(wanted)
        rows[:, 1, 1, 0] = wanted
        rows[:, 0, 1, 0] = np.random.default_rng(seed).integers(0, 256, len(wanted))
        return rows

    return Maker(make, list(labels), (2, 2, 1), "uint8", 3, names, lambda low, high: 0)


def seen(dataset):
    """All rows, labels and marks of an epoch, which belong together."""
    parts = [
        np.concatenate(part) for part in zip(*dataset.as_numpy_iterator(), strict=True)
    ]
    x, y, is_new = parts
    np.testing.assert_array_equal(x[:, 1, 1, 0], y)
    np.testing.assert_array_equal(x[:, 0, 0, 0] >= 200, is_new)
    return x, y, is_new


def stream(*args, seed=0, mark_synthetic=True, generator=None, **kwargs):
    return balanced_stream(
        generator or maker(), *args, seed=seed, mark_synthetic=mark_synthetic, **kwargs
    )


SOURCES = {
    "arrays": (X, Y),
    "names": (X, np.array(["good", "dent", "hole"])[Y]),
    "dataset": (slices((X, Y)).batch(5), None),
    "single": (slices((X, Y)), None),
}


@pytest.mark.parametrize("fill", [False, True])
def test_its_model_leaves_memory_with_it(fill):
    """TensorFlow keeps a function that a dataset calls until the process ends."""
    given = maker()
    gone = weakref.ref(given.make)
    if fill:
        data = slices((X, Y)).batch(5)
        parts = iter(filled_up(given, data, None, "auto", 0, False))
    else:
        parts = iter(stream(X, Y, 6, generator=given).map(lambda *row: row))
    del given
    gc.collect()  # the iterator alone holds what it reads
    assert sum(len(part[0]) for part in parts) >= len(X)
    del parts
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("source", SOURCES)
def test_no_thread_that_tunes_holds_up_the_end_of_an_epoch(source):
    options = stream(*SOURCES[source], 30).options()
    assert options.autotune.enabled is False and options.deterministic is True


@pytest.mark.parametrize("source", SOURCES)
def test_classes_are_alike_and_the_missing_share_is_new(source):
    dataset = stream(*SOURCES[source], 30, steps_per_epoch=40)
    assert len(dataset) == 40
    for _, labels, _ in dataset.take(2):
        assert np.bincount(labels).tolist() == [10, 10, 10]
    x, y, is_new = seen(dataset)
    assert np.bincount(y).tolist() == [400] * 3
    share = [is_new[y == k].mean() for k in range(3)]
    # 0, 1/2 and 7/8 of 400, four standard deviations at most.
    assert share[0] == 0 and abs(share[1] - 0.5) < 0.1 and abs(share[2] - 0.875) < 0.07
    assert set(x[~is_new][:, 0, 0, 0].tolist()) == set(range(39))


def test_batches_that_the_classes_do_not_divide():
    batches = [y.numpy() for _, y, _ in stream(X, Y, 4, steps_per_epoch=9)]
    for labels in batches:
        assert sorted(np.bincount(labels, minlength=3)) == [1, 1, 2]
    assert np.bincount(np.concatenate(batches)).tolist() == [12] * 3


def test_an_epoch_is_as_long_as_the_data():
    assert len(stream(X, Y, 8)) == 5
    assert len(stream(slices((X, Y)).batch(3), 8)) == 5
    assert stream(X, Y).element_spec[0].shape == (32, 2, 2, 1)


@pytest.mark.parametrize("source", ["arrays", "dataset"])
def test_the_seed_and_the_epoch_decide(source):
    def epochs(seed, count=2, first=None):
        dataset = stream(*SOURCES[source], 8, seed=seed)
        if first is not None:
            dataset.kerasos_epoch.assign(first)
        return [seen(dataset) for _ in range(count)]

    first, again = epochs(3), epochs(3)
    for left, right in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))
    assert not np.array_equal(first[0][0], first[1][0])
    assert not np.array_equal(first[0][0], epochs(4)[0][0])
    resumed = epochs(3, 1, first=1)[0]
    assert all(np.array_equal(a, b) for a, b in zip(first[1], resumed, strict=True))


def test_a_dataset_in_another_order_gives_the_same():
    order = np.random.default_rng(0).permutation(39)
    left = seen(stream(slices((X, Y)).batch(4), 8))
    right = seen(stream(slices((X[order], Y[order])).batch(7), 8))
    assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("batched", [False, True])
def test_large_classes_go_by(batched, monkeypatch):
    # 12 + 3 rows of 4 bytes fit, the 24 do not.
    data = slices((X, Y)).shuffle(39, seed=0)
    dataset = stream(data.batch(7) if batched else data, 6, memory_mb=64 / 2**20)
    x, y, is_new = seen(dataset)
    epochs = [x[:, 0, 0, 0]]
    assert abs((y == 0).mean() - 1 / 3) < 0.01 and not is_new[y == 0].any()
    for _ in range(7):
        epochs.append(seen(dataset)[0][:, 0, 0, 0])
    passed = np.concatenate(epochs)
    # Eight epochs of 14 rows are four passes and more: every row came.
    assert set(range(39)) <= set(passed.tolist())


def test_several_large_classes_go_by_alike():
    dataset = stream(
        slices((X, Y)), 30, memory_mb=16 / 2**20, synthetic=0, steps_per_epoch=40
    )
    _, y, is_new = seen(dataset)
    shares = np.bincount(y) / len(y)
    assert np.all(abs(shares - 1 / 3) < 0.06) and shares[2] == pytest.approx(1 / 3)
    assert not is_new.any()


@pytest.mark.parametrize("synthetic", ["missing", {"good": 1.0}, {"dent": 0.8}, 1])
def test_shares_are_the_same_where_large_classes_go_by(synthetic):
    def counts(memory_mb):
        dataset = stream(
            slices((X, Y)).batch(5),
            30,
            memory_mb=memory_mb,
            synthetic=synthetic,
            steps_per_epoch=60,
        )
        _, y, is_new = seen(dataset)
        return np.bincount(2 * y + is_new, minlength=6)

    np.testing.assert_allclose(counts(16 / 2**20), counts(512), atol=60)


def test_other_places_of_the_names_are_refused():
    data = slices((X, Y)).batch(7)
    data.class_names = ["dent", "good", "hole"]
    for make in (
        lambda: stream(data, 8),
        lambda: filled_up(maker(), data, None, "auto", 0, False),
    ):
        with pytest.raises(ValueError, match="'dent' has another place"):
            make()


@pytest.mark.parametrize(
    ("synthetic", "expected"),
    [(0, (0, 0, 0)), (1, (1, 1, 1)), ({"hole": 1.0, "dent": 0}, (0, 0, 1))],
)
def test_shares_of_the_users(synthetic, expected):
    _, y, is_new = seen(stream(X, Y, 8, synthetic=synthetic))
    assert [is_new[y == k].mean() for k in range(3)] == list(expected)


def test_only_what_can_be_generated_is():
    _, y, is_new = seen(stream(X, Y, 8, generator=maker([1]), synthetic=1.0))
    assert is_new[y == 1].all() and not is_new[y != 1].any()
    _, y, is_new = seen(stream(X, Y, 8, generator=maker([])))
    assert np.bincount(y).tolist() == [14, 13, 13] and not is_new.any()


def test_a_pool_is_made_anew_as_often_as_asked():
    calls = []
    dataset = stream(X, Y, 8, generator=maker(calls=calls), pool=4, refresh=2)
    pools = [seen(dataset) for _ in range(4)]
    assert len(calls) == 2 and calls[0][1] != calls[1][1]
    assert np.bincount(calls[0][0]).tolist() == [0, 4, 4]
    for x, y, is_new in pools:
        assert len(np.unique(x[is_new & (y == 2)][:, 0, 1, 0])) <= 4


def test_rows_for_their_batch_alone():
    calls = []
    dataset = stream(X, Y, 8, generator=maker(calls=calls), pool=None)
    _, y, is_new = seen(dataset)
    assert len(calls) == len(dataset) and len({seed for _, seed in calls}) == 5
    np.testing.assert_array_equal(np.concatenate([c for c, _ in calls]), y[is_new])


@pytest.mark.parametrize("form", ["int", "one_hot", "column"])
def test_labels_keep_their_form(form):
    y = {"int": Y, "one_hot": np.eye(3, dtype="float32")[Y], "column": Y[:, None]}[form]
    dataset = balanced_stream(maker(), slices((X, y)).batch(4), 6, seed=0)
    x, labels = next(iter(dataset))
    expected = x[:, 1, 1, 0].numpy().astype(int)
    if form == "one_hot":
        expected = np.eye(3)[expected]
    np.testing.assert_array_equal(labels, expected.reshape(labels.shape))
    assert labels.shape[1:] == y.shape[1:]


def test_augmentation_is_of_real_rows():
    plain = stream(X, Y, 8)
    moved = stream(X, Y, 8, augment=[lambda x: x + 0.6, keras.layers.Rescaling(1.0)])
    for (x, _, is_new), (z, _, _) in zip(plain, moved, strict=True):
        is_new = is_new.numpy()
        np.testing.assert_array_equal(z[is_new], x[is_new])
        np.testing.assert_array_equal(z[~is_new], x[~is_new] + 1)
    assert z.dtype == tf.uint8
    clipped = stream(X, Y, 8, augment=lambda x: x * 300)
    assert next(iter(clipped))[0].numpy().max() == 255
    with pytest.raises(ValueError, match="must leave the shape"):
        stream(X, Y, 8, augment=lambda x: x[:, :1])
    flips = [
        np.stack(
            [b[0] for b in stream(X, Y, 8, augment=keras.layers.RandomFlip(seed=s))]
        )
        for s in (1, 1, 2)
    ]
    assert np.array_equal(*flips[:2]) and not np.array_equal(*flips[1:])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((X[:, :1], Y), ValueError, r"Expected samples of shape \(2, 2, 1\)"),
        ((X.astype("float32"), Y), ValueError, "dtype uint8. Received"),
        ((X, Y + 1), ValueError, "0..2. Received: label 3"),
        ((slices((X, Y + 1)).batch(9), None), ValueError, "Received: label 3"),
        ((X, np.minimum(Y, 1)), ValueError, r"none of \[2\]"),
        ((slices((X, np.minimum(Y, 1))),), ValueError, r"none of \[2\]"),
        ((X,), TypeError, "`y` is missing"),
        ((slices((X, Y)).take(0),), ValueError, "is empty"),
        ((slices((X, Y)).repeat(),), ValueError, "must be finite"),
        ((X, Y[:5]), ValueError, "39 samples and 5 labels"),
        ((X, Y, 0), ValueError, "`batch_size`: it must be an integer"),
        ((X, Y, 8, {"pool": 0}), ValueError, "`pool`: it must be"),
        ((X, Y, 8, {"synthetic": 1.5}), ValueError, "Invalid `synthetic`"),
        ((X, Y, 8, {"synthetic": {"hol": 1}}), ValueError, "Did you mean 'hole'"),
        ((X, Y, 8, {"synthetic": {7: 1}}), ValueError, "keys of `synthetic`"),
        ((X, Y, 8, {"synthetic": {1: 2}}), ValueError, r"`synthetic\[1\]`"),
        ((X, Y, 8, {"refresh": 0}), ValueError, "`refresh`: it must be"),
        ((X, Y, 8, {"memory_mb": 0}), ValueError, "`memory_mb`: it must be"),
    ],
)
def test_bad_input_is_refused_first(arguments, error, words):
    kwargs = arguments[-1] if isinstance(arguments[-1], dict) else {}
    arguments = arguments[:-1] if kwargs else arguments
    with pytest.raises(error, match=words):
        stream(*arguments, **kwargs)


def test_batches_that_leave_rows_out_are_refused():
    some = batches(X, Y, 4)
    for make in (stream, lambda x: filled_up(maker(), x, None, "auto", 0, False)):
        with pytest.raises(ValueError, match="leaves rows out"):
            make(some)


def test_what_is_wrong_in_a_dataset_to_fill_up_is_placed():
    x = np.where(np.arange(39)[:, None, None, None] == 20, np.nan, X / 255)
    made = maker()._replace(dtype="float32")
    rows = slices((x.astype("float32"), Y)).batch(7)
    for source, data, words in (
        (made, rows, "first in sample 20"),
        (maker(), slices((X, Y + 1)), r"Expected 0\.\.2. Received: label 3. Leave"),
    ):
        with pytest.raises(ValueError, match=words):
            filled_up(source, data, None, "auto", 0, False)


def test_two_readers_do_not_mix_their_pools():
    dataset = stream(X, Y, 8, pool=2, steps_per_epoch=60)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(seen(dataset))) for _ in range(3)
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 3


def test_a_dataset_filled_up():
    data = slices((X, np.eye(3, dtype="float32")[Y])).batch(7)
    result = filled_up(maker(), data, None, "auto", 0, True)
    parts = [
        np.concatenate(part) for part in zip(*result.as_numpy_iterator(), strict=True)
    ]
    x, y, is_new = parts
    np.testing.assert_array_equal(x[:39], X)
    np.testing.assert_array_equal(y.argmax(1), x[:, 1, 1, 0])
    assert np.bincount(y.argmax(1)).tolist() == [24] * 3
    assert is_new.tolist() == [False] * 39 + [True] * 33
    again = [
        np.concatenate(part) for part in zip(*result.as_numpy_iterator(), strict=True)
    ]
    assert all(map(np.array_equal, parts, again))
    single = filled_up(maker(), slices((X, Y)), None, {"hole": 5}, 0, False)
    assert [int(y) for _, y in single] == [*Y, 2, 2]
    with pytest.raises(ValueError, match="Only some classes can be generated"):
        filled_up(maker([1]), data, None, "auto", 0, False)
    assert len(list(filled_up(maker([]), slices((X, Y)), None, "auto", 0, False))) == 39


@pytest.mark.parametrize("pool", [256, None])
def test_a_classifier_trains_on_it_under_a_strategy_as_on_one_device(
    two_replicas, pool
):
    def trained(scope):
        dataset = balanced_stream(maker(), X, Y, 8, seed=0, pool=pool)
        # Under a strategy Keras looks at a batch first, and every look is an epoch.
        epochs = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: dataset.kerasos_epoch.assign(epoch)
        )
        with scope:
            kernel = keras.initializers.GlorotUniform(0)
            layers = [
                keras.Input((2, 2, 1)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Flatten(),
                keras.layers.Dense(3, kernel_initializer=kernel),
            ]
            network = keras.Sequential(layers)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            network.compile(keras.optimizers.SGD(0.5), loss)
        before = network.get_weights()
        network.fit(dataset, epochs=2, verbose=0, shuffle=False, callbacks=[epochs])
        return before, network.get_weights()

    first, one = trained(contextlib.nullcontext())
    _, two = trained(two_replicas.scope())
    for was, left, right in zip(first, one, two, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
        assert np.abs(left - was).max() > 0.01


def test_a_function_of_what_is_gone_says_so():
    class Rows:
        def read(self, count):
            return count

    rows = Rows()
    kept = weakly(rows.read)
    assert kept(3) == 3
    del rows
    with pytest.raises(StopIteration, match="is gone: the model, or the dataset"):
        kept(3)

    def double(value):
        return 2 * value

    kept = weakly(double)
    assert kept(4) == 8
    del double
    with pytest.raises(StopIteration, match="is gone"):
        kept(4)
