"""Trains GAMO2pix on images; defaults are those of the paper.

    python examples/train_gamo2pix.py --gamo_steps=500 --steps=500

trains a convolutional GAMO on scikit-learn's digits, then the decoders, and prints

    acsa 0.9240, without 0.9380
    g_mean 0.9178, without 0.9340

the test scores of a quick classifier that is trained on the balanced set, and on the
original one. It weighs the classes itself, and 500 steps are a fiftieth of the paper's.

`--gamo=gamo_output/model.keras` takes a model of `train_gamo.py
--variant=conv` (same data flags and seed) instead of training one;
`--dataset=fashion_mnist --class_counts=gamo` is the paper's setting. A killed run goes
on where it stopped with the same command and `--resume`. Several GPUs (or logical CPUs)
are used together. Into `--output_dir` go `history.csv`, real images beside generated
ones, `model.keras` and `saved_model`.
"""

import pathlib

import common
import keras
from absl import app, flags

import kerasos

flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string("output_dir", "gamo2pix_output", "Folder to write.")

_GAMO = flags.DEFINE_string("gamo", None, "A saved convolutional GAMO; else train one.")
_GAMO_STEPS = flags.DEFINE_integer("gamo_steps", 25_000, "Steps of GAMO's players.")
_LOSS = flags.DEFINE_enum("loss", "ls", ["ls", "ce", "ce_binary", "ce_minimax"], "")
_G_UPDATE = flags.DEFINE_enum("g_update", "per_class", ["per_class", "joint"], "")
_GENERATOR = flags.DEFINE_enum("generator", "convex", ["convex", "copies", "pairs"], "")
_LATENT = flags.DEFINE_integer("latent_dim", 100, "Width of GAMO's noise.")
_ANCHORS = flags.DEFINE_integer("max_anchors", 4096, "Anchors of a class at most.")

_DECODER = flags.DEFINE_enum("decoder", "vae", ["vae", "began"], "What paints.")
_SHARED = flags.DEFINE_bool("shared", False, "Ours: one decoder for all classes.")
_PIX_LATENT = flags.DEFINE_integer("pix_latent_dim", 100, "Width of the VAE's latent.")
_FILTERS = flags.DEFINE_integer("filters", 64, "Of BEGAN's networks.")
_STEPS = flags.DEFINE_integer("steps", 25_000, "Steps of the decoders.")
_DECODER_BATCH = flags.DEFINE_integer(
    "decoder_batch", None, "Images of a class in a step; default: the papers'."
)
_RATE = flags.DEFINE_float("learning_rate", None, "Of the decoders; the papers'.")

_BATCH = flags.DEFINE_integer("batch_size", 32, "GAMO's, over all devices together.")
_EVERY = flags.DEFINE_integer("steps_per_epoch", None, "Default: a pass over the data.")


def options(rounds):
    """Options of `from_data`; those of GAMO only where it is trained here."""
    found = {
        "decoder": _DECODER.value,
        "shared": _SHARED.value,
        "pix_latent_dim": _PIX_LATENT.value,
        "filters": _FILTERS.value,
        "decoder_batch": _DECODER_BATCH.value,
    }
    if _GAMO.value:
        return {**found, "gamo": _GAMO.value}
    return {
        **found,
        "gamo_rounds": rounds,
        "loss": _LOSS.value,
        "g_update": _G_UPDATE.value,
        "generator": _GENERATOR.value,
        "latent_dim": _LATENT.value,
        "max_anchors": _ANCHORS.value,
    }


def optimizers(model):
    """The papers', but for a rate that was asked for."""
    if _RATE.value is None:
        return {}
    beta_1 = 0.5 if _DECODER.value == "vae" else 0.9
    names = [name for name in model.player_variables() if name.startswith("pix_")]
    return {name: keras.optimizers.Adam(_RATE.value, beta_1) for name in names}


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    (x, y), test = common.load()
    every = _EVERY.value or len(x) // _BATCH.value
    rounds, epochs = -(-_GAMO_STEPS.value // every), -(-_STEPS.value // every)
    if common.SMOKE.value:
        every, rounds, epochs = 3, 1, 1
    if _GAMO.value:
        rounds = 0
    model = common.build(kerasos.GAMO2pix, x, y, options(rounds), optimizers)
    data = kerasos.data.batches(
        x, y, _BATCH.value, seed=common.SEED.value, steps_per_epoch=every
    )
    watchers = common.callbacks(model, x, y, output)
    model.fit(data, epochs=2 * rounds + epochs, callbacks=watchers)
    common.save(model, output, common.score_oversampled(model, x, y, test))


if __name__ == "__main__":
    app.run(main)
