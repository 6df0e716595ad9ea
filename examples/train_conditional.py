"""Trains a GAN or an autoencoder with labels on any labelled data set.

    python examples/train_conditional.py --method=cvae --output_dir=cvae_output

balances scikit-learn's digits, scores a quick classifier on the untouched test set and
prints

    acsa 0.9280, without 0.9380
    g_mean 0.9201, without 0.9340

where "without" is the same classifier on the data as they are. It weighs the classes
itself, and little is left to gain on these data.

Epochs and batches are those of the papers, whose runs are longer on their larger data:
`--dataset=mnist --class_counts=fajardo-320-12345` is a setting of Fajardo et al., and
`--pre_oversample` their R- variants. A killed run goes on where it stopped with the
same command and `--resume`. Several GPUs (or logical CPUs) are used together. Into
`--output_dir` go `history.csv`, pictures for images, `model.keras` and `saved_model`.
"""

import pathlib

import common
from absl import app, flags

import kerasos

# method: (batch size, epochs, epochs with --pre_oversample) of the papers; cDCGAN
# has 25,000 steps whatever the data, and BAGAN as many epochs in each stage. The
# two-stage CVAE has as many as CVAE (ours), a third of them in its first stage. Those
# of flow are ours.
PLANS = {
    "cgan": (64, 30, 60),
    "cdcgan": (32, None, None),
    "acgan": (64, 60, 60),
    "cvae": (64, 300, 125),
    "flow": (64, 200, 100),
    "bagan": (128, 30, None),
    "two_stage_cvae": (64, 100, 42),
    "cwae": (100, 100, None),
    "deepsmote": (100, 200, 200),
}
CDCGAN_STEPS = 25_000

flags.adopt_module_key_flags(common)
_METHOD = flags.DEFINE_enum("method", "cvae", list(PLANS), "What to train.")
_OUTPUT = flags.DEFINE_string("output_dir", "conditional_output", "Folder to write.")
_PRE = flags.DEFINE_bool(
    "pre_oversample",
    None,
    "The R- variants; not for bagan and cwae. Default: flow of images alone.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Default: the paper's. Of methods with stages: of the first."
)
_BATCH = flags.DEFINE_integer("batch_size", None, "Default: the paper's.")


def plan(x):
    """Returns (batch size, epochs), of methods with stages those of the first."""
    batch, epochs, epochs_on_copies = PLANS[_METHOD.value]
    batch = min(_BATCH.value or batch, len(x))
    if _PRE.value or (_PRE.value is None and _METHOD.value == "flow" and x.ndim > 2):
        if _METHOD.value in ("bagan", "cwae"):
            raise app.UsageError(
                f"{_METHOD.value} has no R- variant: leave --pre_oversample out."
            )
        epochs = epochs_on_copies
    if _METHOD.value == "cdcgan":
        epochs = -(-CDCGAN_STEPS // (len(x) // batch))
    if common.SMOKE.value:
        epochs = 1
    return batch, _EPOCHS.value or epochs


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    (x, y), test = common.load()
    batch, epochs = plan(x)
    options, total = {}, epochs
    if _METHOD.value == "bagan":
        options, total = {"ae_epochs": epochs}, 2 * epochs
    if _METHOD.value == "two_stage_cvae":
        options = {"vae_epochs": epochs, "latent_epochs": 2 * epochs}
        total = 3 * epochs
    if _PRE.value or _METHOD.value == "flow":
        options["pre_oversample"] = _PRE.value
    model = common.build(kerasos.get_method(_METHOD.value), x, y, options)
    data = kerasos.data.batches(x, y, batch, seed=common.SEED.value)
    watchers = common.callbacks(model, x, y, output)
    model.fit(data, epochs=total, callbacks=watchers)
    common.save(model, output, common.score_oversampled(model, x, y, test))


if __name__ == "__main__":
    app.run(main)
