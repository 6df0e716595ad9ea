"""The FactorVAE score: perfect, useless and dead representations, and by hand."""

import numpy as np
import pytest

from kerasos.data import draw_shapes, shapes
from kerasos.evaluation import factor_vae_score

SIZES = np.array([3, 6, 4, 8, 8])
FEW = {"num_votes": 2_000, "num_test_votes": 1_000}


def pool(n=4_000, seed=0):
    """Factors drawn at random; samples that are their numbers."""
    factors = np.random.default_rng(seed).integers(SIZES, size=(n, 5))
    return factors.astype("float64"), factors


def mixed(x):
    """Each dimension moves with all factors alike."""
    mixture, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 5)))
    return (x / SIZES) @ mixture


@pytest.fixture(params=["drawn", "made"])
def source(request):
    """Samples and their factors; or what makes samples, and numbers of values."""
    if request.param == "drawn":
        return pool()
    return (lambda factors: factors.astype("float64")), SIZES


def test_factors_themselves_are_perfect(source):
    # In any order, of any size and sign, with a dead dimension between.
    found = factor_vae_score(
        lambda x: np.insert(-7.0 * x[:, ::-1], 2, 1.0, axis=1), *source, **FEW
    )
    assert found.score == 1.0
    assert found.active == (0, 1, 3, 4, 5)
    assert found.votes.sum() == 2_000 and found.votes.shape == (5, 6)
    assert np.count_nonzero(found.votes) == 5
    assert found.votes.argmax(axis=1).tolist() == [5, 4, 3, 1, 0]


def test_noise_is_at_chance(source):
    rng = np.random.default_rng(0)
    found = factor_vae_score(lambda x: rng.standard_normal((len(x), 6)), *source, **FEW)
    assert found.chance == 0.2
    assert abs(found.score - found.chance) < 0.05


def test_entangled_dimensions_lie_between():
    x, factors = pool()
    found = factor_vae_score(mixed, x, factors, **FEW).score
    assert 0.25 < found < 0.95


def test_a_dimension_of_two_factors_costs_one_of_them():
    x, factors = pool()
    scaled = x / x.std(axis=0)
    # Two factors share one dimension: it votes for the one it is learned to stand for.
    codes = np.column_stack([scaled[:, :3], scaled[:, 3] + scaled[:, 4]])
    found = factor_vae_score(lambda rows: rows, codes, factors, **FEW)
    assert found.score < 0.85
    np.testing.assert_array_equal(found.votes.argmax(axis=1)[:3], [0, 1, 2])


def test_dead_dimensions_do_not_vote():
    x, factors = pool()

    def encode(x):
        # The first is nearly constant; its ratio of variances would be noise.
        tiny = np.random.default_rng(0).normal(scale=0.01, size=(len(x), 1))
        return np.concatenate([tiny, x], axis=1)

    found = factor_vae_score(encode, x, factors, **FEW)
    assert found.active == (1, 2, 3, 4, 5) and found.score == 1.0
    # Dead is a small standard deviation, 0.05, not a small variance.
    widths = np.array([0.04, 0.06, 0.2, 1.0, 5.0]) / x.std(axis=0, ddof=1)
    found = factor_vae_score(lambda x: x * widths, x, factors, **FEW)
    assert found.active == (1, 2, 3, 4)
    nothing = factor_vae_score(lambda x: 1e-3 * x, x, factors, **FEW)
    assert nothing.score == 0.0 and nothing.active == () and not nothing.votes.any()


def test_dimensions_of_unlike_scale_and_noise_vote_alike():
    """Of 64 samples that share a factor its own dimension has the noise alone."""
    x, factors = pool()
    noise = 0.1 * np.random.default_rng(0).standard_normal(x.shape)
    codes = (x / x.std(axis=0) + noise) * [1.0, 10.0, 100.0, 1e3, 1e4]
    assert factor_vae_score(lambda rows: rows, codes, factors, **FEW).score == 1.0


def test_a_factor_of_one_value_is_never_held():
    x, factors = pool()
    factors[:, 2] = 0
    found = factor_vae_score(lambda x: x, x, factors, **FEW)
    assert found.chance == 0.25 and not found.votes[2].any()
    assert found.score > 0.99


def test_votes_by_hand():
    """One held factor of two: its dimension has no variance, the other has."""
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = factor_vae_score(
        lambda x: x, factors.astype("float64"), factors, num_samples=40, **FEW
    )
    assert found.score == 1.0
    assert found.votes[0, 1] == found.votes[1, 0] == 0
    assert 0.45 < found.votes[0, 0] / 2_000 < 0.55


def test_a_seed_fixes_the_score_and_batches_do_not_matter():
    x, factors = pool()
    scores = [
        factor_vae_score(mixed, x, factors, seed=s, batch_size=b, **FEW).score
        for s, b in ((0, 512), (0, 999), (1, 512))
    ]
    assert scores[0] == scores[1] and scores[0] != scores[2]


def test_drawn_shapes_are_found_by_what_shows_them():
    sizes = {"orientation": 1, "scale": 4, "x": 8, "y": 8}

    def encode(x):
        """Centre of mass and extent, from pixels alone."""
        weights = x[..., 0].astype("float64") / 255.0
        total = weights.sum(axis=(1, 2))
        grid = np.arange(x.shape[1])
        columns = (weights.sum(axis=1) @ grid) / total
        rows = (weights.sum(axis=2) @ grid) / total
        return np.column_stack([columns, rows, np.sqrt(total)])

    sizes["shape"] = 1
    x, _, factors = shapes(256, size=32, sizes=sizes)
    found = factor_vae_score(encode, x, factors, **FEW)
    assert found.score > 0.99 and found.chance == pytest.approx(1 / 3)
    again = factor_vae_score(
        encode,
        lambda factors: draw_shapes(factors, 32, sizes),
        [1, 4, 1, 8, 8],
        num_votes=60,
        num_test_votes=30,
        num_for_scale=500,
    )
    assert again.score > 0.95


@pytest.mark.parametrize(
    ("x", "factors", "words"),
    [
        (np.zeros((4, 2)), np.zeros((3, 2), int), "one row a sample"),
        (np.zeros((4, 2)), np.zeros((4, 2)), "must be integers"),
        (np.zeros((1, 2)), np.zeros((1, 2), int), "two at least"),
        (np.zeros((4, 2)), np.zeros((4, 2), int), "A factor must vary"),
        (lambda factors: factors, [3, 0], "positive integers"),
    ],
)
def test_factors_that_do_not_fit_are_refused(x, factors, words):
    with pytest.raises(ValueError, match=words):
        factor_vae_score(lambda x: x, x, factors)


@pytest.mark.parametrize(
    "codes", [np.zeros(4), np.zeros((3, 2)), np.full((4, 2), np.nan)]
)
def test_codes_are_a_finite_matrix(codes):
    with pytest.raises(ValueError, match="`encode` must give one row"):
        factor_vae_score(lambda x: codes, np.zeros((4, 2)), np.eye(4, dtype=int))
