import numpy as np
import pandas as pd
import pytest

from kerasos.data.redraw import ROUNDS, redrawn
from kerasos.over_sampling import DeepOverSampler
from kerasos.over_sampling.screening import nearer_to_others

X = np.array([[0.0], [1.0], [10.0], [11.0], [11.0]], "float32")
CODES = np.array([0, 0, 1, 1, 1])


def screened(sample, labels, x, codes, seen, seed):
    return redrawn(sample, labels, nearer_to_others(x, codes, seen), seed)[0]


def test_rows_nearer_to_another_class_are_drawn_again():
    asked = []
    draws = iter([[[0.4], [9.0], [2.0]], [[5.5], [10.6]], [[3.0]]])

    def sample(labels, seed):
        asked.append((labels.tolist(), seed))
        return np.array(next(draws), "float32")

    # 0.4 lies at 0, 9 is next to 10, 2 next to 1 and 5.5 just as far from both.
    found = screened(sample, np.array([0, 0, 1]), X, CODES, lambda rows: rows, 7)
    np.testing.assert_allclose(found, [[0.4], [3.0], [10.6]], rtol=1e-6)
    assert [labels for labels, _ in asked] == [[0, 0, 1], [0, 1], [0]]
    assert len({seed for _, seed in asked}) == 3


def test_what_is_never_near_is_the_nearest_of_all_draws():
    draws = iter(np.array([9, 8, 20, 6, 7, 9, 10, 30], "float32"))
    count = 0

    def sample(labels, seed):
        nonlocal count
        count += 1
        return np.full((len(labels), 1), next(draws))

    found = screened(sample, np.array([0]), X, CODES, lambda rows: rows, 0)
    assert count == ROUNDS == 8
    # To own class minus to the other: at 6 it is 5 - 4, at 20 it is 19 - 9.
    np.testing.assert_array_equal(found, [[6.0]])


def test_rows_are_compared_as_they_are_seen_and_kept_as_they_are():
    seen = []

    def rounded(rows):
        seen.append(np.rint(rows))
        return seen[-1]

    found = screened(
        lambda labels, seed: np.array([[0.6]], "float32"),
        np.array([0]),
        X,
        CODES,
        rounded,
        0,
    )
    np.testing.assert_array_equal(found, np.float32([[0.6]]))
    np.testing.assert_array_equal(seen[0], [[1.0]])


def rules(n=300, seed=0):
    """Categories only; the class is 1 where the first two columns agree."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.choice(list("abcd"), (n, 4)), columns=list("pqrs"))
    return frame, (frame.p == frame.q).to_numpy().astype(int)


def breaks_the_rule(screen):
    frame, y = rules()
    sampler = DeepOverSampler("cvae", epochs=20, screen=screen, random_state=0)
    table, labels = sampler.fit_resample(frame, y)
    new = table[sampler.sample_is_synthetic_]
    assert (labels[sampler.sample_is_synthetic_] == 1).all() and len(new) > 100
    return (new.p != new.q).mean()


def test_rules_over_categories_are_kept():
    without, with_it = breaks_the_rule(False), breaks_the_rule("auto")
    assert without > 0.2 and with_it < 0.5 * without


def test_numbers_are_not_screened_unless_asked():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [40, 12])
    x = rng.normal(size=(52, 2)) + 0.5 * y[:, None]
    made = {
        screen: DeepOverSampler(
            "cvae", epochs=2, screen=screen, random_state=0
        ).fit_resample(x, y)[0]
        for screen in ("auto", False, True)
    }
    np.testing.assert_array_equal(made["auto"], made[False])
    assert (made["auto"] != made[True]).any()


def test_images_are_not_compared():
    images = np.zeros((10, 8, 8), "uint8")
    with pytest.raises(ValueError, match="`screen=True` compares rows of a table"):
        DeepOverSampler("cvae", screen=True).fit_resample(images, [0] * 7 + [1] * 3)
