"""The downstream classifiers of the papers, as plain compiled Keras models."""

import keras
import tensorflow as tf

from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.gamo import FEATURES, feature_extractor
from kerasos.networks.mlp import leaky_mlp


@keras.saving.register_keras_serializable(package="kerasos")
def least_squares_probability_loss(y, probs):
    """`mean_k (m_k - y_k)^2` of integer labels and probabilities, `(batch,)`."""
    one_hot = tf.one_hot(tf.cast(tf.reshape(y, [-1]), tf.int32), probs.shape[-1])
    return tf.reduce_mean(tf.math.squared_difference(probs, one_hot), -1)


def gamo_classifier(spec, loss="ls", variant="dense", seed=0):
    """The classification network CN of the GAMO paper, compiled.

    The same networks, initial weights and optimizer as the classifier inside
    `kerasos.GAMO` with that seed.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        loss: "ls" or "ce".
        variant: "dense", or "conv" for images: F and M trained together.
        seed: Integer.

    Returns:
        A compiled `keras.Model` from raw input to class probabilities; its labels
        are integers.

    Raises:
        ValueError: If `loss` or `variant` is unknown.
    """
    losses = {
        "ls": least_squares_probability_loss,
        "ce": keras.losses.SparseCategoricalCrossentropy(),
    }
    if loss not in losses or variant not in ("dense", "conv"):
        raise ValueError(
            "`loss` must be 'ls' or 'ce', and `variant` 'dense' or 'conv'. "
            f"Received: loss={loss!r}, variant={variant!r}."
        )
    extractor = None
    if variant == "conv":
        extractor = feature_extractor(spec.shape, seed)
    width = FEATURES if extractor is not None else spec.num_features
    head = leaky_mlp(width, spec.num_classes, seed, "classifier")
    model = raw_input_classifier(spec, head, extractor)
    model.compile(
        keras.optimizers.Adam(2e-4, beta_1=0.5),
        loss=losses[loss],
        jit_compile=variant == "dense",
    )
    return model
