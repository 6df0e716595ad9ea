import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tiny_model import COUNTS, TinyModel

from kerasos import plots


def read_png(path):
    return tf.io.decode_png(tf.io.read_file(str(path)), channels=3).numpy()


@pytest.fixture(scope="module")
def data():
    """White images of class 0, grey ones of class 1, black ones of class 2."""
    y = np.repeat([0, 1, 2], COUNTS)
    x = np.array([255, 102, 0], np.uint8)[y][:, None, None, None]
    return np.tile(x, (1, 6, 5, 1)), y


def test_every_image_pixel_becomes_a_square_of_one_colour(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 7, 3)).astype(np.uint8)
    figure = plots.image_grid([[None, image]])
    picture = read_png(plots.save_figure(figure, tmp_path / "grid.png"))
    # No label and no title: 8 pixels around, 7 screen pixels per image pixel,
    # a margin of one image pixel around each cell.
    top, left = 8 + 7, 8 + 7 + (7 + 1) * 7
    found = picture[top : top + 56, left : left + 49]
    np.testing.assert_array_equal(found, image.repeat(7, axis=0).repeat(7, axis=1))


def test_a_grid_shows_labels_title_groups_and_missing_images():
    rows = [[np.zeros((4, 4))] * 3, [None, np.ones((4, 4, 1))]]
    figure = plots.image_grid(rows, ["a", "b"], "all", [("left", 1), ("right", 2)])
    left, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["a", "b"]
    assert (left.get_title(), right.get_title()) == ("left", "right")
    assert figure.texts[0].get_text() == "all"
    assert len(left.patches) == 1 and len(right.patches) == 1
    assert all(patch.get_hatch() for axes in (left, right) for patch in axes.patches)


def test_floats_and_uint8_look_the_same(tmp_path):
    image = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
    for name, shown in (("a", image), ("b", image / 255.0)):
        plots.save_figure(plots.image_grid([[shown]]), tmp_path / f"{name}.png")
    a, b = read_png(tmp_path / "a.png"), read_png(tmp_path / "b.png")
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(300, 200), (2, 2), (128, 128)])
def test_figures_of_any_image_size_keep_to_a_reasonable_size(shape):
    width, height = plots.image_grid([[np.zeros(shape)] * 4] * 3).get_size_inches()
    assert width * plots.DPI < 700 and height * plots.DPI < 700


def test_a_thousand_classes_fit_the_canvas(tmp_path):
    figure = plots.image_grid([[np.zeros((28, 28))]] * 1000)
    assert figure.get_size_inches()[1] * plots.DPI < 2**16


def test_grids_that_do_not_fit_together_are_refused():
    image = np.zeros((4, 4))
    with pytest.raises(ValueError, match="no image at all"):
        plots.image_grid([])
    with pytest.raises(ValueError, match="one height and width"):
        plots.image_grid([[image, np.zeros((5, 4))]])
    with pytest.raises(ValueError, match="one string per row"):
        plots.image_grid([[image]], ["a", "b"])
    with pytest.raises(ValueError, match="cover every column"):
        plots.image_grid([[image]], column_groups=[("a", 2)])


@pytest.mark.parametrize(
    ("dtype", "value_range", "shape"),
    [
        ("uint8", (0.0, 255.0), (6, 5, 1)),
        ("float32", (-1.0, 1.0), (6, 5, 3)),
        ("int16", (-1000.0, 1000.0), (6, 5, 1)),
    ],
)
def test_real_images_are_shown_in_their_value_range(
    dtype, value_range, shape, tmp_path, data
):
    low, high = value_range
    y = data[1]
    fraction = np.array([1.0, 0.4, 0.0])[y][:, None, None, None]
    x = np.tile(low + (high - low) * fraction, (1, *shape)).astype(dtype)
    model = TinyModel(shape, dtype, value_range)
    path = plots.real_and_generated(x, y, model, tmp_path / "a.png", per_class=2)
    picture = read_png(path).astype(int)
    # Rows are 6 + 1 image pixels of 9 screen pixels, under a line of headings.
    left = 8 + 4 + 7 * len("40 real") + 9
    centres = [picture[30 + 9 + 27 + 63 * i, left + 22] for i in range(3)]
    np.testing.assert_allclose(centres, [[255] * 3, [102] * 3, [0] * 3], atol=1)


def test_classes_without_generated_images_say_so(tmp_path, data, monkeypatch):
    model = TinyModel(sampled_labels=(1, 2), label_names=("bag", "boot", "coat"))
    drawn = []
    monkeypatch.setattr(plots, "save_figure", lambda f, path: drawn.append(f))
    plots.real_and_generated(*data, model, tmp_path / "a.png", per_class=4, title="t")
    real, generated = drawn[0].axes
    assert [text.get_text() for text in real.get_yticklabels()] == [
        "0: bag\n40 real,\nnot generated",
        "1: boot\n12 real",
        "2: coat\n3 real",
    ]
    assert len(real.patches) == 1  # class 2 has three images for four columns
    assert len(generated.patches) == 4  # class 0 is not generated
    plots.sample_grid(model, tmp_path / "b.png", per_class=4)
    assert len(drawn[1].axes[0].get_yticklabels()) == 2


def test_the_same_seed_gives_the_same_picture(tmp_path, data):
    x = np.random.default_rng(0).integers(0, 256, data[0].shape).astype(np.uint8)
    model = TinyModel()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        path = tmp_path / "new folder" / f"{name}.png"
        plots.real_and_generated(x, data[1], model, path, per_class=3, seed=seed)
    a, b, c = (read_png(tmp_path / "new folder" / f"{n}.png") for n in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_samples_that_are_no_images_are_refused(tmp_path, data):
    table = TinyModel(shape=(5,), dtype="float32")
    with pytest.raises(ValueError, match="scikit-learn's TSNE"):
        plots.real_and_generated(np.zeros((3, 5)), [0, 1, 2], table, tmp_path / "a.png")
    features = TinyModel(sample_shape=(7,))
    with pytest.raises(ValueError, match=r"generated samples.*\(7,\)"):
        plots.real_and_generated(*data, features, tmp_path / "a.png")
    four_channels = TinyModel(shape=(6, 5, 4))
    with pytest.raises(ValueError, match="Only images can be drawn"):
        plots.sample_grid(four_channels, tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"Expected \(n, 6, 5, 1\)"):
        plots.real_and_generated(
            np.zeros((3, 8, 8, 1)), [0, 1, 2], TinyModel(), tmp_path / "a.png"
        )
    with pytest.raises(ValueError, match="one label per sample"):
        plots.real_and_generated(data[0], [0], TinyModel(), tmp_path / "a.png")


# Keras itself may import matplotlib; what counts is what happens after.
FORGET = """import sys, keras, tensorflow
for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
    del sys.modules[name]
"""


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = FORGET + "import kerasos.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_pyplot_is_never_needed(tmp_path):
    code = FORGET + (
        "import numpy as np\n"
        "from kerasos import plots\n"
        "plots.save_figure(plots.image_grid([[np.zeros((4, 4))]]), sys.argv[1])\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    subprocess.run(arguments, check=True, capture_output=True)
