"""Mullick, Datta, Das. Generative Adversarial Minority Oversampling, ICCV 2019."""

import dataclasses

from harness.protocols.base import Method, Protocol

GAMO_STEPS = {"steps": 25_000, "batch_size": 32}
CGAN = Method("cGAN+CN", "cgan", {"variant": "gamo"}, GAMO_STEPS)
BALANCED_CGAN = Method(
    "cGAN+CN with balanced batches (ours)",
    "cgan",
    {"variant": "gamo"},
    {**GAMO_STEPS, "balanced": True},
)
CDCGAN = Method("cDCGAN+CN", "cdcgan", training=GAMO_STEPS)
AUGMENT = Method("Augment+CN", "augment")
# 100 rounds of 250 steps: GAMO's own 25,000 come before those of the decoders.
GAMO2PIX = Method(
    "GAMO2pix",
    "gamo2pix",
    {"gamo_rounds": 100},
    {**GAMO_STEPS, "stages": ("gamo_rounds",)},
)
# The same decoders after the features of random training images: what GAMO's own cost.
REAL_POINTS = dataclasses.replace(
    GAMO2PIX,
    name="GAMO2pix of real points (ours)",
    classifier={"real_points": True},
    trained_as="GAMO2pix",
)
GAMO_FAMILY = (
    Method("cG+CN", "gamo", {"generator": "conditional", "discriminator": False}),
    Method("cG+D+CN", "gamo", {"generator": "conditional"}),
    Method("GAMO\\D", "gamo", {"discriminator": False}),
    Method("GAMO", "gamo"),
)
# What the paper does not show and a reader should know.
STRONG = (
    Method("Random+CN (ours)", "random"),
    Method("Random copies in each batch (ours)", "gamo", {"generator": "copies"}),
    Method(
        "Random+augmentation+CN (ours)", "random", classifier={"augmentation": True}
    ),
    Method("CNN with nothing (ours)", "none", classifier={"network": "cnn"}),
    Method(
        "CNN with random+augmentation (ours)",
        "random",
        classifier={"network": "cnn", "augmentation": True},
    ),
)
MNIST_METHODS = (
    Method("Baseline CN", "none"),
    Method("SMOTE+CN", "smote"),
    CGAN,
    BALANCED_CGAN,
    *GAMO_FAMILY,
    Method("GAMO with anchor share .9 (ours)", "gamo", {"anchor_share": 0.9}),
    Method("GAMO with 400 anchors a class (ours)", "gamo", {"min_anchors": 400}),
    Method(
        "GAMO with 400 anchors a class and share .9 (ours)",
        "gamo",
        {"min_anchors": 400, "anchor_share": 0.9},
    ),
    Method(
        "Random copies of 400 anchors a class (ours)",
        "gamo",
        {"generator": "copies", "min_anchors": 400},
    ),
    *STRONG,
)
FASHION_METHODS = (
    Method("Baseline CN", "none"),
    AUGMENT,
    Method("DOS", "dos"),
    CDCGAN,
    *GAMO_FAMILY,
    *STRONG,
)
COLOUR_METHODS = (
    Method("Baseline CN", "none"),
    AUGMENT,
    CDCGAN,
    Method("DOS", "dos"),
    *GAMO_FAMILY[2:],
    *STRONG,
)


def _gamo(table, dataset, setting, counts, methods, variant="conv", **options):
    """Tables 1 to 4: ACSA and GM of one classifier, by data set and loss."""
    splits = options.pop("splits", None)
    outputs = {}
    for metric, score in (("ACSA", "acsa"), ("GM", "g_mean")):
        for split in splits or (None,):
            name = f"{setting};split={split}" if split else setting
            data = "train" if split == "train" else "draw"
            outputs[f"{data}/{score}"] = (table, name, metric)
            outputs[f"{data}/{score}/last"] = (table, name, f"{metric}_last")
            if data == "draw":
                outputs[f"full/{score}"] = (table, name, f"{metric}_full")
                outputs[f"full/{score}/last"] = (table, name, f"{metric}_full_last")
    return Protocol(
        paper="GAMO2019",
        tables=(table,),
        dataset=dataset,
        setting=setting,
        class_counts=counts,
        recipe="gamo",
        parameters={
            "variant": variant,
            "loss": "ce" if "loss=CE" in setting else "ls",
            **GAMO_STEPS,
            "test_per_class": 100,
            **options,
        },
        methods=methods,
        outputs=outputs,
        repeats=10,
    )


CIFAR_COUNTS = [4500, 2000, 1000, 800, 600, 500, 400, 250, 150, 80]
GAMO = [
    _gamo("1", dataset, f"loss={loss};IR=100", "gamo", methods, variant)
    for loss in ("LS", "CE")
    for dataset, methods, variant in (
        ("MNIST", MNIST_METHODS, "dense"),
        ("Fashion-MNIST", FASHION_METHODS, "conv"),
    )
]
GAMO += [
    _gamo("2", dataset, "loss=LS;IR=56.25", CIFAR_COUNTS, COLOUR_METHODS)
    for dataset in ("CIFAR10", "SVHN")
]
GAMO += [
    _gamo(
        "3",
        dataset,
        f"loss=LS;IR={ratio}",
        counts,
        tuple(m for m in COLOUR_METHODS if m.name != "GAMO\\D"),
        splits=("test", "train"),
    )
    for dataset, ratio, counts in (
        ("CelebA-Small", "100", [15000, 1500, 750, 300, 150]),
        ("CelebA-Large", "37.33", [28000, 4000, 3000, 1500, 750]),
        ("LSUN-Small", "100", [15000, 1500, 750, 300, 150]),
        ("LSUN-Large", "66.67", [50000, 5000, 3000, 1500, 750]),
    )
]
GAMO += [
    _gamo(
        "4",
        "SUN397-50",
        "loss=LS;IR=14.21",
        None,
        tuple(m for m in COLOUR_METHODS if m.name != "GAMO\\D"),
        test_per_class=20,
    )
]
GAMO += [
    Protocol(
        paper="GAMO2019",
        tables=("5",),
        dataset=dataset,
        setting="per-class mean",
        class_counts=counts,
        recipe="class_fid",
        parameters={"features": "cnn"},
        methods=(
            GAMO2PIX,
            Method("cDCGAN", "cdcgan", training=GAMO_STEPS),
            REAL_POINTS,
            Method("Random copies (ours)", "random", classifier={"real_points": True}),
        ),
        outputs={
            "fid": ("5", "per-class mean", "FID_cnn"),
            **{
                f"fid/{label}": ("5", "per-class mean", f"FID_cnn_class{label}")
                for label in range(10 if dataset != "CelebA-Small" else 5)
            },
        },
        repeats=3,
    )
    for dataset, counts in (
        ("Fashion-MNIST", "gamo"),
        ("SVHN", CIFAR_COUNTS),
        ("CIFAR10", CIFAR_COUNTS),
        ("CelebA-Small", [15000, 1500, 750, 300, 150]),
    )
]
