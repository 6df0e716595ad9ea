"""The generated batch of GAMO: which classes, how many of each, which samples."""

import numpy as np
import pytest
import tensorflow as tf
from gamo_setup import COUNTS, make_gamo

from kerasos.data import DataSpec
from kerasos.methods.gamo.gamo import class_edges, class_shares

CASES = [
    ((5, 20), 32),
    ((20, 5, 9), 32),
    (COUNTS, 32),
    ((100, 50, 25, 12, 6, 3, 2, 2), 8),
    (tuple(range(10, 510, 10)), 32),
    ((40, 10, 30, 20), 60),  # expected counts are whole: 30, 10, 20
]


def shares_of(counts):
    """Class shares of data of these counts, and the labels that are generated."""
    spec = DataSpec((3,), "float32", (0, 1), counts)
    labels = sorted(spec.minority_labels)
    return class_shares(spec, labels), labels


def expected_shares(counts):
    missing = max(counts) - np.array(counts)
    return missing / missing.sum()


def awkward_uniforms(counts, rows):
    """Uniforms on a grid, and within a rounding error of where a border flips."""
    borders = rows * np.cumsum(shares_of(counts)[0])[:-1] % 1.0
    near = [np.nextafter(np.float32(b), np.float32(k)) for b in borders for k in (0, 1)]
    values = np.concatenate([np.arange(40) / 40, borders, near, [1 - 2.0**-24]])
    return np.clip(values.astype("float32"), 0.0, 1 - 2.0**-24)


@pytest.mark.parametrize(("counts", "rows"), CASES)
def test_classes_get_their_expected_count_rounded_either_way(counts, rows):
    shares, labels = shares_of(counts)
    expected = rows * expected_shares(counts)[labels]
    for value in awkward_uniforms(counts, rows):
        edges = class_edges(shares, rows, value).numpy()
        assert edges[0] == 0 and edges[-1] == rows
        sizes = np.diff(edges)
        assert np.all(sizes >= np.floor(expected - 1e-4))
        assert np.all(sizes <= np.ceil(expected + 1e-4))


@pytest.mark.parametrize(("counts", "rows"), CASES)
def test_mean_class_frequencies_are_those_of_algorithm_1(counts, rows):
    shares, labels = shares_of(counts)
    grid = (np.arange(500) + 0.5) / 500
    total = sum(np.diff(class_edges(shares, rows, value).numpy()) for value in grid)
    np.testing.assert_allclose(
        total / (rows * len(grid)),
        expected_shares(counts)[labels],
        atol=2 / (rows * len(grid)) + 1e-6,
    )


def test_the_uniform_behind_it_is_uniform_over_steps():
    model, _, _ = make_gamo()
    drawn = []
    for step in range(400):
        model.steps_done.assign(step)
        drawn.append(float(model.shared_uniform("classes")))
    assert min(drawn) >= 0.0 and max(drawn) < 1.0
    counts = np.histogram(drawn, bins=8, range=(0, 1))[0]
    assert np.all(np.abs(counts - 50) < 5 * np.sqrt(50))


def samples_one_by_one(model, rows):
    """The generated batch of this step without padding, and its labels."""
    shares, _ = shares_of(model.spec.class_counts)
    edges = class_edges(shares, rows, model.shared_uniform("classes"))
    sizes = np.diff(edges.numpy())
    labels = np.repeat(model.generator.labels, sizes).astype("int32")
    noise = model.normal(rows, model.noise_dim, "fake")
    return model.generator(noise, labels).numpy(), labels


def check_fakes(model, rows):
    fake, one_hot = model.draw_fakes(tf.zeros((rows, 3)))
    expected, labels = samples_one_by_one(model, rows)
    np.testing.assert_array_equal(one_hot.numpy().argmax(axis=1), labels)
    np.testing.assert_array_equal(one_hot.numpy().sum(axis=1), 1.0)
    np.testing.assert_allclose(fake, expected, atol=1e-5)
    counts = np.array(model.spec.class_counts)
    assert np.all(counts[labels] < counts.max())


def put_uniform(model, monkeypatch, value):
    monkeypatch.setattr(
        model, "shared_uniform", lambda tag: tf.constant(value, tf.float32)
    )


@pytest.fixture(scope="module")
def gamo_of_counts():
    """Untrained models by class counts, shared by the tests of sampling."""
    made = {}

    def get(counts):
        if counts not in made:
            model = made[counts] = make_gamo(counts=counts)[0]
            for kernel in model.generator.kernels.values():
                kernel.assign(3.0 * np.sign(kernel.numpy()))
        return made[counts]

    return get


@pytest.mark.parametrize(("counts", "rows"), CASES)
def test_padding_never_drops_or_adds_a_sample(
    counts, rows, gamo_of_counts, monkeypatch
):
    model = gamo_of_counts(counts)
    for value in awkward_uniforms(model.spec.class_counts, rows)[::7]:
        put_uniform(model, monkeypatch, value)
        check_fakes(model, rows)


def test_padding_survives_a_whole_expected_count_one_rounding_below(monkeypatch):
    # 0.29 * 100 is 28.999999999999996 in float64, and 29 samples may fall due.
    model, _, _ = make_gamo(counts=(73, 102, 31))
    for rows in (100, 200):
        for value in awkward_uniforms(model.spec.class_counts, rows):
            put_uniform(model, monkeypatch, value)
            check_fakes(model, rows)


@pytest.mark.parametrize(("counts", "rows"), CASES)
@pytest.mark.parametrize("fake_ratio", [0.5, 1.0, 2.0])
def test_padded_and_block_form_generate_the_same_samples(
    counts, rows, fake_ratio, gamo_of_counts
):
    model = gamo_of_counts(counts)
    model.fake_ratio = fake_ratio
    x = np.zeros((rows, 3), "float32")
    try:
        padded, one_hot = model.draw_fakes(tf.constant(x))
        # A batch of unknown size takes the block form.
        block = tf.function(
            model.draw_fakes, input_signature=[tf.TensorSpec((None, 3))]
        )
        fake, fake_one_hot = block(x)
    finally:
        model.fake_ratio = 1.0
    assert padded.shape == fake.shape == (round(rows * fake_ratio), 3)
    np.testing.assert_array_equal(one_hot, fake_one_hot)
    np.testing.assert_allclose(padded, fake, atol=1e-5)


# Which classes are generated.


def test_the_largest_class_and_its_ties_have_no_generator():
    model, x, y = make_gamo(counts=(20, 7, 20, 12))
    assert model.sampled_labels == [1, 3]
    assert model.generator.anchor_counts == (0, 7, 0, 12)
    for label in (0, 2):
        with pytest.raises(ValueError, match="minority classes only"):
            model.sample([1, label])
    x_res, y_res, is_synthetic = model.oversample(x, y, seed=0)
    np.testing.assert_array_equal(np.bincount(y_res), [20, 20, 20, 20])
    assert set(y_res[is_synthetic]) == {1, 3}


@pytest.mark.parametrize("jit_compile", [False, True])
def test_calls_refuse_the_largest_class_too(jit_compile):
    model, _, _ = make_gamo(counts=(20, 7, 12))
    model.compile(jit_compile=jit_compile)
    assert model(tf.constant([1, 2])).shape == (2, 3)
    for generate in (model, lambda labels: model.predict(labels, verbose=0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="generates"):
            generate(tf.constant([1, 0]))


def test_tied_minority_classes_are_both_generated():
    model, _, _ = make_gamo(counts=(7, 20, 7))
    assert model.sampled_labels == [0, 2]
    np.testing.assert_allclose(shares_of((7, 20, 7))[0], [0.5, 0.5])
