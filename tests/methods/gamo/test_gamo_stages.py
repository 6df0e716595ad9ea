"""The convolutional variant of GAMO: its stages, and anchors that follow them."""

import keras
import numpy as np
import pytest
from gamo_setup import (
    make_images,
    moved,
    moving_averages,
    players_paths,
    weights_of,
)
from scipy import special
from steps import paths

from kerasos import GAMO


class Watch(keras.callbacks.Callback):
    """Keeps stage, weights, anchors and fresh features at both ends of an epoch."""

    def __init__(self, images):
        super().__init__()
        self.images = images
        self.epochs = []

    def state(self):
        model = self.model
        index = model.anchor_index
        rows = {k: np.array(index[str(k)]) for k in model.sampled_labels}
        return {
            "weights": weights_of(model),
            "anchors": {
                k: model.generator.anchors[f"{k}"].numpy().copy() for k in rows
            },
            "features": {
                k: model.feature_extractor(
                    (self.images[r].astype("float32") - 127.5) / 127.5
                ).numpy()
                for k, r in rows.items()
            },
        }

    def on_train_batch_begin(self, batch, logs=None):
        # After every callback's `on_epoch_begin`.
        if batch == 0:
            self.epochs.append({"stage": self.model.stage, "start": self.state()})

    def on_epoch_end(self, epoch, logs=None):
        self.epochs[-1].update(end=self.state(), logs=dict(logs))


@pytest.fixture(scope="module")
def conv_run():
    x, y = make_images()
    model = GAMO.from_data(x, y, seed=0, variant="conv", max_anchors=6)
    watch = Watch(x)
    model.fit(x, y, batch_size=12, epochs=4, verbose=0, callbacks=[watch])
    return model, x, y, watch.epochs


def test_stages_alternate_beginning_with_the_features(conv_run):
    model, _, _, epochs = conv_run
    assert [e["stage"] for e in epochs] == ["features", "adversarial"] * 2
    assert [model.stage_at(k) for k in range(3)] == [e["stage"] for e in epochs[:3]]
    assert set(epochs[0]["logs"]) == {"loss", "e_loss"}
    players = {"c_loss", "d_loss", "g_c_loss", "g_d_loss"}
    assert set(epochs[1]["logs"]) == {"loss", *players}


def test_the_feature_phase_moves_the_extractor_only(conv_run):
    model, _, _, epochs = conv_run
    for epoch in epochs[0::2]:
        changed = moved(epoch["start"]["weights"], epoch["end"]["weights"])
        assert changed == paths(model.feature_extractor)


def test_the_adversarial_phase_moves_the_three_players_only(conv_run):
    model, _, _, epochs = conv_run
    for epoch in epochs[1::2]:
        changed = moved(epoch["start"]["weights"], epoch["end"]["weights"])
        # Neither F nor the anchors.
        assert changed == players_paths(model) | moving_averages(model)


def test_anchors_are_the_present_features_in_an_adversarial_phase(conv_run):
    _, _, _, epochs = conv_run
    for epoch in epochs[1::2]:
        for moment in ("start", "end"):
            state = epoch[moment]
            assert {k: len(a) for k, a in state["anchors"].items()} == {0: 6, 2: 5}
            for label, anchors in state["anchors"].items():
                np.testing.assert_allclose(anchors, state["features"][label], atol=1e-5)
    # The features did move between the phases, so the refresh has an effect.
    old, new = (e["start"]["anchors"][0] for e in (epochs[1], epochs[3]))
    assert np.abs(old - new).max() > 1e-3


def test_anchors_rest_in_a_feature_phase(conv_run):
    _, _, _, epochs = conv_run
    start, end = epochs[2]["start"], epochs[2]["end"]
    for label, anchors in start["anchors"].items():
        np.testing.assert_array_equal(anchors, end["anchors"][label])
        assert np.abs(end["features"][label] - anchors).max() > 1e-4


def test_convolutional_samples_are_features_of_the_class(conv_run):
    model, x, y, _ = conv_run
    labels = np.repeat([0, 2], 50)
    features = model.sample(labels, seed=0)
    assert features.shape == (100, 512) and features.dtype == np.float32
    for label in (0, 2):
        anchors = model.generator.anchors[f"{label}"].numpy()
        own = features[labels == label]
        assert np.all(own >= anchors.min(axis=0) - 1e-5)
        assert np.all(own <= anchors.max(axis=0) + 1e-5)
    assert not model.produces_samples
    with pytest.raises(ValueError, match="GAMO2pix") as error:
        model.oversample(x, y)
    assert "(512,)" in str(error.value) and "`sample`" in str(error.value)


def test_convolutional_classifier_is_head_of_features_of_raw_images(conv_run):
    model, x, _, _ = conv_run
    scaled = (x.astype("float32") - 127.5) / 127.5
    logits = model.classifier_head(model.feature_extractor(scaled))
    expected = special.softmax(logits, axis=1)
    np.testing.assert_allclose(
        model.classifier.predict(x, verbose=0), expected, atol=1e-5
    )
