"""The picture of what each code changes."""

import numpy as np
import pytest
import tensorflow as tf

from kerasos import CodeGraph
from kerasos.data.spec import DataSpec
from kerasos.traversal_plot import traversal_figure


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
