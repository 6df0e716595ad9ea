"""Balances the classes of a folder of pictures with generated ones.

    kerasos balance-images defects --output=defects_generated
    kerasos balance-images defects --method=cvae --sides=128,96 --grey
    kerasos balance-images --smoke

reads `defects/crack/*.png` and so on, one folder a class, trains a method on them and
writes to the output folder, which must not be there yet:

- `crack/generated_0001.png` and so on, as many as each class lacks to the largest;
- `index.csv`: file, class, method and seed of each;
- `samples.png`: real pictures of each class beside generated ones. Look at it first.

Without a folder the pictures are drawn (`kerasos.data.defects`). Train on both folders,
and test on pictures that were in neither: split first, then balance the training part.
A run that was killed goes on with `--resume`.
"""

import csv
import pathlib
import shutil

import numpy as np
from absl import flags

from kerasos.checks import unknown_name_message
from kerasos.command import package, pictures
from kerasos.files import work_folder

ARGUMENTS = {"folder": False}
PER_CLASS = 8  # real pictures of each class beside the generated ones


def define(to):
    """Defines the flags in `to`, a `FlagValues`."""
    flags.DEFINE_string("folder", None, "One folder a class. Default: drawn.", to)
    flags.DEFINE_string("output", None, "New folder. Default: FOLDER_generated.", to)
    flags.DEFINE_string("method", "deepsmote", "What generates pictures.", to)
    pictures.define(to)
    flags.DEFINE_integer(
        "epochs", None, "Of 100 steps. Default: by number.", 1, flag_values=to
    )
    flags.DEFINE_integer("batch_size", None, "Default: by number.", 1, flag_values=to)
    flags.DEFINE_integer("seed", 0, "Fixes weights, batches and noise.", flag_values=to)
    flags.DEFINE_bool("resume", False, "Go on from the backup.", to)
    flags.DEFINE_bool("smoke", False, "A few steps, to see that it runs.", to)


def run(options):
    """Balances, writes and prints; `options` holds the flags."""
    package.check_method(options.method)
    sides = pictures.sides_of(options.sides)
    source = pathlib.Path(options.folder or "drawn_defects")
    if source.name in ("", ".."):
        source = source.resolve()
    output = pathlib.Path(options.output or f"{source}_generated")
    if output.exists():
        raise ValueError(f"{output} is there already. Choose another --output.")
    backup = output.with_name(f"{output.name}.backup")
    if backup.exists() and not options.resume:
        raise ValueError(f"{backup} is there. Pass --resume, or remove it.")
    if options.folder:
        pictures.check_folder(options.folder)
    package.load()
    from kerasos.command.training import train_images

    method = method_for_images(options.method)
    output.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(output.parent, ".balance-") as work:
        folder = options.folder or draw_defects(work / "drawn", sides, options.seed)
        x, y, names = pictures.read_folder(folder, sides, options.grey)
        model = train_images(
            method,
            x,
            y,
            backup,
            label_names=names,
            batch_size=options.batch_size,
            epochs=options.epochs,
            seed=options.seed,
            smoke=options.smoke,
        )
        whole = work / "whole"
        whole.mkdir()
        made = write(model, y, names, whole, options)
        draw(x, y, names, made, whole / "samples.png", options)
        whole.rename(output)
    shutil.rmtree(backup, ignore_errors=True)
    count = sum(map(len, made.values()))
    print(f"{count} generated pictures in {output}; look at {output / 'samples.png'}")


def method_for_images(name):
    """Returns the method, after refusing one that makes no pictures."""
    from kerasos.registry import get_method, list_methods

    able = [
        other
        for other in list_methods()
        if "images" in get_method(other).makes and other not in ("none", "dos")
    ]
    if name not in able:
        message = unknown_name_message("method", name, able)
        raise ValueError(f"{message} It makes no pictures.")
    return get_method(name)


def draw_defects(folder, sides, seed):
    """Writes drawn pictures as a folder; returns its path."""
    from kerasos.data import defects, write_image_folder

    write_image_folder(folder, *defects(size=sides, seed=seed))
    return folder


def write(model, y, names, folder, options):
    """Writes the missing pictures of each class and the index; returns them."""
    from kerasos.data.image_folder import write_image_folder
    from kerasos.data.resample import samples_to_add

    labels, index, made = samples_to_add(y), [], {}
    for label in np.unique(labels):
        wanted, seed = labels[labels == label], options.seed + int(label)
        made[label] = model.sample(wanted, seed=seed)
        new = made[label], wanted, names, "generated_"
        for path in write_image_folder(folder, *new):
            file = path.relative_to(folder).as_posix()
            index.append([file, names[label], options.method, seed])
    with open(folder / "index.csv", "x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "class", "method", "seed"], *index])
    return made


def draw(x, y, names, made, path, options):
    """Draws real pictures beside generated ones."""
    from kerasos.plots import image_grid, save_figure, to_display

    rows, source = [], np.random.default_rng(options.seed)
    for label in range(len(names)):
        row = []
        for images in (source.permutation(x[y == label]), made.get(label, [])):
            shown = [*to_display(images[:PER_CLASS], (0, 255))] if len(images) else []
            row += shown + [None] * (PER_CLASS - len(shown))
        rows.append(row)
    titles = [f"{name}\n{np.sum(y == k)} real" for k, name in enumerate(names)]
    groups = [("real", PER_CLASS), ("generated", PER_CLASS)]
    save_figure(image_grid(rows, titles, options.method, groups), path)
