"""Weights as a file of Keras that is there whole or not at all."""

import io

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
