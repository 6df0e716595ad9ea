"""Trains a generator on a table, a folder of pictures or a data set, and saves it.

    kerasos train flow customers.csv --target=churned
    kerasos train deepsmote defects --sides=64,64 --out=defects.keras
    kerasos train cvae digits --class_counts=20 --set latent_dim=32 --epochs=30
    kerasos train gamo mnist --class_counts=gamo

DATA is a CSV file with a header; a folder with a folder of pictures for each class; or
what `kerasos.data.load` takes, a `.npz` file or the name of a data set, whose training
part is taken. `kerasos sample`, `export` and Python go on with the file that this
writes: `keras.saving.load_model("defects.keras")`.

The file of a CSV ends in `.joblib`, because the columns and their types are saved with
the network: `joblib.load(...)["sampler"]` is a fitted `DeepOverSampler`. Loading a
`.joblib` file runs code, so load none of a stranger's. Training on pictures that was
killed goes on with `--resume`; several GPUs are used together there.

`--set NAME=VALUE`, as often as you like, sets options of the method. They are in
`help(kerasos.get_method("cvae").from_data)`.
"""

import ast
import os
import pathlib
import shutil

from absl import flags

from kerasos.command import package, pictures, saved
from kerasos.files import whole_file

ARGUMENTS = {"method": True, "data": True}


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    from kerasos.command import csv_table

    flags.DEFINE_string("method", None, "What to train: cvae, flow, gamo ...", to)
    flags.DEFINE_string("data", None, "CSV file, folder, .npz, or a name.", to)
    flags.DEFINE_string(
        "out", None, "File to write. Default: DATA_METHOD with .keras or .joblib.", to
    )
    flags.DEFINE_multi_string("set", [], "NAME=VALUE, an option of the method.", to)
    flags.DEFINE_integer(
        "epochs", None, "Passes; pictures: of 100 steps. By size.", 1, flag_values=to
    )
    flags.DEFINE_integer("batch_size", None, "Default: by size.", 1, flag_values=to)
    flags.DEFINE_integer("seed", 0, "Fixes weights, batches and noise.", flag_values=to)
    flags.DEFINE_string("target", None, "Of a CSV: labels. Default: the last.", to)
    csv_table.define(to)
    pictures.define(to)
    flags.DEFINE_string(
        "class_counts",
        "all",
        "Of a data set: imbalance ratio, counts with commas, a protocol, or all.",
        to,
    )
    flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data.", to)
    flags.DEFINE_bool("resume", False, "Go on from the backup; pictures.", to)
    flags.DEFINE_bool("smoke", False, "A few steps, to see that it runs.", to)


def run(options):
    """Trains, saves and prints; `options` holds the flags."""
    check_method(options.method)
    params = assignments(options.set)
    data = pathlib.Path(options.data)
    is_table = data.suffix == ".csv"
    out = checked_output(options, data, saved.TABLE if is_table else saved.NETWORK)
    if is_table:
        train_table(options, data, params, out)
    else:
        train_pictures(options, data, params, out)


def check_method(name):
    """Raises `ValueError` unless the method has something to train."""
    package.check_method(name)
    able = package.method_names("methods")
    if name not in able:
        raise ValueError(
            f"{name!r} has nothing to train. Expected one of {able}. `kerasos balance "
            f"--method={name}` and `kerasos balance-images --method={name}` use it."
        )


def assignments(texts):
    """Returns `["a=1", "b=word"]` as `{"a": 1, "b": "word"}`."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(
                f"--set takes NAME=VALUE. Received: {text!r}. Pass for example "
                "`--set latent_dim=32`."
            )
        try:
            found[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            found[name] = value
    return found


def checked_output(options, data, suffix):
    """Returns the file to write, after checking its name and the data's."""
    looks_like_a_path = data.suffix or os.sep in options.data
    if looks_like_a_path and not data.exists():
        raise ValueError(
            f"There is no file or folder {options.data!r}. Give a CSV file, a folder "
            "with a folder of pictures for each class, a .npz file, or the name of a "
            "data set such as digits."
        )
    out = pathlib.Path(options.out or f"{data.stem}_{options.method}{suffix}")
    if out.suffix != suffix:
        why = "it keeps the columns" if suffix == saved.TABLE else "Keras's format"
        raise ValueError(
            f"The generator of {data} is written to a {suffix} file ({why}). Received: "
            f"--out={out}. Pass --out={out.with_suffix(suffix)}."
        )
    if out.exists():
        raise ValueError(f"{out} is there already. Choose another --out.")
    if not out.resolve().parent.is_dir():
        raise ValueError(f"There is no folder {out.resolve().parent} to write to.")
    return out


def train_table(options, source, params, out):
    """Trains on a CSV file and saves the sampler with its columns."""
    from kerasos.command import csv_table
    from kerasos.tables.csv_file import examples

    form = {name: options[name].value for name in ("separator", "decimal", "encoding")}
    text, frame, target = csv_table.read(source, options.target, **form)
    package.load()
    import joblib

    from kerasos.over_sampling import DeepOverSampler

    x, y = frame.drop(columns=target), frame[target]
    counts = y.value_counts()
    # A sampler trains only if it is asked for rows.
    of_one_size = counts.nunique() == 1
    strategy = {k: int(n) + 1 for k, n in counts.items()} if of_one_size else "auto"
    sampler = DeepOverSampler(
        options.method,
        sampling_strategy=strategy,
        epochs=1 if options.smoke else options.epochs,
        batch_size=options.batch_size,
        method_params=params or None,
        random_state=options.seed,
        verbose=2,
    )
    sampler.fit_resample(x, y.to_numpy())
    saved_table = {
        "sampler": sampler,
        "target": target,
        "columns": list(frame),
        "dtype": y.dtype,
        "form": form,
        "cells": examples(text, frame),
        "layout": csv_table.layout(source, form["encoding"]),
    }
    with whole_file(out, "The model") as draft:
        joblib.dump(saved_table, draft)
    tell(options.method, f"{len(x)} rows", counts.size, out, f"{out.stem}_rows.csv")


def train_pictures(options, data, params, out):
    """Trains on a folder or a data set and saves the model."""
    backup = out.with_name(f"{out.name}.backup")
    if backup.exists() and not options.resume:
        raise ValueError(f"{backup} is there. Pass --resume, or remove it.")
    sides = pictures.sides_of(options.sides)
    if data.is_dir():
        pictures.check_folder(data)
    package.load()
    from kerasos.command.training import class_counts, strategy_over, train_images
    from kerasos.data import load
    from kerasos.registry import get_method

    names = None
    if data.is_dir():
        x, y, names = pictures.read_folder(data, sides, options.grey)
    else:
        counts = class_counts(options.class_counts)
        (x, y), _ = load(options.data, counts, options.data_dir, options.seed)
    with strategy_over("GPU").scope():
        model = train_images(
            get_method(options.method),
            x,
            y,
            backup,
            label_names=names,
            params=params,
            batch_size=options.batch_size,
            epochs=options.epochs,
            seed=options.seed,
            smoke=options.smoke,
        )
    model.save(out)
    shutil.rmtree(backup, ignore_errors=True)
    count = f"{len(x)} {'pictures' if model.spec.is_image else 'rows'}"
    tell(options.method, count, model.spec.num_classes, out, f"{out.stem}_samples")


def tell(method, count, num_classes, out, samples):
    """Prints what was done and what may come next."""
    print(f"{method}, trained on {count} of {num_classes} classes: {out}")
    print(f"Next: kerasos sample {out} --n=10 --out={samples}")
