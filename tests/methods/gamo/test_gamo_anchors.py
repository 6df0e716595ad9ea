"""The anchors of GAMO: which, added ones, and how many the generator mixes."""

import numpy as np
import pytest
import tensorflow as tf
from gamo_setup import MINORITY, make_gamo

from kerasos.callbacks import EffectiveAnchors
from kerasos.data import DataSpec
from kerasos.methods.gamo.build import choose_anchors, farthest_points

CLASS_SIZES = (30, 9, 20, 30)


def make_data():
    source = np.random.default_rng(0)
    y = source.permutation(np.repeat(np.arange(4), CLASS_SIZES))
    x = (source.uniform(size=(len(y), 3)) + y[:, None]).astype("float32")
    return (
        x,
        y,
        DataSpec(
            shape=(3,), dtype="float32", value_range=(0, 4), class_counts=CLASS_SIZES
        ),
    )


@pytest.mark.parametrize("bank", ["random", "kcenter"])
def test_anchors_are_distinct_rows_of_their_class_and_bounded(bank):
    x, y, spec = make_data()
    chosen = choose_anchors(x, y, spec, 12, bank, seed=0)
    # The majority and the class tied with it have none.
    assert set(chosen) == {1, 2}
    assert len(chosen[2]) == 12
    np.testing.assert_array_equal(chosen[1], np.flatnonzero(y == 1))
    for label, rows in chosen.items():
        assert np.all(y[rows] == label)
        assert np.all(np.diff(rows) > 0)


def test_classes_within_the_bound_keep_every_point():
    x, y, spec = make_data()
    chosen = choose_anchors(x, y, spec, 20, "random", seed=0)
    for label in (1, 2):
        np.testing.assert_array_equal(chosen[label], np.flatnonzero(y == label))


@pytest.mark.parametrize("bank", ["random", "kcenter"])
def test_the_choice_follows_the_seed_alone(bank):
    x, y, spec = make_data()
    first = choose_anchors(x, y, spec, 6, bank, seed=3)
    np.random.default_rng(9).uniform(size=5)
    second = choose_anchors(x, y, spec, 6, bank, seed=3)
    for label in (1, 2):
        np.testing.assert_array_equal(first[label], second[label])
    others = [choose_anchors(x, y, spec, 6, bank, seed=k)[2] for k in range(4, 8)]
    assert any(not np.array_equal(first[2], other) for other in others)


def test_random_anchors_cover_the_class_over_seeds():
    x, y, spec = make_data()
    drawn = [choose_anchors(x, y, spec, 5, "random", seed=k)[2] for k in range(200)]
    counts = np.bincount(np.concatenate(drawn), minlength=len(y))
    # 200 * 5 / 20 = 50 expected for each point.
    assert counts[y == 2].min() > 25 and counts[y == 2].max() < 80


def test_farthest_points_by_hand():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [0.0, 4.0], [9.0, 3.0]])
    # From (0, 0): (10, 0) at 10. Then the smaller distances are 1, 4 and sqrt(10)
    # for rows 1, 3 and 4: row 3. Then 1 and sqrt(10): row 4. Then row 1.
    np.testing.assert_array_equal(farthest_points(points, 5, 0), [0, 2, 3, 4, 1])


def test_farthest_points_are_greedy_by_brute_force():
    source = np.random.default_rng(0)
    points = source.uniform(0, 255, size=(40, 2, 3)).astype("uint8")
    chosen = farthest_points(points, 8, 5).tolist()
    flat = points.reshape(40, 6).astype("float64")
    distance = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    assert chosen[0] == 5
    for k in range(1, 8):
        nearest = distance[:, chosen[:k]].min(axis=1)
        assert nearest[chosen[k]] == pytest.approx(nearest.max())


def test_farthest_points_never_repeat_a_row_of_duplicates():
    points = np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0)
    chosen = farthest_points(points, 6, 3)
    assert len(set(chosen.tolist())) == 6


# In the model.


def test_a_bounded_bank_keeps_the_recorded_anchors():
    model, x, y = make_gamo(max_anchors=5)
    assert model.generator.anchor_counts == (5, 0, 5, 5)
    for label in MINORITY:
        rows = model.anchor_index[str(label)]
        anchors = model.generator.anchors[f"{label}"].numpy()
        np.testing.assert_allclose(anchors, 2.0 * x[rows] - 1.0, atol=1e-6)
    model.fit(x, y, epochs=1, batch_size=40, verbose=0)
    np.testing.assert_allclose(
        model.generator.anchors["3"].numpy(),
        2.0 * x[model.anchor_index["3"]] - 1.0,
        atol=1e-6,
    )


def test_small_classes_get_moved_copies_of_their_anchors():
    model, x, y = make_gamo(images=True, variant="conv", min_anchors=70)
    assert set(model.generator.anchor_counts) - {0} == {
        max(70, np.sum(y == label)) for label in MINORITY
    }
    first = 0
    for label in model.sampled_labels:
        rows, count = model.anchor_index[str(label)], np.sum(y == label)
        bank = model.anchor_images.numpy()[first : first + len(rows)]
        own, added = bank[:count], bank[count:]
        first += len(rows)
        assert np.array_equal(np.sort(rows[:count]), np.flatnonzero(y == label))
        assert np.array_equal(own, x[rows[:count]]) and bank.dtype == x.dtype
        # Each added one is near its own source, and is not its source.
        sources = x[rows[count:]].astype(float)
        moved = np.abs(added - sources).mean(axis=(1, 2, 3))
        assert np.all(moved > 0)
        spread = np.abs(sources[:, None] - x[y == label]).mean(axis=(2, 3, 4))
        assert np.median(moved) < np.median(spread[spread > 0])
    again, *_ = make_gamo(images=True, variant="conv", min_anchors=70)
    np.testing.assert_array_equal(again.anchor_images, model.anchor_images)


def test_effective_anchors():
    model, _, _ = make_gamo()
    for unit in (model.generator.kernels, model.generator.biases):
        for variable in unit.values():
            variable.assign(tf.zeros(variable.shape))
    model.generator.biases["0"].assign([1e4] + [0.0] * 11)
    model.generator.biases["2"].assign([50.0, 50.0, 0.0, 0.0, 0.0, 0.0])
    report = model.effective_anchors(num_samples=32)
    assert set(report) == {0, 2, 3}
    assert report[3]["effective"] == pytest.approx(25.0, rel=1e-4)
    assert report[0] == {"effective": pytest.approx(1.0), "distinct": 1}
    assert report[2]["effective"] == pytest.approx(2.0, rel=1e-4)
    model, _, _ = make_gamo(generator="copies")
    with pytest.raises(ValueError, match="needs a convex generator"):
        model.effective_anchors()


def test_effective_anchors_are_logged_every_few_epochs():
    model, x, y = make_gamo()
    model.compile(jit_compile=False)
    diagnostic = EffectiveAnchors(every=2, num_samples=32)
    history = model.fit(x, y, epochs=4, verbose=0, callbacks=[diagnostic])
    logged = history.history["effective_anchors"]
    now = [entry["effective"] for entry in model.effective_anchors(32).values()]
    assert len(logged) == 2
    assert logged[-1] == pytest.approx(np.mean(now))
    assert logged[0] != logged[-1]
