"""CGAN and cDCGAN: the discriminator sees the label as well.

Mirza and Osindero, 2014, with the networks and settings of Fajardo et al. (Expert
Systems with Applications 169, 2021, table 11). Images in [0, 1], z uniform in
(-1, 1)^62:

    min_G max_D E log D(x, y) + E log(1 - D(G(z, y), y))

One step: D on a real and a generated batch, which go through batch normalisation
apart; then G against the moved D, with the same z and y, and with the non-saturating
loss -log D of the code that the paper builds on.

Departures, each with its reason:
- G's batch is made once for the two steps, not twice: G does not change in between.
  Its moving averages thus move once a step.
- D sees label maps beside the image. The paper's table 11 lists 28x28x1, but its text
  and the code concatenate, and table 13 has the maps.
- Batches of 64, the scale of the images and the initial weights are those of the
  code; the paper does not state them. The data are reshuffled in each pass.
- The learning rates are the paper's; in the code they are swapped (`lr="base"`).

cDCGAN is the convolutional competitor in Mullick et al. (ICCV 2019), who do not state
its networks. Ours: those above with tanh and images in [-1, 1] up to 28 pixels, those
of DCGAN (Radford et al., 2016) without a hidden layer for more; Adam 2e-4 and .5.
"""

import keras

from kerasos.models.conditional import latent_dim_of
from kerasos.models.conditional_gan import (
    GAN_OPTIONS,
    ConditionalGAN,
    adam,
    take_rates,
)
from kerasos.networks import dcgan
from kerasos.networks.gamo import conditional_generator
from kerasos.networks.mlp import leaky_mlp, normalized_mlp
from kerasos.registry import register_method
from kerasos.suggest import check_choice

DCGAN_RATE = 2e-4


@register_method("cgan")
class CGAN(ConditionalGAN):
    """Trains `G(z, y)` against `D(x, y)`.

    `CGAN.from_data(x, y)` builds the networks; the constructor takes your own. The
    paper trains for 30 epochs of batches of 64, 60 with `pre_oversample=True`.

    Args:
        generator: Keras model from `[noise, one_hot]` to samples.
        discriminator: Keras model from `[samples, one_hot]` to one logit.
        spec: `kerasos.data.DataSpec` of the training data.
        prior: "uniform" in (-1, 1) (paper) or "normal".
        loss: "ce" (paper) or "ls", least squares.
        fake_labels: Labels of generated samples in training: "batch" (authors'
            code), those of the real batch, so that a rare class is rarely asked
            for; or "uniform" (ours) over the classes.
        lr_g, lr_d: Learning rates of Adam with beta_1 .5: 2e-4 and 1e-3 (paper).
        pre_oversample: The R- variant (paper): `fit` repeats random rows of the
            smaller classes until all have n_max; the samples are not copied in
            memory, and `oversample` still adds n_max - n_k. Default False.
        seed: Integer behind all noise of training.
        **kwargs: `model_range`, `column_mean`, `column_scale`, `name`.

    `from_data` also takes:
        variant: "conv" (images), "dense" (table rows; ours: Dense 256 - 256 with
            batch normalisation for G, Dense 256 - 128 for D, on standardised
            columns), by the data; or "gamo": the dense networks of GAMO without
            its convexity on flat samples in [-1, 1], normal noise of width 100 and
            rates 2e-4 (cGAN in Mullick et al., table 1).
        latent_dim: Width of the noise, 62 (paper).
        lr: "paper", or "base": `lr_g` and `lr_d` swapped, as in the code that the
            paper builds on.
        d_shift: Images only, off by default, ours: the largest move, as a share of
            the side, of all images that D sees in training, real and generated alike
            (the translation of DiffAugment, Zhao et al., 2020; .125 there). Against
            a D that learns a few hundred images by heart; measured for the AC-GAN of
            `ActiveGAN` on 500 MNIST images (benchmarks/notes.md).

    Raises:
        ValueError: If an option's value is unknown or does not fit the data.

    Example:

    >>> model = kerasos.CGAN.from_data(x, y, seed=0, pre_oversample=True)
    >>> model.fit(kerasos.data.batches(x, y, 64), epochs=60)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mirza, Osindero. Conditional Generative Adversarial Nets, 2014.
        Fajardo et al. On oversampling imbalanced data with deep conditional
        generative models, Expert Systems with Applications 169, 2021.
    """

    options = (*GAN_OPTIONS, "variant", "lr")

    def __init__(self, generator, discriminator, **kwargs):
        super().__init__(generator, **kwargs)
        self.discriminator = discriminator
        self.track("d_loss", "g_loss")

    @classmethod
    def build_networks(cls, spec, seed, options):
        by_data = "conv" if spec.is_image else "dense"
        variant = options.pop("variant", by_data)
        check_choice("variant", variant, ("conv", "dense", "gamo"))
        if variant not in (by_data, "gamo"):
            raise ValueError(
                "`variant='conv'` needs images (height, width, channels) and "
                "`variant='dense'` table rows. Received: "
                f"variant={variant!r} and samples of shape {spec.shape}. Leave "
                "`variant` out, or use 'gamo' for dense networks on images."
            )
        if variant == "gamo":
            networks = _gamo_networks(spec, latent_dim_of(options, 100), seed)
            settings = {"prior": "normal", "model_range": (-1.0, 1.0)}
            if "lr" not in options:
                settings.update(_dcgan_rates(options))
                return networks, settings
        else:
            latent_dim, settings = latent_dim_of(options), {}
            build = _image_networks if variant == "conv" else _row_networks
            networks = build(spec, latent_dim, seed)
        settings.update(take_rates(options, ("lr_g", "lr_d")))
        return networks, settings

    def compile(self, d_optimizer=None, g_optimizer=None, **kwargs):
        """Sets one optimizer a player; by default Adam with `lr_d`, `lr_g` and .5.

        Args:
            d_optimizer: Moves the discriminator.
            g_optimizer: Moves the generator.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "d_optimizer": d_optimizer or adam(self.lr_d),
            "g_optimizer": g_optimizer or adam(self.lr_g),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        return {
            "d_optimizer": self.discriminator.trainable_variables,
            "g_optimizer": self.generator.trainable_variables,
        }

    def source_logits(self, x, one_hot, training=False):
        return self.discriminator([x, one_hot], training=training)

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        fakes = self.draw_fakes(one_hot)
        return self.finish_step(**self.adversarial_steps(x, one_hot, *fakes))

    def get_config(self):
        config = super().get_config()
        discriminator = keras.saving.serialize_keras_object(self.discriminator)
        return {**config, "discriminator": discriminator}


@register_method("cdcgan")
class CDCGAN(CGAN):
    """The conditional DCGAN that GAMO is compared with; see `CGAN`.

    Images only, in [-1, 1], tanh output, Adam with 2e-4 and .5 for both players
    (ours throughout). GAMO's tables take 25,000 steps of batches of 32.

    Args:
        generator, discriminator: As in `CGAN`.
        **kwargs: As in `CGAN`. `lr_g` and `lr_d` are 2e-4 unless given.

    `from_data` also takes:
        latent_dim: Width of the noise, 62.
        d_shift: As in `CGAN`.

    Example:

    >>> model = kerasos.CDCGAN.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=80)
    """

    options = GAN_OPTIONS

    def __init__(
        self,
        generator,
        discriminator,
        *,
        model_range=(-1.0, 1.0),
        lr_g=DCGAN_RATE,
        lr_d=DCGAN_RATE,
        **kwargs,
    ):
        kwargs.update(model_range=model_range, lr_g=lr_g, lr_d=lr_d)
        super().__init__(generator, discriminator, **kwargs)

    @classmethod
    def build_networks(cls, spec, seed, options):
        if not spec.is_image:
            raise ValueError(
                "cDCGAN needs images (height, width, channels). Received: samples of "
                f"shape {spec.shape}. Use `CGAN` for table rows."
            )
        hidden = dcgan.HIDDEN if max(spec.shape[:2]) <= 28 else None
        networks = _image_networks(
            spec, latent_dim_of(options), seed, activation="tanh", hidden=hidden
        )
        return networks, {"model_range": (-1.0, 1.0), **_dcgan_rates(options)}


def _dcgan_rates(options):
    return {name: options.pop(name, DCGAN_RATE) for name in ("lr_g", "lr_d")}


def _image_networks(spec, latent_dim, seed, activation="sigmoid", hidden=dcgan.HIDDEN):
    shape, num_classes = spec.shape, spec.num_classes
    return {
        "generator": dcgan.generator(
            shape, latent_dim, num_classes, seed, activation, hidden
        ),
        "discriminator": dcgan.discriminator(shape, num_classes, seed, hidden),
    }


def _row_networks(spec, latent_dim, seed):
    sizes = (latent_dim, spec.num_classes)
    inputs = (spec.num_features, spec.num_classes)
    return {
        "generator": normalized_mlp(sizes, spec.num_features, seed, "generator"),
        "discriminator": leaky_mlp(inputs, 1, seed, "discriminator", slope=0.2),
    }


def _gamo_networks(spec, latent_dim, seed):
    width, num_classes = spec.num_features, spec.num_classes
    return {
        "generator": conditional_generator(latent_dim, num_classes, width, seed),
        "discriminator": leaky_mlp((width, num_classes), 1, seed, "discriminator"),
    }
