"""Which networks the steps of a model move."""

import numpy as np


def paths(*networks):
    return {v.path for network in networks for v in network.trainable_variables}


def moved_paths(model, monkeypatch):
    """Lists `(optimizer name, paths that moved)` of every step."""
    steps, minimize = [], model.minimize
    names = {id(getattr(model, name)): name for name in model.player_variables()}

    def recorded(loss, tape, variables, optimizer):
        before = [v.numpy().copy() for v in model.variables]
        minimize(loss, tape, variables, optimizer)
        changed = {
            v.path
            for v, was in zip(model.variables, before, strict=True)
            if np.any(v.numpy() != was)
        }
        steps.append((names[id(optimizer)], changed))

    monkeypatch.setattr(model, "minimize", recorded)
    return steps
