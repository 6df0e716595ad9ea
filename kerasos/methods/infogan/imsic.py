"""IMSIC: InfoGAN whose codes follow a Bayesian network.

He, Lin, Yuan, Tzeng, "Interpretable Minority Synthesis for Imbalanced
Classification", IJCAI 2021. A directed acyclic graph B says which observed codes c
and latent codes c' each c'_i follows; networks and updates are those of `InfoGAN`,
whose code term R becomes

    sum_i [ mean over parents p of E (c'_i - p)^2
            + beta * mean over negatives q of corr(c'_i, q)^2 ]          (after eq. 6)

Departures from the paper's eq. 6, each with its reason:
- Squares are of samples, not of batch means: the means of codes are zero.
- Negatives are the variables that B makes independent of c'_i, not all that are no
  parents of it: an ancestor is no parent and yet belongs to it.
- They enter by their squared correlation. The paper subtracts their squared distance,
  which has no lower bound; the text asks for codes that are correlated with their
  parents only.
- A parent that is itself a latent code is a constant, as a condition is.
- R is a penalty; the paper's eq. 1 subtracts its Omega.

`structure="likelihood"` is eq. 3 to 5, with the square that eq. 4 lacks. The form of
the authors' code, `structure="repo"`, is 0 and without gradient from the first step on
and is there for reference.
"""

from collections.abc import Sequence
from typing import Literal, Self

from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, NonNegative, Positive, Seed, check_choice, checked
from kerasos.layers.diff_augment import Augment
from kerasos.methods.base import read_data
from kerasos.methods.conditional import LATENT_DIM
from kerasos.methods.infogan.build import NUM_CODES, build
from kerasos.methods.infogan.code_graph import PRESETS, CodeGraph
from kerasos.methods.infogan.code_loss import NEGATIVES, STRUCTURES, structure_loss
from kerasos.methods.infogan.infogan import InfoGAN, Side
from kerasos.networks.image_size import Size
from kerasos.registry import register_method

# The authors' code for MNIST, and the figure for Fashion-MNIST.
GRAPHS = {4: "repo4", 3: "entangled3"}


@register_method("imsic")
class IMSIC(InfoGAN):
    """Trains InfoGAN with codes that follow a graph.

    `IMSIC.from_data(x, y)` builds the networks of the authors' code; the constructor
    takes your own. They train for 500 epochs of batches of 64.

    Rows of tables keep spread and missing rates of their class; correlations are
    weakened, by up to two fifths, and categories of a few percent thinned.

    Args:
        generator, trunk, discriminator_head, classifier_head, code_head: As in
            `InfoGAN`.
        graph: `CodeGraph` over `num_codes` observed and as many latent codes.
            Default: the authors' code's "repo4" for four codes, "entangled3" for
            three, "one_to_one" for other numbers.
        structure: "eq6" (ours, see above), "likelihood" (eq. 3 to 5) or "repo"
            (authors' code).
        beta: Weight of the negatives, 1 (ours).
        negative: "correlation" (ours) or "margin": how far the mean squared distance
            of two variables falls short of the sum of their variances.
        **kwargs: As in `InfoGAN`.

    Raises:
        ValueError: If the graph has a cycle or does not fit the codes, or an option's
            value is unknown or does not fit the data.

    Example:

    >>> parents = [["c0"], ["c1"], ["c0", "c1", "c2"]]
    >>> model = kerasos.IMSIC.from_data(x, y, graph=parents, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 64), epochs=500)
    >>> model.graph = model.graph.rename({"c0": "thickness"})
    >>> model.sample([8] * 100, codes={"thickness": 0.8}, seed=1)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        He, Lin, Yuan, Tzeng. Interpretable Minority Synthesis for Imbalanced
        Classification, IJCAI 2021.
    """

    @checked
    def __init__(
        self,
        generator,
        trunk,
        discriminator_head,
        classifier_head,
        code_head,
        *,
        graph: CodeGraph | None = None,
        structure: Literal[*STRUCTURES] = "eq6",
        beta: NonNegative = 1.0,
        negative: Literal[*NEGATIVES] = "correlation",
        **kwargs,
    ):
        super().__init__(
            generator,
            trunk,
            discriminator_head,
            classifier_head,
            code_head,
            graph=graph or default_graph(generator.input_shape[2][-1]),
            **kwargs,
        )
        self.structure = structure
        self.beta = float(beta)
        self.negative = negative

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        num_codes: Count | None = None,
        graph: CodeGraph | Literal[*PRESETS] | list | None = None,
        structure=None,
        beta=1.0,
        negative="correlation",
        latent_dim: Count = LATENT_DIM,
        size: Size | None = None,
        image_size: Side = "auto",
        bn_epsilon: Positive | None = None,
        preset: Literal["repo"] | None = None,
        d_augment: Augment = (),
        class_code=None,
        real_sampling=None,
        code_prior="uniform",
        lambda_cat=1.0,
        lambda_con=0.15,
        z_std=None,
        code_std=None,
        per_class=None,
        double_softmax=None,
        lr=2e-4,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model for a data set, with the code's settings.

        Args:
            num_codes: d; by default the graph's, and 4 without a graph.
            graph: A `CodeGraph`, the name of a preset (`CodeGraph.preset`) or a list
                with the parents of each latent code. Default: see the class.
            structure, beta, negative: See the class.
            preset: "repo" also sets `structure="repo"`; else as in
                `InfoGAN.from_data`, as are all others.

        Raises:
            ValueError: If the graph has a cycle or does not fit the codes.
        """
        graph = _as_graph(graph, num_codes)
        data = read_data(x, y, seed, value_range, label_names)
        options = cls.options.given(locals())
        networks, settings = build(
            data,
            graph.num_codes,
            latent_dim,
            image_size,
            size,
            preset,
            bn_epsilon,
            options,
        )
        return cls.for_data(data, networks, d_augment=d_augment, **settings)

    def code_loss(self, codes, latents):
        return structure_loss(
            codes, latents, self.graph, self.structure, self.beta, self.negative
        )


def default_graph(num_codes):
    return CodeGraph.preset(GRAPHS.get(num_codes, "one_to_one"), num_codes)


def _as_graph(graph, num_codes=None) -> CodeGraph:
    """Returns a `CodeGraph` of a preset's name, of parents, or of nothing."""
    if graph is None:
        return default_graph(num_codes or NUM_CODES)
    if isinstance(graph, str):
        check_choice("graph", graph, PRESETS)
        if graph == "one_to_one":
            num_codes = num_codes or NUM_CODES
        return CodeGraph.preset(graph, num_codes)
    if isinstance(graph, list | tuple):
        graph = CodeGraph(graph)
    if not isinstance(graph, CodeGraph):
        raise TypeError(
            "`graph` must be a `kerasos.CodeGraph`, the name of a preset or a list "
            f"with the parents of each latent code. Received: graph={graph!r}. Leave "
            "it out for the default."
        )
    if num_codes not in (None, graph.num_codes):
        raise ValueError(
            "`num_codes` must be that of the graph. Expected "
            f"{graph.num_codes} or none. Received: num_codes={num_codes}."
        )
    return graph
