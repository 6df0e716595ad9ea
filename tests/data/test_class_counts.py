import subprocess

import forked
import numpy as np
import pytest

from kerasos.data import resolve_class_counts, subsample

MNIST = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_list_dict_and_none():
    available = [10, 20, 30]
    assert resolve_class_counts([1, 20, 3], available).tolist() == [1, 20, 3]
    assert resolve_class_counts({2: 4}, available).tolist() == [10, 20, 4]
    assert resolve_class_counts(None, available).tolist() == available
    assert resolve_class_counts(np.array([1.0, 2, 3]), available).dtype == np.int64


def test_ratio_is_a_long_tail():
    # 1000 * 100^(-k / 4) = 1000, 316.2, 100, 31.6, 10
    counts = resolve_class_counts(100, [1000] * 5)
    assert counts.tolist() == [1000, 316, 100, 32, 10]


def test_ratio_takes_as_much_as_the_scarcest_class_allows():
    available = np.array([1000, 90, 1000])
    counts = resolve_class_counts(100, available)  # 905 / 10 = 90.5 rounds to 90
    assert counts.tolist() == [905, 90, 9]
    assert resolve_class_counts(1, [7, 5, 6]).tolist() == [5, 5, 5]
    assert resolve_class_counts(1000, [20, 20, 20]).tolist() == [20, 1, 1]
    assert resolve_class_counts(50.0, [3, 2]).tolist() == [3, 1]


@pytest.mark.parametrize(
    ("name", "total", "extremes"),
    [
        ("mnist", 9000, (4000, 40)),
        ("fashion_mnist", 9000, (4000, 40)),
        ("cifar10", 10280, (4500, 80)),
        ("svhn_cropped", 10280, (4500, 80)),
    ],
)
def test_gamo_protocol(name, total, extremes):
    counts = resolve_class_counts("gamo", [5000] * 10, name)
    assert counts.sum() == total
    assert (counts[0], counts[-1]) == extremes
    assert np.all(np.diff(counts) < 0)


def test_fajardo_protocol():
    counts = resolve_class_counts("fajardo-320-12345", MNIST)
    assert counts.tolist() == [3200, 10, 10, 10, 10, 10, 3200, 3200, 3200, 3200]
    counts = resolve_class_counts("fajardo-80-345", MNIST)
    assert counts.tolist() == [3200] * 3 + [40] * 3 + [3200] * 4


@pytest.mark.parametrize(
    ("class_counts", "error", "words"),
    [
        ([5, 11, 1], ValueError, r"must not exceed.*\{1: \(11, 10\)\}"),
        ([5, 0, 1], ValueError, "integers of at least 1"),
        ([5, -3, 1], ValueError, "integers of at least 1"),
        ([5, 2.5, 1], ValueError, "integers of at least 1"),
        ([5, 5], ValueError, "one count per class. Expected 3"),
        ({3: 5}, ValueError, r"0\.\.2\. Received: \[3\]"),
        ({1: 50}, ValueError, "must not exceed"),
        (0.5, ValueError, "imbalance ratio"),
        (float("inf"), ValueError, "imbalance ratio"),
        (True, TypeError, "must be a list, a dict"),
        ("gammo", ValueError, 'Did you mean "gamo"'),
        ("fajardo-320", ValueError, 'Did you mean "fajardo-320-12345"'),
        ("zzz", ValueError, "must name a known protocol"),
        (
            "gamo",
            ValueError,
            r"\['cifar10', 'fashion_mnist', 'mnist', 'svhn_cropped'\]",
        ),
        ("fajardo-80-3", ValueError, r"labels? in 0\.\.2"),
        ("fajardo-80-11", ValueError, "different digits"),
        ("fajardo-0-1", ValueError, "rho >= 1"),
        ("fajardo-80-1", ValueError, "must not exceed"),
    ],
)
def test_bad_class_counts(class_counts, error, words):
    with pytest.raises(error, match=words):
        resolve_class_counts(class_counts, [10, 10, 10], "digits")


def test_subsample_draws_the_counts_without_replacement():
    y = np.random.default_rng(0).integers(0, 4, 500)
    index = subsample(y, [50, 7, 1, 20], seed=3)
    assert np.bincount(y[index]).tolist() == [50, 7, 1, 20]
    assert np.all(np.diff(index) > 0)
    np.testing.assert_array_equal(index, subsample(y, [50, 7, 1, 20], seed=3))
    assert not np.array_equal(index, subsample(y, [50, 7, 1, 20], seed=4))


def test_smaller_subsamples_are_nested():
    y = np.arange(300) % 3
    large = subsample(y, [50, 50, 50], seed=1)
    small = subsample(y, [10, 50, 20], seed=1)
    assert set(small) < set(large)


def test_subsample_is_uniform():
    y = np.repeat([0, 1], [20, 5])
    hits = np.zeros(25)
    for seed in range(2000):
        hits[subsample(y, [5, 5], seed=seed)] += 1
    # Binomial(2000, 1/4): mean 500, standard deviation 19.4.
    assert np.all(np.abs(hits[:20] - 500) < 5 * 19.4)
    assert np.all(hits[20:] == 2000)


def test_subsample_is_the_same_in_another_process():
    code = (
        "import numpy as np; from kerasos.data import subsample; "
        "print(subsample(np.arange(100) % 5, [9, 3, 3, 1, 1], 7).tolist())"
    )
    run = subprocess.run(
        [forked.python(), "-c", code], capture_output=True, text=True, check=True
    )
    here = subsample(np.arange(100) % 5, [9, 3, 3, 1, 1], 7).tolist()
    assert run.stdout.strip() == str(here)
