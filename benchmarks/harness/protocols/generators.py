"""What the samples themselves are worth, at one number of steps: no paper's."""

from harness.protocols.base import Method, Protocol

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
