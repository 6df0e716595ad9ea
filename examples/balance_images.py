"""Balances the classes of a folder of pictures with generated ones.

    python examples/balance_images.py --folder=defects --output=defects_generated

reads `defects/crack/*.png` and so on, one folder a class, trains a method on them and
writes to the output folder, which must not be there yet:

- `crack/generated_0001.png` and so on, as many as each class lacks to the largest;
- `index.csv`: file, class, method and seed of each;
- `samples.png`: real pictures of each class beside generated ones. Look at it first.

Without `--folder` the pictures are drawn (`kerasos.data.defects`). Train on both
folders, and test on pictures that were in neither: split first, then balance the
training part. A run that was killed goes on with `--resume`.
"""

import csv
import pathlib
import shutil
import sys
import tempfile

import keras
import numpy as np
from absl import app, flags, logging

import kerasos
from kerasos.callbacks import AtomicBackup
from kerasos.data.image_folder import read_image_folder, write_image_folder
from kerasos.data.resample import samples_to_add
from kerasos.over_sampling.schedule import (
    STEPS_PER_EPOCH,
    default_batch_size,
    default_steps,
    epochs_of,
)
from kerasos.plots import image_grid, save_figure, to_display

_FOLDER = flags.DEFINE_string("folder", None, "One folder a class. Default: drawn.")
_OUTPUT = flags.DEFINE_string("output", None, "New folder. Default: FOLDER_generated.")
_METHOD = flags.DEFINE_enum(
    "method",
    "deepsmote",
    [
        name
        for name in kerasos.list_methods()
        if "images" in kerasos.get_method(name).makes and name not in ("none", "dos")
    ],
    "What generates pictures.",
)
_SIDES = flags.DEFINE_list("sides", ["64", "64"], "Height and width of the pictures.")
_GREY = flags.DEFINE_bool("grey", False, "Grey pictures instead of colour.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Of 100 steps. Default: by number.", 1)
_BATCH = flags.DEFINE_integer("batch_size", None, "Default: by number.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes weights, batches and noise.")
_RESUME = flags.DEFINE_bool("resume", False, "Go on from the backup.")
_SMOKE = flags.DEFINE_bool("smoke", False, "A few steps, to see that it runs.")
_PER_CLASS = 8  # real pictures of each class beside the generated ones


def read(folder):
    """Returns the pictures of a folder, uint8, with labels and the names of these."""
    sides = tuple(int(side) for side in _SIDES.value)
    if not _FOLDER.value:
        x, y, names = kerasos.data.defects(size=sides, seed=_SEED.value)
        write_image_folder(folder, x, y, names)
    return read_image_folder(folder, sides, 1 if _GREY.value else 3)


def train(x, y, names, backup):
    """Returns a trained model; baselines have nothing to train."""
    method, seed = kerasos.get_method(_METHOD.value), _SEED.value
    model = method.from_data(x, np.array(names)[y], seed=seed)
    if not isinstance(model, keras.Model):
        return model
    batch_size = _BATCH.value or default_batch_size(len(x))
    steps = default_steps(len(x), batch_size, model.default_passes, model.default_steps)
    epochs = _EPOCHS.value or epochs_of(model, steps, STEPS_PER_EPOCH)
    per_epoch = STEPS_PER_EPOCH
    if _SMOKE.value:
        per_epoch, epochs = 2, epochs_of(model, 2, 2)
    batches = kerasos.data.batches(
        x, y, batch_size, seed=seed, steps_per_epoch=per_epoch
    )
    model.fit(batches, epochs=epochs, verbose=2, callbacks=[AtomicBackup(backup)])
    return model


def write(model, y, names, folder):
    """Writes the missing pictures of each class and the index; returns them."""
    labels, index, pictures = samples_to_add(y), [], {}
    for label in np.unique(labels):
        wanted, seed = labels[labels == label], _SEED.value + int(label)
        pictures[label] = model.sample(wanted, seed=seed)
        made = pictures[label], wanted, names, "generated_"
        for path in write_image_folder(folder, *made):
            file = path.relative_to(folder).as_posix()
            index.append([file, names[label], _METHOD.value, seed])
    with open(folder / "index.csv", "x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "class", "method", "seed"], *index])
    return pictures


def draw(x, y, names, pictures, path):
    """Draws real pictures beside generated ones."""
    rows, source = [], np.random.default_rng(_SEED.value)
    for label in range(len(names)):
        row = []
        for images in (source.permutation(x[y == label]), pictures.get(label, [])):
            shown = [*to_display(images[:_PER_CLASS], (0, 255))] if len(images) else []
            row += shown + [None] * (_PER_CLASS - len(shown))
        rows.append(row)
    titles = [f"{name}\n{np.sum(y == k)} real" for k, name in enumerate(names)]
    groups = [("real", _PER_CLASS), ("generated", _PER_CLASS)]
    save_figure(image_grid(rows, titles, _METHOD.value, groups), path)


def main(_):
    logging.set_verbosity(logging.ERROR)
    default = f"{(_FOLDER.value or 'drawn_defects').rstrip('/')}_generated"
    output = pathlib.Path(_OUTPUT.value or default)
    backup = output.with_name(f"{output.name}.backup")
    if output.exists():
        sys.exit(f"balance_images: {output} is there already. Choose another --output.")
    if backup.exists() and not _RESUME.value:
        sys.exit(f"balance_images: {backup} is there. Pass --resume, or remove it.")
    if _FOLDER.value and not pathlib.Path(_FOLDER.value).is_dir():
        sys.exit(f"balance_images: there is no folder {_FOLDER.value}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".balance-") as work:
        work = pathlib.Path(work)
        try:
            x, y, names = read(_FOLDER.value or work / "drawn")
            model = train(x, y, names, backup)
        except (OSError, TypeError, ValueError) as error:
            sys.exit(f"balance_images: {error}")
        whole = work / "whole"
        whole.mkdir()
        pictures = write(model, y, names, whole)
        draw(x, y, names, pictures, whole / "samples.png")
        whole.rename(output)
    shutil.rmtree(backup, ignore_errors=True)
    count = sum(map(len, pictures.values()))
    print(f"{count} generated pictures in {output}; look at {output / 'samples.png'}")


if __name__ == "__main__":
    app.run(main)
