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

from collections.abc import Sequence
from typing import Literal, Self

from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Seed, checked
from kerasos.layers.diff_augment import Augment
from kerasos.methods.base import read_data
from kerasos.methods.conditional import LATENT_DIM
from kerasos.methods.conditional_gan import RATES, ConditionalGAN
from kerasos.networks import dcgan
from kerasos.networks.gamo import conditional_generator
from kerasos.networks.image_size import Size, size_of
from kerasos.networks.mlp import leaky_mlp, normalized_mlp
from kerasos.registry import register_method

DCGAN_RATE = 2e-4
DCGAN_RATES = {"lr_g": DCGAN_RATE, "lr_d": DCGAN_RATE}


@register_method("cgan")
class CGAN(ConditionalGAN):
    """Trains `G(z, y)` against `D(x, y)`.

    `CGAN.from_data(x, y)` builds the networks; the constructor takes your own. The
    paper trains for 30 epochs of batches of 64, 60 with `pre_oversample=True`.

    Rows of tables keep spread and missing rates of their class; categories of a few
    percent all but vanish, and weak correlations are weakened further.

    Args:
        generator: Keras model from `[noise, one_hot]` to samples.
        discriminator: Keras model from `[samples, one_hot]` to one logit.
        prior: "uniform" in (-1, 1) (paper) or "normal".
        loss: "ce" (paper) or "ls", least squares.
        fake_labels: Labels of generated samples in training: "batch" (authors'
            code), those of the real batch, so that a rare class is rarely asked
            for; or "uniform" (ours) over the classes.
        lr_g, lr_d: Learning rates of Adam with beta_1 .5: 2e-4 and 1e-3 (paper).
        **kwargs: Those of `ConditionalModel`, among them `spec`, `seed` and
            `pre_oversample` (the R- variant).

    Example:

    >>> model = kerasos.CGAN.from_data(x, y, seed=0, pre_oversample=True)
    >>> model.fit(kerasos.data.batches(x, y, 64), epochs=60)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Mirza, Osindero. Conditional Generative Adversarial Nets, 2014.
        Fajardo et al. On oversampling imbalanced data with deep conditional
        generative models, Expert Systems with Applications 169, 2021.
    """

    def __init__(self, generator, discriminator, **kwargs):
        super().__init__(generator, **kwargs)
        self.discriminator = discriminator
        self.track("d_loss", "g_loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        variant: Literal["conv", "dense", "gamo"] | None = None,
        latent_dim: Count | None = None,
        size: Size | None = None,
        loss="ce",
        fake_labels="batch",
        lr: Literal[*RATES] | None = None,
        lr_g=None,
        lr_d=None,
        d_augment: Augment = (),
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model, with the paper's settings.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            variant: "conv" (images), "dense" (table rows; ours: Dense 256 - 256 with
                batch normalisation for G, Dense 256 - 128 for D, on standardised
                columns), by the data; or "gamo": the dense networks of GAMO without
                its convexity on flat samples in [-1, 1], normal noise of width 100
                and rates 2e-4 (cGAN in Mullick et al., table 1).
            latent_dim: Width of the noise, 62 (paper); 100 for "gamo".
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            lr: "paper" (default), or "base": `lr_g` and `lr_d` swapped, as in the
                code that the paper builds on.
            d_augment: Images only, off by default: how D's images are changed in
                training, real and generated alike, against a D that learns a few
                hundred images by heart: names out of ("color", "translation",
                "cutout"), see `kerasos.layers.diff_augment`. It mended the AC-GAN
                of `ActiveGAN` on 500 MNIST images (benchmarks/notes.md) and did
                harm in short runs (docs/image_networks.md).
            loss, fake_labels, lr_g, lr_d, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        by_data = "conv" if data.spec.is_image else "dense"
        variant = variant or by_data
        if variant not in (by_data, "gamo"):
            raise ValueError(
                "`variant='conv'` needs images (height, width, channels) and "
                "`variant='dense'` table rows. Received: "
                f"variant={variant!r} and samples of shape {data.spec.shape}. Leave "
                "`variant` out, or use 'gamo' for dense networks on images."
            )
        build = {"conv": _image_networks, "dense": _row_networks}
        build["gamo"] = _gamo_networks
        latent_dim = latent_dim or (100 if variant == "gamo" else LATENT_DIM)
        settings, rates = {}, RATES[lr or "paper"]
        if variant == "gamo":
            settings = {"prior": "normal", "model_range": (-1.0, 1.0)}
            rates = rates if lr else DCGAN_RATES
        return cls.for_data(
            data,
            build[variant](data.spec, latent_dim, data.seed, size_of(data.spec, size)),
            d_augment=d_augment,
            **cls.options.given(locals(), rates),
            **settings,
        )


@register_method("cdcgan")
class CDCGAN(ConditionalGAN):
    """The conditional DCGAN that GAMO is compared with; see `CGAN`.

    Images only, in [-1, 1], tanh output, Adam with 2e-4 and .5 for both players
    (ours throughout). GAMO's tables take 25,000 steps of batches of 32.

    Args:
        generator, discriminator: As in `CGAN`.
        **kwargs: As in `CGAN`. `lr_g` and `lr_d` are 2e-4 unless given.

    Example:

    >>> model = kerasos.CDCGAN.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 32), epochs=80)
    """

    makes = ("images",)

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
        super().__init__(generator, **kwargs)
        self.discriminator = discriminator
        self.track("d_loss", "g_loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count = LATENT_DIM,
        size: Size | None = None,
        loss="ce",
        fake_labels="batch",
        lr_g=DCGAN_RATE,
        lr_d=DCGAN_RATE,
        d_augment: Augment = (),
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for images; see `CGAN.from_data`."""
        data = read_data(x, y, seed, value_range, label_names)
        if not data.spec.is_image:
            raise ValueError(
                "cDCGAN needs images (height, width, channels). Received: samples of "
                f"shape {data.spec.shape}. Use `CGAN` for table rows."
            )
        hidden = dcgan.HIDDEN if max(data.spec.shape[:2]) <= 28 else None
        return cls.for_data(
            data,
            _image_networks(
                data.spec,
                latent_dim,
                data.seed,
                size_of(data.spec, size),
                "tanh",
                hidden,
            ),
            d_augment=d_augment,
            model_range=(-1.0, 1.0),
            **cls.options.given(locals()),
        )


def _image_networks(
    spec, latent_dim, seed, size, activation="sigmoid", hidden=dcgan.HIDDEN
):
    shape, num_classes = spec.shape, spec.num_classes
    return {
        "generator": dcgan.generator(
            shape, latent_dim, num_classes, seed, activation, hidden, size=size
        ),
        "discriminator": dcgan.discriminator(
            shape, num_classes, seed, hidden, size=size
        ),
    }


def _row_networks(spec, latent_dim, seed, size):
    del size
    sizes = (latent_dim, spec.num_classes)
    inputs = (spec.num_features, spec.num_classes)
    return {
        "generator": normalized_mlp(sizes, spec.num_features, seed, "generator"),
        "discriminator": leaky_mlp(inputs, 1, seed, "discriminator", slope=0.2),
    }


def _gamo_networks(spec, latent_dim, seed, size):
    del size
    width, num_classes = spec.num_features, spec.num_classes
    return {
        "generator": conditional_generator(latent_dim, num_classes, width, seed),
        "discriminator": leaky_mlp((width, num_classes), 1, seed, "discriminator"),
    }
