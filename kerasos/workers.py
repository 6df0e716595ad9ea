"""Training in several processes at once, on one machine or several."""

import json
import os

import tensorflow as tf


def has_workers(strategy):
    """Whether several processes train under this strategy."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy=None):
    """Whether this process is the one that writes files for all.

    Args:
        strategy: A `tf.distribute.Strategy`; by default what `TF_CONFIG` says.

    Returns:
        True for the first worker, or for a process that trains alone.
    """
    if strategy is None:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        task, cluster = config.get("task", {}), config.get("cluster", {})
        kind, number = task.get("type"), task.get("index")
        has_a_chief = "chief" in cluster
    else:
        resolver = strategy.cluster_resolver if has_workers(strategy) else None
        if resolver is None:
            return True
        kind, number = resolver.task_type, resolver.task_id
        has_a_chief = "chief" in resolver.cluster_spec().jobs
    if kind is None:
        return True
    return kind == "chief" or (not has_a_chief and kind == "worker" and number == 0)
