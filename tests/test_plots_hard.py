"""The picture of hard samples: its groups, its curves, its file."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from kerasos import plots_hard
from kerasos.data import DataSpec

SOURCE = np.random.default_rng(0)


class Judge:
    """A classifier of points in the plane that is unsure near x = 0."""

    eps = 0.2
    spec = DataSpec((2,), "float32", (-1, 1), (4, 4))

    def margin(self, x):
        return np.abs(np.asarray(x)[:, 0])

    def features(self, x):
        return np.asarray(x)


def points(n, spread):
    return SOURCE.uniform(-spread, spread, (n, 2)).astype("float32")


@pytest.fixture
def drawn(monkeypatch):
    """Keeps the figure and what is in its plane."""
    kept = {}

    def save(figure, path):
        kept["figure"] = figure
        figure.savefig(path)
        return path

    plane = plots_hard._plane

    def watched(model, groups, seed):
        kept["groups"] = groups
        kept["plane"] = plane(model, groups, seed)
        return kept["plane"]

    monkeypatch.setattr(plots_hard, "save_figure", save)
    monkeypatch.setattr(plots_hard, "_plane", watched)
    return kept


def test_all_groups_share_a_plane_and_the_hardest_are_shown(drawn, tmp_path):
    x, test, generated = points(30, 1), points(40, 1), points(25, 0.1)
    path = plots_hard.hard_samples(
        Judge(), x, test, generated, tmp_path / "hard.png", points(20, 1), 6, 20
    )
    assert path.stat().st_size > 5000
    hard = drawn["groups"]["hard test samples"]
    assert np.abs(hard[:, 0]).max() == np.sort(np.abs(test[:, 0]))[5]
    sizes = {name: len(part) for name, part in drawn["plane"].items()}
    assert sizes == {"labelled": 20, "generated": 20, "hard test samples": 6}
    assert all(part.shape[1] == 2 for part in drawn["plane"].values())
    assert isinstance(drawn["figure"], Figure)
    right = drawn["figure"].axes[1]
    texts = [text.get_text() for text in right.get_legend().get_texts()]
    assert len(texts) == 3 and "generated: 100% up to 0.2" in texts


def test_it_does_without_earlier_samples_and_with_few(drawn, tmp_path):
    few = points(3, 1)
    plots_hard.hard_samples(Judge(), few, few, few, tmp_path / "few.png", hard=2)
    assert sum(len(part) for part in drawn["plane"].values()) == 8
    assert len(drawn["figure"].axes[1].get_legend().get_texts()) == 2
