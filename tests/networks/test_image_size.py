"""Which networks images get, by their size and number."""

import pathlib

import numpy as np
import pytest
import script_module

import kerasos
from kerasos.data import DataSpec
from kerasos.networks import dcgan
from kerasos.networks.image_size import halvings, maps_of_grids, size_of

ROOT = pathlib.Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "image_networks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    with script_module.loaded(ROOT / "benchmarks" / "network_sizes.py") as module:
        yield module


@pytest.mark.parametrize(
    ("shape", "counts", "expected"),
    [
        ((28, 28, 1), (5, 3), "paper"),
        ((32, 32, 3), (5_000, 3), "paper"),
        ((33, 20, 1), (5, 3), "small"),
        ((64, 64, 3), (1_500, 499), "small"),
        ((64, 64, 3), (1_500, 500), "medium"),
        ((30,), (5_000, 3), "paper"),
    ],
)
def test_the_data_decide(shape, counts, expected):
    spec = DataSpec(shape, "uint8", (0, 255), counts)
    assert size_of(spec) == expected
    if len(shape) == 3:
        assert size_of(spec, "medium") == "medium"
    else:
        with pytest.raises(ValueError, match="`size` is that of networks for images"):
            size_of(spec, "small")


def test_grids_are_halved_until_they_are_small():
    assert maps_of_grids((64, 64, 3), "small") == [32, 64, 128, 256]
    assert maps_of_grids((96, 48, 1), "medium") == [64, 128, 256, 512]
    assert maps_of_grids((128, 128, 3), "small") == [16, 32, 64, 128, 256]
    assert maps_of_grids((8, 8, 1), "small") == [256]
    assert [halvings((side, 5, 1)) for side in (6, 7, 12, 13, 50, 128)] == [
        *(1, 1, 1, 2, 4, 5)
    ]


@pytest.mark.parametrize("shape", [(50, 70, 3), (9, 8, 1), (128, 20, 3)])
@pytest.mark.parametrize("size", ["small", "medium"])
def test_every_shape_goes_in_and_comes_out(shape, size):
    generator = dcgan.generator(shape, 4, 2, 0, size=size)
    noise = np.zeros((2, 4)), np.zeros((2, 2))
    assert generator(noise).shape == (2, *shape)
    trunk = dcgan.trunk(shape, 0, size=size)
    assert trunk(np.zeros((2, *shape))).shape == (2, {"small": 256}.get(size, 512))


def test_the_table_is_of_these_networks(script):
    for name in script.METHODS:
        found = script.line(name, (96, 48, 1), ["small"])
        assert any(line.startswith(found) for line in TABLE.splitlines()), found
    assert script.flow_line((96, 48, 1)) in TABLE.splitlines()


def test_defaults_for_few_large_images_have_below_five_million():
    rows = [line.split("|")[1:-1] for line in TABLE.splitlines() if "64x64" in line]
    assert len(rows) == 14
    assert all(float(row[2]) < 5 for row in rows)


@pytest.mark.parametrize(
    ("name", "expected"),
    # Counted before there were other sizes, but for GAMO, whose anchors are no weights.
    [("cvae", 35.13), ("bagan", 16.63), ("deepsmote", 30.12), ("dgc", 56.50)],
)
def test_the_size_of_the_papers_stays(name, expected):
    start = f"| {name} | 64x64x3 |"
    line = next(line for line in TABLE.splitlines() if line.startswith(start))
    assert float(line.split("|")[5]) == expected


@pytest.mark.parametrize("name", ["bagan", "deepsmote", "cwae", "infogan"])
def test_a_method_trains_on_images_that_no_doubling_reaches(name):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 35, 21, 1)).astype("uint8"), np.arange(20) % 2
    options = {"ae_epochs": 1, "gan_epochs": 1} if name == "bagan" else {}
    model = kerasos.get_method(name).from_data(x, y, seed=0, **options)
    data = kerasos.data.batches(x, y, 10)
    model.fit(data, epochs=len(model.stages), verbose=0)
    assert model.sample([0, 1], seed=0).shape == (2, 35, 21, 1)
