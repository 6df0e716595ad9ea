"""The downstream classifiers of the papers, as plain compiled Keras models."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kerasos.checks import check_choice
from kerasos.data.spec import DataSpec
from kerasos.networks.classifier import raw_input_classifier
from kerasos.networks.convolution import conv
from kerasos.networks.gamo import FEATURES, feature_extractor
from kerasos.networks.mlp import dense, leaky_mlp
from kerasos.randomness.counted_layers import CountedDropout
from kerasos.randomness.seeds import derive_seed


@keras.saving.register_keras_serializable(package="kerasos")
def least_squares_probability_loss(y, probs):
    """`mean_k (m_k - y_k)^2` of integer labels and probabilities, `(batch,)`."""
    one_hot = tf.one_hot(tf.cast(tf.reshape(y, [-1]), tf.int32), probs.shape[-1])
    return tf.reduce_mean(tf.math.squared_difference(probs, one_hot), -1)


def gamo_classifier(
    spec: DataSpec, loss: str = "ls", variant: str = "dense", seed: int | None = 0
) -> keras.Model:
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
    check_choice("loss", loss, losses)
    check_choice("variant", variant, ("dense", "conv"))
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
    # Made in the first step, its variables would have the step traced again.
    model.optimizer.build(model.trainable_variables)
    return model


def fajardo_mlp(spec: DataSpec, seed: int | None = 0) -> keras.Model:
    """The multilayer perceptron that Fajardo et al. judge oversamplers with, compiled.

    Inputs scaled to [0, 1] - Dense 512 ReLU - Dropout .2 - Dense 512 ReLU - Dropout
    .2 - Dense num_classes softmax (their table 14): 669,706 parameters for 28x28
    images of 10 classes. Cross-entropy, RMSprop with Keras's defaults. They train it
    for 20 epochs of batches of 128, synthetic samples weighted: see
    `benchmarks/papers/weight_search.py`.

    Args:
        spec: `kerasos.data.DataSpec` of the training data.
        seed: Integer; decides the weights and the dropout.

    Returns:
        A compiled `keras.Model` from raw input to class probabilities; its labels
        are integers.

    Reference:
        Fajardo et al., On Oversampling Imbalanced Data with Deep Conditional
        Generative Models, Expert Systems with Applications 2021.
    """
    inputs = keras.Input((spec.num_features,))
    # `raw_input_classifier` hands over [-1, 1].
    hidden = keras.layers.Rescaling(0.5, offset=0.5)(inputs)
    for index in range(2):
        hidden = dense(512, seed, f"mlp_dense_{index}", "relu")(hidden)
        hidden = _dropout(0.2, seed, f"mlp_dropout_{index}")(hidden)
    logits = dense(spec.num_classes, seed, "mlp_output")(hidden)
    head = keras.Model(inputs, logits, name="fajardo_mlp")
    return _compiled(spec, head, None, keras.optimizers.RMSprop())


def imsic_cnn(spec: DataSpec, seed: int | None = 0) -> keras.Model:
    """The convolutional network that He et al. judge oversamplers with, compiled.

    Inputs scaled to [-1, 1] and, where they are not 32x32, resized to it bilinearly
    (the authors resize 28x28 images) - Conv 5x5x32 same ReLU - MaxPool 2 - Conv
    5x5x64 same ReLU - MaxPool 2 - Dropout .5 - Dense 1000 linear - Dense num_classes
    softmax (authors' code): 4,159,106 parameters for grey images of 10 classes.
    Cross-entropy, Adam 1e-4. They train it for 8 (MNIST) or 25 epochs
    (Fashion-MNIST) of batches of 64.

    Args:
        spec: `kerasos.data.DataSpec` of the training images.
        seed: Integer; decides the weights and the dropout.

    Returns:
        A compiled `keras.Model` from raw input to class probabilities; its labels
        are integers.

    Raises:
        ValueError: If the samples are no images.

    Reference:
        He, Lin, Yuan, Tzeng, Interpretable Minority Synthesis for Imbalanced
        Classification, IJCAI 2021.
    """
    _check_images(spec, "imsic_cnn")
    image = keras.Input(spec.shape)
    hidden = image
    if spec.shape[:2] != (32, 32):
        hidden = keras.layers.Resizing(32, 32, "bilinear", name="resizing")(hidden)
    for index, filters in enumerate((32, 64)):
        hidden = conv(filters, 5, seed, f"imsic_conv_{index}", activation="relu")(
            hidden
        )
        hidden = keras.layers.MaxPooling2D(2)(hidden)
    hidden = keras.layers.Flatten()(hidden)
    hidden = _dropout(0.5, seed, "imsic_dropout")(hidden)
    features = dense(1000, seed, "imsic_features")(hidden)
    extractor = keras.Model(image, features, name="features")
    head = _linear_head(1000, spec, seed, "imsic_output")
    return _compiled(spec, head, extractor, keras.optimizers.Adam(1e-4))


def strong_cnn(spec: DataSpec, seed: int | None = 0) -> keras.Model:
    """A plain convolutional network of ours that is well regularized, compiled.

    Inputs scaled to [-1, 1] - Conv 3x3x32 ReLU twice - MaxPool 2 - Dropout .25 - Conv
    3x3x64 ReLU twice - MaxPool 2 - Dropout .25 - Dense 128 ReLU - Dropout .5 - Dense
    num_classes softmax. Cross-entropy, Adam 1e-3. It shows what an oversampler is
    worth to a classifier somebody would choose today; `augmented` adds augmentation
    on the fly. Its penultimate layer gives the features called "cnn" in
    `kerasos.features`.

    Args:
        spec: `kerasos.data.DataSpec` of the training images, 4x4 pixels or more.
        seed: Integer; decides the weights and the dropout.

    Returns:
        A compiled `keras.Model` from raw input to class probabilities; its labels
        are integers. The layer "features" gives the 128 features.

    Raises:
        ValueError: If the samples are no images or the images too small.

    Example:

    ```python
    classifier = strong_cnn(kerasos.data.DataSpec.of(x_res, y_res), seed=0)
    classifier.fit(x_res, y_res, batch_size=32, epochs=10)
    ```
    """
    _check_images(spec, "strong_cnn")
    if min(spec.shape[:2]) < 4:
        raise ValueError(
            "`strong_cnn` halves its images twice. Expected 4x4 pixels or more. "
            f"Received: samples of shape {spec.shape}. Use `fajardo_mlp`."
        )
    image = keras.Input(spec.shape)
    hidden = image
    for index, filters in enumerate((32, 64)):
        for part in "ab":
            hidden = conv(
                filters, 3, seed, f"strong_conv_{index}{part}", activation="relu"
            )(hidden)
        hidden = keras.layers.MaxPooling2D(2)(hidden)
        hidden = _dropout(0.25, seed, f"strong_dropout_{index}")(hidden)
    hidden = keras.layers.Flatten()(hidden)
    features = dense(128, seed, "strong_features", "relu")(hidden)
    extractor = keras.Model(image, features, name="features")
    inputs = keras.Input((128,))
    hidden = _dropout(0.5, seed, "strong_dropout_2")(inputs)
    logits = dense(spec.num_classes, seed, "strong_output")(hidden)
    head = keras.Model(inputs, logits, name="strong_cnn")
    return _compiled(spec, head, extractor, keras.optimizers.Adam(1e-3))


def _compiled(spec, head, extractor, optimizer):
    model = raw_input_classifier(spec, head, extractor)
    model.compile(optimizer, loss=keras.losses.SparseCategoricalCrossentropy())
    # Its state must exist before a backup is read, or a strategy starts.
    optimizer.build(model.trainable_variables)
    return model


def _linear_head(width, spec, seed, name):
    inputs = keras.Input((width,))
    return keras.Model(inputs, dense(spec.num_classes, seed, name)(inputs), name=name)


def _dropout(rate, seed, name):
    return CountedDropout(rate, derive_seed(seed, name), name=name)


def _check_images(spec, name):
    if not spec.is_image:
        raise ValueError(
            f"`{name}` takes images (height, width, channels). Received: samples of "
            f"shape {spec.shape}. For tables use `fajardo_mlp`."
        )


def small_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    value_range: Any = (0.0, 255.0),
    seed: int | None = 0,
) -> keras.Model:
    """A small convolutional network of ours, from raw images to logits.

    Inputs scaled to [-1, 1] - three times Conv 3x3 ReLU, of 16, 32 and 64 filters, and
    MaxPool 2 - Dropout .25 - Dense 64 ReLU - Dropout .25 - Dense num_classes: 89,548
    parameters for 28x28 grey images of 10 classes. Smaller than
    `strong_cnn`: it is the classifier of `compare`, which trains it many times.

    Args:
        input_shape: `(height, width, channels)`.
        num_classes: Integer.
        value_range: `(low, high)`, the units of the images.
        seed: Integer; decides the weights and the dropout.

    Returns:
        A `keras.Model`, not compiled.

    Example:

    >>> small_cnn((28, 28, 1), 10).count_params()
    89548
    """
    low, high = value_range
    scale = 2.0 / (high - low)
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Rescaling(scale, offset=-1.0 - low * scale)(inputs)
    for index, filters in enumerate((16, 32, 64)):
        layer = conv(filters, 3, seed, f"small_conv_{index}", activation="relu")
        hidden = keras.layers.MaxPooling2D(2, padding="same")(layer(hidden))
    hidden = keras.layers.Flatten()(hidden)
    hidden = _dropout(0.25, seed, "small_dropout_0")(hidden)
    hidden = dense(64, seed, "small_features", "relu")(hidden)
    hidden = _dropout(0.25, seed, "small_dropout_1")(hidden)
    logits = dense(num_classes, seed, "small_output")(hidden)
    return keras.Model(inputs, logits, name="small_cnn")
