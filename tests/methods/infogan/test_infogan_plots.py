"""Pictures of the graph of codes, and of what each code changes."""

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.text import Annotation

from kerasos import CodeGraph
from kerasos.data.spec import DataSpec
from kerasos.methods.infogan.plots import positions, traversal_figure


class TraversedModel:
    """Images of one grey: 100 + 10 code + value, whatever the seed."""

    graph = CodeGraph([["c0"], ["c1"], ["c2"]], ["thickness", "c1", "slant"])
    sample_shape = (4, 4, 1)

    def __init__(self, shape=(4, 4, 1), label_names=None):
        names = {"label_names": label_names}
        self.spec = DataSpec(shape, "uint8", (0, 255), (5, 3), **names)
        self.sample_shape = shape
        self.calls = []

    def traverse(self, label, code, values, seed=None):
        self.calls.append((label, code, seed))
        grey = 100 + 10 * code + np.asarray(values)
        images = np.tile(grey[:, None, None, None], (1, 4, 4, 1))
        return images.astype("uint8")


def read_png(path):
    return tf.io.decode_png(tf.io.read_file(str(path)), channels=3).numpy()


def test_the_layers_of_a_picture_follow_the_longest_path():
    places = positions(CodeGraph.preset("figure2"))
    assert [places[f"c{i}"] for i in range(4)] == [(0, 0), (0, -1), (0, -2), (0, -3)]
    assert places["l0"] == (1, 0) and places["l3"] == (2, -3)


def test_a_picture_has_every_name_and_an_arrow_per_edge(tmp_path):
    graph = CodeGraph.preset("figure2").rename({"c1": "slant"})
    figure = graph.plot(tmp_path / "new" / "graph.png")
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert sorted(t for t in texts if t) == sorted(graph.display_names)
    assert texts.count("") == 6  # annotations without text: the arrows
    picture = read_png(tmp_path / "new" / "graph.png")
    assert picture.shape[0] > 200 and picture.shape[1] > 300
    assert len(CodeGraph([["c0"]]).plot().axes) == 1


def test_an_edge_bends_around_a_node_in_its_way():
    graph = CodeGraph([["c0"], ["c1", "l0"], ["c2", "l0", "l1"]])
    (axes,) = graph.plot().axes
    bends = [
        text.arrow_patch.get_connectionstyle().rad
        for text in axes.texts
        if isinstance(text, Annotation)
    ]
    edges = [(p, f"l{i}") for i, row in enumerate(graph.parents) for p in row]
    bent = [edge for edge, bend in zip(edges, bends, strict=True) if bend]
    assert bent == [("l0", "l2")]  # l1 is half way


def test_rows_are_codes_and_columns_values(tmp_path):
    model = TraversedModel()
    figure = traversal_figure(model, 1, [0, 50, 100], tmp_path / "a" / "walk.png")
    assert len(figure.axes) == 3
    assert [axes.get_title() for axes in figure.axes] == ["0", "50", "100"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["thickness", "c1", "slant"]
    assert figure.texts[0].get_text() == "class 1"
    assert model.calls == [(1, 0, 0), (1, 1, 0), (1, 2, 0)]
    greys = np.unique(read_png(tmp_path / "a" / "walk.png"))
    for grey in (100, 110, 120, 150, 160, 170, 200, 210, 220):
        assert grey in greys


def test_codes_can_be_chosen_by_name_and_classes_have_theirs():
    model = TraversedModel(label_names=("cat", "dog"))
    figure = traversal_figure(model, 0, np.linspace(-1, 1, 5), None, ["slant", 0], 7)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["slant", "thickness"]
    assert [axes.get_title() for axes in figure.axes] == ["-1", "-0.5", "0", "0.5", "1"]
    assert figure.texts[0].get_text() == "class cat"
    assert model.calls == [(0, 2, 7), (0, 0, 7)]


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="Only images can be drawn"):
        traversal_figure(TraversedModel((6,)), 0, [0.0])
    with pytest.raises(ValueError, match="at least one value"):
        traversal_figure(TraversedModel(), 0, [])
    with pytest.raises(ValueError, match="Did you mean 'slant'"):
        traversal_figure(TraversedModel(), 0, [0.0], codes=["slent"])
