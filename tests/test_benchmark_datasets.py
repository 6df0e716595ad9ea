"""The data sets of the benchmarks that come from the web, on small stand-ins.

The stand-ins of the TFDS sets are prepared by TFDS's own builders, from images that
are made here: what is read are record files as the real ones.
"""

import importlib
import io
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

from harness import datasets, protocols, web_datasets  # noqa: E402

tfds = pytest.importorskip("tensorflow_datasets")

HAIR = ("Blond_Hair", "Black_Hair", "Bald", "Brown_Hair", "Gray_Hair")
SUN_TOTALS = [21 + k % 3 for k in range(50)]


def jpeg(image):
    return tf.io.encode_jpeg(np.asarray(image, "uint8"), quality=95).numpy()


def grey(value, shape):
    """Returns an encoded image of one value, which JPEG keeps to the bit."""
    return jpeg(np.full((*shape, 3), value))


def prepare(name, data_dir, examples):
    """Prepares a TFDS set whose splits are `examples(builder) = {split: [...]}`."""

    def generators(builder, _):
        return {s: enumerate(found) for s, found in examples(builder).items()}

    builder_class = tfds.builder_cls(name.split("/")[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder_class, "_split_generators", generators)
        config = tfds.download.DownloadConfig(try_download_gcs=False)
        tfds.builder(name, data_dir=data_dir).download_and_prepare(
            download_config=config
        )


def faces(_):
    """Class k has the values 20 k..; the offsets tell the splits apart."""
    module = importlib.import_module(tfds.builder_cls("celeb_a").__module__)

    def face(image, hair):
        return {
            "image": io.BytesIO(image),
            "landmarks": dict.fromkeys(module.LANDMARK_HEADINGS, 0),
            "attributes": {key: key in hair for key in module.ATTR_HEADINGS},
            "identity": dict.fromkeys(module.IDENTITY_HEADINGS, 0),
        }

    def split(offset, count):
        found = [
            face(grey(20 * k + offset + i, (218, 178)), {hair, "Smiling"})
            for k, hair in enumerate(HAIR)
            for i in range(count)
        ]
        # Of no class: whoever decodes one of these fails.
        others = [{"Young"}, {"Bald", "Gray_Hair"}, set(HAIR)]
        return found + [face(b"no image", hair) for hair in others]

    return {"train": split(0, 6), "validation": split(6, 2), "test": split(10, 3)}


def scenes(builder):
    """Class k has the values 40 k.. in the middle, and a white border."""
    label = web_datasets.LSUN_CLASSES.index(builder.builder_config.name)

    def split(offset, count):
        found = []
        for i in range(count):
            image = np.full((256, 300, 3), 255)
            image[16:240, 38:262] = 40 * label + offset + i
            found.append({"id": str(i), "image": io.BytesIO(jpeg(image))})
        return found

    return {"train": split(0, 6), "validation": split(20, 3)}


def places(builder):
    """The k-th class drawn has the value 5 k, and 21 + k % 3 images."""
    names = builder.info.features["label"].names
    chosen = web_datasets.sun397_classes(len(names))
    other = np.setdiff1d(np.arange(len(names)), chosen)[0]
    splits = {"train": [], "validation": [], "test": []}
    for k, label in enumerate(chosen):
        image = grey(5 * k, (40, 60))
        for i in range(SUN_TOTALS[k]):
            split = "train" if i < 14 else "validation" if i < 17 else "test"
            record = {"file_name": "", "image": io.BytesIO(image), "label": label}
            splits[split].append(record)
    nothing = {"file_name": "", "image": io.BytesIO(b"no image"), "label": other}
    return {split: [nothing, *found] for split, found in splits.items()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    tfds.disable_progress_bar()
    prepare("celeb_a", folder, faces)
    for name in web_datasets.LSUN_CLASSES:
        prepare(f"lsun/{name}", folder, scenes)
    prepare("sun397/tfds", folder, places)
    return folder


def values(x):
    """Returns the value in the middle of each image."""
    assert x.dtype == np.uint8 and x.shape[1:] == (64, 64, 3)
    middle = x[:, 8:56, 8:56].reshape(len(x), -1).astype(int)
    assert np.all(np.ptp(middle, axis=1) <= 2)
    return np.rint(middle.mean(1)).astype(int)


# Patches and sizes.


def gradient(height, width):
    rows, columns = np.mgrid[:height, :width]
    channels = [rows * 255 / height, columns * 255 / width, (rows * columns) % 256]
    return np.stack(channels, -1).astype("uint8")


@pytest.mark.parametrize(
    ("shape", "sides", "window"),
    [
        ((256, 301), (224,), np.s_[16:240, 38:262]),
        ((600, 520), (224, 512), np.s_[44:556, 4:516]),
        ((512, 700), (512, 224), np.s_[0:512, 94:606]),
        ((511, 700), (224, 512), np.s_[143:367, 238:462]),
        ((100, 151), (224, 512), np.s_[0:100, 25:125]),
    ],
)
def test_centre_patch(shape, sides, window):
    image = gradient(*shape)
    patch = web_datasets.centre_patch(tf.constant(image), sides)
    np.testing.assert_array_equal(patch, image[window])


def area_weights(size, new_size):
    """Returns how much of each old pixel lies in each new one, `(new, old)`."""
    edges = np.linspace(0, size, new_size + 1)
    upper = np.minimum(edges[1:, None], np.arange(size) + 1)
    lower = np.maximum(edges[:-1, None], np.arange(size))
    return np.maximum(upper - lower, 0) * new_size / size


@pytest.mark.parametrize(
    ("shape", "size"), [((218, 178), 64), ((224, 224), 64), ((64, 64), 32)]
)
def test_shrink_takes_area_means(shape, size):
    image = gradient(*shape)
    means = np.einsum(
        "ih,jw,hwc->ijc",
        area_weights(shape[0], size),
        area_weights(shape[1], size),
        image.astype(float),
        optimize=True,
    )
    small = web_datasets.shrink(tf.constant(image), size).numpy()
    assert small.shape == (size, size, 3) and small.dtype == np.uint8
    assert np.abs(small - means).max() < 0.501


def test_one_hair_attribute_and_no_other():
    flags = [[0, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0, 1], [1, 1, 1], [1, 0, 0]]
    found = web_datasets.only_one(np.array(flags, bool))
    assert found.tolist() == [1, -1, -1, 2, -1, 0]


# CelebA.


def test_celeba_small_keeps_the_official_splits(prepared):
    counts = [5, 4, 3, 2, 1]
    (x, y), (x_test, y_test) = datasets.load("CelebA-Small", counts, prepared, 0)
    assert y.dtype == y_test.dtype == np.int64
    assert np.bincount(y).tolist() == counts
    value, test_value = values(x), values(x_test)
    assert len(set(value)) == 15  # without replacement
    np.testing.assert_array_equal(value // 20, y)
    assert np.all(value % 20 < 6)
    wanted = [20 * k + 10 + i for k in range(5) for i in range(3)]
    assert sorted(test_value) == wanted
    np.testing.assert_array_equal(test_value // 20, y_test)


def test_draws_follow_the_seed_and_the_test_set_does_not(prepared):
    (x, y), (x_test, _) = datasets.load("CelebA-Small", [3] * 5, prepared, 1)
    (same, same_y), _ = datasets.load("CelebA-Small", [3] * 5, prepared, 1)
    (other, _), (other_test, _) = datasets.load("CelebA-Small", [3] * 5, prepared, 2)
    np.testing.assert_array_equal(x, same)
    np.testing.assert_array_equal(y, same_y)
    np.testing.assert_array_equal(x_test, other_test)
    assert set(values(x)) != set(values(other))


def test_celeba_large_trains_on_all_but_its_test_images(prepared, monkeypatch):
    monkeypatch.setattr(web_datasets, "CELEBA_LARGE_TEST", 2)
    (x, y), (x_test, y_test) = datasets.load("CelebA-Large", [9] * 5, prepared, 0)
    value, test_value = values(x), values(x_test)
    assert np.bincount(y_test).tolist() == [2] * 5
    assert np.all(test_value % 20 >= 10)
    assert len(set(value) | set(test_value)) == 55
    np.testing.assert_array_equal(value // 20, y)
    with pytest.raises(ValueError, match="10 of class 'bald', of which there are 9"):
        datasets.load("CelebA-Large", [9, 9, 10, 9, 9], prepared, 0)


# LSUN.


def test_lsun_patches(prepared):
    counts = [6, 4, 3, 2, 1]
    (x, y), (x_test, y_test) = datasets.load("LSUN-Small", counts, prepared, 0)
    assert np.bincount(y).tolist() == counts
    assert np.bincount(y_test).tolist() == [3] * 5
    value, test_value = values(x), values(x_test)
    assert len(set(value)) == 16
    np.testing.assert_array_equal(value // 40, y)
    assert np.all(value % 40 < 20) and np.all(test_value % 40 >= 20)
    np.testing.assert_array_equal(test_value // 40, y_test)
    assert x[:, :, 1].mean() < 200  # the border of 255 is cut off


# SUN397.


def test_sun397_keeps_twenty_of_each_class_for_testing(prepared):
    (x, y), (x_test, y_test) = datasets.load("SUN397-50", None, prepared, 0)
    assert y.dtype == y_test.dtype == np.int64
    assert np.bincount(y_test).tolist() == [20] * 50
    assert np.bincount(y).tolist() == [total - 20 for total in SUN_TOTALS]
    np.testing.assert_array_equal(values(x), 5 * y)
    np.testing.assert_array_equal(values(x_test), 5 * y_test)


def test_sun397_classes_are_those_nearest_the_published_ratio():
    folder = pathlib.Path(tfds.__file__).parent / "image_classification"
    names = (folder / "sun397_labels.txt").read_text().split()
    lines = [
        line.rsplit("/", 1)[0]
        for split in ("tr", "va", "te")
        for line in (folder / f"sun397_tfds_{split}.txt").read_text().split()
    ]
    found, counts = np.unique(lines, return_counts=True)
    totals = dict(zip(found, counts, strict=True))
    training = np.array([totals[name] for name in names]) - 20

    def ratio(seed):
        chosen = np.random.default_rng(seed).permutation(397)[:50]
        return training[chosen].max() / training[chosen].min()

    distances = np.abs([ratio(seed) - 14.21 for seed in range(1000)])
    assert np.argmin(distances) == web_datasets.SUN397_SEED
    chosen = web_datasets.sun397_classes(397)
    assert len(set(chosen)) == 50 and np.all(np.diff(chosen) > 0)
    assert (training[chosen].max(), training[chosen].min()) == (1160, 82)


# Errors.


def test_counts_that_cannot_be_met_name_their_classes(prepared):
    counts = [15000, 1500, 1, 1, 1]
    words = "CelebA-Small must.*15000 of class 'blonde', .* 6; 1500 of class 'black'"
    with pytest.raises(ValueError, match=words):
        datasets.load("CelebA-Small", counts, prepared, 0)
    with pytest.raises(ValueError, match="7 of class 'tower', of which there are 6"):
        datasets.load("LSUN-Large", {4: 7}, prepared, 0)
    with pytest.raises(ValueError, match="100 of class 'blonde', of which there are 3"):
        datasets.load("CelebA-Large", None, prepared, 0)


def test_fewer_images_than_described():
    images = tf.data.Dataset.from_tensors(grey(9, (8, 8))).repeat(3)
    with pytest.raises(OSError, match="must hold 4 of .* Received: 3"):
        web_datasets._decode(images, 4, 8)


@pytest.mark.parametrize("name", ["CelebA-Small", "LSUN-Large", "SUN397-50"])
def test_data_that_cannot_be_downloaded(name, tmp_path, monkeypatch):
    def unreachable(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    with pytest.raises(OSError, match="no route.*as `data_dir`, or run"):
        datasets.load(name, None, tmp_path, 0)


def test_names():
    known = {*datasets.TFDS_NAMES, *web_datasets.READERS}
    assert {protocol.dataset for protocol in protocols.PROTOCOLS} <= known
    with pytest.raises(ValueError, match="LSUN-Small.*Received: 'LSUN'"):
        datasets.load("LSUN", None, None, 0)


# Tiny-ImageNet.


@pytest.fixture
def tiny(tmp_path):
    """Three classes: the label of an image is its value // 60."""
    folder = tmp_path / "tiny-imagenet-200"
    wnids = ["n01", "n02", "n10"]
    for label, wnid in enumerate(wnids):
        images = folder / "train" / wnid / "images"
        images.mkdir(parents=True)
        for i in range(4):
            value = np.full((64, 64, 1 if i == 0 else 3), 60 * label + i)
            (images / f"{wnid}_{i}.JPEG").write_bytes(jpeg(value))
    (folder / "wnids.txt").write_text("n10\nn01\nn02\n")
    (folder / "val" / "images").mkdir(parents=True)
    lines = []
    for i, wnid in enumerate(["n10", "n01", "n02", "n10"]):
        image = grey(60 * wnids.index(wnid) + 9, (64, 64))
        (folder / "val" / "images" / f"val_{i}.JPEG").write_bytes(image)
        lines.append(f"val_{i}.JPEG\t{wnid}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return tmp_path


def test_tiny_imagenet(tiny):
    (x, y), (x_test, y_test) = datasets.load("Tiny-ImageNet", None, tiny, 0)
    assert x.shape == (12, 32, 32, 3) and x.dtype == np.uint8
    assert y.dtype == y_test.dtype == np.int64
    assert np.all(x == (60 * y + np.arange(12) % 4)[:, None, None, None])
    assert y_test.tolist() == [2, 0, 1, 2]
    assert np.all(x_test == (60 * y_test + 9)[:, None, None, None])


def test_tiny_imagenet_with_class_counts(tiny):
    (x, y), _ = datasets.load("Tiny-ImageNet", [3, 2, 1], tiny, 0)
    assert np.bincount(y).tolist() == [3, 2, 1]
    assert len({image.tobytes() for image in x}) == 6
    with pytest.raises(ValueError, match="5 of class 'n02', of which there are 4"):
        datasets.load("Tiny-ImageNet", [4, 5, 4], tiny, 0)


@pytest.mark.parametrize(
    "absent", ["wnids.txt", "train/n02/images", "val/images/val_2.JPEG"]
)
def test_incomplete_tiny_imagenet(tiny, absent):
    path = tiny / "tiny-imagenet-200" / absent
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError, match=f"no '{absent}' there. Unpack http"):
        datasets.load("Tiny-ImageNet", None, tiny, 0)


def test_absent_tiny_imagenet(tmp_path):
    with pytest.raises(FileNotFoundError, match="as `data_dir`, so that it holds"):
        datasets.load("Tiny-ImageNet", None, tmp_path, 0)
