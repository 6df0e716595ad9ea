"""What `GAMO.from_data` builds: networks, anchors and settings."""

from kerasos.data.anchors import choose_anchors
from kerasos.data.spec import DataSpec, as_arrays
from kerasos.layers.conditional import ConditionalGenerator
from kerasos.layers.convex import ConvexGenerator
from kerasos.layers.copies import RandomCombination
from kerasos.models.gamo_more_anchors import fill_up_anchors
from kerasos.networks.gamo import (
    FEATURES,
    conditional_generator,
    feature_extractor,
    transitional_unit,
)
from kerasos.networks.mlp import leaky_mlp
from kerasos.seeds import derive_seed, fresh_seed
from kerasos.suggest import check_choice, check_options

OPTIONS = (
    "variant",
    "loss",
    "g_update",
    "generator",
    "discriminator",
    "latent_dim",
    "samples_per_class",
    "fake_ratio",
    "label_noise",
    "anchor_share",
    "max_anchors",
    "min_anchors",
    "bank",
    "value_range",
    "label_names",
)


def build(x, y, seed, options):
    """Takes the options of `GAMO.from_data`.

    Returns:
        Generator, classifier head and discriminator; the other arguments of `GAMO`;
        and the anchors, `{label: samples in the user's units}`.
    """
    check_options(options, OPTIONS, "GAMO.from_data")
    seed = fresh_seed() if seed is None else int(seed)
    x, y = as_arrays(x, y)
    spec = DataSpec.of(
        x, y, options.pop("value_range", None), options.pop("label_names", None)
    )
    variant = options.pop("variant", "dense")
    check_choice("variant", variant, ("dense", "conv"))
    check_imbalance(spec, "GAMO")
    if variant == "conv" and not spec.is_image:
        raise ValueError(
            "`variant='conv'` needs images (height, width, channels). Received "
            f"samples of shape {spec.shape}. Use `variant='dense'`."
        )
    extractor = feature_extractor(spec.shape, seed) if variant == "conv" else None
    width = FEATURES if extractor else spec.num_features
    limit, bank = options.pop("max_anchors", 4096), options.pop("bank", "random")
    index = choose_anchors(x, y, spec, limit, bank, seed)
    anchors, index = fill_up_anchors(
        x, index, options.pop("min_anchors", 0), spec, seed
    )
    generator = _generator(
        options.pop("generator", "convex"),
        options.pop("latent_dim", 100),
        spec,
        {label: len(points) for label, points in anchors.items()},
        width,
        options.pop("anchor_share", 0.0),
        seed,
    )
    discriminator = None
    if options.pop("discriminator", True):
        discriminator = leaky_mlp((width, spec.num_classes), 1, seed, "discriminator")
    classifier_head = leaky_mlp(width, spec.num_classes, seed, "classifier")
    settings = {
        "spec": spec,
        "feature_extractor": extractor,
        "anchor_index": {str(k): rows.tolist() for k, rows in index.items()},
        "seed": seed,
    }
    networks = (generator, classifier_head, discriminator)
    return networks, {**options, **settings}, anchors


def check_imbalance(spec, name):
    """Raises unless there is a class to generate for."""
    if not spec.minority_labels:
        raise ValueError(
            f"{name} needs classes of different sizes: it generates for every class "
            f"smaller than the largest. Received: class_counts={spec.class_counts}. "
            "Balanced data need no oversampling."
        )


def _generator(kind, latent_dim, spec, counts, width, anchor_share, seed):
    check_choice("generator", kind, ("convex", "conditional", "copies", "pairs"))
    if anchor_share and kind != "convex":
        raise ValueError(
            "`anchor_share` belongs to the convex generator. Received: "
            f"generator={kind!r}, anchor_share={anchor_share}. Leave one out."
        )
    counts = [counts.get(label, 0) for label in range(spec.num_classes)]
    if kind in ("copies", "pairs"):
        return RandomCombination(counts, width, points=1 if kind == "copies" else 2)
    if kind == "conditional":
        network = conditional_generator(latent_dim, spec.num_classes, width, seed)
        return ConditionalGenerator(network, sorted(spec.minority_labels))
    trunk = transitional_unit(latent_dim, spec.num_classes, seed)
    generator_seed = derive_seed(seed, "generation_units")
    return ConvexGenerator(trunk, counts, width, anchor_share, seed=generator_seed)
