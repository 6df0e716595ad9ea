"""IMSIC: its code term, its graphs, and that codes follow them."""

import numpy as np
import pytest
import tensorflow as tf
from contract_cases import images, rows
from files_entered import files_entered

import kerasos
from kerasos import IMSIC, CodeGraph, InfoGAN
from kerasos.evaluation import code_dependence

COUNTS = (20, 8)
ENTANGLED = [["c0"], ["c1"], ["c0", "c1", "c2"]]


def make_imsic(data=rows, **options):
    x, y = data(COUNTS)
    return IMSIC.from_data(x, y, seed=0, latent_dim=4, **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, CodeGraph.preset("repo4")),
        ({"num_codes": 3}, CodeGraph.preset("entangled3")),
        ({"num_codes": 2}, CodeGraph.preset("one_to_one", 2)),
        ({"graph": "figure2"}, CodeGraph.preset("figure2")),
        ({"graph": "one_to_one"}, CodeGraph.preset("one_to_one", 4)),
        (
            {"graph": "one_to_one", "num_codes": 3},
            CodeGraph.preset("one_to_one", 3),
        ),
        ({"graph": ENTANGLED}, CodeGraph.preset("entangled3")),
        (
            {"graph": CodeGraph(ENTANGLED, ["a", "b", "c"])},
            CodeGraph(ENTANGLED, ["a", "b", "c"]),
        ),
    ],
)
def test_the_graph_is_that_of_the_options_or_of_the_number_of_codes(options, expected):
    model = make_imsic(**options)
    assert model.graph == expected and model.num_codes == expected.num_codes
    assert model.code_head.output_shape[-1] == expected.num_codes
    config = model.get_config()
    assert type(model).from_config(config).graph == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"graph": "repo4", "num_codes": 3}, "has 4 codes"),
        ({"graph": ENTANGLED, "num_codes": 2}, "that of the graph"),
        ({"graph": [["c0"], ["l2"], ["l1"]]}, "no cycle"),
        ({"graph": "repo5"}, "`graph`: .* Did you mean 'repo4'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        make_imsic(**options)


def draw(n=16, d=3, seed=0):
    source = np.random.default_rng(seed)
    codes = source.uniform(-1, 1, (n, d)).astype("float32")
    return codes, source.standard_normal((n, d)).astype("float32")


def test_the_code_term_is_that_of_the_graph():
    codes, latents = draw()
    model = make_imsic(graph=ENTANGLED, beta=0.5)
    errors = ((latents[:, :, None] - codes[:, None, :]) ** 2).mean(axis=0)
    expected = errors[0, 0] + errors[1, 1] + errors[2].mean()
    # l0 is independent of c1, c2 and l1, l1 of c0, c2 and l0, l2 of nothing.
    rho = np.corrcoef(np.hstack([codes, latents]).T) ** 2
    expected += 0.5 * (rho[3, [1, 2, 4]].mean() + rho[4, [0, 2, 3]].mean())
    found = model.code_loss(tf.constant(codes), tf.constant(latents))
    # A little is added to the variances of a correlation.
    assert float(found) == pytest.approx(expected, rel=1e-3)


def code_gradient(model):
    """The code term of the first step, and the norm of its gradient by c'."""
    inputs = model.draw_inputs(64, "information")
    features = model.trunk(model.generator(inputs, training=True), training=True)
    latents = tf.cast(model.code_head(features), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        loss = model.code_loss(inputs[2], latents)
    return float(loss), float(tf.norm(tape.gradient(loss, latents)))


@pytest.mark.parametrize("structure", ["eq6", "likelihood"])
def test_the_code_term_teaches_from_the_first_step_on(structure):
    loss, norm = code_gradient(make_imsic(images, structure=structure))
    assert np.isfinite(loss) and norm > 1e-3


def test_the_term_of_the_authors_code_is_zero_without_a_gradient():
    model = make_imsic(images, preset="repo")
    assert model.structure == "repo" and model.graph == CodeGraph.preset("repo4")
    assert model.double_softmax and model.per_class == 100
    assert code_gradient(model) == (0.0, 0.0)
    assert make_imsic(images, preset="repo", structure="eq6").structure == "eq6"


def test_imsic_is_infogan_but_for_the_code_term():
    x, y = images(COUNTS)
    options = {"seed": 0, "latent_dim": 4, "num_codes": 3}
    imsic, infogan = (m.from_data(x, y, **options) for m in (IMSIC, InfoGAN))
    for ours, theirs in zip(imsic.weights, infogan.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not set(IMSIC.__dict__) & {"train_step", "generate", "latent", "sample"}


def test_a_step_enters_few_files():
    model, (x, y) = make_imsic(), rows(COUNTS)
    model.compile(run_eagerly=True)
    batch = tf.constant(x), tf.constant(y, tf.int32)
    model.train_step(batch)
    files = files_entered(lambda: model.train_step(batch))
    assert "methods/infogan/infogan.py" in files
    assert len(files) <= 9, files


def test_codes_follow_the_graph_after_training():
    x, y = rows((60, 20))
    parents = [["c0"], ["c0", "c1"]]
    model = IMSIC.from_data(x, y, seed=0, latent_dim=4, graph=parents, lambda_con=1.0)
    data = kerasos.data.batches(x, y, 32, seed=0, steps_per_epoch=200)
    model.fit(data, epochs=1, verbose=0)
    found = code_dependence(model, num_samples=500)
    assert not found.missing
    assert found.between("c0", "l0") > 0.8 > 2 * abs(found.between("c1", "l0"))
    # Half of each: correlation 1 / sqrt(2) with both.
    for parent in ("c0", "c1"):
        assert found.between(parent, "l1") == pytest.approx(0.71, abs=0.2)
