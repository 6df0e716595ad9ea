import numpy as np
import pytest

from kerasos.methods.cwae import networks as cwae

LATENT, CLASSES = 3, 4


def networks(shape, kind):
    if kind == "cvae":
        return cwae.small_networks(shape, LATENT, CLASSES, 0)
    sizes = (shape, LATENT, CLASSES, 0, 8)
    return cwae.encoder(*sizes), cwae.decoder(*sizes)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((8, 8, 1), "dgc"), ((14, 12, 3), "dgc"), ((6,), "dgc"), ((8, 8, 1), "cvae")],
)
def test_both_halves_see_sample_and_label(shape, kind):
    encoder, decoder = networks(shape, kind)
    x = np.random.default_rng(0).uniform(size=(4, *shape)).astype("float32")
    y = np.eye(CLASSES, dtype="float32")
    latent = encoder([x, y]).numpy()
    assert latent.shape == (4, LATENT)
    assert np.any(encoder([x, y[::-1]]).numpy() != latent)
    assert np.any(encoder([x[::-1], y]).numpy() != latent)
    z = np.random.default_rng(1).standard_normal((4, LATENT)).astype("float32")
    decoded = decoder([z, y]).numpy()
    assert decoded.shape == x.shape
    assert np.any(decoder([z, y[::-1]]).numpy() != decoded)
    assert np.any(decoder([z[::-1], y]).numpy() != decoded)
    if len(shape) == 3:
        assert np.all((decoded > 0) & (decoded < 1))


def test_the_discriminator_sees_latent_and_label():
    network = cwae.latent_discriminator(LATENT, CLASSES, 0)
    z, y = np.ones((4, LATENT), "float32"), np.eye(CLASSES, dtype="float32")
    logits = network([z, y]).numpy()
    assert logits.shape == (4, 1)
    assert len(np.unique(logits)) == 4
    assert np.all(network([2 * z, y]).numpy() != logits)
    widths = [layer.units for layer in network.layers if hasattr(layer, "units")]
    assert widths == [512, 512, 512, 512, 1]
