"""The graph of codes: its presets, what it refuses, its independences, its forms."""

import json

import keras
import networkx
import numpy as np
import pytest

import kerasos
from kerasos import CodeGraph

FIGURE2 = [["c0"], ["c1"], ["c2"], ["c3", "l1", "l2"]]
ENTANGLED3 = [["c0"], ["c1"], ["c0", "c1", "c2"]]
REPO4 = [["c0"], ["c1"], ["c2"], ["c0", "c1", "c2", "c3"]]


def test_presets_are_the_graphs_of_the_paper_and_of_its_code():
    assert CodeGraph.preset("figure2") == CodeGraph(FIGURE2)
    assert CodeGraph.preset("entangled3", 3) == CodeGraph(ENTANGLED3)
    assert CodeGraph.preset("repo4") == CodeGraph(REPO4)
    assert CodeGraph.preset("one_to_one", 2) == CodeGraph([["c0"], ["c1"]])


def test_a_preset_has_its_size():
    with pytest.raises(ValueError, match="has 4 codes. Expected d=4 or none. .* d=3"):
        CodeGraph.preset("repo4", 3)
    for d in (None, True, 0, 2.0):
        with pytest.raises(ValueError, match="needs the number of codes"):
            CodeGraph.preset("one_to_one", d)
    with pytest.raises(ValueError, match="Did you mean 'entangled3'"):
        CodeGraph.preset("entangled")


def test_negatives_are_the_marginally_independent_variables():
    figure2 = CodeGraph.preset("figure2")
    # l3 descends from c1 and c2 through l1 and l2; l1 and l2 share l3 but no parent.
    assert figure2.negatives[3] == ("c0", "l0")
    assert figure2.negatives[1] == ("c0", "c2", "c3", "l0", "l2")
    assert CodeGraph.preset("repo4").negatives[3] == ()
    assert CodeGraph.preset("repo4").negatives[0] == ("c1", "c2", "c3", "l1", "l2")
    assert CodeGraph.preset("one_to_one", 2).negatives == (("c1", "l1"), ("c0", "l0"))


def test_negatives_are_uncorrelated_in_every_linear_model_of_the_graph():
    """With positive weights all paths add up, so no correlation cancels out."""
    graph = CodeGraph([["c0"], ["l0", "c1"], ["c2"], ["l2", "c3"], ["l1", "c4"]])
    weights = np.random.default_rng(0).uniform(0.5, 1.5, (5, 10))
    # Each variable as a combination of independent ones: c and the residuals of l.
    rows = dict(zip(graph.variables[:5], np.eye(10)[:5], strict=True))
    for name in ("l0", "l2", "l1", "l3", "l4"):
        i = int(name[1])
        rows[name] = np.eye(10)[5 + i] + sum(
            weights[i, graph.variables.index(p)] * rows[p] for p in graph.parents[i]
        )
    for i, negatives in enumerate(graph.negatives):
        independent = [q for q in graph.variables if rows[q] @ rows[f"l{i}"] == 0]
        assert list(negatives) == independent


def test_weights_share_one_among_parents_and_among_negatives():
    graph = CodeGraph.preset("entangled3")
    third = np.float32(1 / 3)
    expected = [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [third] * 3 + [0, 0, 0]]
    np.testing.assert_array_equal(graph.parent_weights, expected)
    expected = [[0, third, third, 0, third, 0], [third, 0, third, third, 0, 0], [0] * 6]
    np.testing.assert_array_equal(graph.negative_weights, expected)
    assert graph.negative_weights.dtype == graph.parent_weights.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        graph.parent_weights[0, 0] = 2
    with pytest.raises(AttributeError, match="parents"):
        graph.parents = ()


def test_the_order_of_parents_does_not_matter():
    a = CodeGraph([["c0"], ["c1", "l0", "c0"]])
    b = CodeGraph([["c0"], ["l0", "c0", "c1"]])
    assert a == b and hash(a) == hash(b)
    assert a.parents == (("c0",), ("c0", "c1", "l0"))
    assert a != CodeGraph([["c0"], ["c1", "l0"]]) and a != "graph"
    assert a != a.rename({"c0": "width"})


@pytest.mark.parametrize(
    "parents, message",
    [
        ([["c0"], ["c1", "l1"]], "own parent. Received the edge l1 -> l1"),
        ([["c0", "l1"], ["l2"], ["l0"]], r"cycle l\d -> l\d -> l\d -> l\d"),
        ([["c0"], []], "needs a parent. Received none for l1"),
        ([["c0"], ["c1", "c1"]], "c1 -> l1 twice"),
        ([["c0"], ["c2"]], "Unknown parent 'c2'.*It is listed as a parent of l1"),
        ([["c0"], ["latent0"]], "Unknown parent 'latent0'"),
        ([], "Received none"),
    ],
)
def test_a_bad_edge_is_named(parents, message):
    with pytest.raises(ValueError, match=message):
        CodeGraph(parents)


def test_a_cycle_is_listed_along_its_edges():
    with pytest.raises(ValueError) as error:
        CodeGraph([["c0", "l2"], ["l0"], ["l1", "c2"]])
    cycles = ["l0 -> l1 -> l2 -> l0", "l1 -> l2 -> l0 -> l1", "l2 -> l0 -> l1 -> l2"]
    assert any(cycle in str(error.value) for cycle in cycles)


@pytest.mark.parametrize("parents", ["c0", [["c0"], "c1"], [[0], [1]], {"l0": "c0"}])
def test_parents_must_be_lists_of_names(parents):
    with pytest.raises(TypeError, match="a list of names for every latent code"):
        CodeGraph(parents)


def test_codes_can_be_named_and_found_by_either_name():
    graph = CodeGraph([["thickness"], ["c1", "c0"]], ["thickness", "slant"])
    assert graph.parents == (("c0",), ("c0", "c1"))
    assert graph.display_names == ("thickness", "slant", "l0", "l1")
    assert [graph.index(code) for code in ("slant", "c1", 1, np.int64(1))] == [1] * 4
    with pytest.raises(ValueError, match="Did you mean 'thickness'"):
        graph.index("tickness")
    with pytest.raises(ValueError, match="Unknown code 'l0'"):
        graph.index("l0")
    with pytest.raises(ValueError, match="from 0 to 1. Received: 2"):
        graph.index(2)
    with pytest.raises(TypeError, match="by name or number"):
        graph.index(1.0)


def test_renaming_gives_another_graph_with_the_same_edges():
    graph = CodeGraph.preset("figure2")
    renamed = graph.rename({"c0": "thickness", "c3": "slant"})
    assert renamed.names == ("thickness", "c1", "c2", "slant")
    assert renamed.parents == graph.parents and graph.names[0] == "c0"
    assert renamed.rename({"thickness": "c0", "slant": "c3"}) == graph
    with pytest.raises(ValueError, match="Unknown code 'width'"):
        graph.rename({"width": "w"})


@pytest.mark.parametrize("names", [["a", "a"], ["c1", "b"], ["", "b"], ["l1", "b"]])
def test_names_must_tell_codes_apart(names):
    with pytest.raises(ValueError, match="differ from each other"):
        CodeGraph([["c0"], ["c1"]], names)


def test_there_is_a_name_for_every_observed_code():
    with pytest.raises(ValueError, match="Expected 2 names.*Received: 1"):
        CodeGraph([["c0"], ["c1"]], ["a"])
    with pytest.raises(TypeError, match="must be strings"):
        CodeGraph([["c0"], ["c1"]], ["a", 3])


def test_networkx_there_and_back():
    graph = CodeGraph.preset("figure2").rename({"c2": "slant"})
    digraph = graph.to_networkx()
    assert digraph.nodes["c2"]["label"] == "slant"
    assert set(digraph.edges) == {
        ("c0", "l0"),
        ("c1", "l1"),
        ("c2", "l2"),
        ("c3", "l3"),
        ("l1", "l3"),
        ("l2", "l3"),
    }
    assert CodeGraph.from_networkx(digraph) == graph
    # An observed code that nothing follows may be missing.
    assert CodeGraph.from_networkx(
        networkx.DiGraph([("c0", "l0"), ("l0", "l1")])
    ) == CodeGraph([["c0"], ["l0"]])


@pytest.mark.parametrize(
    "edges, message",
    [
        ([("c0", "l0"), ("l0", "c0")], "Received the edge l0 -> c0"),
        ([("c0", "l0"), ("c1", "l0")], "Unknown node 'c1'.*1 latent codes"),
        ([("c0", "l0"), ("c0", "l2")], "Unknown node 'l2'.*without a gap"),
        ([("c0", "l0"), ("thick", "l0")], "Unknown node 'thick'"),
    ],
)
def test_a_networkx_graph_has_these_nodes_and_directions(edges, message):
    with pytest.raises(ValueError, match=message):
        CodeGraph.from_networkx(networkx.DiGraph(edges))


def test_edges_without_direction_are_refused():
    with pytest.raises(TypeError, match="Received: Graph"):
        CodeGraph.from_networkx(networkx.Graph([("c0", "l0")]))


def test_the_config_goes_through_json():
    for graph in (
        CodeGraph.preset("repo4"),
        CodeGraph([["a"], ["l0", "b"]], ["a", "b"]),
    ):
        text = json.dumps(keras.saving.serialize_keras_object(graph))
        assert keras.saving.deserialize_keras_object(json.loads(text)) == graph
        assert eval(repr(graph), {"CodeGraph": CodeGraph}) == graph
    assert kerasos.CodeGraph is CodeGraph
