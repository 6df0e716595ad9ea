"""Flow matching: rows from noise along the velocity field of one network.

Lipman, Chen, Ben-Hamu, Nickel, Le, Flow Matching for Generative Modeling, ICLR 2023
(equation 23 with sigma_min = 0), which is rectified flow (Liu, Gong, Liu, Flow Straight
and Fast, ICLR 2023, equation 1). A row x1 of class y and noise x0 are joined by a line,
and the network learns the velocity of all lines through a point:

    x_t = (1 - t) x0 + t x1,    x0 ~ N(0, I),    t = sigmoid(N(0, 1))
    L = E [ mean_columns (v(x_t, t, y) - (x1 - x0))^2 ]

A sample starts at noise and follows `dx/dt = v(x, t, y)` from t = 0 to 1. There is no
adversary and no bottleneck, and one loss that falls. The times are those of Esser et
al. (ICML 2024), most of them in the middle, where the velocity is hardest to tell.

Ours, for tables:
- Columns are standardised; `DeepOverSampler` hands over normal scores, so that noise
  and data have the same columns one by one, and the network learns how they depend.
- Categories are one-hot columns, +1 and -1, and the largest entry of a block decides.
- A row of a small batch meets several noises and times, so that a step has 256 of
  them: its gradient is as quiet as that of a large batch, which small classes could
  not fill.
- Samples come from the mean of the weights over the last part of training, weight
  `(1 - 1/t)^8` a step (Karras et al., CVPR 2024, equation 127): it needs no decay of
  the learning rate and so no number of steps known before.
"""

from collections.abc import Sequence
from typing import Self

import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Seed, checked
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import ConditionalModel
from kerasos.methods.flow.networks import velocity_mlp
from kerasos.randomness.draws import replica_context
from kerasos.registry import register_method

DRAWS = 256  # noises and times of a step, at least
AVERAGE_POWER = 8.0  # the mean forgets what is older than a tenth of the training


@register_method("flow")
class FlowMatching(ConditionalModel):
    """Trains the velocity field that carries noise to the rows of each class.

    `FlowMatching.from_data(x, y)` builds the network for tables; the constructor takes
    your own. Small tables need few steps: after some hundred the samples are like the
    data, after thousands they move towards copies of the rows. `validation_data` with
    `keras.callbacks.EarlyStopping("val_loss")` says when.

    Rows keep correlations, spread, missing rates and categories of their class.

    Args:
        network: Keras model from `[rows, time, one_hot]`, `(batch, num_features)`,
            `(batch, 1)` and `(batch, num_classes)`, to velocities `(batch,
            num_features)`.
        spec: `kerasos.data.DataSpec` of the training data.
        draws: Noises and times for each row of a batch. Default None: as many as bring
            a step to 256.
        sampling_steps: Steps of Heun's method from noise to sample, with two
            evaluations of the network each. May be set on a trained model.
        pre_oversample: As `CVAE`: `fit` repeats random rows of the smaller classes
            until all have n_max, so that classes are drawn alike. Default False.
        seed: Integer behind all noise of training.
        **kwargs: `column_mean`, `column_scale`, `name`.

    Raises:
        ValueError: If the data are images, or an option's value is not fit.

    Example:

    >>> model = kerasos.FlowMatching.from_data(x, y, seed=0, pre_oversample=True)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=50)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Lipman, Chen, Ben-Hamu, Nickel, Le. Flow Matching for Generative Modeling,
        ICLR 2023.
    """

    makes = ("tables",)
    default_steps = (500, 5_000)  # more of them approach copies of rare rows
    default_passes = 10
    sampling_settings = ("sampling_steps",)

    @checked
    def __init__(
        self,
        network,
        *,
        draws: Count | None = None,
        sampling_steps: Count = 25,
        **kwargs,
    ):
        num_features = network.output_shape[-1]
        super().__init__(noise_dim=num_features, **kwargs)
        self.network = network
        self.draws = draws
        self.sampling_steps = sampling_steps
        self.decoder_shape = (num_features,)
        self.averages = [
            self.add_weight(
                shape=weight.shape,
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
                name=f"average_{index}",
            )
            for index, weight in enumerate(network.trainable_variables)
        ]
        self.track("loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        width: Count | None = None,
        blocks: Count = 3,
        draws=None,
        sampling_steps=25,
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for rows of a table.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            width: Units of the network's hidden layers. Default: as many as the rows
                have columns, but 128 to 512.
            blocks: Its residual blocks.
            draws, sampling_steps, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        if data.spec.is_image:
            raise ValueError(
                "`flow` makes rows of tables. Expected rows `(n, num_features)`. "
                f"Received: images of shape {data.spec.shape}. Choose another method, "
                "`cvae` or `bagan` for instance."
            )
        columns = data.spec.num_features
        width = width or min(max(columns, 128), 512)
        network = velocity_mlp(columns, data.spec.num_classes, data.seed, width, blocks)
        return cls.for_data(
            data,
            {"network": network},
            **cls.options.given(locals()),
        )

    def compile(self, g_optimizer=None, **kwargs):
        """Sets the optimizer; by default AdamW, rate 2e-3 and weight decay 1e-2.

        Args:
            g_optimizer: Moves the network.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        g_optimizer = g_optimizer or Adam(2e-3, weight_decay=1e-2)
        self.compile_players({"g_optimizer": g_optimizer}, **kwargs)

    def player_variables(self):
        return {"g_optimizer": self.network.trainable_variables}

    def train_step(self, data):
        variables = self.network.trainable_variables
        with watching(variables) as tape:
            loss = self._loss(data, self._velocity, "train")
        self.minimize(loss, tape, variables, self.g_optimizer)
        self._average(variables)
        return self.finish_step(loss=loss)

    def test_step(self, data):
        loss = self._loss(data, self._averaged_velocity, "validation")
        self.tracker("loss").update_state(loss)
        return {"loss": self.tracker("loss").result()}

    def _loss(self, data, velocity, tag):
        rows, one_hot = self.real_batch(data)
        draws = self.draws or _draws_for(num_rows(rows))
        rows, one_hot = (ops.repeat(part, draws, axis=0) for part in (rows, one_hot))
        noise = self.normal(num_rows(rows), self.noise_dim, f"{tag}_noise")
        time = ops.sigmoid(self.normal(num_rows(rows), 1, f"{tag}_time"))
        return matching_loss(velocity, rows, noise, time, one_hot)

    def _velocity(self, rows, time, one_hot):
        return ops.cast(self.network([rows, time, one_hot], training=True), "float32")

    def _averaged_velocity(self, rows, time, one_hot):
        velocity, _ = self.network.stateless_call(
            self.averages,
            self.network.non_trainable_variables,
            [rows, time, one_hot],
            training=False,
        )
        return ops.cast(velocity, "float32")

    def _average(self, variables):
        step = ops.cast(ops.convert_to_tensor(self.steps_done), "float32") + 1.0
        kept = (1.0 - 1.0 / step) ** AVERAGE_POWER
        for average, variable in zip(self.averages, variables, strict=True):
            average.assign(variable + kept * (average - variable))

    def generate(self, latent, labels):
        one_hot = tf.one_hot(labels, self.spec.num_classes)

        def field(rows, time):
            time = ops.broadcast_to(time, (ops.shape(rows)[0], 1))
            return self._averaged_velocity(rows, time, one_hot)

        return heun(field, tf.cast(latent, tf.float32), self.sampling_steps)


def _draws_for(rows):
    """Draws for each of so many rows of this replica; one where that is not known."""
    replicas, _ = replica_context()
    return max(1, DRAWS // (rows * replicas)) if isinstance(rows, int) else 1


def matching_loss(velocity, rows, noise, time, one_hot):
    """Mean squared deviation from the velocity of the line from noise to row.

        mean (v((1 - t) x0 + t x1, t, y) - (x1 - x0))^2

    Lipman et al., equation 23; over columns a mean, as is usual.

    Args:
        velocity: Function of points `(batch, d)`, times and labels to `(batch, d)`.
        rows: Float tensor `(batch, d)`, x1.
        noise: Float tensor `(batch, d)`, x0.
        time: Float tensor `(batch, 1)` in [0, 1].
        one_hot: Float tensor `(batch, num_classes)`.

    Returns:
        Float32 scalar.
    """
    points = (1.0 - time) * noise + time * rows
    error = velocity(points, time, one_hot) - (rows - noise)
    return ops.mean(ops.square(error))


def heun(field, points, steps):
    """Follows `dx/dt = field(x, t)` from t = 0 to 1 by Heun's method.

    Args:
        field: Function of points `(batch, d)` and a scalar time to velocities.
        points: Float tensor `(batch, d)` at t = 0.
        steps: Integer; the error falls with its square.

    Returns:
        Points at t = 1.
    """
    size = 1.0 / steps

    def step(index, points):
        time = size * ops.cast(index, "float32")
        first = field(points, time)
        second = field(points + size * first, time + size)
        return points + 0.5 * size * (first + second)

    return ops.fori_loop(0, steps, step, points)
