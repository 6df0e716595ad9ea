"""What one experiment is, and one row of it."""

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
        classifier: Options of what the recipe does after training, its classifier for
            one, that differ for this row.
        trained_as: Name of the row whose oversampler is trained in the same way, and
            differs in its samples alone. Where that row's cell was run first, its
            training is taken over.
        added: Synthetic samples that every class gets, where the table's other rows
            balance the classes; 0 to balance.
    """

    name: str
    oversampler: str
    options: dict = dataclasses.field(default_factory=dict)
    training: dict = dataclasses.field(default_factory=dict)
    classifier: dict = dataclasses.field(default_factory=dict)
    trained_as: str = ""
    added: int = 0


FLOW = Method(
    "flow (ours)",
    "flow",
    {"pre_oversample": True, "sampling_steps": 10},
    {"steps": 25_000, "batch_size": 64},
)


@dataclasses.dataclass(frozen=True)
class Protocol:
    """One data set under one setting of a paper.

    Args:
        paper: As in the published tables.
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
    dataset: str
    setting: str
    class_counts: object
    recipe: str
    parameters: dict
    methods: tuple
    outputs: dict
    repeats: int

    @property
    def tables(self):
        """Numbers of the tables that it fills."""
        return sorted({table for table, _, _ in self.outputs.values()})

    @property
    def name(self):
        tables = ",".join(self.tables)
        return f"{self.paper} {tables} {self.dataset} {self.setting}"
