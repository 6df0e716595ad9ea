import numpy as np
import tensorflow as tf

from kerasos.randomness.draws import all_rows


def test_one_device_keeps_its_rows():
    rows = tf.constant([[1.0, 2.0]])
    assert all_rows(rows) is rows


def test_replicas_see_all_rows_and_share_the_gradient(two_replicas):
    rows = np.arange(12, dtype="float32").reshape(6, 2)

    def loss_of(x):
        # No mean over rows: the variance within each column.
        return tf.reduce_sum(tf.math.reduce_variance(x, 0) ** 2)

    @tf.function
    def on_replica(part):
        with tf.GradientTape() as tape:
            tape.watch(part)
            whole = all_rows(part)
            loss = loss_of(whole)
        # As in `minimize`: each replica contributes half of the loss.
        share = tf.constant(0.5)
        return whole, tape.gradient(loss, part, output_gradients=share)

    parts = two_replicas.experimental_distribute_values_from_function(
        lambda context: rows[3 * context.replica_id_in_sync_group :][:3]
    )
    wholes, gradients = (
        two_replicas.experimental_local_results(values)
        for values in two_replicas.run(on_replica, args=(parts,))
    )
    for whole in wholes:
        np.testing.assert_array_equal(whole, rows)
    x = tf.constant(rows)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = loss_of(x)
    np.testing.assert_allclose(
        np.concatenate(gradients), tape.gradient(loss, x), rtol=1e-6
    )
