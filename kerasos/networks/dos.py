"""The networks of DOS: a feature map and a classifier on its features."""

import keras

from kerasos.networks.gamo import FEATURES, feature_extractor
from kerasos.networks.mlp import dense, leaky_mlp

_UNITS = (256, 128)


def feature_map(spec, variant, seed):
    """Samples in [-1, 1] to features.

    "conv": the extractor F of GAMO, 512 wide. "dense": the hidden layers of GAMO's
    classifier M, Dense 256 LReLU(.1) - Dense 128 LReLU(.1).

    Args:
        spec: `kerasos.data.DataSpec`.
        variant: "conv" or "dense".
        seed: Integer seed of the weights.

    Returns:
        A `keras.Model` to `(batch, width)`.
    """
    if variant == "conv":
        return feature_extractor(spec.shape, seed)
    inputs = keras.Input(spec.shape)
    hidden = keras.layers.Flatten()(inputs)
    # The layers that `gamo_classifier` calls so, with their weights.
    trunk = leaky_mlp(spec.num_features, None, seed, "classifier", _UNITS)
    return keras.Model(inputs, trunk(hidden), name="feature_extractor")


def classifier_head(spec, variant, seed):
    """Features to logits: GAMO's M ("conv"), or its last layer ("dense")."""
    if variant == "conv":
        return leaky_mlp(FEATURES, spec.num_classes, seed, "classifier")
    inputs = keras.Input((_UNITS[-1],))
    logits = dense(spec.num_classes, seed, "classifier_output")(inputs)
    return keras.Model(inputs, logits, name="classifier")
