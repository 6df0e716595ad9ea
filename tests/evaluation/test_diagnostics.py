"""Diagnostics on generators whose fault is known, and on one without."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from kerasos.evaluation.diagnostics import (
    THRESHOLDS,
    GeneratorDiagnosis,
    GeneratorReport,
    diagnose,
    nearest_distances,
)

BALANCED = (90,) * 10
IMBALANCED = (128, 110, 90, 70, 50, 30, 20, 12, 6, 4)
LABELS = np.repeat(np.arange(10), 40)


class Digits:
    """Digits in two parts: real rows, and held-out ones to make samples of."""

    def __init__(self, counts, seed=0):
        data = load_digits()
        images, y = (data.images * 15).astype("uint8")[..., None], data.target
        self.source = np.random.default_rng(seed)
        train = np.concatenate(
            [
                self.source.permutation(np.flatnonzero(y == k))[:count]
                for k, count in enumerate(counts)
            ]
        )
        test = np.setdiff1d(np.arange(len(y)), train)
        self.x, self.y = images[train], y[train]
        self.x_new, self.y_new = images[test], y[test]
        self.diagnosis = GeneratorDiagnosis(self.x, self.y)

    def held_out(self):
        return self.x_new, self.y_new

    def drawn(self, x, y, labels, most=None):
        """One row of the class for each label, of its first `most` rows."""
        rows = [np.flatnonzero(y == k)[:most] for k in range(10)]
        return np.stack([x[self.source.choice(rows[k])] for k in labels])

    def collapsed(self):
        means = np.stack([self.x[self.y == k].mean(axis=0) for k in range(10)])
        noise = self.source.normal(0, 5, (len(LABELS), 8, 8, 1))
        return np.clip(means[LABELS] + noise, 0, 255).astype("uint8"), LABELS

    def ignoring_labels(self):
        samples = self.drawn(self.x_new, self.y_new, self.source.permutation(LABELS))
        return samples, LABELS

    def copies(self, noise=2.0):
        samples = self.drawn(self.x, self.y, LABELS)
        samples = samples + self.source.normal(0, noise, samples.shape)
        return np.clip(samples, 0, 255).astype("uint8"), LABELS

    def few_modes(self):
        return self.drawn(self.x_new, self.y_new, LABELS, most=6), LABELS


@pytest.fixture(scope="module", params=[BALANCED, IMBALANCED], ids=["even", "uneven"])
def digits(request):
    return Digits(request.param)


def kinds(report):
    """The classes with each kind of finding."""
    words = {
        "collapse": "are all alike",
        "modes": "repeat a few",
        "label": "do not show the class",
        "copies": "nearly copy a training row",
    }
    found = {kind: [] for kind in words}
    for finding in report.findings:
        (kind,) = [kind for kind, text in words.items() if text in finding]
        label = int(finding.split(":")[0].removeprefix("Class "))
        found[kind].append(label)
    return {kind: labels for kind, labels in found.items() if labels}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("counts", [BALANCED, IMBALANCED], ids=["even", "uneven"])
def test_nothing_is_found_in_real_held_out_data(counts, seed):
    digits = Digits(counts, seed)
    report = digits.diagnosis.of_samples(*digits.held_out())
    assert report.findings == []
    means = report.means
    for name in ("spread", "variety", "nearest", "conditioning"):
        assert 0.8 < means[name] < 1.2, name
    assert means["copies"] < 0.02 and means["agreement"] > 0.85


def test_a_collapsed_generator_is_found_in_every_class(digits):
    report = digits.diagnosis.of_samples(*digits.collapsed())
    assert kinds(report) == {"collapse": list(range(10))}
    assert report.means["spread"] < 0.15
    assert "mean distance is" in report.findings[0] and "%" in report.findings[0]


def test_a_generator_of_a_few_modes_is_found_though_they_lie_apart(digits):
    report = digits.diagnosis.of_samples(*digits.few_modes())
    assert set(kinds(report)) == {"modes"}
    # A class of 6 real rows or fewer is no more varied itself.
    counts = np.bincount(digits.y)
    assert set(kinds(report)["modes"]) >= set(np.flatnonzero(counts > 6))
    assert report.means["spread"] > 0.3 and report.means["variety"] < 0.1


def test_a_generator_that_ignores_the_label_is_found(digits):
    report = digits.diagnosis.of_samples(*digits.ignoring_labels())
    found = kinds(report)
    # Of a class of 4 real rows the judge knows too little, and says so.
    unknown = [k for k in report if np.isnan(report[k]["conditioning"])]
    assert found == {"label": [k for k in range(10) if k not in unknown]}
    assert unknown in ([], [9])
    assert abs(report.means["conditioning"]) < 0.1


def test_a_generator_that_copies_training_rows_is_found(digits):
    for noise in (0.0, 2.0):
        report = digits.diagnosis.of_samples(*digits.copies(noise))
        assert kinds(report) == {"copies": list(range(10))}
        assert report.means["copies"] > 0.9 and report.means["nearest"] < 0.2


def test_one_bad_class_among_good_ones_is_named(digits):
    samples, labels = digits.held_out()
    samples = samples.copy()
    samples[labels == 3] = samples[labels == 3][:1]
    report = digits.diagnosis.of_samples(samples, labels)
    assert kinds(report) == {"collapse": [3]}
    assert report[3]["spread"] == 0.0 and report[2]["spread"] > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_two_classes_are_judged_against_chance(seed):
    """Ignoring labels leaves an agreement of a half, or more for one class."""
    digits = Digits(BALANCED, seed)
    kept, new = digits.y < 2, digits.y_new < 2
    diagnosis = GeneratorDiagnosis(digits.x[kept], digits.y[kept])
    samples, labels = digits.x_new[new], digits.y_new[new]
    assert diagnosis.of_samples(samples, labels).findings == []
    ones = samples[labels == 1]
    half = len(ones) // 2
    asked = np.repeat([0, 1], [half, len(ones) - half])
    report = diagnosis.of_samples(ones, asked)
    assert kinds(report)["label"] == [0, 1]
    assert report[1]["agreement"] == 1.0  # and yet the label changes nothing


def test_numbers_follow_their_definitions():
    """On a line, by hand."""
    x = np.array([[0.0], [1.0], [3.0], [50.0], [51.0], [52.0]])
    y = np.array([0, 0, 0, 1, 1, 1])

    class Judge:
        def predict(self, samples):
            return (np.asarray(samples)[:, 0] > 25).astype(int)

    diagnosis = GeneratorDiagnosis(x, y, Judge())
    # The third is a copy of a row of the other class, which is no copy of its own.
    samples = np.array([[0.01], [2.0], [50.0], [50.0], [51.0]])
    report = diagnosis.of_samples(samples, np.array([0, 0, 0, 1, 1]))
    # Columns are divided by their standard deviation, which cancels in ratios.
    # Real pairs of class 0: 1, 3, 2; nearest others: 1, 1, 2, median 1.
    pairs = np.mean([1.99, 49.99, 48.0])
    np.testing.assert_allclose(report[0]["spread"], pairs / 2, rtol=1e-5)
    np.testing.assert_allclose(report[0]["variety"], 1.99 / 1, rtol=1e-5)
    # To 0, to 1 or 3, to 3; of class 1 both are copies.
    np.testing.assert_allclose(report[0]["nearest"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(report[1]["copies"], 1.0)
    np.testing.assert_allclose(report[0]["copies"], 1 / 3)
    np.testing.assert_allclose(report[0]["agreement"], 2 / 3)
    np.testing.assert_allclose(report[0]["conditioning"], 2 / 3 - 0)
    np.testing.assert_allclose(report[1]["conditioning"], 1 - 1 / 3)
    np.testing.assert_allclose(report.means["agreement"], 5 / 6)


def test_units_of_columns_do_not_matter():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    x = source.normal(size=(120, 4)) + y[:, None]
    samples, labels = source.normal(size=(80, 4)) + 0.5, np.repeat([0, 1], 40)
    scale = np.array([1.0, 1000.0, 1e-3, 1.0])
    left = GeneratorDiagnosis(x, y).of_samples(samples, labels)
    right = GeneratorDiagnosis(x * scale, y).of_samples(samples * scale, labels)
    for label in (0, 1):
        for name, value in left[label].items():
            np.testing.assert_allclose(right[label][name], value, rtol=1e-3)


def test_rows_that_repeat_in_the_data_may_repeat_in_the_samples():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    x = source.integers(0, 3, (400, 3)) + 3.0 * y[:, None]  # 27 different rows
    samples = source.integers(0, 3, (400, 3)) + 3.0 * y[:, None]
    assert GeneratorDiagnosis(x, y).of_samples(samples, y).findings == []


def test_classes_of_one_and_two_rows_are_looked_at_as_far_as_possible():
    source = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 2, 1])
    x = source.normal(size=(63, 5)) + 4.0 * y[:, None]
    labels = np.repeat([0, 1, 2], 30)
    samples = source.normal(size=(90, 5)) + 4.0 * labels[:, None]
    report = GeneratorDiagnosis(x, y).of_samples(samples, labels)
    assert np.isnan(report[2]["spread"]) and np.isnan(report[2]["variety"])
    assert np.isfinite(report[2]["nearest"]) and report[2]["copies"] == 0.0
    assert not any("Class 2" in finding for finding in report.findings)
    copied = samples.copy()
    copied[labels == 2] = x[y == 2]
    report = GeneratorDiagnosis(x, y).of_samples(copied, labels)
    assert kinds(report)["copies"] == [2]


def test_a_keras_classifier_can_be_the_judge(digits):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax", kernel_initializer="zeros"),
        ]
    )
    report = GeneratorDiagnosis(digits.x, digits.y, model).of_samples(
        *digits.held_out()
    )
    # It always says 0, so it knows no class, and nothing follows.
    assert [entry["agreement"] for entry in report.values()] == [1.0] + [0.0] * 9
    assert all(np.isnan(entry["conditioning"]) for entry in report.values())
    assert report.findings == []


class Model:
    """What `diagnose` needs of a model: it draws held-out rows."""

    produces_samples = True
    sampled_labels = [1, 2]

    def __init__(self, digits):
        self.digits = digits

    def sample(self, labels, seed, verbose):
        source = np.random.default_rng(seed)
        rows = [
            source.permutation(np.flatnonzero(self.digits.y_new == k))[:count]
            for k, count in zip(*np.unique(labels, return_counts=True), strict=True)
        ]
        return self.digits.x_new[np.concatenate(rows)]


def test_a_model_is_asked_for_the_classes_it_generates(digits):
    report = diagnose(Model(digits), digits.x, digits.y, samples_per_class=40)
    assert list(report) == [1, 2] and report.findings == []
    again = diagnose(Model(digits), digits.x, digits.y, samples_per_class=40)
    assert again == report
    pair = digits.held_out()
    assert list(diagnose(pair, digits.x, digits.y)) == list(range(10))


def test_a_report_prints_numbers_and_sentences(digits):
    report = digits.diagnosis.of_samples(*digits.collapsed())
    lines = str(report).splitlines()
    assert lines[0].split() == ["class", *report.means]
    assert len(lines) == 1 + 10 + len(report.findings)
    assert lines[-1] == report.findings[-1]
    assert "Nothing was found wrong." in str(GeneratorReport({0: {"spread": 1.0}}, []))


def test_thresholds_can_be_moved(digits):
    samples = digits.held_out()
    strict = GeneratorDiagnosis(digits.x, digits.y, thresholds={"spread": 5.0})
    assert kinds(strict.of_samples(*samples)) == {"collapse": list(range(10))}
    assert THRESHOLDS["spread"] == 0.3
    with pytest.raises(TypeError, match="Did you mean 'spread'"):
        GeneratorDiagnosis(digits.x, digits.y, thresholds={"spred": 1})


def test_bad_input_is_refused(digits):
    with pytest.raises(ValueError, match="samples and as many labels"):
        GeneratorDiagnosis(digits.x, digits.y[:-1])
    with pytest.raises(ValueError, match="`samples_per_class`.*2"):
        GeneratorDiagnosis(digits.x, digits.y, samples_per_class=1)
    diagnosis = digits.diagnosis
    x, y = digits.x_new[:4], np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="shape of the real ones"):
        diagnosis.of_samples(x[:, :-1], y)
    with pytest.raises(ValueError, match="a label each"):
        diagnosis.of_samples(x, y[:-1])
    for wrong in ([0, 0, 11, 11], [0, 0, 0, 1]):
        with pytest.raises(ValueError, match="at least two a class"):
            diagnosis.of_samples(x, np.array(wrong))
    model = Model(digits)
    model.produces_samples = False
    with pytest.raises(ValueError, match="generates features"):
        diagnosis(model)


@pytest.mark.parametrize("size", [1, 5, 23])
def test_the_nearest_of_all_points_is_found_in_parts(size):
    points, queries = (np.random.default_rng(k).normal(size=(23, 3)) for k in (0, 1))
    parts = [points[i : i + size] for i in range(0, 23, size)]
    found = nearest_distances(queries, parts)
    np.testing.assert_allclose(found, cdist(queries, points).min(axis=1))
    found = nearest_distances(points[4:9], parts, own=True)
    distances = cdist(points[4:9], points)
    np.testing.assert_allclose(found, np.sort(distances, axis=1)[:, 1], atol=1e-7)
    # A duplicate is at distance 0, and nobody at infinity.
    twice = np.concatenate([points[:2], points[:1]])
    found = nearest_distances(twice, [twice], own=True)
    np.testing.assert_allclose(found[[0, 2]], 0.0, atol=1e-7)
    assert found[1] > 0.1 and np.all(np.isinf(nearest_distances(queries, [])))
