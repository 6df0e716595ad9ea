"""Bare resources in host memory that dataset functions read.

A `tf.Variable` made inside a strategy's scope would be one copy per replica, which a
dataset cannot read, and a captured constant is copied into the dataset's graph.
"""

import weakref

import tensorflow as tf

from kerasos.data.arrays import value_bounds

# TensorFlow's name for a resource that lives as long as its last handle.
_ANONYMOUS = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"


# None of our dataset functions needs AutoGraph, which takes a second to rewrite them.
as_written = tf.autograph.experimental.do_not_convert


def weakly(function):
    """Returns a function for TensorFlow to call, which does not keep `function`.

    What `tf.numpy_function` and `Dataset.from_generator` are given stays until the
    process ends, and with it the model or the data that it reads. So somebody else has
    to keep `function`: the object that it is a method of, or, as an attribute, a
    dataset on the way, which each dataset made of it and each iterator keeps in turn.
    """
    is_method = hasattr(function, "__self__")
    reference = (weakref.WeakMethod if is_method else weakref.ref)(function)

    def call(*arguments):
        found = reference()
        if found is None:  # the end, of which TensorFlow logs nothing
            raise StopIteration(
                "What this reads is gone: the model, or the dataset that kerasos "
                "returned. Keep it for as long as it is read."
            )
        return found(*arguments)

    return call


class EpochCounter:
    """Two integers in host memory that dataset functions read: epoch and stride.

    Each iterator takes the epoch and adds the stride to it. The stride is 1 until
    somebody assigns an epoch, and 0 from then on: an iterator that Keras made and
    threw away must not move an epoch that `fit` sets itself.
    """

    def __init__(self):
        with tf.device("CPU:0"):
            self.handle = tf.raw_ops.VarHandleOp(
                dtype=tf.int64, shape=(2,), shared_name=_ANONYMOUS
            )
        self._put(0, 1)

    def _put(self, epoch, stride):
        with tf.device("CPU:0"):
            value = tf.constant([int(epoch), stride], tf.int64)
            tf.raw_ops.AssignVariableOp(resource=self.handle, value=value)

    def assign(self, epoch):
        """Sets the epoch of every iterator from now on."""
        self._put(epoch, 0)

    def numpy(self):
        """Returns the epoch that the next iterator will read, as an integer."""
        return int(self._read()[0])

    def advance(self):
        """Returns the epoch as a tensor and adds the stride, inside a function."""
        state = self._read()
        with tf.control_dependencies([state]):
            value = tf.stack([state[1], tf.zeros((), tf.int64)])
            tf.raw_ops.AssignAddVariableOp(resource=self.handle, value=value)
        return state[0]

    def _read(self):
        return tf.raw_ops.ReadVariableOp(resource=self.handle, dtype=tf.int64)


class HostTable:
    """An array in host memory whose rows dataset functions gather.

    It is filled a part at a time: `tf.constant` would hold it twice for a moment.

    Args:
        array: Array `(n, ...)`; copied once.

    Attributes:
        bounds: Smallest and largest value, as floats.
    """

    _PART_BYTES = 1 << 24

    def __init__(self, array):
        dtype = tf.as_dtype(array.dtype)
        rows = max(1, self._PART_BYTES // max(1, array[:1].nbytes))
        self.shape, self.dtype = array.shape, dtype
        self.bounds = value_bounds(array)
        with tf.device("CPU:0"):
            self.handle = tf.raw_ops.VarHandleOp(
                dtype=dtype, shape=array.shape, shared_name=_ANONYMOUS
            )
            tf.raw_ops.AssignVariableOp(
                resource=self.handle, value=tf.zeros(array.shape, dtype)
            )
            for start in range(0, len(array), rows):
                part = array[start : start + rows]
                tf.raw_ops.ResourceScatterUpdate(
                    resource=self.handle,
                    indices=tf.range(start, start + len(part)),
                    updates=tf.convert_to_tensor(part),
                )

    def gather(self, index):
        """Returns rows as a tensor; works inside dataset functions."""
        rows = tf.raw_ops.ResourceGather(
            resource=self.handle, indices=index, dtype=self.dtype
        )
        rows.set_shape([*index.shape, *self.shape[1:]])
        return rows
