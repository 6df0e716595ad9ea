"""What `test_method_contract.py` must know of each method.

A new method adds two things here, and no test:

1. to `CASES`, one `Case` per variant worth checking, the first of them with
   `full=True`;
2. to `PINS`, where it has networks, the parameter counts its paper's shapes give.
"""

import dataclasses
from collections.abc import Callable

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
        data: Function that returns `(x, y)`, imbalanced.
        losses: Names in the history after one round; None for no training.
        round: Epochs that pass through every stage once.
        full: Also check export, recovery from a crash and bad input. At least one
            case of a method.
        jit: Also check that XLA gives the same weights. One case of a method, the
            one with the smallest graph.
        needs_imbalance: Whether `from_data` refuses balanced data.
        adds_samples: Whether `oversample` adds any.
        option: A real option of `from_data` and its misspelling, or None where
            there are no options.
        step_size: Learning rate of plain gradient descent with which two steps
            move every network well above rounding, and do not blow up.
        spread: Factor on the last kernel of the generator before these two steps.
            An untrained generator with small weights makes samples that are nearly
            alike, and batch normalisation of them divides rounding by rounding.
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
    option: tuple | None = None
    step_size: float = 0.5
    spread: float = 1.0

    @property
    def id(self):
        return f"{self.method}-{self.variant}"

    @property
    def has_network(self):
        return issubclass(kerasos.get_method(self.method), kerasos.OversamplingModel)

    def build(self, **options):
        return kerasos.get_method(self.method).from_data(
            *self.data(), seed=0, **{**self.options, **options}
        )


TWO_STAGE_LOSSES = (
    "loss",
    "reconstruction_loss",
    "kl_loss",
    "z_loss",
    "z_reconstruction_loss",
    "z_kl_loss",
)

CASES = [
    Case("none", "images", full=True, adds_samples=False),
    Case("random", "images", full=True),
    Case("random", "rows", data=rows),
    Case(
        "smote",
        "images",
        options={"k_neighbors": 3},
        full=True,
        option=("k_neighbors", "k_neighbor"),
    ),
    Case("smote", "rows", data=rows, options={"k_neighbors": 3}),
    Case("augment", "images", full=True, option=("rotation", "rotations")),
    Case(
        "bagan",
        "images",
        options={"latent_dim": 6, "ae_epochs": 1},
        losses=("reconstruction_loss", "d_loss", "g_loss", "fake_score"),
        round=2,
        full=True,
        option=("shrinkage", "shrinkages"),
    ),
    Case(
        "bagan",
        "rows",
        options={
            "ae_epochs": 1,
            "shrinkage": 0.25,
            "d_labels": "rebalance",
            "g_labels": "rebalance",
            "balance_real": True,
        },
        data=rows,
        losses=("reconstruction_loss", "d_loss", "g_loss", "fake_score"),
        round=2,
        jit=True,
    ),
    Case(
        "gamo",
        "dense",
        losses=("c_loss", "d_loss", "g_c_loss", "g_d_loss"),
        full=True,
        needs_imbalance=True,
        option=("max_anchors", "max_anchor"),
    ),
    Case(
        "gamo",
        "conv",
        options={"variant": "conv"},
        data=two_kinds_of_images,
        losses=("e_loss", "c_loss", "d_loss", "g_c_loss", "g_d_loss"),
        round=2,
        full=True,
        needs_imbalance=True,
        option=("max_anchors", "max_anchor"),
    ),
    Case(
        "gamo",
        "no_discriminator",
        options={"discriminator": False},
        data=rows,
        losses=("c_loss", "g_c_loss"),
        jit=True,
    ),
    Case(
        "gamo",
        "joint_ce",
        options={
            "g_update": "joint",
            "loss": "ce",
            "max_anchors": 6,
            "samples_per_class": 6,
        },
        losses=("c_loss", "d_loss", "g_c_loss", "g_d_loss"),
    ),
    Case(
        "gamo",
        "conditional",
        options={"generator": "conditional", "discriminator": False},
        data=two_kinds_of_images,
        losses=("c_loss", "g_c_loss"),
    ),
    Case(
        "gamo",
        "conditional_discriminator",
        options={"generator": "conditional"},
        data=wide_rows,
        losses=("c_loss", "d_loss", "g_c_loss", "g_d_loss"),
    ),
    Case(
        "cgan",
        "images",
        data=two_kinds_of_images,
        options={"latent_dim": 8},
        losses=("d_loss", "g_loss"),
        step_size=0.003,
        spread=30.0,
    ),
    Case(
        "cgan",
        "rows",
        data=wide_rows,
        options={"fake_labels": "uniform", "latent_dim": 8},
        losses=("d_loss", "g_loss"),
        full=True,
        jit=True,
        option=("fake_labels", "fake_label"),
    ),
    Case(
        "cgan",
        "gamo",
        data=two_kinds_of_images,
        options={"variant": "gamo", "loss": "ls"},
        losses=("d_loss", "g_loss"),
    ),
    Case(
        "cdcgan",
        "images",
        options={"latent_dim": 8},
        losses=("d_loss", "g_loss"),
        full=True,
        jit=True,
        option=("lr_g", "lrg"),
        step_size=0.003,
        spread=30.0,
    ),
    Case(
        "acgan",
        "images",
        data=two_kinds_of_images,
        options={"latent_dim": 8},
        losses=("c_loss", "d_loss", "g_loss"),
        step_size=0.001,
        spread=10.0,
    ),
    Case(
        "acgan",
        "rows",
        data=rows,
        options={"latent_dim": 8},
        losses=("c_loss", "d_loss", "g_loss"),
        full=True,
        jit=True,
        option=("lr_c", "lrc"),
        step_size=0.03,
    ),
    Case(
        "cvae",
        "images",
        options={"latent_dim": 8},
        losses=("loss", "reconstruction_loss", "kl_loss"),
        full=True,
        option=("kl_warmup_epochs", "kl_warm_up_epochs"),
        step_size=0.001,
    ),
    Case(
        "cvae",
        "rows",
        data=rows,
        options={"latent_dim": 8, "kl_warmup_epochs": 3},
        losses=("loss", "reconstruction_loss", "kl_loss"),
        jit=True,
        step_size=0.05,
    ),
    Case(
        "deepsmote",
        "images",
        options={"k_neighbors": 3, "filters": 4, "latent_dim": 8},
        data=two_kinds_of_images,
        losses=("loss", "reconstruction_loss", "penalty_loss"),
        step_size=0.1,
    ),
    Case(
        "deepsmote",
        "rows",
        options={"k_neighbors": 3, "rows_per_class": 10, "permute_target": False},
        data=wide_rows,
        losses=("loss", "reconstruction_loss", "penalty_loss"),
        full=True,
        jit=True,
        option=("k_neighbors", "k_neighbor"),
        step_size=0.1,
    ),
    Case(
        "two_stage_cvae",
        "images",
        options={
            "latent_dim": 4,
            "latent_units": [8, 8],
            "vae_epochs": 1,
            "latent_epochs": 4,
        },
        data=two_kinds_of_images,
        losses=TWO_STAGE_LOSSES,
        round=2,
        step_size=0.001,
    ),
    Case(
        "two_stage_cvae",
        "rows",
        options={
            "latent_dim": 4,
            "latent_units": [8],
            "vae_epochs": 1,
            "real_sampling": "natural",
        },
        data=rows,
        losses=TWO_STAGE_LOSSES,
        round=2,
        full=True,
        jit=True,
        option=("vae_epochs", "vae_epoch"),
        step_size=0.01,
    ),
    Case(
        "cwae",
        "images",
        options={
            "networks": "cvae",
            "class_rows": 3,
            "latent_dim": 4,
            "lr_steps": [6, 9],
            "pretrain_steps": 0,
            "reconstruction_weight": 5.0,
            "mmd_weight": 1.0,
        },
        data=two_kinds_of_images,
        losses=("loss", "reconstruction_loss", "mmd_loss", "class_mmd_loss"),
        step_size=2e-4,
    ),
    Case(
        "cwae",
        "rows",
        options={
            "penalty": "gan",
            "width": 8,
            "real_sampling": "natural",
            "pretrain_steps": 1,
        },
        data=wide_rows,
        losses=("loss", "reconstruction_loss", "g_loss", "d_loss"),
        full=True,
        jit=True,
        option=("mmd_weight", "mdm_weight"),
        step_size=0.3,
    ),
]


@dataclasses.dataclass(frozen=True)
class Pin:
    """Trainable parameters of each network for the shapes of the paper.

    Args:
        method: Name in the registry.
        variant: String, for the test's id.
        counts: Samples per class; with `size` they make the data.
        networks: `{name: (function from the model to a list of variables, number
            of parameters)}`; together every trainable variable, each once.
        size: Height and width of an image.
        options: Options of `from_data`.
    """

    method: str
    variant: str
    counts: tuple
    networks: dict
    size: int = 28
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def id(self):
        return f"{self.method}-{self.variant}"

    def build(self):
        x, y = images(self.counts, self.size)
        return kerasos.get_method(self.method).from_data(x, y, seed=0, **self.options)


def _variables(path):
    """Returns a function from a model to the trainable variables at `path`."""

    def read(model):
        for name in path.split("."):
            model = getattr(model, name)
        return model.trainable_variables

    return read


def _generation_units(model):
    trunk = {id(v) for v in model.generator.trunk.trainable_variables}
    return [v for v in model.generator.trainable_variables if id(v) not in trunk]


def _discriminator_of_acgan(model):
    head = model.discriminator_head.trainable_variables
    return [*model.trunk.trainable_variables, *head]


MNIST_IR_100 = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
TEN_CLASSES = (12, 4, 4, 4, 4, 4, 4, 4, 4, 4)

PINS = [
    Pin(
        "bagan",
        "images",
        TEN_CLASSES,
        {
            "G": (_variables("generator"), 8_163_840),
            "E": (_variables("encoder"), 387_840 + 1_254_500),
            "D": (_variables("discriminator"), 387_840 + 137_995),
        },
    ),
    Pin(
        "gamo",
        "dense",
        MNIST_IR_100,
        {
            "cTMU": (_variables("generator.trunk"), 45_504),
            "IGUs": (_generation_units, 325_000),
            "M": (_variables("classifier_head"), 235_146),
            "D": (_variables("discriminator"), 236_545),
        },
    ),
    Pin(
        "gamo",
        "conv",
        TEN_CLASSES,
        {
            "cTMU": (_variables("generator.trunk"), 45_504),
            "IGUs": (_generation_units, 65 * 36),
            "F": (_variables("feature_extractor"), 829_792),
            "M": (_variables("classifier_head"), 165_514),
            "D": (_variables("discriminator"), 166_913),
        },
        options={"variant": "conv"},
    ),
    Pin(
        "gamo",
        "conditional",
        TEN_CLASSES,
        {
            # cTMU, then Dense 256 and Dense 784.
            "cG": (_variables("generator"), 45_504 + 65 * 256 + 257 * 784),
            "M": (_variables("classifier_head"), 235_146),
            "D": (_variables("discriminator"), 236_545),
        },
        options={"generator": "conditional"},
    ),
    Pin(
        "cgan",
        "conv",
        TEN_CLASSES,
        {
            "G": (_variables("generator"), 6_650_433),
            "D": (_variables("discriminator"), 6_569_409),
        },
    ),
    Pin(
        "cgan",
        "gamo",
        TEN_CLASSES,
        {
            "cG": (_variables("generator"), 45_504 + 65 * 256 + 257 * 784),
            "D": (_variables("discriminator"), 236_545),
        },
        options={"variant": "gamo"},
    ),
    Pin(
        "cdcgan",
        "28",
        TEN_CLASSES,
        {
            "G": (_variables("generator"), 6_650_433),
            "D": (_variables("discriminator"), 6_569_409),
        },
    ),
    Pin(
        "acgan",
        "conv",
        TEN_CLASSES,
        {
            "G": (_variables("generator"), 6_650_433),
            "D": (_discriminator_of_acgan, 6_559_169),
            "C": (_variables("classifier_head"), 132_746),
        },
    ),
    Pin(
        "cvae",
        "conv",
        TEN_CLASSES,
        {
            "encoder": (_variables("encoder"), 6_695_484),
            "decoder": (_variables("decoder"), 6_650_433),
        },
    ),
    Pin(
        "deepsmote",
        "28",
        TEN_CLASSES,
        {
            # Convolutions without biases, normalised but the first; Dense 300.
            "encoder": (_variables("encoder"), 2_753_536 + 1_792 + 153_900),
            # Dense 25088; three deconvolutions, two of them normalised.
            "decoder": (_variables("decoder"), 7_551_488 + 2_624_641),
        },
        options={"k_neighbors": 3},
    ),
    Pin(
        "two_stage_cvae",
        "conv",
        TEN_CLASSES,
        {
            # Those of CVAE with 64 latents.
            "encoder": (_variables("encoder"), 6_695_484 + 4 * 1_025),
            "decoder": (_variables("decoder"), 6_650_433 + 2 * 1_024),
            "second encoder": (_variables("latent_encoder"), 2_316_672),
            "second decoder": (_variables("latent_decoder"), 2_246_336),
            "gammas": (lambda model: [model.raw_gamma_x, model.raw_gamma_z], 2),
        },
    ),
    Pin(
        "cwae",
        "conv",
        TEN_CLASSES,
        {
            # DGC's trunk with ten more channels, its Dense 8; its decoder of 8 + 10.
            "encoder": (_variables("encoder"), 11_017_856 + 16 * 10 * 128 + 32_776),
            "decoder": (_variables("decoder"), 13_753_601 - 46 * 50_176),
        },
    ),
    Pin(
        "cwae",
        "gan",
        TEN_CLASSES,
        {
            "encoder": (_variables("encoder"), 6_568_384 + 1_025 * 8),
            "decoder": (_variables("decoder"), 6_650_433 - 54 * 1_024),
            "D": (_variables("discriminator"), 19 * 512 + 3 * 513 * 512 + 513),
        },
        options={"penalty": "gan", "networks": "cvae"},
    ),
]
