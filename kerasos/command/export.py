"""Exports a generator to a SavedModel, which TensorFlow Serving runs without kerasos.

    kerasos export digits_gamo.keras saved_models/digits
    kerasos export customers_flow.joblib saved_models/customers

writes `saved_models/digits/1`, the next time `2`, and beside it `card.json` (what it
is) and, for pictures, `samples.png`. Signatures take labels and seeds; the card lists
them. That of a table gives the encoded row, between -1 and 1, whose columns the card
names; `kerasos sample` gives the columns of your file. Load `.joblib` files only from
people you trust: loading one runs the code in it.
"""

import pathlib

from absl import flags

from kerasos.command import package, saved

ARGUMENTS = {"model": True, "path": True}


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_string("model", None, "File of `kerasos train`.", to)
    flags.DEFINE_string("path", None, "Folder of versions, or a new version.", to)


def run(options):
    """Exports and prints; `options` holds the flags."""
    path = saved.check_model(options.model)
    parent = pathlib.Path(options.path)
    if parent.is_file():
        raise ValueError(f"PATH must be a folder. Received: the file {parent}.")
    package.load()
    model, table = saved.load_model(path)
    card = {"command": f"kerasos export {path} {parent}"}
    if table is not None:
        sampler = table["sampler"]
        card["columns"] = sampler.encoder_.get_feature_names_out().tolist()
        card["classes"] = [str(label) for label in sampler.classes_]
    print(f"Exported to {model.export(parent, card=card)}")
