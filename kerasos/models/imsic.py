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

from kerasos.code_graph import CodeGraph
from kerasos.losses.code_structure import NEGATIVES, STRUCTURES, structure_loss
from kerasos.models.infogan import InfoGAN
from kerasos.models.infogan_build import NUM_CODES
from kerasos.registry import register_method
from kerasos.suggest import check_choice

# The authors' code for MNIST, and the figure for Fashion-MNIST.
GRAPHS = {4: "repo4", 3: "entangled3"}


@register_method("imsic")
class IMSIC(InfoGAN):
    """Trains InfoGAN with codes that follow a graph.

    `IMSIC.from_data(x, y)` builds the networks of the authors' code; the constructor
    takes your own. They train for 500 epochs of batches of 64.

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

    `from_data` also takes what `InfoGAN.from_data` takes, and as `graph` a preset's
    name (`CodeGraph.preset`) or a list with the parents of each latent code.
    `preset="repo"` also sets `structure="repo"`.

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

    options = (*InfoGAN.options, "graph", "structure", "beta", "negative")

    def __init__(
        self,
        generator,
        trunk,
        discriminator_head,
        classifier_head,
        code_head,
        *,
        graph=None,
        structure="eq6",
        beta=1.0,
        negative="correlation",
        **kwargs,
    ):
        check_choice("structure", structure, STRUCTURES)
        check_choice("negative", negative, NEGATIVES)
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
    def build_networks(cls, spec, seed, options):
        graph = as_graph(options.pop("graph", None), options.get("num_codes"))
        options["num_codes"] = graph.num_codes
        if options.get("preset") == "repo":
            options.setdefault("structure", "repo")
        networks, settings = super().build_networks(spec, seed, options)
        return networks, {**settings, "graph": graph}

    def code_loss(self, codes, latents):
        return structure_loss(
            codes, latents, self.graph, self.structure, self.beta, self.negative
        )

    def get_config(self):
        config = super().get_config()
        config.update(structure=self.structure, beta=self.beta, negative=self.negative)
        return config


def default_graph(num_codes):
    return CodeGraph.preset(GRAPHS.get(num_codes, "one_to_one"), num_codes)


def as_graph(graph, num_codes=None):
    """Returns a `CodeGraph` of a preset's name, of parents, or of nothing."""
    if graph is None:
        return default_graph(NUM_CODES if num_codes is None else num_codes)
    if isinstance(graph, str):
        if graph == "one_to_one" and num_codes is None:
            num_codes = NUM_CODES
        return CodeGraph.preset(graph, num_codes)
    if not isinstance(graph, CodeGraph):
        graph = CodeGraph(graph)
    if num_codes not in (None, graph.num_codes):
        raise ValueError(
            "`num_codes` must be that of the graph. Expected "
            f"{graph.num_codes} or none. Received: num_codes={num_codes}."
        )
    return graph
