"""What `GAMO2pix.from_data` builds: a GAMO, and decoders of its features."""

import os
import warnings

import keras

from kerasos.data.spec import as_arrays
from kerasos.models import gamo_build
from kerasos.models.gamo import GAMO
from kerasos.networks import gamo2pix as networks
from kerasos.networks.gamo import FEATURES
from kerasos.seeds import fresh_seed
from kerasos.suggest import check_choice, check_options

GAMO_OPTIONS = tuple(name for name in gamo_build.OPTIONS if name != "variant")
OPTIONS = (
    "gamo",
    "gamo_rounds",
    "decoder",
    "decoder_epochs",
    "decoder_batch",
    "shared",
    "pix_latent_dim",
    "filters",
    "diversity",
    "pair_weight",
)


def build(x, y, seed, options):
    """Takes the options of `GAMO2pix.from_data`.

    Returns:
        Generator, classifier head and discriminator; the other arguments of
        `GAMO2pix`; and the images of the anchors, in the user's units.
    """
    check_options(options, (*OPTIONS, *GAMO_OPTIONS), "GAMO2pix.from_data")
    seed = fresh_seed() if seed is None else int(seed)
    x, y = as_arrays(x, y)
    own = {name: options.pop(name) for name in OPTIONS if name in options}
    given = own.pop("gamo", None)
    if given is None:
        if x.ndim != 4:
            raise ValueError(
                "GAMO2pix makes images (height, width, channels). Received: "
                f"samples of shape {x.shape[1:]}. For rows take `kerasos.GAMO`, "
                "whose own samples are rows."
            )
        gamo = GAMO.uncompiled(x, y, seed, {**options, "variant": "conv"})
    else:
        gamo = _trained(given, x, y, options, own)
        own["gamo_rounds"] = 0
    settings = gamo.get_config()
    for name in ("name", "generator", "classifier_head", "discriminator"):
        del settings[name]
    settings.update(
        spec=gamo.spec,
        feature_extractor=gamo.feature_extractor,
        seed=seed,
        **_decoders(gamo, seed, own),
    )
    # What is trained no more needs no judge.
    judge = gamo.discriminator if given is None else None
    parts = (gamo.generator, gamo.classifier_head, judge)
    return parts, {**settings, **own}, gamo.anchor_images


def _decoders(gamo, seed, own):
    """Takes its entries out of `own`; returns the lists of networks."""
    kind, shared = own.pop("decoder", "vae"), own.pop("shared", False)
    latent_dim = own.pop("pix_latent_dim", networks.LATENT_DIM)
    filters = own.pop("filters", 64)
    check_choice("decoder", kind, ("vae", "began"))
    for name, value in (("pix_latent_dim", latent_dim), ("filters", filters)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"`{name}` must be a positive integer. Received: {name}={value!r}."
            )
    shape = gamo.spec.shape
    names = ["all"] if shared else sorted(gamo.generator.labels)

    def inputs(width):
        return (width, gamo.spec.num_classes) if shared else width

    if kind == "began":
        decoders = [
            networks.began_generator(
                shape, inputs(FEATURES), seed, filters, f"decoder_{k}"
            )
            for k in names
        ]
        critics = [
            networks.began_autoencoder(shape, seed, filters, f"critic_{k}")
            for k in names
        ]
        return {"decoders": decoders, "critics": critics}
    heads = [
        networks.posterior_head(inputs(FEATURES), latent_dim, seed, f"head_{k}")
        for k in names
    ]
    decoders = [
        networks.vae_decoder(shape, inputs(latent_dim), seed, f"decoder_{k}")
        for k in names
    ]
    return {"decoders": decoders, "heads": heads}


def _trained(gamo, x, y, options, own):
    """A copy of the given GAMO's parts, checked against the data."""
    if isinstance(gamo, (str, os.PathLike)):
        gamo = keras.saving.load_model(gamo)
    if not isinstance(gamo, GAMO) or hasattr(gamo, "decoders"):
        raise TypeError(
            "`gamo` must be a GAMO, or the path of a saved one. Received: "
            f"{type(gamo).__name__}."
        )
    if not gamo.is_convolutional:
        raise ValueError(
            "`gamo` must generate features of images. Received: a dense GAMO, whose "
            "samples are images already. Train one with `variant='conv'`."
        )
    unused = sorted([*options, *(own.keys() & {"gamo_rounds"})])
    if unused:
        raise ValueError(
            "A `gamo` that is given is trained no further, so its options have no "
            f"effect. Received also: {unused}. Leave them out."
        )
    gamo.spec.check_compatible(x, y)
    if not int(gamo.steps_done.numpy()):
        warnings.warn(
            "`gamo` has not been trained: its features say little. Call its `fit` "
            "first, or leave `gamo` out.",
            stacklevel=3,
        )
    copy = GAMO.from_config(gamo.get_config())
    copy.set_weights(gamo.get_weights())
    return copy
