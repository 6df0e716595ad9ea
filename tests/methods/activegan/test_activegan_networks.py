"""The networks of ActiveGAN: shapes, sizes, seeds."""

import numpy as np
import pytest
import tensorflow as tf

from kerasos.methods.activegan import networks as activegan


def size(*networks):
    return sum(
        int(np.prod(v.shape)) for net in networks for v in net.trainable_variables
    )


def test_the_networks_for_cifar_have_the_size_of_the_table():
    parts = activegan.networks("acgan", (32, 32, 3), 100, 10, 0)
    generator = parts.pop("generator")
    assert size(generator) == 2_994_051
    assert size(*parts.values()) == 1_664_875
    assert parts["trunk"].output_shape == (None, 8192)
    image = generator([tf.ones((2, 100)), tf.one_hot([0, 1], 10)])
    assert image.shape == (2, 32, 32, 3) and np.abs(image).max() <= 1
    # Without batch normalisation after D's first convolution and G's dense layer.
    names = [layer.name for layer in parts["trunk"].layers]
    norms = [name for name in names if name.endswith("_norm")]
    assert len(norms) == 5 and "discriminator_conv_16_norm" not in names
    assert sum("norm" in layer.name for layer in generator.layers) == 2


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((32, 32, 3), "acgan"),
        ((28, 28, 1), "infogan"),
        ((28, 28, 3), "infogan"),
        ((8, 8, 1), "infogan"),
        ((7,), "dense"),
    ],
)
def test_each_shape_has_its_networks(shape, kind):
    assert activegan.kind_of(shape) == kind
    if shape[0] != 28:
        parts = activegan.networks(kind, shape, 5, 3, 0)
        image = parts["generator"]([tf.ones((2, 5)), tf.one_hot([0, 2], 3)])
        assert image.shape == (2, *shape)
        features = parts["trunk"](image)
        assert parts["discriminator_head"](features).shape == (2, 1)
        assert parts["classifier_head"](features).shape == (2, 3)


def test_a_seed_fixes_the_weights():
    first, again, other = (
        activegan.networks("dense", (6,), 4, 2, seed) for seed in (0, 0, 1)
    )
    for name in first:
        for a, b in zip(first[name].weights, again[name].weights, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    kernels = (
        net["generator"].trainable_variables[0].numpy() for net in (first, other)
    )
    assert np.any(next(kernels) != next(kernels))


def test_shapes_that_do_not_suit_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        activegan.networks("acgan", (28, 28, 3), 5, 3, 0)
    with pytest.raises(ValueError, match="'dense' are for rows"):
        activegan.networks("dense", (8, 8, 1), 5, 3, 0)
