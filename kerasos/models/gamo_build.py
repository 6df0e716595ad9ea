"""The generators that `GAMO.from_data` can build."""

from kerasos.layers.conditional import ConditionalGenerator
from kerasos.layers.convex import ConvexGenerator
from kerasos.layers.copies import RandomCombination
from kerasos.networks.gamo import conditional_generator, transitional_unit
from kerasos.seeds import derive_seed
from kerasos.suggest import check_choice


def build_generator(kind, latent_dim, spec, counts, width, anchor_share, seed):
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
