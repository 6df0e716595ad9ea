import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasos.over_sampling import baselines, mixed_rows
from kerasos.registry import get_method

NAMES = ["none", "random", "smote", "convex", "augment"]
each_method = pytest.mark.parametrize("name", NAMES)
each_adding = pytest.mark.parametrize("name", NAMES[1:])
copies_on_purpose = pytest.mark.filterwarnings("ignore:`x` holds repeated samples")
COUNTS = (20, 8, 12)


def images(dtype="uint8", counts=COUNTS, size=8, channels=1, seed=0):
    """Smooth random images, in random order of classes."""
    rng = np.random.default_rng(seed)
    n = sum(counts)
    x = rng.uniform(size=(n, size, size, channels)).astype("float32")
    x = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2)) / 3
    x = np.rint(x * 255).astype(dtype) if dtype == "uint8" else x.astype(dtype)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return x, y


def rows(dtype="float64", counts=COUNTS, width=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    x = rng.normal(size=(len(y), width)) * 10 + 40 * y[:, None]
    return x.astype(dtype), y


def made(name, x, y, seed=0, **options):
    """New samples and their labels."""
    sampler = get_method(name).from_data(x, y, seed=seed, **options)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    return x_res[is_synthetic], y_res[is_synthetic]


def among(sample, points):
    return (points == sample).reshape(len(points), -1).all(axis=1)


def on_a_segment(point, points, tolerance=1e-4):
    """Whether `point` = a + u (b - a), u in [0, 1], for two of `points`."""
    for a in points:
        for b in points:
            line = b - a
            u = np.dot(point - a, line) / max(np.dot(line, line), 1e-12)
            off = np.linalg.norm(a + u * line - point)
            if -tolerance <= u <= 1 + tolerance and off < tolerance:
                return True
    return False


# All methods


@each_method
def test_flags(name):
    cls = get_method(name)
    assert cls.method_name == name
    assert (cls.produces_samples, cls.trains_classifier, cls.trains) == (False,) * 3
    assert cls.takes_tables and not get_method("cvae").takes_tables
    assert cls.takes_any_column == (name in ("none", "random"))
    assert not get_method("cvae").takes_any_column


@each_method
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_originals_come_first_and_classes_end_up_equal(name, dtype):
    x, y = images(dtype)
    before = x.copy()
    sampler = get_method(name).from_data(x, y, seed=0)
    x_res, y_res, is_synthetic = sampler.oversample(x, y)
    assert (x_res.dtype, y_res.dtype, is_synthetic.dtype) == (x.dtype, "int64", bool)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(x_res[: len(x)], x)
    np.testing.assert_array_equal(y_res[: len(y)], y)
    np.testing.assert_array_equal(is_synthetic, np.arange(len(x_res)) >= len(x))
    expected = COUNTS if name == "none" else (20, 20, 20)
    assert np.bincount(y_res).tolist() == list(expected)
    assert x_res.min() >= x.min() and x_res.max() <= x.max()


@each_adding
@pytest.mark.parametrize(
    "strategy, expected",
    [
        ({1: 10, 2: 30}, (20, 10, 30)),
        ({0: 25}, (25, 8, 12)),
        ("minority", (20, 20, 12)),
        (lambda y: {1: 9}, (20, 9, 12)),
        ({0: 20}, COUNTS),
        (0.5, (20, 10)),
    ],
)
def test_sampling_strategy(name, strategy, expected):
    x, y = images(counts=COUNTS[: len(expected)])
    sampler = get_method(name).from_data(x, y, seed=0)
    _, y_res, _ = sampler.oversample(x, y, sampling_strategy=strategy)
    assert np.bincount(y_res).tolist() == list(expected)


def test_none_adds_nothing_whatever_is_asked():
    x, y = rows()
    x_res, y_res, is_synthetic = (
        get_method("none").from_data(x, y).oversample(x, y, {1: 50})
    )
    assert len(x_res) == len(y_res) == len(x) and not is_synthetic.any()


@each_adding
def test_same_seed_same_samples(name):
    x, y = images()
    cls = get_method(name)
    first = cls.from_data(x, y, seed=3)
    expected = first.oversample(x, y)[0]
    keras.utils.set_random_seed(99)  # global seeds play no part
    np.testing.assert_array_equal(first.oversample(x, y)[0], expected)
    other = cls.from_data(x, y, seed=4)
    np.testing.assert_array_equal(other.oversample(x, y, seed=3)[0], expected)
    assert np.any(other.oversample(x, y)[0] != expected)
    unseeded = cls.from_data(x, y)
    assert np.any(unseeded.oversample(x, y)[0] != unseeded.oversample(x, y)[0])


@each_adding
def test_global_random_state_is_left_alone(name):
    x, y = images()
    np.random.seed(5)
    tf.random.set_seed(5)
    expected = np.random.uniform(), float(tf.random.uniform(()))
    np.random.seed(5)
    tf.random.set_seed(5)
    get_method(name).from_data(x, y, seed=0).oversample(x, y)
    assert np.random.uniform() == expected[0]
    assert float(tf.random.uniform(())) == expected[1]


@each_method
def test_a_dataset_is_read_once(name):
    x, y = images()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(7)
    sampler = get_method(name).from_data(dataset, seed=0)
    np.testing.assert_array_equal(sampler.x, x)
    np.testing.assert_array_equal(sampler.y, y)


@each_adding
def test_samples_of_labels_in_any_order(name):
    x, y = images()
    sampler = get_method(name).from_data(x, y, seed=3)
    labels = np.array([2, 1, 1, 2, 0, 1])
    samples = sampler.sample(labels)
    assert samples.shape == (6, 8, 8, 1) and samples.dtype == "uint8"
    np.testing.assert_array_equal(sampler.sample(labels, seed=3), samples)
    assert np.any(sampler.sample(labels, seed=4) != samples)
    for sample, label in zip(samples, labels, strict=True):
        own = x[y == label]
        assert own.min() <= sample.min() and sample.max() <= own.max()
        assert name != "random" or among(sample, own).any()
    # The same draws as `oversample` makes, which takes them class by class.
    x_new, y_new = made(name, x, y, seed=3)
    np.testing.assert_array_equal(sampler.sample(y_new), x_new)
    assert sampler.sample([]).shape == (0, 8, 8, 1)


def test_labels_that_cannot_be_sampled():
    sampler = get_method("random").from_data(*rows())
    with pytest.raises(ValueError, match="Expected: integers. Received: 'a'"):
        sampler.sample(["a"])
    for labels in ([3], [-1], [1.0], [[1]]):
        with pytest.raises(ValueError, match="labels of the data.* from 0 to 2"):
            sampler.sample(labels)
    with pytest.raises(TypeError, match=r"`sample\(\[1\] \* 10\)` gives ten"):
        sampler.sample(n=10)
    with pytest.raises(ValueError, match="`none` makes no samples. Received: 2"):
        get_method("none").from_data(*rows()).sample([0, 1])


@each_method
def test_there_is_nothing_to_train(name):
    sampler = get_method(name).from_data(*images())
    words = f"`{name}` has nothing to train; call `oversample`. There is no"
    for member in ("fit", "compile", "export", "call"):
        assert not hasattr(sampler, member)
        with pytest.raises(AttributeError, match=f"{words} `{member}`"):
            getattr(sampler, member)
    with pytest.raises(AttributeError, match=words):
        sampler([1])
    with pytest.raises(AttributeError, match="has no attribute 'fits'"):
        sampler.fits  # noqa: B018


@pytest.mark.parametrize(
    "name, options, error, words",
    [
        ("none", {"seeds": 1}, TypeError, "Did you mean 'seed'"),
        ("smote", {"k_neighbours": 1}, TypeError, "Did you mean 'k_neighbors'"),
        ("augment", {"flips": 1}, TypeError, "Did you mean 'flip'"),
        ("smote", {"k_neighbors": 2.5}, ValueError, "an integer of at least 1"),
        ("augment", {"shift": 1.0}, ValueError, "`shift`.* at least 0 below 1"),
        ("augment", {"rotation": 180.5}, ValueError, r"`rotation`.* in \[0, 180\]"),
        ("augment", {"zoom": 1}, ValueError, "`zoom`.* at least 0 below 1"),
    ],
)
def test_bad_options(name, options, error, words):
    with pytest.raises(error, match=words):
        get_method(name).from_data(*images(), **options)


@each_method
def test_bad_data_are_refused_before_any_work(name):
    x, y = images("float32")
    cls = get_method(name)
    bad = x.copy()
    bad[3, 2, 2] = np.nan
    with pytest.raises(ValueError):
        cls.from_data(bad, y)
    with pytest.raises(ValueError):
        cls.from_data(x, np.zeros(len(x), int))
    with pytest.raises(ValueError):
        cls.from_data(x, y[:-1])
    sampler = cls.from_data(x, y)
    with pytest.raises(ValueError):
        sampler.oversample(bad, y)
    with pytest.raises(ValueError, match="the shape given to `from_data`"):
        sampler.oversample(x[:, :6], y)


def test_labels_of_another_number_of_classes_are_refused():
    x, y = rows(counts=(6, 4))
    more_x, more_y = rows()
    with pytest.raises(ValueError, match=r"Labels must lie in 0\.\.1"):
        get_method("random").from_data(x, y).oversample(more_x, more_y)


# random


@pytest.mark.parametrize("data", [images, rows])
def test_random_adds_rows_of_the_same_class_only(data):
    x, y = data()
    for sample, label in zip(*made("random", x, y), strict=True):
        assert label in y[among(sample, x)]


@pytest.mark.filterwarnings("ignore:Labels", "ignore:Class 1")
@pytest.mark.parametrize("name", ["random", "smote", "convex"])
def test_one_sample_is_copied(name):
    x, y = images(counts=(6, 1))
    new, _ = made(name, x, y)
    assert len(new) == 5 and np.all(new == x[y == 1])


# smote


def test_smote_samples_lie_between_neighbours_of_their_class():
    x, y = rows()
    new, labels = made("smote", x, y, k_neighbors=3)
    for label in (1, 2):
        points = x[y == label]
        distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
        nearest = distances.argsort(axis=1)[:, 1:4]
        for sample in new[labels == label]:
            assert any(
                on_a_segment(sample, points[[i, j]])
                for i in range(len(points))
                for j in nearest[i]
            )
            assert not among(sample, points).any()


def test_smote_on_images_restores_shape_and_rounds():
    x, y = images(channels=3)
    new, labels = made("smote", x, y)
    assert new.shape[1:] == (8, 8, 3)
    exact, _ = made("smote", x.astype("float64"), y)
    np.testing.assert_array_equal(new, np.rint(exact).astype("uint8"))
    points = x[y == 1].astype("float64").reshape(8, -1)
    for sample in exact[labels == 1]:
        assert on_a_segment(sample.ravel(), points)


@pytest.mark.parametrize("name", ["smote", "convex"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "int32", "int64"])
def test_dtype_and_range_of_the_class_are_kept(name, dtype):
    x, y = rows(dtype)
    x_new, y_new = made(name, x, y)
    assert x_new.dtype == dtype
    for label in (1, 2):
        new, own = x_new[y_new == label], x[y == label]
        assert np.all(new >= own.min(axis=0)) and np.all(new <= own.max(axis=0))


@pytest.mark.parametrize("name", ["smote", "convex"])
@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_the_digits_of_wide_types_are_kept(name, dtype):
    x, y = rows(dtype)
    x += 10**9  # float32 steps by 64 here
    x_new, y_new = made(name, x, y)
    new, own = x_new[y_new == 1], x[y == 1]
    assert np.all(new >= own.min(axis=0)) and np.all(new <= own.max(axis=0))
    assert np.any(new % 64 != 0)


def test_smote_takes_fewer_neighbours_from_a_small_class():
    x, y = rows(counts=(9, 3))
    with pytest.warns(UserWarning, match="Class 1 is too small.*uses 2 neighbours"):
        new, _ = made("smote", x, y)
    for sample in new:
        assert on_a_segment(sample, x[y == 1])


@pytest.mark.filterwarnings("ignore:Labels")
def test_smote_warns_of_a_single_sample():
    with pytest.warns(UserWarning, match="copies its one sample"):
        made("smote", *rows(counts=(9, 1)))


def test_smote_does_not_warn_of_classes_it_leaves_alone():
    x, y = rows(counts=(9, 3, 8))  # warnings are errors
    get_method("smote").from_data(x, y, seed=0).oversample(x, y, {2: 9})


def test_smote_in_chunks_still_fills_every_sample(monkeypatch):
    monkeypatch.setattr(mixed_rows, "CHUNK_FLOATS", 4 * 5)  # five rows at a time
    x, y = rows(counts=(30, 8, 12))
    new, labels = made("smote", x, y)
    assert np.bincount(labels).tolist() == [0, 22, 18]
    for sample, label in zip(new, labels, strict=True):
        assert on_a_segment(sample, x[y == label])
    assert len(np.unique(np.concatenate([x, new]), axis=0)) == 90


# augment


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("flip", [False, True])
def test_augmented_images_are_new_and_in_range(dtype, flip):
    x, y = images(dtype, channels=3)
    new, labels = made("augment", x, y, flip=flip)
    for sample, label in zip(new, labels, strict=True):
        own = x[y == label]
        assert not among(sample, own).any()
        assert own.min() <= sample.min() and sample.max() <= own.max()
    assert len(np.unique(new.reshape(len(new), -1), axis=0)) == len(new)


@copies_on_purpose
def test_augmented_images_come_from_their_class():
    """One grey level per class: any transform of such an image leaves it as it is."""
    y = np.repeat([0, 1, 2], [6, 2, 3])
    levels = np.array([10, 100, 200], "uint8")
    x = np.tile(levels[y][:, None, None, None], (1, 8, 8, 1))
    x_res, y_res, _ = get_method("augment").from_data(x, y, seed=0).oversample(x, y)
    assert np.all(x_res == levels[y_res][:, None, None, None])


def test_only_the_chosen_transforms_are_used():
    x, y = images(counts=(12, 3))
    still = {"shift": 0, "rotation": 0, "zoom": 0}
    own = x[y == 1]
    assert all(among(sample, own).any() for sample in made("augment", x, y, **still)[0])
    flipped, _ = made("augment", x, y, flip=True, **still)
    mirrored = [among(sample, own[:, :, ::-1]).any() for sample in flipped]
    straight = [among(sample, own).any() for sample in flipped]
    assert all(np.logical_or(mirrored, straight))
    assert any(mirrored) and any(straight)


def changed(size, drawn, *still):
    """60 copies of a white drawing, with some transforms left out."""
    y = np.repeat([0, 1], [60, 2])
    x = np.zeros((62, size, size, 1), "float32")
    x[(slice(None), *drawn)] = 1.0
    return made("augment", x, y, **dict.fromkeys(still, 0))[0][..., 0]


@copies_on_purpose
def test_shift_stays_within_its_limit():
    """A bright column moves by at most a tenth of the width, plus interpolation."""
    new = changed(20, np.s_[:, 10], "rotation", "zoom")
    centre = (new[:, 10] * np.arange(20)).sum(axis=1)
    assert np.all(np.abs(centre - 10) <= 2.0 + 1e-4)
    assert centre.min() < 9 and centre.max() > 11


@copies_on_purpose
def test_rotation_stays_within_its_limit():
    """A bright bar through the centre turns by the angle of its first axis."""
    up, right = np.mgrid[-20:21, -20:21]
    angles = []
    for image in changed(41, np.s_[5:36, 19:22], "shift", "zoom"):
        mixed = 2 * (image * up * right).sum()
        angles.append(np.arctan2(mixed, (image * (up**2 - right**2)).sum()) / 2)
    angles = np.degrees(angles)
    assert np.all(np.abs(angles) <= 15.5)
    assert angles.min() < -8 and angles.max() > 8


@copies_on_purpose
def test_zoom_stays_within_its_limit():
    new = changed(41, np.s_[10:31, 10:31], "shift", "rotation")  # 21 x 21
    side = np.sqrt(new.sum(axis=(1, 2))) / 21
    assert np.all((side > 0.89) & (side < 1.12))
    assert side.min() < 0.95 and side.max() > 1.05


def test_augment_works_in_bounded_chunks(monkeypatch):
    sizes = []

    def spy(*arguments, **settings):
        return lambda x, training: sizes.append(len(x)) or x

    monkeypatch.setattr(baselines, "CHUNK_FLOATS", 8 * 8 * 5)
    monkeypatch.setattr(keras.layers, "RandomFlip", spy)
    x, y = images()
    new, labels = made("augment", x, y, flip=True)
    assert sizes == [5, 5, 5, 5]
    for sample, label in zip(new, labels, strict=True):
        own = x[y == label]
        assert own.min() <= sample.min() and sample.max() <= own.max()


def test_augment_ignores_the_global_image_format_and_precision():
    x, y = images()
    sampler = get_method("augment").from_data(x, y, seed=0)
    expected = sampler.oversample(x, y)[0]
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_image_data_format("channels_first")
        keras.config.set_dtype_policy("mixed_bfloat16")
        np.testing.assert_array_equal(sampler.oversample(x, y)[0], expected)
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_dtype_policy(policy)


def test_augment_needs_images():
    x, y = rows()
    with pytest.raises(ValueError, match="For tables use `smote` or `random`"):
        get_method("augment").from_data(x, y)


def test_names_of_classes_where_the_dataset_lost_them():
    x, y = images()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(7)
    sampler = get_method("random").from_data(dataset, label_names=["a", "b", "c"])
    assert among(sampler.sample(["c"], seed=0)[0], x[y == 2]).any()
    _, names, is_new = sampler.oversample(x, np.array(["a", "b", "c"])[y])
    assert set(names[is_new]) <= {"a", "b", "c"}


@pytest.mark.parametrize("unit", [255.0, 1.0])
def test_images_in_other_units_are_refused(unit):
    x, y = images()
    own = x.astype("float32") / x.max() * unit
    sampler = get_method("smote").from_data(own, y)
    other = tf.data.Dataset.from_tensor_slices((own * (256 - unit) / unit, y))
    for make in (sampler.balanced_dataset, sampler.oversample):
        with pytest.raises(ValueError, match="units the model was built for"):
            make(other)
