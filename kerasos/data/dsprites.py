"""dSprites from TensorFlow Datasets: 737,280 images, one for each set of factors."""

from typing import Any

import numpy as np

from kerasos.annotations import ClassCounts, PathLike
from kerasos.checks import check_choice
from kerasos.data.imbalance import rows_of_classes
from kerasos.data.shapes import FACTORS, counts_of_classes
from kerasos.randomness.seeds import derive_seed

_LABELS = (
    "label_shape",
    "label_scale",
    "label_orientation",
    "label_x_position",
    "label_y_position",
)
_BATCH = 4096


def dsprites(
    per_class: int = 5_000,
    class_counts: ClassCounts = None,
    *,
    label: str = "shape",
    seed: int = 0,
    data_dir: PathLike | None = None,
) -> tuple[Any, ...]:
    """Reads images of dSprites with their factors (Matthey et al., 2017).

    The original behind `kerasos.data.shapes`, with the same factors in the same order:
    here orientations include both ends of a full turn, and edges are not smooth.
    It takes a minute: all images are passed, and those that are wanted are kept.

    Args:
        per_class: Images of each class where `class_counts` does not say otherwise.
        class_counts: As in `shapes`.
        label: Name of the factor that is the class.
        seed: Integer that fixes which images are drawn.
        data_dir: Folder of the prepared TFDS data. Default: TFDS's own; downloaded
            unless it is there.

    Returns:
        `(x, y, factors)`: uint8 images `(n, 64, 64, 1)` of 0 and 255, int64 labels
        `(n,)` and int64 factors `(n, 5)`.

    Raises:
        OSError: If the set is not prepared and cannot be downloaded.
        ImportError: If tensorflow-datasets is not installed.
        TypeError, ValueError: As `shapes`.

    Example:

    >>> x, y, factors = kerasos.data.dsprites(class_counts=[50_000, 500, 500])
    """
    check_choice("label", label, FACTORS)
    target = FACTORS.index(label)
    sprites = StoredSprites.of(data_dir)
    y = sprites.factors[:, target]
    counts = counts_of_classes(class_counts, per_class, np.bincount(y))
    drawn = rows_of_classes(y, counts, seed, "dsprites")
    order = np.random.default_rng(derive_seed(seed, "dsprites", "order"))
    sprites = sprites[order.permutation(drawn)]
    factors = sprites.factors
    return np.asarray(sprites), factors[:, target].copy(), factors


class StoredSprites:
    """Images that are read when they become an array, and their factors.

    Args:
        builder: Prepared TFDS builder of `dsprites`.
        factors: Integers `(n, 5)`.
        rows: Integers `(n,)`, where each image is in the set.
    """

    def __init__(self, builder, factors, rows):
        self.builder, self.factors, self.rows = builder, factors, rows

    @classmethod
    def of(cls, data_dir=None):
        """Reads the factors of all images, without decoding one."""
        from kerasos.data.datasets import prepared_builder

        try:
            builder = prepared_builder("dsprites", data_dir)
        except OSError as error:
            raise OSError(
                f'{error} Or use `kerasos.data.load("shapes")`, which draws images '
                "with the same five factors and needs no download."
            ) from error
        parts = [
            np.stack([batch[name] for name in _LABELS], axis=1)
            for batch in _read(builder, _LABELS)
        ]
        factors = np.concatenate(parts).astype("int64")
        return cls(builder, factors, np.arange(len(factors)))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return StoredSprites(self.builder, self.factors[index], self.rows[index])

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("Stored images cannot become an array without a copy.")
        images = np.empty((len(self), 64, 64, 1), "uint8")
        order = np.argsort(self.rows, kind="stable")
        first, done = 0, 0
        for batch in _read(self.builder, ("image",)):
            stop = np.searchsorted(self.rows, first + len(batch["image"]), sorter=order)
            part = order[done:stop]
            images[part] = 255 * batch["image"][self.rows[part] - first]
            first, done = first + len(batch["image"]), stop
            if done == len(self):
                break
        return images if dtype is None else images.astype(dtype)


def _read(builder, names):
    """Yields batches of these features as arrays, in the order of the set."""
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(
        split="train",
        batch_size=_BATCH,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(names, True)),
    )
    yield from dataset.as_numpy_iterator()
