"""The experiments of the papers as data: what is trained on what, and scored how.

A `Protocol` is one data set under one setting. Its `recipe` names the function of
`harness.recipes` that runs a cell and returns scores by name; `outputs` says which
published row (table, setting, metric) a score belongs to. A method that kerasos does
not have yet is listed all the same: it runs as soon as it is registered.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Method:
    """A row of a published table.

    Args:
        name: Its name in the paper; with "(ours)" where the paper has no such row.
        oversampler: Name in kerasos's registry.
        options: Options of the oversampler's `from_data`.
        training: How the oversampler itself is trained, at budget 1: `batch_size`,
            and `epochs`, `steps` (with `least_epochs`, where a share of the epochs
            means something), or `stages`, the options that are numbers of epochs;
            beside `steps`, those of earlier stages; `balanced` as in
            `kerasos.data.batches`. Empty: it has nothing to train, or
            trains the classifier that is scored, along the protocol's steps.
        classifier: Options of the recipe's classifier that differ for this row.
        trained_as: Name of the row whose oversampler is trained in the same way, and
            differs in its samples alone. Where that row's cell was run first, its
            training is taken over.
    """

    name: str
    oversampler: str
    options: dict = dataclasses.field(default_factory=dict)
    training: dict = dataclasses.field(default_factory=dict)
    classifier: dict = dataclasses.field(default_factory=dict)
    trained_as: str = ""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """One data set under one setting of a paper.

    Args:
        paper: As in the published tables.
        tables: Numbers of the tables that it fills.
        dataset: As in the published tables; `harness.datasets` knows how to load it.
        setting: As in the published tables.
        class_counts: As in `kerasos.data.load`.
        recipe: Name of a function in `harness.recipes`.
        parameters: What that function needs to know.
        methods: Tuple of `Method`.
        outputs: `{score: (table, setting, metric)}`.
        repeats: Number of repeats in the paper, or the number chosen here.
    """

    paper: str
    tables: tuple
    dataset: str
    setting: str
    class_counts: object
    recipe: str
    parameters: dict
    methods: tuple
    outputs: dict
    repeats: int

    @property
    def name(self):
        tables = ",".join(self.tables)
        return f"{self.paper} {tables} {self.dataset} {self.setting}"


# Mullick, Datta, Das. Generative Adversarial Minority Oversampling, ICCV 2019.

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

# He, Lin, Yuan, Tzeng. Interpretable Minority Synthesis for Imbalanced Classification
# (IMSIC), IJCAI 2021.

DGC_TRAINING = {"epochs": 50, "batch_size": 100}  # Wang et al., authors' code
IMSIC_TRAINING = {"epochs": 500, "batch_size": 64}
IMSIC = [
    Protocol(
        paper="IMSIC2021",
        tables=("1",),
        dataset=dataset,
        setting="IR=67,100",
        class_counts="gamo",
        recipe="imsic",
        parameters={"epochs": epochs, "batch_size": 64},
        methods=(
            Method("SMOTE", "smote"),
            Method("InfoGAN", "infogan", {"num_codes": codes}, IMSIC_TRAINING),
            Method("DGC", "dgc", training=DGC_TRAINING),
            Method("IMSIC", "imsic", {"num_codes": codes}, IMSIC_TRAINING),
            Method("None (ours)", "none"),
            Method("Random (ours)", "random"),
            Method(
                "Random+augmentation (ours)",
                "random",
                classifier={"augmentation": True},
            ),
        ),
        outputs={
            f"{score}/{label}": ("1", setting, metric)
            for label, setting in settings.items()
            for score, metric in (("recall", "recall"), ("f1", "F1"))
        },
        repeats=10,
    )
    for dataset, epochs, codes, settings in (
        ("MNIST", 8, 4, {8: "class=8;IR=67", 9: "class=9;IR=100"}),
        (
            "Fashion-MNIST",
            25,
            3,
            {8: "class=Bag(8);IR=67", 9: "class=AnkleBoot(9);IR=100"},
        ),
    )
]

# Fajardo et al. On oversampling imbalanced data with deep conditional generative
# models, Expert Systems with Applications 169, 2021.

FAJARDO_METHODS = (
    Method("Imbalanced", "none"),
    Method("SMOTE", "smote"),
    Method("RANDOM", "random"),
    Method("ACGAN", "acgan", training={"epochs": 60, "batch_size": 64}),
    Method(
        "BAGAN",
        "bagan",
        {"ae_epochs": 30, "gan_epochs": 30},
        {"stages": ("ae_epochs", "gan_epochs"), "batch_size": 128},
    ),
    Method("CGAN", "cgan", training={"epochs": 30, "batch_size": 64}),
    Method("CVAE", "cvae", training={"epochs": 300, "batch_size": 64}),
    Method(
        "R-ACGAN",
        "acgan",
        {"pre_oversample": True},
        {"epochs": 60, "batch_size": 64},
    ),
    Method(
        "R-CGAN", "cgan", {"pre_oversample": True}, {"epochs": 60, "batch_size": 64}
    ),
    Method(
        "R-CVAE", "cvae", {"pre_oversample": True}, {"epochs": 125, "batch_size": 64}
    ),
)


def _latent_methods(minority):
    """Methods that the paper names as next steps, or that came later.

    With the optimizer steps of CVAE, in the batches of each method's code. DeepSMOTE
    has its own networks; cWAE those of CVAE, so that the two differ in their loss.
    """
    rows = 3_200 * (10 - len(minority)) + 10 * len(minority)
    steps = {"steps": 300 * (rows // 64), "batch_size": 100}
    return (
        Method("DeepSMOTE (ours)", "deepsmote", training=steps),
        Method(
            "two-stage CVAE (ours)",
            "two_stage_cvae",
            {"vae_epochs": 100, "latent_epochs": 200},
            {"stages": ("vae_epochs", "latent_epochs"), "batch_size": 64},
        ),
        Method("cWAE (ours)", "cwae", {"networks": "cvae"}, steps),
    )


# (data set, rho): (table of FID, table of recall, precision and F1)
FAJARDO_TABLES = {
    ("MNIST", 320): ("1", "5"),
    ("MNIST", 80): ("2", "6"),
    ("Fashion-MNIST", 320): ("3", "7"),
    ("Fashion-MNIST", 80): ("4", "8"),
}


def _fajardo(dataset, rho, minority):
    fid_table, score_table = FAJARDO_TABLES[dataset, rho]
    setting = f"m={' '.join(map(str, minority))};rho={rho}"
    outputs = {
        f"{group}/{metric}": (score_table, setting, f"{group}_{metric}")
        for group in ("min", "maj", "all")
        for metric in ("precision", "recall", "F1")
    }
    # Features of another network than the published ones: another metric.
    outputs.update(
        {f"fid/{k}": (fid_table, setting, f"FID_cnn_class{k}") for k in minority}
    )
    outputs["balance_seconds"] = ("9", setting, "seconds")
    outputs["weight"] = (score_table, setting, "synthetic_weight")
    methods = FAJARDO_METHODS
    if (dataset, rho) == ("MNIST", 320):
        methods += _latent_methods(minority)
    return Protocol(
        paper="FAJARDO2021",
        tables=(fid_table, score_table, "9"),
        dataset=dataset,
        setting=setting,
        class_counts=f"fajardo-{rho}-{''.join(map(str, minority))}",
        recipe="fajardo",
        parameters={
            "minority": list(minority),
            "classifiers": 3,
            "epochs": 20,
            "batch_size": 128,
            "features": "cnn",
        },
        methods=methods,
        outputs=outputs,
        repeats=5,
    )


FAJARDO = [
    _fajardo(dataset, rho, minority)
    for dataset, rho in FAJARDO_TABLES
    for minority in ((0, 1, 2, 3, 4, 5, 9), (1, 2, 3, 4, 5), (3, 4, 5))
]

# Kong et al. Active generative adversarial network for image classification,
# AAAI 2019.


# One step is two updates of G: 10,000 of them for grey images, 50,000 for colours.
ACTIVE_STEPS = {
    "MNIST": 5_000,
    "Fashion-MNIST": 5_000,
    "CIFAR10": 25_000,
    "Tiny-ImageNet": 25_000,
}
# Margins that the paper found best for AC-GAN+F.
ACTIVE_MARGINS = {
    "MNIST": 0.15,
    "Fashion-MNIST": 0.15,
    "CIFAR10": 0.2,
    "Tiny-ImageNet": 0.2,
}


# The classifier is least sure of noise, so the term keeps a generator that still draws
# noise there: with a fifth of the steps, at a tenth of the budget, it stayed grey.
ACTIVE_OPTIONS = {"warmup": 0.8}


def _trained(name, steps, batch_size=100, trained_as="", **options):
    training = {"steps": steps, "least_epochs": 5, "batch_size": batch_size}
    return Method(name, "activegan", options, training, trained_as=trained_as)


def _active_methods(dataset):
    steps = ACTIVE_STEPS[dataset]
    methods = [
        Method("SVM", "none"),
        _trained("AC-GAN", steps, lam=0.0),
        _trained(
            "AC-GAN+F",
            steps,
            trained_as="AC-GAN",
            lam=0.0,
            max_margin=ACTIVE_MARGINS[dataset],
        ),
        _trained("ActiveGAN", steps, **ACTIVE_OPTIONS),
    ]
    if dataset == "MNIST":
        name = "AC-GAN that learns classes from labelled images alone (ours)"
        methods.append(_trained(name, steps, lam=0.0, learn_fake_labels=False))
        name = "AC-GAN with one learning rate (ours)"
        methods.append(_trained(name, steps, lam=0.0, lr_d=2e-4, lr_g=2e-4))
        name = "ActiveGAN with a warm-up of a fifth (ours)"
        methods.append(_trained(name, steps, warmup=0.2))
        # The term without the reward: what the spreading of samples does alone.
        name = "ActiveGAN with a constant reward (ours)"
        methods.append(_trained(name, steps, constant_reward=1.0, **ACTIVE_OPTIONS))
    return tuple(methods)


def _active_outputs(table, setting, sizes):
    """F-scores, and how hard the generated samples are."""
    metrics = {"f_score": "F_score_pct", "svm_alone": "F_score_pct_of_SVM_alone"}
    for size in sizes:
        if size != 1:
            metrics[f"f_score/{size:g}"] = f"F_score_pct_with_{size:g}n"
    for name in ("reward", "margin", "uncertain", "acceptance", "agreement"):
        metrics[name] = f"{name}_of_generated"
    return {score: (table, setting, metric) for score, metric in metrics.items()}


def _active(table, dataset, setting, labelled, methods):
    sizes = (0.5, 1, 2) if labelled <= 1000 else (1,)
    return Protocol(
        paper="ACTIVEGAN2019",
        tables=(table,),
        dataset=dataset,
        setting=setting,
        class_counts=None,
        recipe="activegan",
        parameters={"labelled": labelled, "features": "cnn", "sizes": list(sizes)},
        methods=methods,
        outputs=_active_outputs(table, setting, sizes),
        repeats=5,
    )


ACTIVE = [
    _active("1", dataset, f"n={n}", n, _active_methods(dataset))
    for dataset, sizes in (
        ("MNIST", (500, 1000)),
        ("Fashion-MNIST", (5000, 10000)),
        ("CIFAR10", (5000, 10000)),
        ("Tiny-ImageNet", (10000, 20000)),
    )
    for n in sizes
]
# The paper's sweeps are on CIFAR-10; MNIST's are ours, at a cost that fits a CPU.
ACTIVE += [
    _active(
        table,
        dataset,
        f"n={n};{name}={value}",
        n,
        (
            _trained(
                "ActiveGAN",
                ACTIVE_STEPS[dataset],
                **ACTIVE_OPTIONS,
                **{option: value},
            ),
        ),
    )
    for dataset, n in (("CIFAR10", 10000), ("MNIST", 500))
    for table, name, option, values in (
        ("2", "epsilon", "eps", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0)),
        ("fig3-text", "alpha", "alpha", (0.0, 0.5, 1.0)),
    )
    for value in values
]

# No paper's: what the samples themselves are worth, at one number of steps.

GENERATOR_STEPS = {"steps": 8_440, "batch_size": 64}  # 10 passes over 54,000 images
GENERATOR_OUTPUTS = {
    "agreement": "agreement",
    "conditioning": "conditioning",
    "spread": "spread",
    "variety": "variety",
    "copies": "copies",
    "judge": "judge_accuracy",
}


def _generator(dataset, setting, counts, methods, **parameters):
    return Protocol(
        paper="OURS",
        tables=("generators",),
        dataset=dataset,
        setting=setting,
        class_counts=counts,
        recipe="generator",
        parameters={"features": "cnn", "samples_per_class": 500, **parameters},
        methods=methods,
        outputs={
            score: ("generators", setting, metric)
            for score, metric in GENERATOR_OUTPUTS.items()
        },
        repeats=1,
    )


OURS = [
    _generator(
        "MNIST",
        "balanced",
        [5_400] * 10,
        tuple(
            Method(name, name, training=GENERATOR_STEPS)
            for name in ("cvae", "cgan", "cdcgan", "acgan")
        ),
    )
]

# Wang, Lyu, Jing. Deep generative model for robust imbalance classification, CVPR
# 2020. The settings for SVHN are those for MNIST; the paper does not state them.

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

# No paper's: small cells on data that need no download, to try the harness.


def _trial(table, recipe, parameters, methods, outputs):
    return Protocol(
        paper="trial",
        tables=(table,),
        dataset="Digits",
        setting="IR=20",
        class_counts=20,
        recipe=recipe,
        parameters=parameters,
        methods=methods,
        outputs={k: (table, "IR=20", metric) for k, metric in outputs.items()},
        repeats=2,
    )


TRIAL = [
    _trial(
        "gamo",
        "gamo",
        {
            "variant": "dense",
            "loss": "ls",
            "steps": 120,
            "batch_size": 32,
            "evaluate_every": 20,
            "test_per_class": 30,
        },
        (
            Method("Baseline CN", "none"),
            Method("SMOTE+CN", "smote"),
            Method("DOS", "dos"),
            Method(
                "Random copies in each batch (ours)", "gamo", {"generator": "copies"}
            ),
            Method(
                "CNN (ours)",
                "random",
                classifier={"network": "cnn", "augmentation": True},
            ),
        ),
        {
            "draw/acsa": "ACSA",
            "draw/g_mean": "GM",
            "full/acsa": "ACSA_full",
            "full/g_mean": "GM_full",
        },
    ),
    _trial(
        "fajardo",
        "fajardo",
        {
            "minority": [7, 8, 9],
            "classifiers": 2,
            "epochs": 1,
            "batch_size": 64,
            "features": "cnn",
        },
        (Method("Imbalanced", "none"), Method("SMOTE", "smote")),
        {
            "min/F1": "min_F1",
            "all/F1": "all_F1",
            "fid/9": "FID_cnn_class9",
            "weight": "synthetic_weight",
            "balance_seconds": "seconds",
        },
    ),
    _trial(
        "imsic",
        "imsic",
        {"epochs": 1, "batch_size": 64},
        (
            Method("SMOTE", "smote"),
            Method("IMSIC", "imsic", {"num_codes": 2}, {"steps": 5, "batch_size": 32}),
        ),
        {"recall/9": "recall", "f1/9": "F1"},
    ),
    _trial(
        "class_fid",
        "class_fid",
        {"features": "cnn"},
        (
            Method("CVAE", "cvae", training={"steps": 20, "batch_size": 32}),
            Method(
                "GAMO2pix",
                "gamo2pix",
                {
                    "gamo_rounds": 1,
                    "decoder_batch": 4,
                    "shared": True,
                    "generator": "copies",
                    "discriminator": False,
                },
                {"steps": 20, "batch_size": 32, "stages": ("gamo_rounds",)},
            ),
        ),
        {"fid": "FID_cnn"},
    ),
    _trial(
        "generator",
        "generator",
        {"features": "cnn", "samples_per_class": 20},
        (Method("CVAE", "cvae", training={"steps": 20, "batch_size": 32}),),
        GENERATOR_OUTPUTS,
    ),
    _trial(
        "dgc",
        "dgc",
        {},
        (
            Method(
                "DGC",
                "dgc",
                {"width": 8, "draws": 2, "lr": 1e-3},
                {"epochs": 1, "batch_size": 50},
            ),
        ),
        {"acsa": "ACSA", "rmi": "RMI", "pma": "PMA"},
    ),
    _trial(
        "activegan",
        "activegan",
        {"labelled": 150, "features": "pixels", "sizes": [0.5, 1]},
        (
            Method("SVM", "none"),
            _trained("ActiveGAN", 40, 32, policy_steps=10, buffer_size=200),
            _trained(
                "ActiveGAN+F",
                40,
                32,
                trained_as="ActiveGAN",
                policy_steps=10,
                buffer_size=200,
                max_margin=0.6,
            ),
        ),
        {
            "f_score": "F_score_pct",
            "f_score/0.5": "F_score_pct_with_0.5n",
            "reward": "reward_of_generated",
            "acceptance": "acceptance_of_generated",
            "agreement": "agreement_of_generated",
        },
    ),
]

PROTOCOLS = (*GAMO, *IMSIC, *FAJARDO, *ACTIVE, *DGC, *OURS, *TRIAL)
