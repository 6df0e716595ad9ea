"""Correlations beside the graph, on codes of which the dependences are known."""

import numpy as np
import pytest
import tensorflow as tf

from kerasos import CodeGraph
from kerasos.evaluation import CodeDependence, code_dependence

GRAPH = CodeGraph.preset("figure2")


def draw(n=2000, noise=0.2, seed=0):
    """Codes, and latent codes that follow figure 2."""
    source = np.random.default_rng(seed)
    codes = source.uniform(-1, 1, (n, 4))
    latents = codes + noise * source.standard_normal((n, 4))
    latents[:, 3] += latents[:, 1] + latents[:, 2]
    return codes, latents


class CodedModel:
    """Images of four pixels that show the codes, with noise; the class is in none."""

    sampled_labels = [0, 2]
    graph = GRAPH

    def __init__(self, code_prior="uniform", unused=()):
        self.code_prior, self.unused = code_prior, list(unused)

    def sample(self, labels, seed, codes, verbose):
        self.labels, self.codes = labels, codes
        shown = codes.copy()
        shown[:, self.unused] = 0
        noise = np.random.default_rng(seed).standard_normal(shown.shape)
        return (shown + 0.2 * noise).reshape(-1, 2, 2, 1)

    def latent_codes(self, x):
        latents = np.asarray(x, "float32").reshape(-1, 4)
        return latents @ np.float32(np.eye(4) + np.outer([0, 1, 1, 0], [0, 0, 0, 1]))


def test_correlations_are_those_of_numpy():
    codes, latents = draw(50)
    found = code_dependence((codes, latents), GRAPH)
    both = np.corrcoef(np.concatenate([codes, latents], 1).T)
    np.testing.assert_allclose(found.correlation, both[4:], atol=1e-10)
    assert found.between("c3", "l3") == pytest.approx(both[3, 7])


def test_codes_that_follow_the_graph_pass():
    found = code_dependence(draw(), GRAPH)
    assert found.holds and not found.missing and not found.unexpected
    assert [finding.split(":")[0] for finding in found.findings] == [
        "l0 follows c0",
        "l1 follows c1",
        "l2 follows c2",
        "l3 follows c3",
        "l3 follows l1",
        "l3 follows l2",
    ]
    # A negative sign is no matter: the likelihood leaves it free.
    codes, latents = draw()
    assert code_dependence((codes, -latents), GRAPH).holds


def test_an_edge_that_does_not_hold_is_named():
    codes, latents = draw()
    latents[:, 3] -= 0.9 * codes[:, 3]
    graph = GRAPH.rename({"c3": "slant"})
    found = code_dependence((codes, latents), graph)
    assert found.missing == [("c3", "l3")] and not found.unexpected
    (finding,) = [f for f in found.findings if "not" in f]
    r = np.corrcoef(codes[:, 3], latents[:, 3])[0, 1]
    assert finding.startswith(
        f"l3 does not follow slant: correlation {r:.2f}, expected at least 0.30"
    )
    assert not found.holds
    assert code_dependence((codes, latents), graph, min_edge=abs(r) - 0.01).holds


def test_a_dependence_that_should_not_be_is_named_once():
    codes, latents = draw()
    latents[:, 0] += 0.8 * codes[:, 1]
    found = code_dependence((codes, latents), GRAPH)
    assert ("c1", "l0") in found.unexpected and ("c3", "l0") not in found.unexpected
    assert ("l1", "l0") in found.unexpected and ("l0", "l1") not in found.unexpected
    assert any("l0 depends on c1" in finding for finding in found.findings)
    assert code_dependence((codes, latents), GRAPH, max_non_edge=0.9).holds


def test_what_shares_an_ancestor_may_be_correlated():
    # l3 depends on c1 through l1, by the graph, though there is no edge.
    found = code_dependence(draw(), GRAPH)
    assert found.between("c1", "l3") > 0.4 and found.holds


def test_the_bound_is_that_of_chance():
    # Of 32 correlations of n rows the largest has its 95 % quantile at 3.2 standard
    # deviations, 3.2 / sqrt(n); pairs of latent codes come twice.
    for n in (100, 2000):
        found = code_dependence(draw(n), GRAPH)
        assert 2.8 / np.sqrt(n) < found.bound < 3.5 / np.sqrt(n)
    # In a handful of rows high correlations are chance.
    codes, latents = draw(8)
    found = code_dependence((codes, latents), GRAPH)
    assert found.bound > 0.7
    source = np.random.default_rng(1)
    found = code_dependence((codes, source.standard_normal((8, 4))), GRAPH)
    assert np.abs(found.correlation[:, :4]).max() > 0.4 and not found.unexpected


def test_independent_codes_show_no_dependence_in_most_draws():
    alarms = 0
    for seed in range(20):
        source = np.random.default_rng(seed)
        pair = source.standard_normal((2, 60, 4))
        found = code_dependence(tuple(pair), GRAPH, max_non_edge=0.0)
        alarms += bool(found.unexpected)
    assert alarms <= 4  # 1 expected


def test_a_constant_code_is_said_to_be_one():
    codes, latents = draw()
    latents[:, 1] = 0.1
    found = code_dependence((codes, latents), GRAPH)
    assert ("c1", "l1") in found.missing and ("l1", "l3") in found.missing
    assert any("l1 is the same in all images" in f for f in found.findings)
    assert not found.correlation[1].any() and np.isfinite(found.bound)


def test_a_model_is_asked_for_images_of_random_codes():
    model = CodedModel()
    found = code_dependence(model, num_samples=501)
    assert found.holds and found.graph is GRAPH
    assert np.bincount(model.labels).tolist() == [251, 0, 250]
    assert np.abs(model.codes).max() <= 1 and model.codes.shape == (501, 4)
    expected = 1 / np.sqrt(1 + 0.2**2 * 3)  # the variance of the codes is 1/3
    assert found.between("c0", "l0") == pytest.approx(expected, abs=0.02)
    model = CodedModel("normal", unused=[2])
    found = code_dependence(model, labels=[2], seed=1)
    assert found.missing == [("c2", "l2"), ("l2", "l3")]
    assert model.codes.std() == pytest.approx(1, abs=0.05) and set(model.labels) == {2}


def test_the_same_seed_gives_the_same_numbers():
    a, b, other = (code_dependence(CodedModel(), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a.correlation, b.correlation)
    assert a.bound == b.bound and str(a) == str(b)
    assert np.any(a.correlation != other.correlation)


def test_it_prints_numbers_and_sentences():
    found = code_dependence(draw(), GRAPH.rename({"c0": "thickness"}))
    lines = str(found).splitlines()
    names = ["thickness", "c1", "c2", "c3", "l0", "l1", "l2", "l3"]
    assert lines[0].split() == names
    assert lines[1].split()[0] == "l0" and len(lines[1].split()) == 9
    assert lines[5] == found.findings[0]


def test_the_picture_dashes_what_does_not_hold(tmp_path):
    codes, latents = draw()
    latents[:, 3] -= codes[:, 3]
    latents[:, 0] += codes[:, 3]
    found = code_dependence((codes, latents), GRAPH.rename({"c1": "slant"}))
    figure = found.plot(tmp_path / "dependence.png")
    graph_axes, map_axes, _ = figure.axes
    arrows = [text.arrow_patch for text in graph_axes.texts if not text.get_text()]
    assert [arrow.get_linestyle() for arrow in arrows].count("--") == 1
    np.testing.assert_array_equal(map_axes.images[0].get_array(), found.correlation)
    styles = [patch.get_linestyle() for patch in map_axes.patches]
    assert styles.count("solid") == 6 and styles.count("--") == len(found.unexpected)
    labels = [tick.get_text() for tick in map_axes.get_xticklabels()]
    assert labels == ["c0", "slant", "c2", "c3", "l0", "l1", "l2", "l3"]
    picture = tf.io.decode_png(tf.io.read_file(str(tmp_path / "dependence.png")))
    assert picture.shape[1] > 2 * picture.shape[0] > 200


def test_arrays_must_fit_the_graph():
    codes, latents = draw(10)
    with pytest.raises(ValueError, match="need the graph"):
        code_dependence((codes, latents))
    with pytest.raises(ValueError, match=r"`latents`.*\(n, 4\).*Received: \(9, 4\)"):
        code_dependence((codes, latents[:9]), GRAPH)
    with pytest.raises(ValueError, match=r"`codes`.*\(n, 2\)"):
        code_dependence((codes, latents), CodeGraph.preset("one_to_one", 2))
    with pytest.raises(ValueError, match="three at least"):
        code_dependence((codes[:2], latents[:2]), GRAPH)
    with pytest.raises(ValueError, match="`latents` must be finite"):
        code_dependence((codes, latents * np.nan), GRAPH)


def test_it_holds_if_neither_an_edge_nor_an_independence_fails():
    for missing, unexpected in (([("c0", "l0")], []), ([], [("c1", "l0")])):
        found = CodeDependence(GRAPH, np.zeros((4, 8)), 0.1, missing, unexpected, [])
        assert not found.holds
    assert CodeDependence(GRAPH, np.zeros((4, 8)), 0.1, [], [], []).holds
