"""A folder of pictures, one folder a class, as arrays."""

import pathlib

from absl import flags

from kerasos.checks import Integer, Listed, check


def define(to):
    """Defines in `to`, a `FlagValues`, how pictures are read."""
    flags.DEFINE_list("sides", ["64", "64"], "Height and width of the pictures.", to)
    flags.DEFINE_bool("grey", False, "Grey pictures instead of colour.", to)


def sides_of(texts):
    """Returns `(height, width)`, after checking what was given for them."""
    whole = [int(text) if text.strip().isdecimal() else text for text in texts]
    check("--sides", whole, Listed(Integer(1), 2), ["64", "64"])
    return tuple(whole)


def check_folder(path):
    """Raises `ValueError` unless there is a folder with two folders at least."""
    path = pathlib.Path(path)
    if not path.is_dir():
        raise ValueError(f"There is no folder {path}. Give one with a folder a class.")
    classes = sorted(part.name for part in path.iterdir() if part.is_dir())
    if len(classes) < 2:
        raise ValueError(
            f"{path} must hold a folder of pictures for each class. Expected two at "
            f"least. Received: {classes}."
        )


def read_folder(path, sides, grey):
    """Returns the pictures, uint8 `(n, *sides, 1 or 3)`, labels and their names."""
    from kerasos.data import read_image_folder

    return read_image_folder(path, sides, 1 if grey else 3)
