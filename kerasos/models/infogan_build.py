"""Networks and settings of InfoGAN and IMSIC for a data set."""

import numbers

from kerasos.models.conditional import latent_dim_of
from kerasos.networks import infogan as networks
from kerasos.suggest import check_choice

NUM_CODES = 4
# Of the constructor, in the model's config.
SETTINGS = (
    "class_code",
    "real_sampling",
    "code_prior",
    "lambda_cat",
    "lambda_con",
    "z_std",
    "code_std",
    "per_class",
    "double_softmax",
    "lr",
)
OPTIONS = (
    "num_codes",
    "latent_dim",
    "image_size",
    "bn_epsilon",
    "preset",
    "d_shift",
    *SETTINGS,
    "value_range",
    "label_names",
)
_IMAGE_OPTIONS = ("image_size", "bn_epsilon", "preset")


def build(spec, seed, options):
    """Takes the options of the networks; returns networks and settings.

    Options that a preset decides are put into `options` where they are not given.
    """
    _check_image_options(spec, options)
    preset = options.pop("preset", None)
    num_codes = options.pop("num_codes", NUM_CODES)
    if not isinstance(num_codes, numbers.Integral) or num_codes < 1:
        raise ValueError(
            f"`num_codes` must be a positive integer. Received: {num_codes!r}."
        )
    if preset is not None:
        check_choice("preset", preset, ("repo",))
        for name, value in _as_authors_code(num_codes).items():
            options.setdefault(name, value)
    latent_dim = latent_dim_of(options)
    shape = _network_shape(spec, options.pop("image_size", "auto"))
    norm = {
        "bn_epsilon": float(options.pop("bn_epsilon", networks.BN_EPSILON)),
        # PyTorch's default where the code meant to set it.
        "bn_momentum": networks.BN_MOMENTUM if preset is None else 0.9,
    }
    sizes = (latent_dim, spec.num_classes, int(num_codes))
    trunk = networks.trunk(shape, seed, **norm)
    width = trunk.output_shape[-1]
    heads = {
        "discriminator_head": 1,
        "classifier_head": spec.num_classes,
        "code_head": int(num_codes),
    }
    built = {
        "generator": networks.generator(shape, *sizes, seed, **norm),
        "trunk": trunk,
        **{n: networks.head(width, units, seed, n) for n, units in heads.items()},
    }
    return built, {"model_range": (-1.0, 1.0)} if spec.is_image else {}


def _as_authors_code(num_codes):
    """What the released code does, where that is not our default."""
    values = {
        "class_code": "unsupervised",
        "real_sampling": "natural",
        "double_softmax": True,
        "bn_epsilon": 0.8,
        "per_class": 100,
        "code_std": [0.0] * num_codes,
    }
    if num_codes == 3:  # Fashion-MNIST
        values.update(z_std=0.2, code_std=[0.0, 0.0, 4.9])
    return values


def _network_shape(spec, image_size):
    if not spec.is_image or image_size is None:
        return spec.shape
    if image_size == "auto":
        resized = (32, 32, spec.shape[2])
        return resized if spec.shape[:2] == (28, 28) else spec.shape
    if not isinstance(image_size, numbers.Integral) or image_size < 4:
        raise ValueError(
            "`image_size` must be 'auto', None or an integer of at least 4. "
            f"Received: {image_size!r}."
        )
    return (int(image_size), int(image_size), spec.shape[2])


def _check_image_options(spec, options):
    given = [name for name in _IMAGE_OPTIONS if options.get(name) is not None]
    if not spec.is_image and given:
        raise ValueError(
            f"{given} are options of the networks for images. Received: samples of "
            f"shape {spec.shape}. Leave them out for table rows."
        )
