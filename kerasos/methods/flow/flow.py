"""Flow matching: samples from noise along the velocity field of one network.

Lipman, Chen, Ben-Hamu, Nickel, Le, Flow Matching for Generative Modeling, ICLR 2023
(equation 23 with sigma_min = 0), which is rectified flow (Liu, Gong, Liu, Flow Straight
and Fast, ICLR 2023, equation 1). A sample x1 of class y and noise x0 are joined by a
line, and the network learns the velocity of all lines through a point:

    x_t = (1 - t) x0 + t x1,    x0 ~ N(0, I),    t = sigmoid(N(0, 1))
    L = E [ mean_values (v(x_t, t, y) - (x1 - x0))^2 ]

A sample starts at noise and follows `dx/dt = v(x, t, y)` from t = 0 to 1. There is no
adversary and no bottleneck, and one loss that falls. The times are those of Esser et
al. (ICML 2024), most of them in the middle, where the velocity is hardest to tell.

Guidance (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022, equation 6 with
g = w + 1): the label is taken away from a share of the rows in training, so that the
network knows the field of all classes together, too, and sampling may go further from
it than the class does, `v = v(x, t, none) + g (v(x, t, y) - v(x, t, none))`.

Ours:
- A row of a small batch meets several noises and times, so that a step has 256 of
  them, of images 64: its gradient is as quiet as that of a large batch, which small
  classes could not fill.
- Samples come from the mean of the weights over the last part of training, weight
  `(1 - 1/t)^8` a step (Karras et al., CVPR 2024, equation 127): it needs no decay of
  the learning rate and so no number of steps known before.

For tables:
- Columns are standardised; `DeepOverSampler` hands over normal scores, so that noise
  and data have the same columns one by one, and the network learns how they depend.
- Categories are one-hot columns, +1 and -1, and the largest entry of a block decides.

For images, all of them options:
- The network is a U-Net (`unet.py`), and the label is dropped in a tenth of the rows.
- Classes are drawn alike (`pre_oversample=None`), unless `class_balance` is set.
- `augment` changes images and tells the network how, so that samples, for which it is
  told of no change, look as the data do (Karras et al., NeurIPS 2022, appendix F.2).
- `class_balance` pulls the field of each class towards that of a class drawn alike
  (Qin et al., Class-Balancing Diffusion Models, CVPR 2023, algorithm 1), more so near
  the noise. Classes are then drawn as often as they come, as they do.
"""

import math
from collections.abc import Sequence
from typing import Self

from keras import ops
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, NonNegative, Seed, Share, checked
from kerasos.methods.base import Adam, num_rows, read_data, watching
from kerasos.methods.conditional import ConditionalModel
from kerasos.methods.flow.networks import velocity_mlp
from kerasos.methods.flow.unet import velocity_unet, width_of
from kerasos.networks.affine_images import affine_images
from kerasos.randomness.draws import replica_context
from kerasos.registry import register_method

DRAWS, IMAGE_DRAWS = 256, 64  # noises and times of a step, at least
AVERAGE_POWER = 8.0  # the mean forgets what is older than a tenth of the training
LABEL_DROPOUT = 0.1  # Ho and Salimans, table 1
CHANGES = 5  # of an augmented image: down, right, angle, size, mirrored
_SHIFT, _DEGREES, _ZOOM = 0.125, 20.0, 0.2
_OTHER_SHARE = 0.25  # gamma of Qin et al.


@register_method("flow")
class FlowMatching(ConditionalModel):
    """Trains the velocity field that carries noise to the samples of each class.

    `FlowMatching.from_data(x, y)` builds the network for tables or images; the
    constructor takes your own. Small tables need few steps: after some hundred the
    samples are like the data, after thousands they move towards copies of the rows.
    `validation_data` with `keras.callbacks.EarlyStopping("val_loss")` says when.

    Rows keep correlations, spread, missing rates and categories of their class.
    Images of rare classes need `pre_oversample`, their default, or else more of them
    show another class; classes below ten images are learnt by heart.
    `docs/flow_images.md` has what was measured.

    Args:
        network: Keras model from `[samples, time, labels]`, `(batch, num_features)` or
            images, `(batch, 1)` and `(batch, num_classes)`, to velocities like the
            samples. With `augment` the labels have five columns more.
        spec: `kerasos.data.DataSpec` of the training data.
        draws: Noises and times for each row of a batch. Default None: as many as bring
            a step to 256, of images to 64.
        label_dropout: Share of the rows whose label is taken away in training, so that
            `guidance` has something to go away from. Default 0; `from_data`: 0.1 for
            images.
        guidance: g at the head of this file. 1 (default) is none and takes one
            evaluation of the network, others take two; above 1 samples are more typical
            of their class and less varied. May be set on a trained model.
        class_balance: Weight of the class-balancing term (Qin et al.). Default 0. It
            takes a second evaluation in each step.
        augment: Probability of each of five changes of an image in training: moved
            down, moved right, turned, resized, mirrored. Default 0.
        sampling_steps: Steps of Heun's method from noise to sample, with two velocities
            each. May be set on a trained model.
        pre_oversample: As `CVAE`: `fit` repeats random rows of the smaller classes
            until all have n_max, so that classes come alike, and an epoch is longer.
            Default None: images come alike, too, unless `class_balance` is set; each
            draws its class and then one of it, and an epoch stays as long. That takes
            arrays or `kerasos.data.batches`: on other datasets `fit` warns and trains
            on them as they are. Rows of a table come as they are.
        seed: Integer behind all noise of training.
        **kwargs: `model_range`, `column_mean`, `column_scale`, `name`.

    Raises:
        ValueError: If an option's value is not fit, or does not fit the data.

    Example:

    >>> model = kerasos.FlowMatching.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=50)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Lipman, Chen, Ben-Hamu, Nickel, Le. Flow Matching for Generative Modeling,
        ICLR 2023.
    """

    default_steps = (2_000, 10_000)
    default_row_steps = (500, 5_000)  # more of them approach copies of rare rows
    default_passes = 10
    sampling_settings = sampling_only = ("sampling_steps", "guidance")

    @checked
    def __init__(
        self,
        network,
        *,
        draws: Count | None = None,
        label_dropout: Share = 0.0,
        guidance: NonNegative = 1.0,
        class_balance: NonNegative = 0.0,
        augment: Share = 0.0,
        sampling_steps: Count = 25,
        pre_oversample: bool | None = None,
        **kwargs,
    ):
        shape = network.output_shape[1:]
        super().__init__(noise_dim=math.prod(shape), **kwargs)
        self.network = network
        self.draws = draws
        self.label_dropout = label_dropout
        self.guidance = guidance
        self.class_balance = class_balance
        self.augment = augment
        self.sampling_steps = sampling_steps
        self.pre_oversample = pre_oversample
        self.decoder_shape = shape
        self._check_guidance()
        _check_augment(augment, self.spec)
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
        blocks: Count | None = None,
        patch: Count | None = None,
        attention: bool = False,
        draws=None,
        label_dropout=None,
        guidance=1.0,
        class_balance=0.0,
        augment=0.0,
        sampling_steps=25,
        pre_oversample=None,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            width: Units of the network's hidden layers, by default as many as the rows
                have columns, but 128 to 512; for images channels of its first grid, see
                `kerasos.methods.flow.unet.width_of`.
            blocks: Its residual blocks, by default 3; for images those of each grid on
                the way down, and as many on the way up, by default 1.
            patch: Of images: pixels along a side that the first convolution takes at
                once, by default 1 up to 16 pixels a side, 2 up to 32, 4 up to 64. Fewer
                are finer, and a step takes four times as long for half of them.
            attention: Of images: whether the places of the smallest grid attend to
                each other.
            draws, label_dropout, guidance, class_balance, augment, sampling_steps,
                pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        spec = data.spec
        _check_augment(augment, spec)
        options = cls.options.given(
            locals(),
            {"label_dropout": LABEL_DROPOUT if spec.is_image else 0.0},
        )
        if spec.is_image:
            network = velocity_unet(
                spec.shape,
                spec.num_classes + (CHANGES if augment else 0),
                data.seed,
                width or width_of(spec.shape, patch),
                blocks or 1,
                patch,
                attention,
            )
            return cls.for_data(
                data, {"network": network}, model_range=(-1.0, 1.0), **options
            )
        _check_no_image_options(spec, patch=patch, attention=attention or None)
        columns = spec.num_features
        width = width or min(max(columns, 128), 512)
        network = velocity_mlp(columns, spec.num_classes, data.seed, width, blocks or 3)
        return cls.for_data(data, {"network": network}, **options)

    def compile(self, g_optimizer=None, **kwargs):
        """Sets the optimizer; by default AdamW, rate 2e-3 and weight decay 1e-2.

        For images Adam without decay, rate 2e-3.

        Args:
            g_optimizer: Moves the network.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        if g_optimizer is None:
            of_rows = Adam(2e-3, weight_decay=1e-2)
            g_optimizer = Adam(2e-3) if self.spec.is_image else of_rows
        self.compile_players({"g_optimizer": g_optimizer}, **kwargs)

    @property
    def batch_balance(self):
        if self.pre_oversample is None:
            return self.spec.is_image and not self.class_balance
        return super().batch_balance

    def player_variables(self):
        return {"g_optimizer": self.network.trainable_variables}

    def train_step(self, data):
        variables = self.network.trainable_variables
        with watching(variables) as tape:
            loss = self._training_loss(data)
        self.minimize(loss, tape, variables, self.g_optimizer)
        self._average(variables)
        return self.finish_step(loss=loss)

    def test_step(self, data):
        rows, labels = self._drawn(data)
        line = self._noise_and_time(num_rows(rows), "validation")
        loss = matching_loss(self._averaged_velocity, rows, *line, self._told(labels))
        return self.finish_validation(num_rows(rows), loss=loss)

    def _training_loss(self, data):
        rows, labels = self._drawn(data)
        count, changes = num_rows(rows), None
        line = self._noise_and_time(count, "train")
        if self.augment:
            images = ops.reshape(rows, (-1, *self.decoder_shape))
            uniforms = self.uniform(count, "augment", width=2 * CHANGES)
            images, changes = augmented(images, uniforms, self.augment)
            rows = ops.reshape(images, (-1, self.noise_dim))
        kept, others = 1.0, None
        if self.label_dropout:
            dropped = self.uniform(count, "label_dropout", width=1) < self.label_dropout
            kept = 1.0 - ops.cast(dropped, "float32")
        if self.class_balance:
            classes = self.spec.num_classes
            other = self.uniform(count, "other_class", float(classes))
            others = ops.one_hot(ops.cast(other, "int32"), classes)
            others = self._told(kept * others, changes)
        told = self._told(kept * labels, changes)
        return matching_loss(
            self._velocity, rows, *line, told, others, self.class_balance
        )

    def _drawn(self, data):
        """Rows of the batch and their labels, each as often as it meets a noise."""
        samples, one_hot = self.real_batch(data)
        rows = ops.reshape(samples, (-1, self.noise_dim))
        wanted = IMAGE_DRAWS if self.spec.is_image else DRAWS
        draws = self.draws or _draws_for(num_rows(samples), wanted)
        return (ops.repeat(part, draws, axis=0) for part in (rows, one_hot))

    def _noise_and_time(self, count, tag):
        noise = self.normal(count, self.noise_dim, f"{tag}_noise")
        return noise, ops.sigmoid(self.normal(count, 1, f"{tag}_time"))

    def _told(self, one_hot, changes=None):
        """What the network is told beside the time: labels, and changes of images."""
        if not self.augment:
            return one_hot
        if changes is None:
            changes = ops.zeros((ops.shape(one_hot)[0], CHANGES))
        return ops.concatenate([one_hot, changes], axis=1)

    # The network takes samples in their shape, the method rows of numbers.

    def _inputs(self, rows, time, told):
        return [ops.reshape(rows, (-1, *self.decoder_shape)), time, told]

    def _velocity(self, rows, time, told):
        velocity = self.network(self._inputs(rows, time, told), training=True)
        return ops.reshape(ops.cast(velocity, "float32"), (-1, self.noise_dim))

    def _averaged_velocity(self, rows, time, told):
        velocity, _ = self.network.stateless_call(
            self.averages,
            self.network.non_trainable_variables,
            self._inputs(rows, time, told),
            training=False,
        )
        return ops.reshape(ops.cast(velocity, "float32"), (-1, self.noise_dim))

    def _average(self, variables):
        step = ops.cast(ops.convert_to_tensor(self.steps_done), "float32") + 1.0
        kept = (1.0 - 1.0 / step) ** AVERAGE_POWER
        for average, variable in zip(self.averages, variables, strict=True):
            average.assign(variable + kept * (average - variable))

    def generate(self, latent, labels):
        self._check_guidance()
        told = self._told(ops.one_hot(labels, self.spec.num_classes))

        def field(rows, time):
            time = ops.broadcast_to(time, (ops.shape(rows)[0], 1))
            if self.guidance == 1.0:
                return self._averaged_velocity(rows, time, told)
            inputs = [(rows, rows), (time, time), (told, ops.zeros_like(told))]
            both = self._averaged_velocity(*map(ops.concatenate, inputs))
            velocity, of_all = ops.split(both, 2)
            return of_all + self.guidance * (velocity - of_all)

        samples = heun(field, ops.cast(latent, "float32"), self.sampling_steps)
        return ops.clip(samples, *self.model_range) if self.spec.is_image else samples

    def _check_guidance(self):
        if self.guidance != 1.0 and not self.label_dropout:
            raise ValueError(
                "`guidance` leads away from samples without a label, which only a "
                "model trained with `label_dropout` knows. Expected 1. Received: "
                f"guidance={self.guidance} and label_dropout={self.label_dropout}. Set "
                "`guidance` to 1, or train with `label_dropout=0.1`."
            )


def _check_augment(augment, spec):
    if augment and not spec.is_image:
        _check_no_image_options(spec, augment=augment)


def _check_no_image_options(spec, **options):
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"`{name}` is for images. Expected none with rows of a table. "
                f"Received: {name}={value!r} and samples of shape {spec.shape}. Leave "
                "it out."
            )


def _draws_for(rows, wanted):
    """Draws for each of so many rows of this replica; one where that is not known."""
    replicas, _ = replica_context()
    return max(1, wanted // (rows * replicas)) if isinstance(rows, int) else 1


def augmented(images, uniforms, share):
    """Moves, turns, resizes and mirrors images, and says how.

    Each of the five changes comes to each image with probability `share`; see
    `affine_images`. They go up to an eighth of the side, 20 degrees and a fifth.

    Args:
        images: Float tensor `(batch, height, width, channels)`.
        uniforms: Float tensor `(batch, 10)` in [0, 1).
        share: Float in [0, 1].

    Returns:
        `(images, changes)`, changes `(batch, 5)` in [-1, 1]: 0 where there is none, 1
        for a mirrored image.
    """
    comes = ops.cast(uniforms[:, :CHANGES] < share, "float32")
    signed = comes * (2.0 * uniforms[:, CHANGES:] - 1.0)
    mirrored = comes[:, -1:]
    changes = ops.concatenate([signed[:, :-1], mirrored], axis=1)
    # What `affine_images` takes: in the middle nothing moves, below it is mirrored.
    drawn = ops.concatenate([signed[:, :-1] / 2.0 + 0.5, 1.0 - mirrored], axis=1)
    return affine_images(images, drawn, _SHIFT, _DEGREES, _ZOOM, True), changes


def matching_loss(velocity, rows, noise, time, one_hot, others=None, weight=0.0):
    """Mean squared deviation from the velocity of the line from noise to row.

        mean (v((1 - t) x0 + t x1, t, y) - (x1 - x0))^2

    Lipman et al., equation 23; over columns a mean, as is usual. With `others`, the
    class-balancing term of Qin et al., algorithm 1, is added, sg() a constant:

        weight (1 - t) (|v(x_t, t, y) - sg(v(x_t, t, y'))|^2
                        + 1/4 |sg(v(x_t, t, y)) - v(x_t, t, y')|^2)

    Args:
        velocity: Function of points `(batch, d)`, times and labels to `(batch, d)`.
        rows: Float tensor `(batch, d)`, x1.
        noise: Float tensor `(batch, d)`, x0.
        time: Float tensor `(batch, 1)` in [0, 1].
        one_hot: Float tensor `(batch, num_classes)`.
        others: Labels y' like `one_hot`, of classes drawn alike; None for no term.
        weight: Float, tau of Qin et al. times the number of their steps.

    Returns:
        Float32 scalar.
    """
    points = (1.0 - time) * noise + time * rows
    found = velocity(points, time, one_hot)
    loss = ops.mean(ops.square(found - (rows - noise)))
    if others is None:
        return loss
    other, still = velocity(points, time, others), ops.stop_gradient
    apart = ops.square(found - still(other))
    apart += _OTHER_SHARE * ops.square(still(found) - other)
    return loss + weight * ops.mean((1.0 - time) * apart)


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

    # One velocity a turn, so that the graph holds the network once: first at the start
    # of a step, then where that would lead.
    def turn(index, state):
        start, here, before = state
        velocity = field(here, size * ops.cast((index + 1) // 2, "float32"))
        ahead = start + size * velocity
        end = start + 0.5 * size * (before + velocity)
        is_second = ops.equal(index % 2, 1)
        here = ops.where(is_second, end, ahead)
        return ops.where(is_second, end, start), here, velocity

    state = (points, points, ops.zeros_like(points))
    return ops.fori_loop(0, 2 * steps, turn, state)[0]
