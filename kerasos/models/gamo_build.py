"""The generators that `GAMO.from_data` can build."""

import keras

from kerasos.layers.conditional import ConditionalGenerator
from kerasos.layers.convex import ConvexGenerator
from kerasos.layers.copies import RandomCombination
from kerasos.networks.gamo import transitional_unit
from kerasos.networks.mlp import dense
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
    trunk = transitional_unit(latent_dim, spec.num_classes, seed)
    if kind == "convex":
        generator_seed = derive_seed(seed, "generation_units")
        return ConvexGenerator(trunk, counts, width, anchor_share, seed=generator_seed)
    hidden = dense(256, seed, "generator_hidden", "relu")(trunk.output)
    output = dense(width, seed, "generator_output", "tanh")(hidden)
    network = keras.Model(trunk.inputs, output, name="conditional_generator")
    return ConditionalGenerator(network, sorted(spec.minority_labels))
