"""Mullick, Datta, Das. Generative Adversarial Minority Oversampling, ICCV 2019."""

import dataclasses

from harness.protocols.base import FLOW, Method, Protocol

GAMO_STEPS = {"steps": 25_000, "batch_size": 32}
CIFAR_COUNTS = [4500, 2000, 1000, 800, 600, 500, 400, 250, 150, 80]
FACES = [15000, 1500, 750, 300, 150]


def _gamo(name, **options):
    return Method(name, "gamo", options)


def _balanced(name, oversampler="random", **classifier):
    return Method(f"{name} (ours)", oversampler, classifier=classifier)


def _long_tailed(loss):
    how = {"network": "cnn", "augmentation": True, "loss": loss.replace(" ", "_")}
    return _balanced(f"CNN with {loss}+augmentation", "none", **how)


BASELINE = Method("Baseline CN", "none")
CGAN = Method("cGAN+CN", "cgan", {"variant": "gamo"}, GAMO_STEPS)
BALANCED_CGAN = dataclasses.replace(
    CGAN,
    name="cGAN+CN with balanced batches (ours)",
    training={**GAMO_STEPS, "balanced": True},
)
CDCGAN = Method("cDCGAN+CN", "cdcgan", training=GAMO_STEPS)
AUGMENT = Method("Augment+CN", "augment")
DOS = Method("DOS", "dos")
# 100 rounds of 250 steps: GAMO's own 25,000 come before those of the decoders.
GAMO2PIX = Method(
    "GAMO2pix",
    "gamo2pix",
    {"gamo_rounds": 100},
    {**GAMO_STEPS, "stages": ("gamo_rounds",)},
)
GAMO_FAMILY = (
    _gamo("cG+CN", generator="conditional", discriminator=False),
    _gamo("cG+D+CN", generator="conditional"),
    _gamo("GAMO\\D", discriminator=False),
    _gamo("GAMO"),
)
# What the paper does not show and a reader should know.
STRONG = (
    _balanced("Random+CN"),
    _gamo("Random copies in each batch (ours)", generator="copies"),
    _balanced("Random+augmentation+CN", augmentation=True),
    _balanced("CNN with nothing", "none", network="cnn"),
    _balanced("CNN with random+augmentation", network="cnn", augmentation=True),
    _long_tailed("balanced softmax"),
    _long_tailed("logit adjustment"),
    dataclasses.replace(
        FLOW,
        name="CNN with flow+augmentation (ours)",
        classifier={"network": "cnn", "augmentation": True},
    ),
)
ANCHORS = {"min_anchors": 400}
# Anchors, not decoders, cost GAMO2pix its FID: more of them, and points nearer to one.
GAMO2PIX_ANCHORS = dataclasses.replace(
    GAMO2PIX,
    name="GAMO2pix with 400 anchors a class and share .9 (ours)",
    options={**GAMO2PIX.options, "anchor_share": 0.9, **ANCHORS},
)
MNIST_METHODS = (
    BASELINE,
    Method("SMOTE+CN", "smote"),
    CGAN,
    BALANCED_CGAN,
    *GAMO_FAMILY,
    _gamo("GAMO with anchor share .9 (ours)", anchor_share=0.9),
    _gamo("GAMO with 400 anchors a class (ours)", **ANCHORS),
    _gamo(
        "GAMO with 400 anchors a class and share .9 (ours)", anchor_share=0.9, **ANCHORS
    ),
    _gamo("Random copies of 400 anchors a class (ours)", generator="copies", **ANCHORS),
    *STRONG,
)
FASHION_METHODS = (BASELINE, AUGMENT, DOS, CDCGAN, *GAMO_FAMILY, *STRONG)
COLOUR_METHODS = (BASELINE, AUGMENT, CDCGAN, DOS, *GAMO_FAMILY[2:], *STRONG)
LARGE_METHODS = tuple(m for m in COLOUR_METHODS if m.name != "GAMO\\D")


def _classified(
    table, dataset, setting, counts, methods, variant="conv", splits=(None,), test=100
):
    """Tables 1 to 4: ACSA and GM of one classifier, by data set and loss."""
    outputs = {}
    for metric, score in (("ACSA", "acsa"), ("GM", "g_mean")):
        for split in splits:
            name = f"{setting};split={split}" if split else setting
            parts = {"train": ""} if split == "train" else {"draw": "", "full": "_full"}
            for part, end in parts.items():
                outputs[f"{part}/{score}"] = (table, name, metric + end)
                outputs[f"{part}/{score}/last"] = (table, name, f"{metric}{end}_last")
    return Protocol(
        paper="GAMO2019",
        dataset=dataset,
        setting=setting,
        class_counts=counts,
        recipe="gamo",
        parameters={
            "variant": variant,
            "loss": "ce" if "loss=CE" in setting else "ls",
            **GAMO_STEPS,
            "test_per_class": test,
        },
        methods=methods,
        outputs=outputs,
        repeats=10,
    )


GAMO = [
    _classified("1", dataset, f"loss={loss};IR=100", "gamo", methods, variant)
    for loss in ("LS", "CE")
    for dataset, methods, variant in (
        ("MNIST", MNIST_METHODS, "dense"),
        ("Fashion-MNIST", FASHION_METHODS, "conv"),
    )
]
GAMO += [
    _classified("2", dataset, "loss=LS;IR=56.25", CIFAR_COUNTS, COLOUR_METHODS)
    for dataset in ("CIFAR10", "SVHN")
]
GAMO += [
    _classified(
        "3",
        dataset,
        f"loss=LS;IR={ratio}",
        counts,
        LARGE_METHODS,
        splits=("test", "train"),
    )
    for dataset, ratio, counts in (
        ("CelebA-Small", "100", FACES),
        ("CelebA-Large", "37.33", [28000, 4000, 3000, 1500, 750]),
        ("LSUN-Small", "100", FACES),
        ("LSUN-Large", "66.67", [50000, 5000, 3000, 1500, 750]),
    )
]
GAMO += [
    _classified("4", "SUN397-50", "loss=LS;IR=14.21", None, LARGE_METHODS, test=20)
]
GAMO += [
    Protocol(
        paper="GAMO2019",
        dataset=dataset,
        setting="per-class mean",
        class_counts=counts,
        recipe="class_fid",
        parameters={"features": "cnn"},
        methods=(
            GAMO2PIX,
            GAMO2PIX_ANCHORS,
            Method("cDCGAN", "cdcgan", training=GAMO_STEPS),
            # The same decoders after the features of random training images: what
            # GAMO's own cost.
            dataclasses.replace(
                GAMO2PIX,
                name="GAMO2pix of real points (ours)",
                classifier={"real_points": True},
                trained_as="GAMO2pix",
            ),
            _balanced("Random copies", real_points=True),
        ),
        outputs={"fid": ("5", "per-class mean", "FID_cnn")}
        | {
            f"fid/{label}": ("5", "per-class mean", f"FID_cnn_class{label}")
            for label in range(len(counts) if isinstance(counts, list) else 10)
        },
        repeats=3,
    )
    for dataset, counts in (
        ("Fashion-MNIST", "gamo"),
        ("SVHN", CIFAR_COUNTS),
        ("CIFAR10", CIFAR_COUNTS),
        ("CelebA-Small", FACES),
    )
]
