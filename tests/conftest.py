"""Settings of the whole test run: two CPU devices and one strategy over them."""

import pytest
import tensorflow as tf

# Before anything touches a device: replicas on a machine with one processor.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for the run: a second in the process aborts its collectives."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
