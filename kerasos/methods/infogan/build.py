"""Networks and settings of InfoGAN and IMSIC for a data set."""

from kerasos.methods.infogan import networks
from kerasos.networks.image_size import size_of
from kerasos.networks.mlp import linear_head

NUM_CODES = 4
ROW_Z_STD = 1.0  # less takes a part of every column's spread


def build(data, num_codes, latent_dim, image_size, size, preset, bn_epsilon, options):
    """Builds the networks and chooses the settings.

    Args:
        data: `kerasos.methods.base.Data`.
        num_codes, latent_dim, image_size, size, preset, bn_epsilon: As in
            `InfoGAN.from_data`.
        options: Dict for the constructor. None is the preset's value, or without one
            the constructor's default.

    Returns:
        `(networks, settings)`, as `ConditionalModel.for_data` takes them.

    Raises:
        ValueError: If options of the networks for images come with table rows.
    """
    spec, seed, num_codes = data.spec, data.seed, int(num_codes)
    shape = spec.shape
    if image_size == "auto":
        image_size = 32 if spec.is_image and shape[:2] == (28, 28) else None
    of_images = {"image_size": image_size, "bn_epsilon": bn_epsilon, "preset": preset}
    given = [name for name, value in of_images.items() if value is not None]
    if given and not spec.is_image:
        raise ValueError(
            f"{given} are options of the networks for images. Received: samples of "
            f"shape {shape}. Leave them out for table rows."
        )
    if image_size is not None:
        shape = (int(image_size), int(image_size), shape[2])
    options = {**options, "bn_epsilon": bn_epsilon}
    preset_values = {} if preset is None else _as_authors_code(num_codes)
    settings = {n: v for n, v in preset_values.items() if n in options}
    settings.update((n, v) for n, v in options.items() if v is not None)
    norm = {
        "bn_epsilon": float(settings.pop("bn_epsilon", networks.BN_EPSILON)),
        # PyTorch's default where the code meant to set it.
        "bn_momentum": networks.BN_MOMENTUM if preset is None else 0.9,
    }
    sizes = (latent_dim, spec.num_classes, num_codes)
    trunk = networks.trunk(shape, seed, **norm)
    width = trunk.output_shape[-1]
    heads = {
        "discriminator_head": 1,
        "classifier_head": spec.num_classes,
        "code_head": num_codes,
    }
    if spec.is_image:
        settings["model_range"] = (-1.0, 1.0)
    else:
        settings.setdefault("z_std", ROW_Z_STD)
    built = {
        "generator": networks.generator(
            shape, *sizes, seed, **norm, size=size_of(spec, size)
        ),
        "trunk": trunk,
        **{n: linear_head(width, units, seed, n) for n, units in heads.items()},
    }
    return built, settings


def _as_authors_code(num_codes):
    """What the released code does, where that is not our default."""
    values = {
        "class_code": "unsupervised",
        "real_sampling": "natural",
        "double_softmax": True,
        "bn_epsilon": 0.8,
        "per_class": 100,
        "code_std": [0.0] * num_codes,
        "structure": "repo",
    }
    if num_codes == 3:  # Fashion-MNIST
        values.update(z_std=0.2, code_std=[0.0, 0.0, 4.9])
    return values
