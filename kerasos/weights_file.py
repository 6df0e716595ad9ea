"""Weights as a file of Keras: there whole or not at all, and loaded whole or not."""

import io

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
    may be another: Keras warns of that.

    Args:
        model: A built `keras.Model`.
        path: A `.weights.h5` file.
    """
    with h5py.File(path, "r") as file:
        stored = _shapes(file, model)
    with h5py.File(WeightsInMemory(model), "r") as file:
        own = _shapes(file, model)
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


def _shapes(file, model):
    """Returns `{name: shape}` of the variables in a file, without optimizers'."""
    found = {}

    def add(name, item):
        first = getattr(model, name.partition("/")[0], None)
        is_state = isinstance(first, keras.optimizers.Optimizer)
        if isinstance(item, h5py.Dataset) and not is_state:
            found[name] = item.shape

    file.visititems(add)
    return found
