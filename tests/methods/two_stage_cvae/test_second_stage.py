import keras
import numpy as np

from kerasos.methods.two_stage_cvae import networks as second_stage
from kerasos.networks.mlp import leaky_mlp


def test_the_hidden_layers_are_joined_by_the_inputs_again():
    encoder = second_stage.latent_encoder(2, 3, 0, units=(5,))
    decoder = second_stage.latent_decoder(2, 3, 0, units=(5,))
    z, y = np.ones((4, 2), "float32"), np.eye(3, dtype="float32")[[0, 1, 2, 2]]
    x = np.concatenate([z, y], 1)
    kernel, bias, last, offset = decoder.get_weights()
    assert last.shape == (5 + 5, 2)
    hidden = np.maximum(x @ kernel + bias, 0)
    expected = np.concatenate([hidden, x], 1) @ last + offset
    np.testing.assert_allclose(decoder([z, y]), expected, rtol=1e-5, atol=1e-6)
    kernel, bias, last, offset = encoder.get_weights()
    hidden = np.maximum(x @ kernel + bias, 0)
    outputs = np.concatenate([hidden, x], 1) @ last + offset
    mean, scale = encoder([z, y])
    np.testing.assert_allclose(mean, outputs[:, :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scale, 1e-6 + np.logaddexp(outputs[:, 2:], 0), rtol=1e-5)


def test_spectral_normalisation_brings_every_kernel_to_norm_one():
    network = leaky_mlp(6, 4, 0, "encoder", units=(8,))
    inputs = keras.Input((4, 4, 1))
    conv = keras.layers.Conv2D(3, 2, kernel_initializer=keras.initializers.Constant(5))
    image = keras.Model(inputs, conv(inputs))
    for plain, x in ((network, np.ones((2, 6))), (image, np.ones((2, 4, 4, 1)))):
        first, second = (second_stage.spectrally_normalized(plain, 0) for _ in range(2))
        for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        kernels = [v for v in first.trainable_variables if v.path.endswith("kernel")]
        originals = [v for v in plain.trainable_variables if v.path.endswith("kernel")]
        for kernel, original in zip(kernels, originals, strict=True):
            np.testing.assert_array_equal(kernel.numpy(), original.numpy())
        for _ in range(30):
            first(x.astype("float32"), training=True)
        for kernel in kernels:
            matrix = kernel.numpy().reshape(-1, kernel.shape[-1])
            np.testing.assert_allclose(np.linalg.norm(matrix, 2), 1.0, rtol=1e-3)
        before = [kernel.numpy() for kernel in kernels]
        first(x.astype("float32"), training=False)
        for kernel, was in zip(kernels, before, strict=True):
            np.testing.assert_array_equal(kernel.numpy(), was)
