"""Trains GAMO on any labelled data set; defaults are those of the paper.

    python examples/train_gamo.py --steps=1000 --output_dir=gamo_output

prints at the end

    steps 1000, acsa 0.9139, g_mean 0.9049

`--dataset=mnist --class_counts=gamo` is the paper's setting; `--variant=conv` adds
its feature extractor. A killed run goes on where it stopped with the same command
and `--resume`. Several GPUs (or logical CPUs) are used together. Into `--output_dir`
go `scores.csv`, `history.csv`, pictures for images, `model.keras` and `saved_model`.
"""

import csv
import pathlib

import common
import keras
from absl import app, flags

import kerasos
from kerasos.callbacks import EvaluationCSV

flags.adopt_module_key_flags(common)
_OUTPUT = flags.DEFINE_string("output_dir", "gamo_output", "Folder to write.")

_VARIANT = flags.DEFINE_enum("variant", "dense", ["dense", "conv"], "Conv: images.")
_LOSS = flags.DEFINE_enum("loss", "ls", ["ls", "ce", "ce_binary", "ce_minimax"], "")
_G_UPDATE = flags.DEFINE_enum("g_update", "per_class", ["per_class", "joint"], "")
_GENERATOR = flags.DEFINE_enum(
    "generator", "convex", ["convex", "conditional", "copies", "pairs"], ""
)
_DISCRIMINATOR = flags.DEFINE_bool("discriminator", True, "False: GAMO\\D, cG+CN.")
_LATENT = flags.DEFINE_integer("latent_dim", 100, "Width of the noise.")
_SAMPLES = flags.DEFINE_integer(
    "samples_per_class", None, "q; by default max(4, ceil(batch / classes))."
)
_FAKE_RATIO = flags.DEFINE_float("fake_ratio", 1.0, "Fake batch over real batch.")
_NOISE = flags.DEFINE_float("label_noise", 0.1, "Width of the noise on D's targets.")
_SHARE = flags.DEFINE_float("anchor_share", 0.0, "Ours: keeps G off the corners.")
_ANCHORS = flags.DEFINE_integer("max_anchors", 4096, "Anchors of a class at most.")
_BANK = flags.DEFINE_enum("bank", "random", ["random", "kcenter"], "Choice of them.")

_STEPS = flags.DEFINE_integer("steps", 25_000, "Training steps.")
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Instead of --steps (conv: pairs of a pass of each stage)."
)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Over all devices together.")
_EVERY = flags.DEFINE_integer(
    "evaluate_every", 250, "Steps in an epoch, scored at its end (conv: a pass)."
)
_RATE = flags.DEFINE_float("learning_rate", 2e-4, "Of every player's Adam.")
_BETA_1 = flags.DEFINE_float("beta_1", 0.5, "Of every player's Adam.")
_BETA_2 = flags.DEFINE_float("beta_2", 0.999, "Of every player's Adam.")


def options():
    return {
        "variant": _VARIANT.value,
        "loss": _LOSS.value,
        "g_update": _G_UPDATE.value,
        "generator": _GENERATOR.value,
        "discriminator": _DISCRIMINATOR.value,
        "latent_dim": _LATENT.value,
        "samples_per_class": _SAMPLES.value,
        "fake_ratio": _FAKE_RATIO.value,
        "label_noise": _NOISE.value,
        "anchor_share": _SHARE.value,
        "max_anchors": _ANCHORS.value,
        "bank": _BANK.value,
    }


def optimizers(model):
    """One Adam a player, of those that the variant has."""
    return {
        name: keras.optimizers.Adam(_RATE.value, _BETA_1.value, _BETA_2.value)
        for name in model.player_variables()
        if name != "g_d_optimizer"  # made like that of G against M
    }


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    (x, y), test = common.load()
    model = common.build(kerasos.GAMO, x, y, options(), optimizers)
    phases = len(model.stages)
    every = _EVERY.value if phases == 1 else len(x) // _BATCH.value
    steps = _STEPS.value
    if common.SMOKE.value:
        every, steps = 10, 20
    epochs = phases * (_EPOCHS.value or -(-steps // every))
    data = kerasos.data.batches(
        x, y, _BATCH.value, seed=common.SEED.value, steps_per_epoch=every
    )
    scores = EvaluationCSV(output / "scores.csv", {"test": test}, every=phases)
    watchers = common.callbacks(model, x, y, output, scores)
    model.fit(data, epochs=epochs, callbacks=watchers)
    with open(output / "scores.csv", encoding="utf-8") as file:
        *_, last = csv.DictReader(file)
    print(", ".join(f"{name} {last[name][:6]}" for name in ("steps", "acsa", "g_mean")))
    scores = {f"test_{name}": float(last[name]) for name in ("acsa", "g_mean")}
    common.save(model, output, scores)


if __name__ == "__main__":
    app.run(main)
