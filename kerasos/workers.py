"""Training in several processes at once, on one machine or several."""

import contextlib

import tensorflow as tf

_SIGNS_OF_LOSS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


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


@contextlib.contextmanager
def telling_of_lost_workers(strategy):
    """Says so where the body fails because another worker has ended.

    Args:
        strategy: A `tf.distribute.Strategy`; others than of workers change nothing.

    Raises:
        RuntimeError: In place of TensorFlow's error.
    """
    try:
        yield
    except _SIGNS_OF_LOSS as error:
        if not has_workers(strategy):
            raise
        resolver = strategy.cluster_resolver
        raise RuntimeError(
            "Another worker was lost, or cannot be reached. Expected all of "
            f"{resolver.cluster_spec().as_dict()}. Received: {type(error).__name__} in "
            f"{resolver.task_type} {resolver.task_id}. Start all workers again; with "
            "`AtomicBackup` they go on from the last whole epoch."
        ) from error
