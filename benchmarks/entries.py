"""Methods with options, as the command lines of two scripts name them.

`gamo:variant=conv:latent_dim=8` is `kerasos.GAMO.from_data(variant="conv",
latent_dim=8)`.
"""

import ast

import kerasos

# Options with which each method passes through all its stages within `passes` epochs
# a stage.
_STAGED = {
    "activegan": lambda passes: {"warmup": 0.5},
    "bagan": lambda passes: {"ae_epochs": passes},
    "dos": lambda passes: {"warmup_epochs": 1},
    "gamo2pix": lambda passes: {"gamo_rounds": 1},
    "two_stage_cvae": lambda passes: {"vae_epochs": passes},
}


def read(entry, passes):
    """Returns the class of the method and the options of its `from_data`.

    Args:
        entry: As a command line names it.
        passes: Epochs of a stage, of `passes * len(model.stages)`.
    """
    name, *options = entry.split(":")
    given = dict(option.split("=", 1) for option in options)
    options = _STAGED.get(name, lambda passes: {})(passes)
    options |= {option: _value(text) for option, text in given.items()}
    return kerasos.get_method(name), options


def _value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def with_networks():
    """Returns the names of the methods that train a network."""
    return [
        name
        for name in kerasos.list_methods()
        if issubclass(kerasos.get_method(name), kerasos.OversamplingModel)
    ]
