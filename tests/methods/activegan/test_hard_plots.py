"""The picture of hard samples: its groups, its curves, its file."""

import numpy as np
import pytest

from kerasos.data import DataSpec
from kerasos.methods.activegan import plots

SOURCE = np.random.default_rng(0)


class Judge:
    """A classifier of points in the plane that is unsure near x = 0."""

    eps = 0.2
    spec = DataSpec((2,), "float32", (-1, 1), (4, 4))

    def __init__(self):
        self.shown = []

    def margin(self, x):
        return np.abs(np.asarray(x)[:, 0])

    def features(self, x):
        self.shown.append(np.asarray(x))
        return self.shown[-1]


def points(n, spread):
    return SOURCE.uniform(-spread, spread, (n, 2)).astype("float32")


@pytest.fixture
def figures(monkeypatch):
    """The figures that were written."""
    kept, save = [], plots.save_figure
    monkeypatch.setattr(
        plots, "save_figure", lambda f, path: kept.append(f) or save(f, path)
    )
    return kept


def groups(figure):
    """Rows of each group in the left picture, and the legend of the right one."""
    left, right = figure.axes
    sizes = {part.get_label(): part.get_offsets().shape for part in left.collections}
    return sizes, [text.get_text() for text in right.get_legend().get_texts()]


def test_all_groups_share_a_plane_and_the_hardest_are_shown(figures, tmp_path):
    x, test, generated = points(30, 1), points(40, 1), points(25, 0.1)
    judge, path = Judge(), tmp_path / "hard.png"
    path = plots.hard_samples(judge, x, test, generated, path, points(20, 1), 6, 20)
    assert path.stat().st_size > 5000
    hard = judge.shown[-1]
    assert np.abs(hard[:, 0]).max() == np.sort(np.abs(test[:, 0]))[5]
    sizes, texts = groups(figures[0])
    expected = {"labelled": 20, "generated": 20, "hard test samples": 6}
    assert sizes == {name: (rows, 2) for name, rows in expected.items()}
    assert len(texts) == 3 and "generated: 100% up to 0.2" in texts


def test_it_does_without_earlier_samples_and_with_few(figures, tmp_path):
    few = points(3, 1)
    plots.hard_samples(Judge(), few, few, few, tmp_path / "few.png", hard=2)
    sizes, texts = groups(figures[0])
    assert sum(rows for rows, _ in sizes.values()) == 8 and len(texts) == 2
