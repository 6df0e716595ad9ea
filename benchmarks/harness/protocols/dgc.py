"""Wang, Lyu, Jing. Deep generative model for robust imbalance classification,
CVPR 2020. The settings for SVHN are those for MNIST; the paper does not state them.
"""

from harness.protocols.base import Method, Protocol
from harness.protocols.gamo import CIFAR_COUNTS

DGC_TRAINING = {"epochs": 50, "batch_size": 100}  # authors' code
DGC = [
    Protocol(
        paper="DGC2020",
        tables=("2", "3"),
        dataset=dataset,
        setting=f"IR={ratio}",
        class_counts=counts,
        recipe="dgc",
        parameters={},
        methods=(Method("DGC", "dgc", training=trained),),
        outputs={
            "acsa": ("2", f"IR={ratio}", "ACSA"),
            "f_macro": ("2", f"IR={ratio}", "F_macro"),
            "g_macro": ("2", f"IR={ratio}", "G_macro"),
            "rmi": ("3", f"IR={ratio}", "RMI"),
            "pma": ("3", f"IR={ratio}", "PMA"),
        },
        repeats=5,
    )
    for dataset, ratio, counts, trained in (
        ("MNIST", "100", "gamo", DGC_TRAINING),
        ("Fashion-MNIST", "100", "gamo", DGC_TRAINING),
        ("SVHN", "56.25", CIFAR_COUNTS, DGC_TRAINING),
        (
            "CelebA-Small",
            "100",
            [15000, 1500, 750, 300, 150],
            {"epochs": 30, "batch_size": 25},
        ),
    )
]
