"""The Frechet distance against a matrix square root and closed forms."""

import numpy as np
import pytest
from scipy import linalg

from kerasos.evaluation import fid, frechet_distance


def by_matrix_root(a, b):
    c1, c2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(c1 @ c2)
    shift = a.mean(axis=0) - b.mean(axis=0)
    return shift @ shift + np.trace(c1 + c2 - 2 * root.real)


def samples(n, d, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * scale + rng.normal(
        size=d
    )


@pytest.mark.parametrize(("n1", "n2"), [(60, 60), (40, 90), (13, 200)])
def test_equals_the_matrix_root(n1, n2):
    a, b = samples(n1, 8, 0), samples(n2, 8, 1, scale=2.0)
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-12)


def test_closed_form_for_diagonal_covariances():
    """|m1 - m2|^2 + sum_i (s1_i - s2_i)^2, by whitened samples."""
    rng = np.random.default_rng(0)
    n, d = 50, 5
    white = rng.normal(size=(n, d))
    white = np.linalg.qr(white - white.mean(axis=0))[0] * np.sqrt(n - 1)
    s1, s2 = rng.uniform(0.5, 2, d), rng.uniform(0.5, 2, d)
    m1, m2 = rng.normal(size=d), rng.normal(size=d)
    expected = np.square(m1 - m2).sum() + np.square(s1 - s2).sum()
    # The rows in another order are other samples with the same moments.
    found = frechet_distance(white * s1 + m1, white[::-1] * s2 + m2)
    assert found == pytest.approx(expected, rel=1e-10)


def test_fewer_samples_than_features_warn_and_are_exact():
    a, b = samples(6, 9, 0), samples(7, 9, 1)
    with pytest.warns(UserWarning, match="6 samples do not determine"):
        found = frechet_distance(a, b)
    # Rotated into the space both span nothing changes, and there it is regular
    # enough for the eigenvalues of C1 C2.
    c1, c2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.sqrt(np.clip(np.linalg.eigvals(c1 @ c2).real, 0, None)).sum()
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    expected = shift + np.trace(c1) + np.trace(c2) - 2 * root
    assert found == pytest.approx(expected, rel=1e-4)


def test_equal_samples_have_no_distance():
    a = samples(40, 6, 0)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 2.0) == pytest.approx(6 * 4.0)


def test_float32_features_far_from_zero_lose_nothing():
    a, b = samples(50, 4, 0), samples(50, 4, 1)
    moved = frechet_distance((a + 256).astype("float32"), (b + 256).astype("float32"))
    assert moved == pytest.approx(frechet_distance(a, b), rel=1e-4)


def test_fid_goes_through_the_features():
    rng = np.random.default_rng(0)
    x, fake = rng.integers(0, 256, (2, 30, 2, 2, 1)).astype("uint8")

    def feature_fn(images):
        return images.reshape(len(images), -1)[:, :3] / 255

    expected = by_matrix_root(feature_fn(x), feature_fn(fake))
    assert fid(x, fake, feature_fn) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), "one width"),
        (np.zeros(5), np.zeros(5), "one width"),
        (np.zeros((1, 2)), np.zeros((5, 2)), "at least 2 samples"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), "finite"),
    ],
)
def test_bad_features_are_refused(a, b, words):
    with pytest.raises(ValueError, match=words):
        frechet_distance(a, b)
