"""cWAE: a Wasserstein autoencoder whose both halves know the label.

Tolstikhin, Bousquet, Gelly, Schoelkopf, ICLR 2018, made conditional, which Fajardo et
al. (2021) name as a next step. The encoder is deterministic, and its latents as a whole
are brought to N(0, I) by a discrepancy of samples, not by a divergence a sample:

    L = w E_b |x - x'|^2 + lambda [ MMD(z, p) + mean_k MMD(z of class k, p) ]
    z = encoder(x, y),  x' = decoder(z, y),  p ~ N(0, I)

The second discrepancy is what the label adds: a sample of class k decodes p with k, so
the latents of each class must be N(0, I), and the mixture of all can be while none is.
It needs several rows of each class, so batches are drawn class by class.

With `penalty="gan"` a discriminator of latent and label takes the place of both:

    L   = w E_b |x - x'|^2 + lambda bce(D(z, y), 1)
    L_D = bce(D(p, y), 1) + bce(D(z, y), 0)

Networks, weights, rates and the pre-training of the encoder are of the authors' code
(tolstikhin/wae, MNIST; colour images as its CelebA). Departures, each with its reason:
- The rate falls after as many steps as 30 and 50 of their epochs of MNIST, not after
  epochs, which are short on small data.
- All images are in [0, 1]; the code has colour in [-1, 1], where squares are four times
  as large: w is 0.2 there, not 0.05.
- lambda is a tenth of theirs with `penalty="gan"`. With theirs, 10, the decoder gave
  one image a class of scikit-learn's digits (after 800 steps and 1,600): the encoder
  followed D and told nothing of x.
- w is for images of 28x28 (64x64 in colour) and goes up as images have fewer pixels;
  for the standardised columns of a table it makes predicting the mean cost as much as
  on MNIST (ours).
"""

import keras
import numpy as np
import tensorflow as tf

from kerasos.losses.adversarial import cross_entropy_source_loss
from kerasos.losses.class_mmd import class_mmd
from kerasos.losses.mmd import imq_mmd
from kerasos.models.conditional import ConditionalModel, latent_dim_of
from kerasos.models.encoder_pretraining import EncoderPretraining
from kerasos.models.rate_schedule import RateSchedule
from kerasos.models.training import num_rows, watching
from kerasos.networks import cwae as networks
from kerasos.networks import dgc
from kerasos.registry import register_method
from kerasos.replicas import all_rows
from kerasos.suggest import check_choice, check_count

INPUT_NOISE = 0.01
# Tolstikhin et al., authors' code: MNIST and CelebA. Rows are ours.
DEFAULTS = {
    "grey": {"latent_dim": 8, "mmd_weight": 10.0, "lr": 1e-3},
    "colour": {"latent_dim": 64, "mmd_weight": 100.0, "lr": 5e-4},
    "rows": {"latent_dim": 16, "mmd_weight": 10.0, "lr": 1e-3},
}
_SMALL_SIDE = 16  # up to here a quarter of the filters does


@register_method("cwae")
class ConditionalWAE(EncoderPretraining, RateSchedule, ConditionalModel):
    """Trains an encoder and a decoder that see the label, and matches latents a class.

    `ConditionalWAE.from_data(x, y)` builds the networks of the authors' code; the
    constructor takes your own. The authors train for 100 epochs of batches of 100 on
    MNIST, 60,000 steps. Take batches with `class_rows` times the number of classes, or
    more.

    Args:
        encoder: Keras model from `[samples, one_hot]` to latents.
        decoder: Keras model from `[latents, one_hot]` to samples.
        discriminator: Keras model from `[latents, one_hot]` to one logit, or None.
        spec: `kerasos.data.DataSpec` of the training data.
        reconstruction_weight: Float w on the squared error, summed over a sample.
            0.05 for MNIST (authors' code).
        mmd_weight: Float lambda on the match of the latents, 10 for MNIST (authors'
            code); with a discriminator 1 (ours).
        penalty: How latents are matched: "mmd" (default) or "gan".
        class_rows: Ours: least rows of a class in a batch for a discrepancy of its
            own, 8.
        pretrain_steps: Most updates of the encoder before training, 200 (authors'
            code); see `EncoderPretraining`.
        pretrain_rows: Samples of each, 1,000 (authors' code).
        lr: Learning rate of Adam, 1e-3 for MNIST (authors' code); that of D is half.
        lr_steps: Two numbers of steps, after which the rates are halved and then
            divided by 5: 18,000 and 30,000, epochs 30 and 50 of the authors. Rates
            change at starts of epochs. None keeps them.
        real_sampling: "balanced" (ours, the default), rows drawn class by class, or
            "natural", as they come.
        seed: Integer behind all noise of training.
        **kwargs: `model_range`, `column_mean`, `column_scale`, `name`.

    `from_data` also takes:
        latent_dim: Width of the latents: 8 for grey images, 64 for colour (authors'
            code), for tables as many as features, up to 16 (ours).
        width: Filters of the widest layers, 1024 (authors' code), 256 for images up
            to 16 pixels (ours).
        networks: "dgc" (default), as in the authors' code, or "cvae" (images only),
            which take a fortieth of the work at 28x28.

    Its defaults for colour are `mmd_weight=100` (10 with a discriminator) and `lr=5e-4`
    (authors' code, CelebA).

    Raises:
        ValueError: If an option's value is unknown or out of range.

    Example:

    >>> model = kerasos.ConditionalWAE.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 100), epochs=100)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Tolstikhin, Bousquet, Gelly, Schoelkopf. Wasserstein Auto-Encoders, ICLR 2018.
    """

    options = (
        "latent_dim",
        "value_range",
        "label_names",
        "reconstruction_weight",
        "mmd_weight",
        "penalty",
        "class_rows",
        "pretrain_steps",
        "pretrain_rows",
        "lr",
        "lr_steps",
        "real_sampling",
        "width",
        "networks",
    )

    def __init__(
        self,
        encoder,
        decoder,
        discriminator=None,
        *,
        reconstruction_weight=0.05,
        mmd_weight=10.0,
        penalty="mmd",
        class_rows=8,
        pretrain_steps=200,
        pretrain_rows=1000,
        lr=1e-3,
        lr_steps=(18_000, 30_000),
        real_sampling="balanced",
        **kwargs,
    ):
        check_choice("penalty", penalty, ("mmd", "gan"))
        check_choice("real_sampling", real_sampling, ("balanced", "natural"))
        check_count("class_rows", class_rows, least=2)
        check_count("pretrain_steps", pretrain_steps, least=0)
        check_count("pretrain_rows", pretrain_rows, least=2)
        _check_lr_steps(lr_steps)
        if (discriminator is None) is (penalty == "gan"):
            raise ValueError(
                'A `discriminator` goes with `penalty="gan"`, and with that alone. '
                f"Received: penalty={penalty!r}, discriminator={discriminator}."
            )
        super().__init__(noise_dim=decoder.input_shape[0][-1], **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.discriminator = discriminator
        self.decoder_shape = decoder.output_shape[1:]
        self.reconstruction_weight = float(reconstruction_weight)
        self.mmd_weight = float(mmd_weight)
        self.penalty = penalty
        self.class_rows = int(class_rows)
        self.pretrain_steps = int(pretrain_steps)
        self.pretrain_rows = int(pretrain_rows)
        self.lr = float(lr)
        self.lr_steps = None if lr_steps is None else [int(n) for n in lr_steps]
        self.real_sampling = real_sampling
        self.pretrained = self._counter("pretrained")
        self.add_rate_factor()
        matches = {"mmd": ("mmd_loss", "class_mmd_loss"), "gan": ("g_loss", "d_loss")}
        self.track("loss", "reconstruction_loss", *matches[penalty])

    @classmethod
    def build_networks(cls, spec, seed, options):
        kind, width = "rows", dgc.WIDTH
        weight = 2.6 / spec.num_features  # as predicting the mean costs on MNIST
        if spec.is_image:
            kind = "grey" if spec.shape[2] == 1 else "colour"
            base, size = {"grey": (0.05, 28**2), "colour": (0.2, 3 * 64**2)}[kind]
            weight = base * max(1.0, size / spec.num_features)
            width = dgc.WIDTH if max(spec.shape[:2]) > _SMALL_SIDE else dgc.WIDTH // 4
        settings = {"reconstruction_weight": weight, **DEFAULTS[kind]}
        if options.get("penalty") == "gan":
            settings["mmd_weight"] /= 10.0
        latent_dim = settings.pop("latent_dim")
        if not spec.is_image:
            latent_dim = min(latent_dim, spec.num_features)
        latent_dim = latent_dim_of(options, latent_dim)
        settings = {name: options.pop(name, settings[name]) for name in settings}
        width = options.pop("width", width)
        check_count("width", width)
        which = options.pop("networks", "dgc")
        check_choice("networks", which, ("dgc", "cvae") if spec.is_image else ("dgc",))
        sizes = (spec.shape, latent_dim, spec.num_classes, seed)
        if which == "cvae":
            encoder, decoder = networks.small_networks(*sizes)
        else:
            encoder = networks.encoder(*sizes, width)
            decoder = networks.decoder(*sizes, width)
        built = {"encoder": encoder, "decoder": decoder}
        if options.get("penalty") == "gan":
            built["discriminator"] = networks.latent_discriminator(*sizes[1:])
        return built, settings

    def compile(self, d_optimizer=None, e_optimizer=None, g_optimizer=None, **kwargs):
        """Sets an optimizer an update; by default Adam with `lr` and .5.

        Args:
            d_optimizer: Moves the discriminator; by default with half the rate.
            e_optimizer: Moves the encoder alone, in its pre-training.
            g_optimizer: Moves encoder and decoder together.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "d_optimizer": d_optimizer or self._adam(0.5),
            "e_optimizer": e_optimizer or self._adam(),
            "g_optimizer": g_optimizer or self._adam(),
        }
        self.compile_players(optimizers, **kwargs)

    def _adam(self, share=1.0):
        return keras.optimizers.Adam(share * self.lr, beta_1=0.5)

    def player_variables(self):
        variables = {}
        if self.discriminator is not None:
            variables["d_optimizer"] = self.discriminator.trainable_variables
        if self.pretrain_steps:
            variables["e_optimizer"] = self.encoder_variables
        variables["g_optimizer"] = [
            *self.encoder_variables,
            *self.decoder.trainable_variables,
        ]
        return variables

    @property
    def encoder_variables(self):
        return self.encoder.trainable_variables

    @property
    def prefers_jit(self):
        # Measured at 28x28, one thread: XLA more than doubles a step of DGC's
        # networks and changes nothing for those of CVAE.
        return False

    @property
    def batch_balance(self):
        return True if self.real_sampling == "balanced" else super().batch_balance

    def rate_factor(self, epoch):
        del epoch  # epochs of small data are short
        steps = keras.ops.convert_to_numpy(self.steps_done).item()
        halved, divided = self.lr_steps or (np.inf, np.inf)
        return (0.5 if steps >= halved else 1.0) * (0.2 if steps >= divided else 1.0)

    # Training.

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        variables = self.player_variables()["g_optimizer"]
        with watching(variables) as tape:
            losses, latent, prior = self._objective(x, one_hot, training=True)
        self.minimize(losses["loss"], tape, variables, self.g_optimizer)
        if self.penalty == "gan":
            latent = tf.stop_gradient(latent)
            losses["d_loss"] = self._discriminator_step(latent, prior, one_hot)
        return self.finish_step(**losses)

    def test_step(self, data):
        x, one_hot = self.real_batch(data)
        losses, latent, prior = self._objective(x, one_hot, training=False)
        if self.penalty == "gan":
            losses["d_loss"] = self._discriminator_loss(latent, prior, one_hot)
        for name, value in losses.items():
            self.tracker(name).update_state(value)
        return {name: self.tracker(name).result() for name in losses}

    def _objective(self, x, one_hot, training):
        """L and its parts, the latents, and as many draws of the prior."""
        rows = num_rows(x)
        noisy = x + INPUT_NOISE * self._truncated_normal(x) if training else x
        latent = tf.cast(self.encoder([noisy, one_hot], training=training), tf.float32)
        prior = self.normal(rows, self.noise_dim, "prior")
        decoded = self.decoder([latent, one_hot], training=training)
        errors = tf.math.squared_difference(tf.cast(decoded, tf.float32), x)
        reconstruction = tf.reduce_mean(
            tf.reduce_sum(tf.reshape(errors, (rows, -1)), 1)
        )
        if self.penalty == "mmd":
            # Of the whole batch: a discrepancy is no mean over replicas.
            z, p, y = (all_rows(part) for part in (latent, prior, one_hot))
            matches = {
                "mmd_loss": imq_mmd(z, p),
                "class_mmd_loss": class_mmd(z, p, y, self.class_rows),
            }
        else:
            logits = self.discriminator([latent, one_hot], training=training)
            fooled = cross_entropy_source_loss(logits, 1.0)
            matches = {"g_loss": tf.reduce_mean(fooled)}
        match = tf.add_n(list(matches.values()))
        loss = self.reconstruction_weight * reconstruction + self.mmd_weight * match
        losses = {"loss": loss, "reconstruction_loss": reconstruction, **matches}
        return losses, latent, prior

    def _discriminator_step(self, latent, prior, one_hot):
        variables = self.discriminator.trainable_variables
        with watching(variables) as tape:
            loss = self._discriminator_loss(latent, prior, one_hot)
        self.minimize(loss, tape, variables, self.d_optimizer)
        return loss

    def _discriminator_loss(self, latent, prior, one_hot):
        loss = 0.0
        for values, target in ((prior, 1.0), (latent, 0.0)):
            logits = self.discriminator([values, one_hot])
            loss += tf.reduce_mean(cross_entropy_source_loss(logits, target))
        return loss

    def _truncated_normal(self, x):
        """Standard normal noise within two deviations, in the shape of `x`."""
        share = self.uniform(num_rows(x), "input", width=int(np.prod(x.shape[1:])))
        low = 0.5 * tf.math.erfc(2.0**0.5)
        noise = tf.math.ndtri(low + (1.0 - 2.0 * low) * share)
        return tf.reshape(noise, tf.shape(x))

    def draw_latent(self, x, one_hot, noise):
        """The latents of samples in training mode, for the pre-training."""
        del noise  # the encoder is deterministic
        return self.encoder([x, one_hot], training=True)

    # Sampling.

    def generate(self, latent, labels):
        one_hot = tf.one_hot(labels, self.spec.num_classes)
        return tf.cast(self.decoder([latent, one_hot], training=False), tf.float32)

    def get_config(self):
        config = super().get_config()
        for name in ("encoder", "decoder", "discriminator"):
            network = getattr(self, name)
            config[name] = network and keras.saving.serialize_keras_object(network)
        names = ("reconstruction_weight", "mmd_weight", "penalty", "class_rows")
        names += ("pretrain_steps", "pretrain_rows", "lr", "lr_steps", "real_sampling")
        return {**config, **{name: getattr(self, name) for name in names}}


def _check_lr_steps(lr_steps):
    if lr_steps is None:
        return
    if not isinstance(lr_steps, (list, tuple)) or len(lr_steps) != 2:
        raise ValueError(
            "`lr_steps` must be two numbers of steps, or None for constant rates. "
            f"Received: {lr_steps!r}."
        )
    for steps in lr_steps:
        check_count("lr_steps", steps, least=0)
