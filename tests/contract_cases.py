"""What the tests in `contract/` must know of each method.

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


DGC_LOSSES = (
    "loss",
    "reconstruction_loss",
    "mmd_loss",
    "c_loss",
    "oversampled_c_loss",
)
ACTIVE_LOSSES = (
    *("d_loss", "g_loss", "p_loss"),
    *("reward", "margin", "uncertain", "hard_score", "log_std"),
)
TWO_STAGE_LOSSES = (
    "loss",
    "reconstruction_loss",
    "kl_loss",
    "z_loss",
    "z_reconstruction_loss",
    "z_kl_loss",
)
INFOGAN_LOSSES = (
    "g_loss",
    "d_loss",
    "real_class_loss",
    "class_loss",
    "code_loss",
    "d_accuracy",
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
        seed=1,
    ),
    Case(
        "gamo",
        "conv",
        options={"variant": "conv"},
        data=two_kinds_of_images,
        makes_features=True,
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
        seed=2,
    ),
    Case(
        "gamo",
        "conditional_discriminator",
        options={"generator": "conditional"},
        data=wide_rows,
        losses=("c_loss", "d_loss", "g_c_loss", "g_d_loss"),
        seed=4,
    ),
    Case(
        "gamo2pix",
        "vae",
        options={
            "gamo_rounds": 1,
            "decoder_batch": 4,
            "pix_latent_dim": 6,
            "generator": "copies",
            "discriminator": False,
        },
        data=two_kinds_of_images,
        losses=("e_loss", "c_loss", "reconstruction_loss", "kl_loss"),
        round=3,
        full=True,
        jit=True,
        needs_imbalance=True,
        option=("gamo_rounds", "gamo_round"),
    ),
    Case(
        "gamo2pix",
        "shared",
        options={
            "gamo_rounds": 1,
            "decoder_batch": 4,
            "shared": True,
            "discriminator": False,
        },
        losses=("e_loss", "c_loss", "g_c_loss", "reconstruction_loss", "kl_loss"),
        round=3,
    ),
    Case(
        "gamo2pix",
        "began",
        options={
            "gamo_rounds": 1,
            "decoder": "began",
            "decoder_batch": 4,
            "filters": 3,
            "discriminator": False,
            "generator": "pairs",
        },
        data=two_kinds_of_images,
        losses=("e_loss", "c_loss", "pix_loss", "pix_d_loss", "convergence"),
        round=3,
    ),
    Case(
        "dos",
        "images",
        makes_features=True,
        options={"warmup_epochs": 0, "max_overload": 2, "ce_weight": "rho"},
        data=two_kinds_of_images,
        losses=("c_loss", "cluster_loss"),
        needs_imbalance=True,
    ),
    Case(
        "dos",
        "rows",
        makes_features=True,
        options={"warmup_epochs": 0, "neighbors": 3},
        data=rows,
        losses=("c_loss", "cluster_loss"),
        full=True,
        jit=True,
        needs_imbalance=True,
        option=("neighbors", "neighbours"),
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
        seed=2,
    ),
    Case(
        "activegan",
        "images",
        data=two_kinds_of_images,
        options={
            "latent_dim": 8,
            "policy": "critic",
            "g_steps_per_d": 1,
            "reward_every": 2,
            "eps": 1.0,
            "warmup": 0.5,
            "policy_steps": 2,
            "buffer_size": 20,
            "features": "pixels",
            "svm": {"kernel": "linear", "C": 1.0},
        },
        losses=ACTIVE_LOSSES[:-1],
        round=2,
        step_size=0.003,
        spread=10.0,
    ),
    Case(
        "activegan",
        "rows",
        data=rows,
        options={
            "latent_dim": 8,
            "g_steps_per_d": 1,
            "eps": 1.0,
            "warmup": 0.5,
            "policy_steps": 2,
            "buffer_size": 40,
            "reward_baseline": True,
            "svm": {"kernel": "rbf", "C": 10.0},
        },
        losses=ACTIVE_LOSSES,
        round=2,
        full=True,
        jit=True,
        option=("policy_steps", "policy_step"),
        step_size=0.03,
        seed=2,
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
        "flow",
        "rows",
        data=rows,
        options={"width": 16, "blocks": 1, "draws": 2, "sampling_steps": 3},
        losses=("loss",),
        full=True,
        jit=True,
        option=("sampling_steps", "sample_steps"),
    ),
    Case(
        "dgc",
        "images",
        data=two_kinds_of_images,
        options={
            "latent_dim": 8,
            "width": 16,
            "draws": 3,
            "mmd_weight": 10.0,
            "rows_per_class": 6,
        },
        losses=DGC_LOSSES,
        step_size=0.001,
    ),
    Case(
        "dgc",
        "rows",
        data=rows,
        options={
            "width": 16,
            "draws": 3,
            "ce_reduction": "mean",
            "encoder_step": False,
        },
        losses=DGC_LOSSES,
        full=True,
        jit=True,
        option=("latent_oversampling", "latent_oversample"),
        step_size=0.02,
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
    Case(
        "infogan",
        "rows",
        data=rows,
        options={"latent_dim": 4, "num_codes": 2, "code_prior": "normal"},
        losses=INFOGAN_LOSSES,
        full=True,
        jit=True,
        option=("num_codes", "num_code"),
        step_size=0.1,
    ),
    Case(
        "imsic",
        "images",
        data=two_kinds_of_images,
        options={"latent_dim": 4, "num_codes": 3},
        losses=INFOGAN_LOSSES,
        step_size=0.002,
        spread=0.3,
    ),
    Case(
        "imsic",
        "rows",
        data=rows,
        options={"latent_dim": 4, "num_codes": 3, "real_sampling": "natural"},
        losses=INFOGAN_LOSSES,
        full=True,
        jit=True,
        option=("structure", "structures"),
        step_size=0.03,
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
        channels: Channels of an image.
        options: Options of `from_data`.
    """

    method: str
    variant: str
    counts: tuple
    networks: dict
    size: int = 28
    channels: int = 1
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def id(self):
        return f"{self.method}-{self.variant}"

    def build(self):
        x, y = images(self.counts, self.size, self.channels)
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


def _every(name):
    """Returns a function from a model to the variables of a list of networks."""

    def read(model):
        return [v for net in getattr(model, name) for v in net.trainable_variables]

    return read


def _discriminator_of_activegan(model):
    head = model.classifier_head.trainable_variables
    return [*_discriminator_of_acgan(model), *head]


def _discriminator_of_infogan(model):
    parts = (
        model.trunk,
        model.discriminator_head,
        model.classifier_head,
        model.code_head,
    )
    return [v for part in parts for v in part.trainable_variables]


def _discriminator_of_acgan(model):
    head = model.discriminator_head.trainable_variables
    return [*model.trunk.trainable_variables, *head]


def _encoder_of_dgc(model):
    return model.encoder_variables


MNIST_IR_100 = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
ACTIVE_OPTIONS = {"features": "pixels", "svm": {"kernel": "linear", "C": 1.0}}
TEN_CLASSES = (12, 4, 4, 4, 4, 4, 4, 4, 4, 4)

GAMO_CONV = {
    "cTMU": (_variables("generator.trunk"), 45_504),
    "IGUs": (_generation_units, 65 * 36),
    "F": (_variables("feature_extractor"), 829_792),
    "M": (_variables("classifier_head"), 165_514),
    "D": (_variables("discriminator"), 166_913),
}

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
        GAMO_CONV,
        options={"variant": "conv"},
    ),
    Pin(
        "gamo2pix",
        "vae",
        TEN_CLASSES,
        {
            **GAMO_CONV,
            "heads": (_every("heads"), 9 * 91_464),
            "decoders": (_every("decoders"), 9 * 191_713),
        },
    ),
    Pin(
        "gamo2pix",
        "shared",
        (12, 4, 4),
        {
            "F": GAMO_CONV["F"],
            "M": (_variables("classifier_head"), 165_514 - 7 * 129),
            # The label comes in beside 512 features and beside 100 latents.
            "head": (_every("heads"), 91_464 + 3 * 128),
            "decoder": (_every("decoders"), 191_713 + 3 * 1_568),
        },
        options={"shared": True, "generator": "copies", "discriminator": False},
    ),
    Pin(
        "gamo2pix",
        "began",
        (12, 4),
        {
            "F": GAMO_CONV["F"],
            "M": (_variables("classifier_head"), 165_514 - 8 * 129),
            # Dense 3136, six Conv 3x3x64, Conv 3x3x1.
            "G": (_every("decoders"), 513 * 3_136 + 6 * 36_928 + 577),
            # Conv; 64, 128 and 192 filters, twice each and once to halve; Dense 64;
            # the decoder from there.
            "D": (
                _every("critics"),
                (9 + 1) * 64
                + 3 * 36_928
                + (9 * 64 + 1) * 128
                + 2 * (9 * 128 + 1) * 128
                + (9 * 128 + 1) * 192
                + (9 * 192 + 1) * 192
                + (49 * 192 + 1) * 64
                + 65 * 3_136
                + 6 * 36_928
                + 577,
            ),
        },
        options={"decoder": "began", "generator": "copies", "discriminator": False},
    ),
    Pin(
        "dos",
        "conv",
        TEN_CLASSES,
        {
            "f": (_variables("feature_extractor"), 829_792),
            "g": (_variables("classifier_head"), 165_514),
        },
    ),
    Pin(
        "dos",
        "dense",
        TEN_CLASSES,
        {
            "f": (_variables("feature_extractor"), 235_146 - 1_290),
            "g": (_variables("classifier_head"), 1_290),
        },
        options={"variant": "dense"},
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
        "activegan",
        "infogan",
        TEN_CLASSES,
        {
            "G": (_variables("generator"), 6_650_433),
            "D": (_discriminator_of_activegan, 6_559_169 + 132_746),
            # 784-128-128-62, and 62 standard deviations.
            "theta": (_variables("policy_network"), 124_990 + 62),
        },
        options=ACTIVE_OPTIONS,
    ),
    Pin(
        "activegan",
        "acgan",
        TEN_CLASSES,
        {
            "G": (_variables("generator"), 2_994_051),
            "D": (_discriminator_of_activegan, 1_664_875),
        },
        size=32,
        channels=3,
        options={**ACTIVE_OPTIONS, "lam": 0},
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
        "dgc",
        "28",
        TEN_CLASSES,
        {
            "encoder": (_encoder_of_dgc, 28_364_544),
            "decoder": (_variables("decoder"), 13_753_601),
            "label head": (_variables("classifier_head"), 650),
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
    *(
        Pin(
            method,
            "conv",
            TEN_CLASSES,
            {
                "G": (_variables("generator"), 853_377),
                "D": (_discriminator_of_infogan, 105_295),
            },
        )
        for method in ("infogan", "imsic")
    ),
]
