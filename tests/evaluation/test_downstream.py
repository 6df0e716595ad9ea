"""The quick classifier, and the score of what it learns from oversampled data."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score

import kerasos
from kerasos.evaluation.downstream import DownstreamScore, QuickClassifier


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    x, y = (data.images * 15).astype("uint8")[..., None], data.target
    kept = y < 3
    x, y = x[kept], y[kept]
    train = np.concatenate(
        [np.flatnonzero(y == k)[:n] for k, n in enumerate((80, 20, 4))]
    )
    test = np.setdiff1d(np.arange(len(y)), train)
    return x[train], y[train], x[test], y[test]


def test_the_quick_classifier_is_good_on_digits(digits):
    x, y, x_test, y_test = digits
    predicted = QuickClassifier(x, y).predict(x_test)
    assert balanced_accuracy_score(y_test, predicted) > 0.9
    np.testing.assert_array_equal(QuickClassifier(x, y).predict(x_test), predicted)
    assert QuickClassifier(x, y).predict(x_test[:0]).shape == (0,)


def test_the_quick_classifier_takes_tables_in_any_units():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 30])
    x = source.normal(size=(180, 3)) * [1, 1e4, 1e-4]
    x[:, 2] += y * 4e-4
    predicted = QuickClassifier(x, y).predict(x)
    assert balanced_accuracy_score(y, predicted) > 0.9


def test_the_quick_classifier_takes_large_images_and_bounds_its_rows():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], 300)
    x = source.integers(0, 100, (600, 20, 20, 1)).astype("uint8")
    x[y == 1, :5] += 60
    classifier = QuickClassifier(x, y, max_rows=40)
    assert classifier.pipeline[-1].shape_fit_ == (80, 50)
    assert np.mean(classifier.predict(x) == y) > 0.95


def test_the_score_is_that_of_a_classifier_on_the_oversampled_set(digits):
    x, y, x_test, y_test = digits
    smote = kerasos.get_method("smote").from_data(x / 255.0, y, k_neighbors=2)
    score = DownstreamScore(x / 255.0, y, x_test / 255.0, y_test, seed=3)
    x_res, y_res, _ = smote.oversample(x / 255.0, y, seed=3)
    assert np.bincount(y_res).tolist() == [80, 80, 80]
    predicted = QuickClassifier(x_res, y_res, seed=3).predict(x_test / 255.0)
    expected = balanced_accuracy_score(y_test, predicted)
    np.testing.assert_allclose(score(smote), expected)
    assert score(smote) == score(smote)


class Sampler:
    def __init__(self, good):
        self.good = good

    def oversample(self, x, y, sampling_strategy, seed):
        extra = x[np.arange(len(x)) % 7 == 0]
        labels = y[np.arange(len(x)) % 7 == 0]
        labels = labels if self.good else (labels + 1) % 3
        more = np.repeat(extra, 40, axis=0), np.repeat(labels, 40)
        return np.concatenate([x, more[0]]), np.concatenate([y, more[1]]), None


def test_wrong_labels_lower_the_score(digits):
    score = DownstreamScore(*digits)
    assert score(Sampler(good=True)) > score(Sampler(good=False)) + 0.2


def test_another_classifier_and_strategy_are_used(digits):
    x, y, x_test, y_test = digits
    seen = []

    class Constant:
        def predict(self, x):
            return np.zeros(len(x), int)

    def fit(x, y):
        seen.append(np.bincount(y).tolist())
        return Constant()

    score = DownstreamScore(
        x, y, x_test, y_test, fit_classifier=fit, sampling_strategy={2: 9}
    )
    method = kerasos.get_method("random").from_data(x, y)
    np.testing.assert_allclose(score(method), 1 / 3)
    assert seen == [[80, 20, 9]]


def test_data_without_labels_are_refused(digits):
    x, y, x_test, y_test = digits
    with pytest.raises(ValueError, match="`x_test` and `y_test` must be samples"):
        DownstreamScore(x, y, x_test, y_test[:-1])
    with pytest.raises(ValueError, match="`x` and `y` must be samples"):
        DownstreamScore(x[:0], y[:0], x_test, y_test)
