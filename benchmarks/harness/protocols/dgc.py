"""Wang, Lyu, Jing. Deep generative model for robust imbalance classification,
CVPR 2020. The settings for SVHN are those for MNIST; the paper does not state them.
"""

from harness.protocols.base import Method, Protocol
from harness.protocols.gamo import CIFAR_COUNTS, FACES

DGC_TRAINING = {"epochs": 50, "batch_size": 100}  # authors' code
TABLES = {"acsa": ("2", "ACSA"), "f_macro": ("2", "F_macro")}
TABLES |= {"g_macro": ("2", "G_macro"), "rmi": ("3", "RMI"), "pma": ("3", "PMA")}
DGC = [
    Protocol(
        paper="DGC2020",
        dataset=dataset,
        setting=f"IR={ratio}",
        class_counts=counts,
        recipe="dgc",
        parameters={},
        methods=(Method("DGC", "dgc", training=trained),),
        outputs={
            score: (table, f"IR={ratio}", metric)
            for score, (table, metric) in TABLES.items()
        },
        repeats=5,
    )
    for dataset, ratio, counts, trained in (
        ("MNIST", "100", "gamo", DGC_TRAINING),
        ("Fashion-MNIST", "100", "gamo", DGC_TRAINING),
        ("SVHN", "56.25", CIFAR_COUNTS, DGC_TRAINING),
        ("CelebA-Small", "100", FACES, {"epochs": 30, "batch_size": 25}),
    )
]
