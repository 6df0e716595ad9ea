"""Draws rows or pictures from a generator that `kerasos train` saved.

    kerasos sample defects_deepsmote.keras --labels=crack,hole --n=50 --out=more
    kerasos sample customers_flow.joblib --labels=yes --n=1000 --out=rows.csv
    kerasos sample digits_gamo.keras --n=100 --out=digits.npz

A table comes back as a CSV file with the columns of the one that it was trained on, in
their order and spelt as there; pictures as a folder with a folder for each class; and
either as a `.npz` file with `x` and `y`, as `kerasos.data.load` reads it. Load
`.joblib` files only from people you trust: loading one runs the code in it.
"""

import pathlib

from absl import flags

from kerasos.command import package, saved

ARGUMENTS = {"model": True}


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_string("model", None, "File of `kerasos train`.", to)
    flags.DEFINE_list("labels", [], "Names of classes. Default: all.", to)
    flags.DEFINE_integer("n", 10, "Samples of each class.", 1, flag_values=to)
    flags.DEFINE_string(
        "out", None, "CSV or .npz file, or a new folder. Default: by the model.", to
    )
    flags.DEFINE_integer("seed", 0, "Fixes the noise.", flag_values=to)


def run(options):
    """Samples, writes and prints; `options` holds the flags."""
    path = saved.check_model(options.model)
    is_table = path.suffix == saved.TABLE
    default = f"{path.stem}_rows.csv" if is_table else f"{path.stem}_samples"
    out = pathlib.Path(options.out or default)
    check_output(out, is_table)
    package.load()
    import numpy as np

    model, table = saved.load_model(path)
    names = model.spec.label_names if table is None else table["sampler"].classes_
    codes = saved.codes_of(options.labels, names, model.sampled_labels)
    labels = np.repeat(codes, options.n)
    samples = model.sample(labels, seed=options.seed)
    if table is not None:
        write_table(samples, labels, table, out)
    elif out.suffix == ".npz":
        np.savez_compressed(out, x=samples, y=labels)
    else:
        write_pictures(samples, labels, model, out)
    classes = f"each of {len(codes)} classes" if len(codes) > 1 else "one class"
    many = "1 sample" if options.n == 1 else f"{options.n} samples"
    print(f"{many} of {classes} in {out}")


def check_output(out, is_table):
    """Raises `ValueError` unless samples of this kind can be written there."""
    suffixes = (".csv",) if is_table else (".npz", "")
    if out.suffix not in suffixes:
        expected = "a .csv file" if is_table else "a new folder, or a .npz file"
        raise ValueError(
            f"Samples of this generator go to {expected}. Received: --out={out}."
        )
    if out.exists():
        raise ValueError(f"{out} is there already. Choose another --out.")
    if not out.resolve().parent.is_dir():
        raise ValueError(f"There is no folder {out.resolve().parent} to write to.")


def write_table(samples, labels, table, out):
    """Writes rows as a CSV file with the columns that were trained on."""
    import pandas as pd

    from kerasos.tables.csv_file import spelt_like

    sampler, form = table["sampler"], table["form"]
    frame = sampler.encoder_.inverse_transform(samples)
    classes = pd.array(sampler.classes_[labels], dtype=table["dtype"])
    frame = frame.assign(**{table["target"]: classes})[table["columns"]]
    if "cells" in table:  # later than the first files
        frame = spelt_like(frame, table["cells"], form["decimal"])
    frame.to_csv(
        out,
        index=False,
        sep=form["separator"],
        decimal=form["decimal"],
        **table.get("layout", {"encoding": form["encoding"]}),
    )


def write_pictures(samples, labels, model, out):
    """Writes images as a folder, in the grey levels and colours of PNG files."""
    from kerasos.data import write_image_folder
    from kerasos.plots import is_drawable, to_display

    spec = model.spec
    if not model.produces_samples or not is_drawable(samples.shape[1:]):
        raise ValueError(
            "Samples must be pictures to go into a folder. Received: samples of shape "
            f"{samples.shape[1:]}. Pass --out={out.name}.npz."
        )
    names = spec.label_names or [str(k) for k in range(spec.num_classes)]
    pictures = 255 * to_display(samples, spec.value_range)
    write_image_folder(out, pictures, labels, names, "generated_")
