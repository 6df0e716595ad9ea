import numpy as np
import pytest
import tensorflow as tf

from kerasos.randomness.draws import portable_uniform

SEEDS = ([0, 0], [5, -3], [2**40 + 7, 12345], [-1, 2**62])


def of_tensorflow(shape, seed):
    """The 23 high bits of TensorFlow's own draw of integers, as a fraction."""
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    return (bits.numpy().view("uint32") >> 9).astype("float32") / 2**23


@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
def test_uniforms_are_made_of_the_bits_that_tensorflow_draws(how):
    for shape in ((), (33, 5)):

        def draw(seed, shape=shape):
            return portable_uniform(shape, seed)

        if how != "eager":
            draw = tf.function(draw, jit_compile=how == "xla", autograph=False)
        for seed in SEEDS:
            seed = tf.constant(seed, tf.int64)
            np.testing.assert_array_equal(draw(seed), of_tensorflow(shape, seed))
    short = tf.constant([3, -9], tf.int32)
    np.testing.assert_array_equal(
        portable_uniform((4,), short), of_tensorflow((4,), short)
    )


def test_a_draw_takes_few_operations():
    """Each is traced, compiled and, on a GPU without XLA, launched by itself."""
    draw = tf.function(lambda seed: portable_uniform((5, 3), seed), autograph=False)
    graph = draw.get_concrete_function(tf.TensorSpec([2], tf.int64)).graph
    kinds = [op.type for op in graph.get_operations()]
    assert kinds.count("StatelessRandomUniformFullIntV2") == 2
    assert sum(kind not in ("Const", "Placeholder", "Identity") for kind in kinds) <= 10
