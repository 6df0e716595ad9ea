"""What `GAMO.from_data` builds: networks, and the anchors of each class."""

import numpy as np

from kerasos.data.resample import to_dtype
from kerasos.methods.gamo.generators import (
    ConditionalGenerator,
    ConvexGenerator,
    RandomCombination,
)
from kerasos.methods.shared.validation import check_imbalance
from kerasos.networks.affine_images import affine_images
from kerasos.networks.gamo import (
    FEATURES,
    conditional_generator,
    feature_extractor,
    transitional_unit,
)
from kerasos.networks.image_size import size_of
from kerasos.networks.mlp import leaky_mlp
from kerasos.randomness.seeds import derive_seed

# Of the dense networks: the paper's, and for images of more pixels.
_UNITS = {"paper": (256, 128), "medium": (128, 128), "small": (64, 64)}
CHUNK = 64  # images moved at a time
# How far an added anchor is moved: the defaults of the method `augment`.
MOVES = {"shift": 0.1, "rotation": 15.0, "zoom": 0.1, "flip": False}


def build(
    data,
    *,
    variant,
    generator,
    discriminator,
    latent_dim,
    size,
    anchor_share,
    max_anchors,
    min_anchors,
    bank,
):
    """Builds what the constructor of `GAMO` takes.

    Args:
        data: `kerasos.methods.base.Data`.
        variant, generator, discriminator, latent_dim, size, anchor_share, max_anchors,
            min_anchors, bank: As in `GAMO.from_data`.

    Returns:
        The arguments but for options, `{name: value}`; and the anchors, `{label:
        samples in the user's units}`.

    Raises:
        ValueError: If the classes are balanced, or an option does not fit the data or
            another option.
    """
    x, y, spec, seed = data.x, data.y, data.spec, data.seed
    check_imbalance(spec, "GAMO")
    if variant == "conv" and not spec.is_image:
        raise ValueError(
            "`variant='conv'` needs images (height, width, channels). Received "
            f"samples of shape {spec.shape}. Use `variant='dense'`."
        )
    if anchor_share and generator != "convex":
        raise ValueError(
            "`anchor_share` belongs to the convex generator. Received: "
            f"generator={generator!r}, anchor_share={anchor_share}. Leave one out."
        )
    extractor = feature_extractor(spec.shape, seed) if variant == "conv" else None
    width = FEATURES if extractor else spec.num_features
    index = choose_anchors(x, y, spec, max_anchors, bank, seed)
    anchors, index = fill_up_anchors(x, index, min_anchors, spec, seed)
    sizes = (latent_dim, spec.num_classes)
    counts = [len(anchors.get(label, ())) for label in range(spec.num_classes)]
    if generator == "convex":
        trunk = transitional_unit(*sizes, seed)
        unit_seed = derive_seed(seed, "generation_units")
        made = ConvexGenerator(trunk, counts, width, anchor_share, seed=unit_seed)
    elif generator == "conditional":
        network = conditional_generator(*sizes, width, seed)
        made = ConditionalGenerator(network, sorted(spec.minority_labels))
    else:
        points = 1 if generator == "copies" else 2
        made = RandomCombination(counts, width, points=points)
    judge = None
    # Features are of one width whatever the images.
    units = _UNITS["paper" if extractor else size_of(spec, size)]
    if discriminator:
        inputs = (width, spec.num_classes)
        judge = leaky_mlp(inputs, 1, seed, "discriminator", units)
    arguments = {
        "generator": made,
        "classifier_head": leaky_mlp(
            width, spec.num_classes, seed, "classifier", units
        ),
        "discriminator": judge,
        "feature_extractor": extractor,
        "spec": spec,
        "anchor_index": {str(k): rows.tolist() for k, rows in index.items()},
        "seed": seed,
    }
    return arguments, anchors


def choose_anchors(x, y, spec, max_anchors, bank, seed):
    """Row numbers of the anchors of each minority class.

    Args:
        x: Samples `(n, ...)`.
        y: Labels `(n,)`.
        spec: Their `DataSpec`.
        max_anchors: Largest number a class.
        bank: "random", or "kcenter": each next anchor is the point farthest from
            those chosen (Gonzalez 1985), in the user's units.
        seed: Integer.

    Returns:
        `{label: sorted integer array}`.
    """
    chosen = {}
    for label in spec.minority_labels:
        rows = np.flatnonzero(y == label)
        if len(rows) > max_anchors:
            source = np.random.default_rng(derive_seed(seed, "anchors", label))
            if bank == "random":
                rows = source.choice(rows, max_anchors, replace=False)
            else:
                first = int(source.integers(len(rows)))
                rows = rows[farthest_points(x[rows], max_anchors, first)]
        chosen[label] = np.sort(rows)
    return chosen


def farthest_points(points, count, first):
    """Indices of `count` points, each the farthest from those before it."""
    flat = points.reshape(len(points), -1)
    chosen = [first]
    distance = _distances(flat, flat[first])
    for _ in range(count - 1):
        # Below every distance, so that no row of duplicates is taken twice.
        distance[chosen[-1]] = -1.0
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, _distances(flat, flat[chosen[-1]]))
    return np.array(chosen)


def _distances(flat, point, chunk=8192):
    """Squared distances of every row to `point`, a chunk of rows at a time."""
    result = np.empty(len(flat), "float32")
    for start in range(0, len(flat), chunk):
        rows = flat[start : start + chunk].astype("float32")
        result[start : start + len(rows)] = np.square(rows - point).sum(axis=1)
    return result


def fill_up_anchors(x, index, min_anchors, spec, seed):
    """Adds moved copies to the anchors of a class that has few.

    Args:
        x: Images `(n, height, width, channels)`, or any samples for `min_anchors=0`.
        index: `{label: row numbers}` of the anchors.
        min_anchors: Integer, the anchors that each class gets at least.
        spec: `DataSpec` of `x`.
        seed: Integer.

    Returns:
        `{label: anchors}`, the class's own samples first, in the user's units and
        dtype; and `{label: row numbers}` of the samples they are or were made of.

    Raises:
        ValueError: If `min_anchors` are asked for of samples that are no images.
    """
    if min_anchors and not spec.is_image:
        raise ValueError(
            "`min_anchors` is for images (height, width, channels), which it moves. "
            f"Received: min_anchors={min_anchors} for samples of shape {spec.shape}. "
            "Leave it out."
        )
    anchors, sources = {}, {}
    for label, rows in index.items():
        sources[label] = np.resize(rows, max(len(rows), min_anchors))
        anchors[label] = x[sources[label]]
        added = anchors[label][len(rows) :]
        source = np.random.default_rng(derive_seed(seed, "min_anchors", label))
        for start in range(0, len(added), CHUNK):
            part = added[start : start + CHUNK]
            # Filled up to one shape: one trace.
            images = np.resize(part, (CHUNK, *spec.shape)).astype("float32")
            uniforms = source.random((CHUNK, 5), "float32")
            moved = affine_images(images, uniforms, **MOVES).numpy()
            part[:] = to_dtype(moved[: len(part)], x.dtype)
    return anchors, sources
