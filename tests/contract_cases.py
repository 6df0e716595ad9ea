"""What the tests in `contract/` must know of each method.

A new method adds two things here, and no test:

1. to `contract_cases.toml`, one table per variant worth checking, one of them with
   `full = true`; entries of the method's own table hold for all its variants;
2. to `PINS`, where it has networks, the parameter counts its paper's shapes give.
"""

import dataclasses
import operator
import pathlib
import tomllib
from collections.abc import Callable

import keras
import numpy as np

import kerasos


def images(counts=(24, 9, 5), size=8, channels=1, seed=0):
    """Digits-like uint8 images: a bright bar whose place tells the class."""
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    x = source.integers(0, 120, (len(y), size, size, channels))
    for image, label in zip(x, y, strict=True):
        image[2 * (label % 4) : 2 * (label % 4) + 2] += 130
    return x.astype("uint8"), y


def rows(counts=(20, 8), width=6, dtype="float32", seed=0):
    """Table rows in (-1, 1), one cluster a class."""
    source = np.random.default_rng(seed)
    y = source.permutation(np.repeat(np.arange(len(counts)), counts))
    x = 0.2 * source.standard_normal((len(y), width)) + 0.5 * np.cos(y)[:, None]
    return np.tanh(x).astype(dtype), y


def two_kinds_of_images():
    """Images of two classes: half the work of a step that goes class by class."""
    return images(counts=(20, 8))


def wide_rows():
    """Rows of Python's own floats, wider than what the networks compute in."""
    return rows(dtype="float64")


@dataclasses.dataclass(frozen=True)
class Case:
    """One variant of a method, on data so small that a step takes milliseconds.

    Args:
        method: Name in the registry.
        variant: String, for the test's id.
        options: Options of `from_data`.
        data: Function that returns `(x, y)`, imbalanced; in the table its name.
        losses: Names in the history after one round; None for no training.
        round: Epochs that pass through every stage once.
        full: Also check export, recovery from a crash and bad input. At least one
            case of a method.
        jit: Also check that XLA gives the same weights. One case of a method, the
            one with the smallest graph.
        needs_imbalance: Whether `from_data` refuses balanced data.
        adds_samples: Whether `oversample` adds any.
        makes_features: Whether samples are features, not rows like the data.
        option: A real option of `from_data` and its misspelling, or None where
            there are no options.
        step_size: Learning rate of plain gradient descent with which two steps
            move every network well above rounding, and do not blow up.
        spread: Factor on the last kernel of the generator before these two steps.
            An untrained generator with small weights makes samples that are nearly
            alike, and batch normalisation of them divides rounding by rounding.
        seed: Of weights and noise. With some a unit is near the kink of its ReLU, or
            a gradient near 0, and rounding grows by what processors sum differently.
    """

    method: str
    variant: str
    options: dict = dataclasses.field(default_factory=dict)
    data: Callable = images
    losses: tuple | None = None
    round: int = 1
    full: bool = False
    jit: bool = False
    needs_imbalance: bool = False
    adds_samples: bool = True
    makes_features: bool = False
    option: tuple | None = None
    step_size: float = 0.5
    spread: float = 1.0
    seed: int = 0

    @property
    def id(self):
        return f"{self.method}-{self.variant}"

    @property
    def cls(self):
        return kerasos.get_method(self.method)

    @property
    def has_network(self):
        return issubclass(self.cls, kerasos.OversamplingModel)

    def build(self, **options):
        options = {**self.options, **options}
        return self.cls.from_data(*self.data(), seed=self.seed, **options)


def read_cases():
    """Lists a `Case` for each variant in the table, options of its method included."""
    table = pathlib.Path(__file__).with_suffix(".toml").read_text()
    cases = []
    for method, shared in tomllib.loads(table).items():
        variants = {
            name: shared.pop(name)
            for name, entry in list(shared.items())
            if isinstance(entry, dict) and name != "options"
        }
        for variant, own in variants.items():
            options = {**shared.get("options", {}), **own.get("options", {})}
            given = {**shared, **own, "options": options}
            given["data"] = globals()[given.get("data", "images")]
            cases.append(Case(method, variant, **given))
    return cases


CASES = read_cases()
MNIST_IR_100 = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
ACTIVE_OPTIONS = {"features": "pixels", "svm": {"kernel": "linear", "C": 1.0}}
TEN_CLASSES = (12, 4, 4, 4, 4, 4, 4, 4, 4, 4)


@dataclasses.dataclass(frozen=True)
class Pin:
    """Trainable parameters of each network for the shapes of the paper.

    Args:
        method: Name in the registry.
        variant: String, for the test's id.
        networks: `{attributes of the model, joined by " + ": number of parameters}`,
            of networks, variables, or lists and dicts of them; together every
            trainable variable, each once.
        counts: Samples per class; with `size` they make the data.
        size: Height and width of an image; None for rows of `rows()`.
        channels: Channels of an image.
        options: Options of `from_data`.
    """

    method: str
    variant: str
    networks: dict
    counts: tuple = TEN_CLASSES
    size: int = 28
    channels: int = 1
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def id(self):
        return f"{self.method}-{self.variant}"

    def build(self):
        x, y = rows()
        if self.size is not None:
            x, y = images(self.counts, self.size, self.channels)
        return kerasos.get_method(self.method).from_data(x, y, seed=0, **self.options)


def variables_at(model, paths):
    """Lists the trainable variables at the attributes that a `Pin` names."""
    parts = [operator.attrgetter(path)(model) for path in paths.split(" + ")]
    found = []
    for part in keras.tree.flatten(parts):
        found += getattr(part, "trainable_variables", [part])
    return found


EXTRACTOR = {"feature_extractor": 829_792}
DCGAN_G = {"generator": 6_650_433}
# cTMU, then Dense 256 and Dense 784.
GAMO_CG = {"generator": 45_504 + 65 * 256 + 257 * 784}
GAMO_CONV = {
    "generator.trunk": 45_504,
    "generator.kernels + generator.biases": 65 * 36,
    **EXTRACTOR,
    "classifier_head": 165_514,
    "discriminator": 166_913,
}
GAMO_DENSE = {"classifier_head": 235_146, "discriminator": 236_545}
D_OF_INFOGAN = "trunk + discriminator_head + classifier_head + code_head"
D_OF_ACTIVEGAN = "trunk + discriminator_head + classifier_head"
COPIES = {"generator": "copies", "discriminator": False}


def unet_block(maps_in, maps):
    """Parameters of a residual block of flow's U-Net for images of 28 pixels."""
    first = 2 * maps_in + (9 * maps_in + 1) * maps
    second = 2 * maps + (9 * maps + 1) * maps
    told = (4 * 32 + 1) * maps
    skip = (maps_in + 1) * maps if maps_in != maps else 0
    return first + told + second + skip


PINS = [
    # Columns, then time and label; three blocks of a normalisation and two layers.
    Pin(
        "flow",
        "rows",
        {
            "network": 7 * 128
            + (16 + 2 + 1) * 128
            + 3 * (2 * 129 * 128 + 256)
            + 256
            + 129 * 6
        },
        size=None,
    ),
    Pin(
        "flow",
        "images",
        {
            # 4x4 pixels to 32 maps; 32 numbers of time and the label, to 128, to 128;
            # 14x14, 7x7, and back with what they held; 4x4 pixels.
            "network": (16 + 1) * 32
            + (32 + 10 + 1) * 128
            + 129 * 128
            + unet_block(32, 32)
            + (9 * 32 + 1) * 64
            + 2 * unet_block(64, 64)
            + unet_block(64 + 64, 64)
            + (9 * 64 + 1) * 32
            + unet_block(32 + 32, 32)
            + 2 * 32
            + 16 * 32
            + 1
        },
    ),
    Pin(
        "bagan",
        "images",
        {
            "generator": 8_163_840,
            "encoder": 387_840 + 1_254_500,
            "discriminator": 387_840 + 137_995,
        },
    ),
    Pin(
        "gamo",
        "dense",
        {
            "generator.trunk": 45_504,
            "generator.kernels + generator.biases": 325_000,
            **GAMO_DENSE,
        },
        MNIST_IR_100,
    ),
    Pin("gamo", "conv", GAMO_CONV, options={"variant": "conv"}),
    Pin(
        "gamo",
        "conditional",
        {**GAMO_CG, **GAMO_DENSE},
        options={"generator": "conditional"},
    ),
    Pin(
        "gamo2pix",
        "vae",
        {**GAMO_CONV, "heads": 9 * 91_464, "decoders": 9 * 191_713},
    ),
    Pin(
        "gamo2pix",
        "shared",
        {
            **EXTRACTOR,
            "classifier_head": 165_514 - 7 * 129,
            # The label comes in beside 512 features and beside 100 latents.
            "heads": 91_464 + 3 * 128,
            "decoders": 191_713 + 3 * 1_568,
        },
        (12, 4, 4),
        options={"shared": True, **COPIES},
    ),
    Pin(
        "gamo2pix",
        "began",
        {
            **EXTRACTOR,
            "classifier_head": 165_514 - 8 * 129,
            # Dense 3136, six Conv 3x3x64, Conv 3x3x1.
            "decoders": 513 * 3_136 + 6 * 36_928 + 577,
            # Conv; 64, 128 and 192 filters, twice each and once to halve; Dense 64;
            # the decoder from there.
            "critics": (9 + 1) * 64
            + 3 * 36_928
            + (9 * 64 + 1) * 128
            + 2 * (9 * 128 + 1) * 128
            + (9 * 128 + 1) * 192
            + (9 * 192 + 1) * 192
            + (49 * 192 + 1) * 64
            + 65 * 3_136
            + 6 * 36_928
            + 577,
        },
        (12, 4),
        options={"decoder": "began", **COPIES},
    ),
    Pin("dos", "conv", {**EXTRACTOR, "classifier_head": 165_514}),
    Pin(
        "dos",
        "dense",
        {"feature_extractor": 235_146 - 1_290, "classifier_head": 1_290},
        options={"variant": "dense"},
    ),
    Pin("cgan", "conv", {**DCGAN_G, "discriminator": 6_569_409}),
    Pin(
        "cgan",
        "gamo",
        {**GAMO_CG, "discriminator": GAMO_DENSE["discriminator"]},
        options={"variant": "gamo"},
    ),
    Pin("cdcgan", "28", {**DCGAN_G, "discriminator": 6_569_409}),
    Pin(
        "acgan",
        "conv",
        {
            **DCGAN_G,
            "trunk + discriminator_head": 6_559_169,
            "classifier_head": 132_746,
        },
    ),
    Pin(
        "activegan",
        "infogan",
        {
            **DCGAN_G,
            D_OF_ACTIVEGAN: 6_559_169 + 132_746,
            # 784-128-128-62, and 62 standard deviations.
            "policy_network": 124_990 + 62,
        },
        options=ACTIVE_OPTIONS,
    ),
    Pin(
        "activegan",
        "acgan",
        {"generator": 2_994_051, D_OF_ACTIVEGAN: 1_664_875},
        size=32,
        channels=3,
        options={**ACTIVE_OPTIONS, "lam": 0},
    ),
    Pin("cvae", "conv", {"encoder": 6_695_484, "decoder": 6_650_433}),
    Pin(
        "dgc",
        "28",
        {
            "trunk + posterior": 28_364_544,
            "decoder": 13_753_601,
            "classifier_head": 650,
        },
    ),
    Pin(
        "deepsmote",
        "28",
        {
            # Convolutions without biases, normalised but the first; Dense 300.
            "encoder": 2_753_536 + 1_792 + 153_900,
            # Dense 25088; three deconvolutions, two of them normalised.
            "decoder": 7_551_488 + 2_624_641,
        },
        options={"k_neighbors": 3},
    ),
    Pin(
        "two_stage_cvae",
        "conv",
        {
            # Those of CVAE with 64 latents.
            "encoder": 6_695_484 + 4 * 1_025,
            "decoder": 6_650_433 + 2 * 1_024,
            "latent_encoder": 2_316_672,
            "latent_decoder": 2_246_336,
            "raw_gamma_x + raw_gamma_z": 2,
        },
    ),
    Pin(
        "cwae",
        "conv",
        {
            # DGC's trunk with ten more channels, its Dense 8; its decoder of 8 + 10.
            "encoder": 11_017_856 + 16 * 10 * 128 + 32_776,
            "decoder": 13_753_601 - 46 * 50_176,
        },
    ),
    Pin(
        "cwae",
        "gan",
        {
            "encoder": 6_568_384 + 1_025 * 8,
            "decoder": 6_650_433 - 54 * 1_024,
            "discriminator": 19 * 512 + 3 * 513 * 512 + 513,
        },
        options={"penalty": "gan", "networks": "cvae"},
    ),
    *(
        Pin(method, "conv", {"generator": 853_377, D_OF_INFOGAN: 105_295})
        for method in ("infogan", "imsic")
    ),
]
