"""Writes docs/image_networks.md: trainable parameters by method, image and size.

python benchmarks/network_sizes.py
"""

import pathlib
import warnings

import numpy as np
from absl import app, flags, logging

import kerasos
from kerasos.methods.activegan import networks as activegan
from kerasos.methods.flow import unet
from kerasos.networks.image_size import SIZES

_OUTPUT = flags.DEFINE_string("output", "docs/image_networks.md", "File to write.")
SHAPES = ((28, 28, 1), (32, 32, 3), (64, 64, 3), (96, 48, 1), (128, 128, 3))
METHODS = [
    name
    for name in kerasos.list_methods()
    if "images" in kerasos.get_method(name).makes
    and issubclass(kerasos.get_method(name), kerasos.OversamplingModel)
    and name != "flow"  # has no sizes
]
COUNTS = (20, 10, 6, 4)
HEAD = """# How large the networks of images are

Millions of trainable parameters, all networks of a method together, with four classes.
`from_data(..., size=...)` takes "small", "medium" or "paper". By default it is "paper"
for images of at most 32 pixels a side, which is what the papers are about; for larger
ones "small" below 2,000 images, "medium" from there on. Any size of image works from
8x8 on, square or not. Made by `python benchmarks/network_sizes.py`.

"""
FOOT = """
Beside these, methods keep what they need of the data, which no optimizer moves: GAMO
and GAMO2pix at most `max_anchors` images of each smaller class, DeepSMOTE, DGC and DOS
at most `rows_per_class` of each, ActiveGAN its SVM and features.
BAGAN reaches sides that doubling does not by cropping. In the paper's size ActiveGAN
takes AC-GAN's networks for colour images whose sides 8 divides, else those of InfoGAN.

## flow

`flow` has no `size`. Its U-Net reads patches of the image, so that the first grid has
at most 16 places a side whatever the size of the image. It has `width` channels there
and twice as many on the next grid. A smaller `patch` is finer: half of it takes four
times as long.

| sides | channels | patch | width | parameters |
|---|---|---|---|---|
"""


def parameters(name, shape, size):
    """Returns the trainable parameters of a method's networks."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(COUNTS)), COUNTS)
    x = rng.integers(0, 256, (len(y), *shape)).astype("uint8")
    if name == "activegan":  # whose constructor trains a classifier
        kind = activegan.kind_of(shape, size)
        sizes = activegan.LATENT_DIM[kind], len(COUNTS), 0, size
        parts = activegan.networks(kind, shape, *sizes).values()
        return sum(part.count_params() for part in parts)
    options = {} if name == "dos" else {"size": size}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kerasos.get_method(name).from_data(x, y, seed=0, **options)
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def line(name, shape, sizes=SIZES):
    """Returns a row of the table."""
    x, y, channels = shape
    values = [f"{parameters(name, shape, size) / 1e6:.2f}" for size in sizes]
    return f"| {name} | {x}x{y}x{channels} | {' | '.join(values)} |"


def flow_line(shape):
    """Returns a row of the table of `flow`."""
    width = unet.width_of(shape)
    network = unet.velocity_unet(shape, len(COUNTS), 0, width)
    parameters = f"{network.count_params() / 1e6:.2f}"
    x, y, channels = shape
    size = f"{unet.patch_of(shape)} | {width}"
    return f"| {x} x {y} | {channels} | {size} | {parameters} |"


def main(_):
    logging.set_verbosity(logging.ERROR)
    head = f"| method | image | {' | '.join(SIZES)} |\n|---|---|---|---|---|\n"
    lines = [line(name, shape) for name in METHODS for shape in SHAPES]
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = HEAD + head + "\n".join(lines) + "\n" + FOOT
    text += "\n".join(map(flow_line, SHAPES)) + "\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app.run(main)
