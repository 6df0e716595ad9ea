"""Training in several processes at once, on one machine or several."""

import tensorflow as tf


def has_workers(strategy):
    """Whether several processes train under this strategy."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy):
    """Whether this process is the one that writes files for all.

    Args:
        strategy: A `tf.distribute.Strategy`.

    Returns:
        True for the first worker, or for a process that trains alone.
    """
    resolver = strategy.cluster_resolver if has_workers(strategy) else None
    if resolver is None or resolver.task_type is None:
        return True
    kind, number = resolver.task_type, resolver.task_id
    has_a_chief = "chief" in resolver.cluster_spec().jobs
    return kind == "chief" or (not has_a_chief and kind == "worker" and number == 0)
