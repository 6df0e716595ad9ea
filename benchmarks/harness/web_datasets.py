"""The image sets of the papers that come from the web, cut to their classes and size.

CelebA, LSUN and SUN397 (Mullick, Datta, Das, ICCV 2019, sections 4.3 and 4.4) are
read from TensorFlow Datasets, Tiny-ImageNet (Kong et al., AAAI 2019) from the folder
of its zip file. Labels are read first, without decoding an image; then the images
drawn from them are decoded in batches into the array that is returned.

To prepare them the first time, TFDS also needs OpenCV for SUN397 and tensorflow-io
for LSUN; to read what is prepared, it needs neither.

Left open by the papers, and ours:

- An image is made smaller by averaging areas, rounded to uint8.
- Training images are drawn without replacement by `kerasos.data.subsample` from
  what is not the test set. The test set never depends on the seed.
- Where the paper draws 100 test images a class, the whole official part is the test
  set (CelebA-Small: `test`; LSUN: `validation`, 300 a class), for the caller to draw
  from. CelebA-Large is the exception: the official `train` has 24,267 blonde faces,
  with `validation` 27,323, and the paper trains on 28,000. Its test set is therefore
  100 images a class, drawn from the official `test`; all others are for training.
- A face belongs to a CelebA class if it has exactly one of the five hair attributes.
- The 50 classes of SUN397 are drawn from `SUN397_SEED`, 280: of the seeds 0..999 the
  one whose imbalance ratio, 1160 / 82 = 14.15, is nearest to the published 14.21 (no
  choice of classes of these sizes gives 14.21). Labels are in alphabetical order.
- A SUN397 patch is 512 pixels wide if both sides of the image are, else 224, and
  the shorter side if that is smaller still. TFDS keeps SUN397 at 120,000 pixels an
  image at most, so that from there 512 never fits: of a 1024 x 768 picture, the 224
  patch then shows the middle 573 pixels.
- The labels of Tiny-ImageNet's own test images are not public: `val` is the test
  set. Classes are numbered in the order of their sorted WordNet ids.
"""

import pathlib

import numpy as np
import tensorflow as tf

from kerasos.data import subsample
from kerasos.data.datasets import prepared_builder

CELEBA_CLASSES = {
    "blonde": "Blond_Hair",
    "black": "Black_Hair",
    "bald": "Bald",
    "brown": "Brown_Hair",
    "gray": "Gray_Hair",
}
CELEBA_LARGE_TEST = 100  # images of a class
LSUN_CLASSES = (
    "classroom",
    "church_outdoor",
    "conference_room",
    "dining_room",
    "tower",
)
LSUN_PATCH = (224,)
SUN397_PATCH = (224, 512)
SUN397_CLASSES = 50
SUN397_SEED = 280
SUN397_TEST = 20  # images of a class
TINY_IMAGENET = "tiny-imagenet-200"

_SPLITS = ("train", "validation", "test")
_NO_CLASS = -1
_TEST_SEED = 0  # fixed, so that a change of `seed` never moves the test set
_BATCH = 256  # images decoded at a time


def load(name, class_counts, data_dir, seed):
    """Returns `(x, y), (x_test, y_test)`, uint8 images and int64 labels.

    Args:
        name: One of `READERS`. Images are 64 x 64 x 3; Tiny-ImageNet 32 x 32 x 3.
        class_counts: As in `kerasos.data.load`; no names of protocols.
        data_dir: Folder of the prepared TFDS data, or None for TFDS's own. For
            Tiny-ImageNet: the folder that holds `tiny-imagenet-200`, or None for
            the working folder.
        seed: Integer that fixes which training images are drawn.

    Raises:
        FileNotFoundError: If a part of Tiny-ImageNet is not there.
        ImportError: If tensorflow-datasets is not installed.
        OSError: If a TFDS set is not prepared and cannot be downloaded.
        ValueError: If a class has fewer images than asked for.
    """
    return READERS[name](name, class_counts, data_dir, seed)


def _celeba(name, class_counts, data_dir, seed):
    builder = prepared_builder("celeb_a", data_dir)
    attributes = list(CELEBA_CLASSES.values())
    records = _records(
        [(builder, split) for split in _SPLITS],
        attributes=dict.fromkeys(attributes, True),
    )
    labels = only_one(
        _each(records, lambda r: tf.stack([r["attributes"][key] for key in attributes]))
    )
    split = np.repeat(_SPLITS, [builder.info.splits[s].num_examples for s in _SPLITS])
    classes = list(CELEBA_CLASSES)
    training, test = (np.where(split == s, labels, _NO_CLASS) for s in _SPLITS[::2])
    counts = None
    if name == "CelebA-Large":
        counts, training = [CELEBA_LARGE_TEST] * len(classes), labels.copy()
    test_rows = draw(test, counts, _TEST_SEED, f"The test set of {name}", classes)
    training[test_rows] = _NO_CLASS
    rows = draw(training, class_counts, seed, name, classes)
    return [_arrays(records, labels, part) for part in (rows, test_rows)]


def _lsun(name, class_counts, data_dir, seed):
    builders = [prepared_builder(f"lsun/{c}", data_dir) for c in LSUN_CLASSES]
    draws = []
    for split, counts, part_seed, part_name in (
        ("train", class_counts, seed, name),
        ("validation", None, _TEST_SEED, f"The test set of {name}"),
    ):
        sizes = [b.info.splits[split].num_examples for b in builders]
        labels = np.repeat(np.arange(len(builders)), sizes)
        rows = draw(labels, counts, part_seed, part_name, LSUN_CLASSES)
        records = _records([(builder, split) for builder in builders])
        draws.append((records, labels, rows))
    return [_arrays(*part, LSUN_PATCH) for part in draws]


def _sun397(name, class_counts, data_dir, seed):
    builder = prepared_builder("sun397/tfds", data_dir)
    names = builder.info.features["label"].names
    records = _records([(builder, split) for split in _SPLITS], label=True)
    chosen = sun397_classes(len(names))
    position = np.full(len(names), _NO_CLASS)
    position[chosen] = np.arange(len(chosen))
    labels = position[_each(records, lambda record: record["label"])]
    classes = [names[label] for label in chosen]
    counts = [SUN397_TEST] * len(classes)
    test_rows = draw(labels, counts, _TEST_SEED, f"The test set of {name}", classes)
    training = labels.copy()
    training[test_rows] = _NO_CLASS
    rows = draw(training, class_counts, seed, name, classes)
    return [_arrays(records, labels, part, SUN397_PATCH) for part in (rows, test_rows)]


def _tiny_imagenet(name, class_counts, data_dir, seed):
    folder = pathlib.Path(data_dir or ".").resolve() / TINY_IMAGENET
    classes = sorted(_tiny_path(folder, "wnids.txt").read_text().split())
    paths, labels = [], []
    for label, wnid in enumerate(classes):
        found = _tiny_path(folder, f"train/{wnid}/images").glob("*.JPEG")
        paths += sorted(map(str, found))
        labels += [label] * (len(paths) - len(labels))
    paths, labels = np.array(paths, str), np.array(labels, "int64")
    rows = draw(labels, class_counts, seed, name, classes)
    lines = _tiny_path(folder, "val/val_annotations.txt").read_text().splitlines()
    test = [line.split("\t")[:2] for line in lines]
    test_paths = [str(_tiny_path(folder, f"val/images/{file}")) for file, _ in test]
    label_of = {wnid: label for label, wnid in enumerate(classes)}
    test_labels = np.array([label_of[wnid] for _, wnid in test], "int64")
    draw(test_labels, None, _TEST_SEED, f"The test set of {name}", classes)
    return [
        (_decode(_files(chosen), len(chosen), 32), y)
        for chosen, y in ((paths[rows], labels[rows]), (test_paths, test_labels))
    ]


READERS = {
    "CelebA-Small": _celeba,
    "CelebA-Large": _celeba,
    "LSUN-Small": _lsun,
    "LSUN-Large": _lsun,
    "SUN397-50": _sun397,
    "Tiny-ImageNet": _tiny_imagenet,
}


def sun397_classes(num_classes):
    """Returns the labels of the drawn classes of SUN397, in ascending order."""
    order = np.random.default_rng(SUN397_SEED).permutation(num_classes)
    return np.sort(order[:SUN397_CLASSES])


def only_one(flags):
    """Returns the column of the only true flag of each row `(n, k)`, else -1."""
    return np.where(np.sum(flags, axis=1) == 1, np.argmax(flags, axis=1), _NO_CLASS)


def draw(labels, class_counts, seed, name, classes):
    """Returns the ascending rows of a seeded draw with the given class counts.

    Args:
        labels: int64 `(n,)`; -1 for a row of no class.
        class_counts: As in `kerasos.data.resolve_class_counts`; None for all rows.
        seed: Integer.
        name: What is drawn, for the error.
        classes: Names of the labels.

    Raises:
        ValueError: If a class has fewer rows than asked for, or none.
    """
    rows = np.flatnonzero(labels != _NO_CLASS)
    available = np.bincount(labels[rows], minlength=len(classes))
    asked = {}
    if isinstance(class_counts, dict):
        asked = class_counts
    elif np.ndim(class_counts):
        asked = dict(enumerate(class_counts))
    short = [
        f"{asked.get(label, 1)} of class {classes[label]!r}, of which there are {count}"
        for label, count in enumerate(available.tolist())
        if count < asked.get(label, 1)
    ]
    if short:
        raise ValueError(
            f"{name} must have the images that are asked for. Received: "
            f"{'; '.join(short)}. Lower these counts, or check that the data are "
            "complete."
        )
    if class_counts is None:
        return rows
    return rows[subsample(labels[rows], class_counts, seed)]


def centre_patch(image, sides):
    """Returns the centre square of an image `(height, width, channels)`.

    Its side is the largest of `sides` that fits, or else the shorter side.
    """
    shape = tf.shape(image)[:2]
    shorter = tf.reduce_min(shape)
    side = shorter
    for candidate in sorted(sides):
        side = tf.where(candidate <= shorter, candidate, side)
    top, left = tf.unstack((shape - side) // 2)
    return image[top : top + side, left : left + side]


def shrink(image, size):
    """Returns an image `(size, size, channels)` uint8 of area means, rounded."""
    image = tf.image.resize(image, (size, size), method="area")
    return tf.cast(tf.round(image), "uint8")


def _records(sources, **features):
    """Returns the records of `(builder, split)` pairs, one after the other.

    In the order of the files, with the encoded image and the features named.
    """
    import tensorflow_datasets as tfds

    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    decoders = tfds.decode.PartialDecoding(
        {"image": True, **features}, {"image": tfds.decode.SkipDecoding()}
    )
    parts = [
        builder.as_dataset(split=split, decoders=decoders, read_config=config)
        for builder, split in sources
    ]
    records = parts[0]
    for part in parts[1:]:
        records = records.concatenate(part)
    return records


def _each(records, function):
    """Returns `function(record)` of all records as one array."""
    batches = records.map(function).batch(4096).prefetch(1)
    return np.concatenate(list(batches.as_numpy_iterator()))


def _only(dataset, rows, size):
    """Returns the elements `rows` of a data set of `size` elements, in its order."""
    mask = np.zeros(size, bool)
    mask[rows] = True
    mask = tf.constant(mask)
    kept = dataset.enumerate().filter(lambda row, _: mask[row])
    return kept.map(lambda _, element: element)


def _arrays(records, labels, rows, sides=None):
    """Returns the images `(n, 64, 64, 3)` and labels `(n,)` of some records."""
    images = records.map(lambda record: record["image"])
    images = _only(images, rows, len(labels))
    return _decode(images, len(rows), 64, sides), labels[rows]


def _files(paths):
    return tf.data.Dataset.from_tensor_slices(list(paths)).map(
        tf.io.read_file, num_parallel_calls=tf.data.AUTOTUNE
    )


def _decode(encoded, count, size, sides=None):
    """Returns `count` encoded images as uint8 `(count, size, size, 3)`.

    A batch of them at a time: memory holds little more than the result.
    """

    def pixels(data):
        image = tf.io.decode_image(data, channels=3, expand_animations=False)
        image = tf.ensure_shape(image, (None, None, 3))
        return shrink(centre_patch(image, sides) if sides else image, size)

    images = np.empty((count, size, size, 3), "uint8")
    batches = encoded.map(pixels, num_parallel_calls=tf.data.AUTOTUNE).batch(_BATCH)
    start = 0
    for batch in batches.prefetch(1).as_numpy_iterator():
        images[start : start + len(batch)] = batch
        start += len(batch)
    if start != count:
        raise OSError(
            f"The prepared data must hold {count} of the images drawn. Received: "
            f"{start}. Its files do not fit its description: prepare it anew."
        )
    return images


def _tiny_path(folder, name):
    path = folder / name
    if not path.exists():
        raise FileNotFoundError(
            f"Tiny-ImageNet must lie in {str(folder)!r}. Received: no {name!r} there. "
            "Unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip in the folder "
            f"that you give as `data_dir`, so that it holds {TINY_IMAGENET}/wnids.txt, "
            "train/<wnid>/images/*.JPEG, val/val_annotations.txt and "
            "val/images/*.JPEG."
        )
    return path
