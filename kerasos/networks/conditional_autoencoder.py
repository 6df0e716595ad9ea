"""The networks that CVAE and the first stage of the two-stage CVAE share."""

import keras

from kerasos.layers.gaussian import MeanAndScale
from kerasos.networks import dcgan
from kerasos.networks.mlp import dense, leaky_mlp, normalized_mlp


def conditional_autoencoder(spec, seed, latent_dim, activation=None, size="paper"):
    """The encoder and the decoder of Fajardo et al., or dense ones for rows (ours).

    The decoder of rows normalises each row by itself.

    Args:
        spec: `kerasos.data.DataSpec` of the data.
        seed: Integer seed of the weights.
        latent_dim: Width of the latents.
        activation: Of the decoded images: None for logits, or "sigmoid".
        size: One of `kerasos.networks.image_size.SIZES`.

    Returns:
        `{"encoder": ..., "decoder": ...}` as `CVAE` and `TwoStageCVAE` take them.
    """
    sizes = (latent_dim, spec.num_classes)
    if spec.is_image:
        options = {"name": "encoder", "size": size}
        features = dcgan.trunk(spec.shape, seed, spec.num_classes, **options)
        options = {"activation": activation, "name": "decoder", "size": size}
        decoder = dcgan.generator(spec.shape, *sizes, seed, **options)
        stddev = dcgan.STDDEV
    else:
        inputs = (spec.num_features, spec.num_classes)
        features = leaky_mlp(inputs, None, seed, "encoder", slope=0.2)
        decoder = normalized_mlp(
            sizes, spec.num_features, seed, "decoder", by_layer=True
        )
        stddev = None
    outputs = dense(2 * latent_dim, seed, "encoder_output", stddev=stddev)
    posterior = MeanAndScale()(outputs(features.output))
    encoder = keras.Model(features.inputs, posterior, name="encoder")
    return {"encoder": encoder, "decoder": decoder}
