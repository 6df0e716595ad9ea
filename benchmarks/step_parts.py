"""What a training step cannot do without: its products, convolutions and updates.

They are read off the traced step, so that they are those of the networks as built,
with the gradients that the step needs and no others, and run alone with random
inputs of the same shapes.
"""

import collections

import keras
import numpy as np
import tensorflow as tf

from kerasos.layers import UpsampleConv2D

PRODUCTS = ("MatMul", "BatchMatMulV2")
CONVOLUTIONS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")
# The input of a gradient that holds the shape of its result.
SIZES = ("input_sizes", "filter_sizes")


def needed_operations(concrete_function):
    """Operations that the result or a variable depends on; others never run."""
    graph = concrete_function.graph
    pending = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    needed = {}
    while pending:
        operation = pending.pop()
        if operation.name not in needed:
            needed[operation.name] = operation
            pending += [tensor.op for tensor in operation.inputs]
            pending += operation.control_inputs
    return list(needed.values())


def bare_calls(operations, types, seed=0):
    """Makes each operation of `types` callable alone.

    Args:
        operations: Of a graph with static shapes.
        types: Names of operation types.
        seed: Integer seed of the inputs.

    Returns:
        List of `(function without arguments, how often the step runs it)`, one entry
        for operations that are alike.
    """
    counts = collections.Counter(
        _signature(operation) for operation in operations if operation.type in types
    )
    source = np.random.default_rng(seed)
    return [(_bare_call(*signature, source), n) for signature, n in counts.items()]


def count_types(operations, types):
    """Returns for example "4 Conv2D, 12 MatMul"."""
    counts = collections.Counter(o.type for o in operations if o.type in types)
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))


def _signature(operation):
    inputs = []
    names = [argument.name for argument in operation.op_def.input_arg]
    for name, tensor in zip(names, operation.inputs, strict=True):
        shape = operation.outputs[0].shape if name in SIZES else tensor.shape
        inputs.append((name, tuple(shape), tensor.dtype))
    settings = []
    for attribute in operation.op_def.attr:
        value = operation.get_attr(attribute.name)
        if attribute.type != "type":
            value = tuple(value) if isinstance(value, list) else value
            settings.append((attribute.name, value))
    return operation.type, tuple(inputs), tuple(settings)


def _bare_call(name, inputs, settings, source):
    arguments = {}
    for argument, shape, dtype in inputs:
        if argument in SIZES:
            arguments[argument] = tf.constant(shape, dtype)
        else:
            arguments[argument] = _random(shape, dtype, source)
    for attribute, value in settings:
        arguments[attribute] = list(value) if isinstance(value, tuple) else value
    run = getattr(tf.raw_ops, name)
    return lambda: run(**arguments)


def _random(shape, dtype, source):
    return tf.constant(source.standard_normal(shape, dtype="float32"), dtype)


def run_all(calls, jit_compile=False):
    """A function that runs each call as often as the step does, one after another."""
    # Each alone, as compiled together alike ones would run once.
    if jit_compile:
        calls = [(tf.function(call, jit_compile=True), n) for call, n in calls]

    def run(data=None):
        result = tf.zeros(())
        for call, times in calls:
            for _ in range(times):
                result = call()
        return tf.reshape(result, [-1])[0]

    return run


def is_folded(network):
    """Whether a network has layers that upsample and convolve in one."""
    layers = getattr(network, "layers", ())
    return any(isinstance(layer, UpsampleConv2D) for layer in layers)


def unfolded(network):
    """The same network, newly initialised, with these layers as two each."""
    return keras.models.clone_model(network, clone_function=_unfolded_layer)


def _unfolded_layer(layer):
    config = layer.get_config()
    if not isinstance(layer, UpsampleConv2D):
        return type(layer).from_config(config)
    size = config.pop("size")
    convolution = keras.layers.Conv2D.from_config({**config, "padding": "same"})
    return keras.Sequential(
        [keras.layers.UpSampling2D(size), convolution], name=layer.name
    )


def moving_players(model, concrete_function):
    """Names of the optimizers that the step applies."""
    captured = {id(tensor) for tensor in concrete_function.captured_inputs}
    return [
        name
        for name in model.player_variables()
        if id(getattr(model, name).iterations.value.handle) in captured
    ]


def updates(model, names):
    """The optimizers `names`, on variables of their own, and one fused kernel.

    Returns:
        Two functions of the same Adam updates: by the optimizer, as in the step, and by
        TensorFlow's `ResourceApplyAdam`, the least that they can take.
    """
    players = [_player(model, name) for name in names]

    def by_keras(data=None):
        for optimizer, variables, gradients, _ in players:
            optimizer.apply(gradients, variables)
        return optimizer.iterations.value + 0

    def fused(data=None):
        for optimizer, _, gradients, states in players:
            for (value, mean, square), gradient in zip(states, gradients, strict=True):
                tf.raw_ops.ResourceApplyAdam(
                    var=value.handle,
                    m=mean.handle,
                    v=square.handle,
                    beta1_power=0.5,
                    beta2_power=0.5,
                    lr=1e-6,
                    beta1=optimizer.beta_1,
                    beta2=optimizer.beta_2,
                    epsilon=optimizer.epsilon,
                    grad=gradient,
                )
        return optimizer.iterations.value + 0

    return by_keras, fused


def _player(model, name):
    shapes = [variable.shape for variable in model.player_variables()[name]]
    optimizer = getattr(model, name)
    optimizer = type(optimizer).from_config(optimizer.get_config())
    variables = [keras.Variable(np.zeros(shape, "float32")) for shape in shapes]
    optimizer.build(variables)
    source = np.random.default_rng(0)
    gradients = [_random(shape, tf.float32, source) for shape in shapes]
    states = [[tf.Variable(tf.zeros(s)) for _ in range(3)] for s in shapes]
    return optimizer, variables, gradients, states
