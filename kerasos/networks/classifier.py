"""Raw input to class probabilities around a network of logits."""

import keras


def raw_input_classifier(spec, head, extractor=None):
    """Joins scaling, features, a network of logits and softmax into one model.

    Args:
        spec: `kerasos.data.DataSpec`; its `value_range` becomes [-1, 1].
        head: Keras model from features to logits.
        extractor: Keras model from images to features; None flattens.

    Returns:
        A `keras.Model` from raw input to class probabilities (float32).
    """
    low, high = spec.value_range
    scale = 2.0 / (high - low)
    dtype = spec.dtype if spec.dtype == "uint8" else "float32"
    inputs = keras.Input(spec.shape, dtype=dtype)
    x = keras.layers.Rescaling(scale, offset=-1.0 - low * scale)(inputs)
    x = keras.layers.Flatten()(x) if extractor is None else extractor(x)
    probs = keras.layers.Softmax(dtype="float32")(head(x))
    return keras.Model(inputs, probs, name="classifier")
