"""What `GAMO.from_data` builds: networks, and the anchors of each class."""

import numpy as np

from kerasos.methods.gamo.generators import (
    ConditionalGenerator,
    ConvexGenerator,
    RandomCombination,
)
from kerasos.methods.shared.moved_copies import fill_up
from kerasos.methods.shared.validation import check_imbalance
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
    anchors, index = fill_up(x, index, min_anchors, seed)
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
