"""The exported models of the repository, served without kerasos."""

import os
import pathlib
import subprocess

import forked
import numpy as np
import pytest

import kerasos
from kerasos.export import load_card
from kerasos.metrics import acsa

MODELS = pathlib.Path(__file__).parents[1] / "saved_models"
SERVE = """
import sys

sys.modules["kerasos"] = None  # an import of it fails
import numpy as np
import tensorflow as tf

folder, inputs, outputs = sys.argv[1:]
signatures = tf.saved_model.load(folder).signatures
given = np.load(inputs)
serve = signatures["serving_default"]
labels, seed = tf.constant(given["labels"]), tf.constant(given["seed"])
together = serve(labels=labels, seed=seed)
alone = serve(labels=labels[5:6], seed=seed[5:6])
latent = signatures["from_latent"](labels=labels, latent=tf.constant(given["latent"]))
classes = signatures["classify"](inputs=tf.constant(given["images"]))
np.savez(
    outputs,
    samples=together["samples"],
    labels=together["labels"],
    alone=alone["samples"],
    from_latent=latent["samples"],
    classes=classes["classes"],
)
"""


@pytest.fixture(scope="module")
def card():
    return load_card(MODELS / "gamo_digits" / "1")


@pytest.fixture(scope="module")
def digits(card):
    """The training and test data of the card's seed."""
    return kerasos.data.load("digits", card["data"]["class_counts"], seed=card["seed"])


@pytest.fixture(scope="module")
def served(tmp_path_factory, card, digits):
    """What a process without kerasos gets from the saved model."""
    folder = tmp_path_factory.mktemp("served")
    labels = np.repeat(np.array(card["samples"]["labels"], "int32"), 20)
    rng = np.random.default_rng(0)
    np.savez(
        folder / "in.npz",
        labels=labels,
        seed=np.arange(len(labels)),
        latent=rng.standard_normal((len(labels), 100), dtype="float32"),
        images=digits[1][0],
    )
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    model = MODELS / "gamo_digits" / "1"
    paths = [str(model), str(folder / "in.npz"), str(folder / "out.npz")]
    subprocess.run(
        [forked.python(), "-c", SERVE, *paths], cwd=folder, env=env, check=True
    )
    return dict(np.load(folder / "out.npz"))


@pytest.mark.parametrize("folder", sorted(p.name for p in MODELS.iterdir()))
def test_a_model_is_small_and_has_its_card_and_picture(folder):
    files = [path for path in (MODELS / folder).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    assert (MODELS / folder / "samples.png").is_file()
    card = load_card(MODELS / folder)
    assert card["command"].startswith("python examples/")
    assert (MODELS / folder / str(card["version"]) / "saved_model.pb").is_file()


def test_the_picture_shows_real_and_generated_images():
    from matplotlib.image import imread

    height, width, _ = imread(MODELS / "gamo_digits" / "samples.png").shape
    assert width > 2 * 8 * 8 and height > 10 * 8


def test_samples_stay_in_the_box_of_their_class(served, digits):
    (x, y), _ = digits
    for name in ("samples", "from_latent"):
        assert served[name].shape == (180, 8, 8, 1) and served[name].dtype == np.uint8
        for label in range(1, 10):
            real = x[y == label]
            made = served[name][served["labels"] == label]
            assert np.all(made >= real.min(0)) and np.all(made <= real.max(0))


def test_a_row_does_not_depend_on_its_batch(served):
    np.testing.assert_array_equal(served["alone"][0], served["samples"][5])
    assert len(np.unique(served["samples"].reshape(180, -1), axis=0)) > 90


def test_the_classifier_scores_what_the_card_says(served, card, digits):
    _, (_, y_test) = digits
    # A rounding that differs between processors may move an image or two of 500.
    found = acsa(y_test, served["classes"])
    assert found == pytest.approx(card["scores"]["test_acsa"], abs=0.005)
