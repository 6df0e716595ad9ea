"""Weights as a file of Keras: there whole or not at all, and loaded whole or not."""

import io
import json
import os
import zipfile

import h5py
import keras

from kerasos.files import whole_file


class WeightsInMemory(io.BytesIO):
    """The `.weights.h5` file of a model, in memory.

    HDF5 cannot end a file that has no room: where Keras writes to a full disk, closing
    the file crashes Python. So it writes here.
    """

    def __init__(self, model):
        super().__init__()
        model.save_weights(self)

    def __str__(self):
        return "memory.weights.h5"  # Keras looks at the ending

    def write_to(self, path, what):
        """Puts the file in its place; `what` begins the text of an `OSError`."""
        with whole_file(path, what) as draft, open(draft, "wb") as file:
            file.write(self.getbuffer())


def check_weights(model, path):
    """Raises `ValueError` unless a file has all variables of the networks of a model.

    Keras would load what comes before the first that it lacks. The state of optimizers
    may be another: Keras warns of that. What is no file of weights is left to Keras,
    which says so before it loads anything.

    Args:
        model: A built `keras.Model`.
        path: A `.weights.h5` file, or one in memory, with `.weights.json` for its parts
            or in a `.keras` file.
    """
    files = list(_files(path))
    if not files:
        return
    own, stored = _shapes(WeightsInMemory(model), model), {}
    for file in files:
        stored |= _shapes(file, model)
    wrong = [name for name, shape in own.items() if stored.get(name) != shape]
    if wrong:
        name, more = wrong[0], len(wrong) - 1
        received = f"shape {stored[name]}" if name in stored else "none there"
        received += f", and {more} others that do not fit" if more else ""
        raise ValueError(
            f"The weights in {str(path)!r} are of other networks than those of this "
            f"{type(model).__name__}. Expected a variable of shape {own[name]} as "
            f"{name!r}. Received: {received}. Nothing was loaded. Build the model with "
            "the options, and by the version of kerasos, that the file was written "
            "with; a whole model (`.keras`) loads without either. To begin anew where "
            "this is a backup, delete its folder."
        )


def _files(path):
    """Yields the HDF5 files that the weights are in, as paths or in memory."""
    name = str(path)
    if hasattr(path, "read"):
        if name.endswith("weights.h5"):
            yield path
    elif h5py.is_hdf5(path):
        yield path
    elif name.endswith(".keras") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield io.BytesIO(archive.read("model.weights.h5"))
    elif name.endswith("weights.json") and os.path.isfile(path):
        with open(path, encoding="utf-8") as file:
            places = json.load(file)["weight_map"].values()
        for part in sorted({part for place in places for part in place}):
            yield os.path.join(os.path.dirname(path), part)


def _shapes(path, model):
    """Returns `{name: shape}` of the variables in a file, without optimizers'."""
    found = {}

    def add(name, item):
        first = getattr(model, name.partition("/")[0], None)
        is_state = isinstance(first, keras.optimizers.Optimizer)
        if isinstance(item, h5py.Dataset) and not is_state:
            found[name] = item.shape

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return found
