"""The search for the weight of synthetic samples: folds, fits, scores, resuming."""

import pathlib
import sys

import keras
import numpy as np
import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks"))

from papers.group_scores import group_scores  # noqa: E402
from papers.weight_search import (  # noqa: E402
    FAJARDO_GRID,
    Fitter,
    WeightSearch,
    fit_weighted,
    fold_rows,
    search_sample_weight,
)

from kerasos.data import DataSpec  # noqa: E402
from kerasos.evaluation import fajardo_mlp  # noqa: E402
from kerasos.randomness.seeds import derive_seed  # noqa: E402

Y_REAL = np.repeat([0, 1, 2], [12, 6, 4])
SETTINGS = {"grid": (1.0, 10.0), "epochs": 3, "batch_size": 8}


def problem(seed=0):
    """Real samples of three classes, then synthetic ones of two, in some order."""
    y = np.concatenate([Y_REAL, np.repeat([1, 2], [6, 8])])
    is_synthetic = np.arange(len(y)) >= len(Y_REAL)
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.6, (len(y), 3)).astype("float32")
    x[np.arange(len(y)), y] += 0.4
    order = rng.permutation(len(y))
    return x[order], y[order], is_synthetic[order]


def classifier(seed=0):
    """As `fajardo_mlp`, smaller."""
    weights = keras.initializers.GlorotUniform(seed)
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(8, "relu", kernel_initializer=weights),
        keras.layers.Dropout(0.2, seed=seed),
        keras.layers.Dense(3, "softmax", kernel_initializer=weights),
    ]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.RMSprop(0.05), loss)
    return model


def two_classes(width, rate, *hidden):
    model = keras.Sequential([keras.Input((width,)), *hidden, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    return model


def search(**changes):
    """Searches on the problem, with the settings or others."""
    x, y, is_synthetic = problem()
    arguments = {"model": classifier(), "x": x, "y": y, "is_synthetic": is_synthetic}
    return search_sample_weight(**{**arguments, **SETTINGS, **changes})


def test_grid_is_that_of_the_paper():
    expected = [1, 6.444, 11.889, 17.333, 22.778, 28.222, 33.667, 39.111, 44.556, 50]
    np.testing.assert_allclose(FAJARDO_GRID, expected, atol=5e-4)


def test_no_held_out_sample_is_trained_on_and_all_are_real():
    _, y, is_synthetic = problem()
    pairs = fold_rows(y, is_synthetic, folds=2, seed=0)
    real, synthetic = np.flatnonzero(~is_synthetic), np.flatnonzero(is_synthetic)
    for train, held_out in pairs:
        assert not np.intersect1d(train, held_out).size
        assert not is_synthetic[held_out].any()
        assert np.isin(synthetic, train).all()
        np.testing.assert_array_equal(np.union1d(train, held_out), np.arange(len(y)))
        assert np.bincount(y[held_out]).tolist() == [6, 3, 2]
    both = np.concatenate([held_out for _, held_out in pairs])
    np.testing.assert_array_equal(np.sort(both), real)
    again = fold_rows(y, is_synthetic, folds=2, seed=0)
    np.testing.assert_array_equal(again[0][1], pairs[0][1])
    others = [fold_rows(y, is_synthetic, 2, seed)[0][1].tolist() for seed in range(5)]
    assert len(set(map(tuple, others))) > 1


def test_training_never_reads_a_held_out_sample():
    """Rows of a fold turned into NaN: the fit on the others stays finite."""
    x, y, is_synthetic = problem()
    for train, held_out in fold_rows(y, is_synthetic, 2, seed=4):
        seen = []
        model = classifier()
        step = model.train_step

        def spied(data, step=step, seen=seen):
            seen.append(data)
            return step(data)

        model.train_step = spied
        poisoned = x.copy()
        poisoned[held_out] = np.nan
        fitter = Fitter(model, poisoned, y, 8)
        fitter.fit(train, np.ones(len(y)), 2, seed=0)
        assert len(seen) == 1  # one trace of the step for all batches and passes
        assert all(np.isfinite(w).all() for w in model.get_weights())
        fitter.fit(np.arange(len(y)), np.ones(len(y)), 1, seed=0)
        assert not all(np.isfinite(w).all() for w in model.get_weights())


def test_scores_are_those_of_separate_fits():
    x, y, is_synthetic = problem()
    found = search(seed=3)
    pairs = fold_rows(y, is_synthetic, 2, 3)
    folds = [(x[t], y[t], is_synthetic[t], x[h], y[h]) for t, h in pairs]
    check_scores(found, folds)


def check_scores(found, folds):
    """Fits each fold by Keras's own `train_on_batch`, over the same batches."""
    for weight in SETTINGS["grid"]:
        expected = []
        for fold, (x, y, made, x_held_out, y_held_out) in enumerate(folds):
            model, seed = classifier(), derive_seed(3, "weights", fold)
            weights = np.where(made, weight, 1.0).astype("float32")
            for epoch in range(3):
                rng = np.random.default_rng(derive_seed(seed, epoch))
                order = rng.permutation(len(y))
                for start in range(0, len(order) - 7, 8):
                    rows = order[start : start + 8]
                    model.train_on_batch(x[rows], y[rows], weights[rows])
            predicted = model.predict(x_held_out, verbose=0).argmax(axis=1)
            expected.append(group_scores(y_held_out, predicted, [1, 2])["min_F1"])
        np.testing.assert_allclose(found.scores[weight], expected, atol=1e-6)


def moved_copies(x, y):
    """Balances by copies of what it is given, 10 away and so marked."""
    counts = np.bincount(y)
    rows = np.concatenate(
        [
            np.resize(np.flatnonzero(y == k), counts.max() - n)
            for k, n in enumerate(counts)
        ]
    )
    is_synthetic = np.arange(len(y) + len(rows)) >= len(y)
    return (
        np.concatenate([x, x[rows] + 10]),
        np.concatenate([y, y[rows]]),
        is_synthetic,
    )


def test_with_an_oversampler_folds_train_on_what_it_makes_of_their_own():
    x, y, is_synthetic = problem()
    given = []

    def oversample(x, y):
        given.append((x, y))
        return moved_copies(x, y)

    found = search(seed=3, oversample=oversample)
    pairs = fold_rows(y, is_synthetic, 2, 3)
    assert len(given) == 2  # once a fold, not once a weight
    for (x_given, _), (_, held_out) in zip(given, pairs, strict=True):
        # The other fold's real rows, and no row of the samples passed as synthetic.
        assert len(x_given) == 11
        assert not (x_given[:, None] == x[held_out]).all(axis=2).any()
        assert not (x_given[:, None] == x[is_synthetic]).all(axis=2).any()
    folds = []
    for train, held_out in pairs:
        real = train[~is_synthetic[train]]
        folds.append((*moved_copies(x[real], y[real]), x[held_out], y[held_out]))
    check_scores(found, folds)


def test_an_oversampler_is_not_trained_in_vain():
    """For weights that are done, or for a model that cannot be trained."""
    settings = {"grid": (1.0, 2.0), "oversample": lambda x, y: pytest.fail("trained")}
    done = {1.0: [0.5, 0.5], 2.0: [0.5, 0.75]}
    assert search(done=done, **settings).best_weight == 2.0
    with pytest.raises(ValueError, match="must be compiled"):
        search(model=keras.Sequential([keras.Input((3,))]), **settings)


def test_held_out_samples_are_known_from_copies_unless_folds_make_their_own():
    """A class at random places: what is learnt of it says nothing of held-out rows.

    With copies made of all rows the held-out ones are known, and their class is found;
    with copies of the fold's own it is not.
    """
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [120, 8])
    x = rng.normal(size=(128, 128)).astype("float32")

    def copies(x, y):
        rows = np.resize(np.flatnonzero(y == 1), np.sum(y == 0) - np.sum(y == 1))
        made = np.arange(len(y) + len(rows)) >= len(y)
        return np.concatenate([x, x[rows]]), np.concatenate([y, y[rows]]), made

    model = two_classes(128, 0.01, keras.layers.Dense(64, "relu"))
    arguments = {"grid": (1.0,), "epochs": 20, "batch_size": 16}
    known = search_sample_weight(model, *copies(x, y), **arguments)
    unknown = search_sample_weight(model, *copies(x, y), oversample=copies, **arguments)
    assert known.mean_scores[1.0] > 2 * unknown.mean_scores[1.0]
    assert known.mean_scores[1.0] > unknown.mean_scores[1.0] + 0.2


def test_a_balanced_score_wants_more_weight_than_one_that_false_alarms_decide():
    """Two normal distributions that overlap, 20 to 1.

    With next to no weight on the copies the border lies in the small class, with weight
    1 between the two: the better one where there are as many of each, the worse one
    where there are not.
    """
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [2000, 100])
    x = rng.normal(2.0 * y[:, None], 1.0).astype("float32")
    rows = np.resize(np.flatnonzero(y == 1), 1900)
    data = np.concatenate([x, x[rows]]), np.concatenate([y, y[rows]])
    is_synthetic = np.arange(4000) >= 2100

    model = two_classes(1, 0.05)
    arguments = {"grid": (0.05, 1.0), "epochs": 10, "batch_size": 100}
    best = {
        balanced: search_sample_weight(
            model, *data, is_synthetic, balanced=balanced, **arguments
        )
        for balanced in (False, True)
    }
    assert best[False].best_weight == 0.05 and best[True].best_weight == 1.0
    # Normal distributions 2 apart, border in the middle: Phi(1) of each are right.
    assert best[True].mean_scores[1.0] == pytest.approx(0.841, abs=0.04)


def test_the_model_is_left_as_it_was():
    x, y, is_synthetic = problem()
    model = classifier()
    fit_weighted(model, x, y, is_synthetic, 2.0, epochs=1, batch_size=8)
    before = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    search(model=model)
    after = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_interrupted_search_goes_on():
    arguments = {"grid": (1.0, 5.0, 20.0), "seed": 1}
    whole, done, later = search(**arguments), {}, []

    def save_then_crash(weight, scores):
        done[weight] = scores
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(on_score=save_then_crash, **arguments)
    assert list(done) == [1.0, 5.0]
    arguments["on_score"] = lambda weight, scores: later.append(weight)
    assert search(done=done, **arguments) == whole
    assert later == [20.0]


def test_the_best_mean_wins_and_the_smaller_weight_a_tie():
    done = {1.0: [0.5, 0.5], 2.0: [0.5, 0.75], 3.0: [0.75, 0.5]}
    found = search(grid=(1.0, 2.0, 3.0), done=done)
    assert found == WeightSearch(2.0, done)
    assert found.mean_scores == {1.0: 0.5, 2.0: 0.625, 3.0: 0.625}


def test_wrong_synthetic_samples_get_a_small_weight():
    x, _, is_synthetic = problem()
    rng = np.random.default_rng(0)
    x[is_synthetic] = 0.3 * rng.random((is_synthetic.sum(), 3))
    x[is_synthetic, 0] += 0.7  # they look like class 0
    found = search(x=x, grid=(0.01, 50.0), epochs=30)
    assert found.best_weight == 0.01
    assert found.mean_scores[0.01] > found.mean_scores[50.0] + 0.1


def test_weights_multiply_the_losses():
    """One step of plain gradient descent on all samples at once, by hand."""
    x, y, is_synthetic = problem()
    layer = keras.layers.Dense(3, "softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    n = len(y)
    fit_weighted(model, x, y, is_synthetic, 4.0, epochs=1, batch_size=n)
    weights = np.where(is_synthetic, 4.0, 1.0)[:, None]
    gradient = x.T @ (weights * (1 / 3 - np.eye(3)[y])) / n
    np.testing.assert_allclose(layer.kernel.numpy(), -gradient, atol=1e-5)


def test_fajardo_mlp_on_bytes():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (len(Y_REAL) * 2, 4, 4, 1)).astype("uint8")
    y, is_synthetic = np.tile(Y_REAL, 2), np.arange(len(x)) >= len(Y_REAL)
    model = fajardo_mlp(DataSpec.of(x, y), seed=0)
    arguments = {"grid": [3.0], "epochs": 1, "batch_size": 16}
    found = search_sample_weight(model, x, y, is_synthetic, **arguments)
    assert found.best_weight == 3.0
    assert len(found.scores[3.0]) == 2
    fitted = [
        fit_weighted(
            fajardo_mlp(DataSpec.of(x, y), seed=0),
            *(x, y, is_synthetic, 3.0),
            epochs=2,
            batch_size=16,
        ).get_weights()
        for _ in range(2)
    ]
    for a, b in zip(*fitted, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"grid": ()}, "greater than 0"),
        ({"grid": (0.0,)}, "greater than 0"),
        ({"folds": 5}, "Received: 4 of class 2"),
        ({"minority": []}, "no minority"),
        ({"is_synthetic": np.zeros(36, int)}, "boolean"),
        ({"is_synthetic": np.zeros(3, bool)}, "boolean"),
        ({"model": keras.Sequential([keras.Input((3,))])}, "must be compiled"),
    ],
)
def test_bad_arguments_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        search(**change)
