"""Structure losses: by hand, against NumPy, on a linear toy, over two replicas."""

import types

import numpy as np
import pytest
import tensorflow as tf

from kerasos import CodeGraph
from kerasos.methods.infogan.code_loss import (
    NEGATIVES,
    STRUCTURES,
    infogan_code_loss,
    structure_loss,
)

GRAPHS = {
    "one_to_one": CodeGraph.preset("one_to_one", 4),
    "figure2": CodeGraph.preset("figure2"),
    "repo4": CodeGraph.preset("repo4"),
    "chain": CodeGraph([["c0"], ["c1", "l0"], ["c2", "l1", "c0"], ["c3"]]),
}
# Two uncorrelated codes of mean 0 and variance 1.
SIGNS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)


def draw(rows=16, d=4, seed=0):
    """Codes, and latent codes that depend on all of them and on each other."""
    source = np.random.default_rng(seed)
    codes = source.uniform(-1, 1, (rows, d))
    mixing = source.normal(0, 0.5, (d, d))
    latents = 0.3 + codes @ mixing + 0.4 * source.standard_normal((rows, d))
    return codes.astype("float32"), latents.astype("float32")


def reference(codes, latents, graph, structure, beta=1.0, negative="correlation"):
    """The same in NumPy, pair by pair, in double precision."""
    codes, latents = codes.astype("float64"), latents.astype("float64")
    columns = {f"c{i}": codes[:, i] for i in range(graph.num_codes)}
    columns |= {f"l{i}": latents[:, i] for i in range(graph.num_codes)}
    total = 0.0
    if structure == "repo":
        kept = [(i, j) for i in range(4) for j in range(4)]
        error = {(i, j): np.mean((latents[:, i] - codes[:, j]) ** 2) for i, j in kept}
        edges = [(i, j) for i, j in kept if f"c{j}" in graph.parents[i]]
        for pair in kept:
            total += error[pair] if pair in edges else -error[pair]
            total -= error[pair] if pair[0] <= pair[1] else 0
        return max(total, 0.0)
    for i, parents in enumerate(graph.parents):
        own = columns[f"l{i}"]
        if structure == "eq6":
            total += np.mean([np.mean((own - columns[p]) ** 2) for p in parents])
        else:
            own = standard("l", own)
            given = np.stack([standard(p, columns[p]) for p in parents], 1)
            rows = np.sqrt(1e-3 * len(own)) * np.eye(len(parents))
            target = np.concatenate([own, np.zeros(len(parents))])
            weights = np.linalg.lstsq(np.concatenate([given, rows]), target)[0]
            explained = np.var(own) - np.mean((own - given @ weights) ** 2)
            own = columns[f"l{i}"]
            total += 0.5 * np.log(1.0 - explained + 0.01)
        for q in graph.negatives[i]:
            if negative == "correlation":
                scales = (np.var(own) + 1e-3) * (np.var(columns[q]) + 1e-3)
                term = np.cov(own, columns[q], bias=True)[0, 1] ** 2 / scales
            else:
                apart = np.mean((own - columns[q]) ** 2)
                term = max(0.0, np.var(own) + np.var(columns[q]) - apart)
            total += beta * term / len(graph.negatives[i])
    return total


def standard(name, values):
    values = values - values.mean()
    return values / np.sqrt(values.var() + 1e-6) if name.startswith("l") else values


def gradient(codes, latents, graph, **options):
    latents = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        loss = structure_loss(codes, latents, graph, **options)
    return float(loss), tape.gradient(loss, latents).numpy()


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("negative", NEGATIVES)
@pytest.mark.parametrize("name", GRAPHS)
def test_it_equals_a_sum_over_pairs(name, structure, negative):
    codes, latents = draw()
    if structure == "repo":
        latents[:, 3] *= 6  # else it is 0
    options = {"structure": structure, "negative": negative, "beta": 0.7}
    loss = structure_loss(codes, latents, GRAPHS[name], **options)
    expected = reference(codes, latents, GRAPHS[name], **options)
    assert loss.shape == () and loss.dtype == tf.float32
    np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=2e-5)
    if structure == "repo":
        assert (expected > 0) == (name == "repo4")


RHO_SQUARED = 1 / 1.001**2  # of equal codes of variance 1, with the epsilon


def test_values_by_hand():
    graph = CodeGraph.preset("one_to_one", 2)
    # Exact codes: no error, and no correlation with the other code.
    assert float(structure_loss(SIGNS, SIGNS, graph)) == 0.0
    # Exchanged: both errors are mean (c0 - c1)^2 = 2; l_i is all of c_j and
    # uncorrelated with l_j, so half of one rho^2 for each.
    swapped = SIGNS[:, ::-1]
    for beta in (1.0, 3.0):
        loss = float(structure_loss(SIGNS, swapped, graph, beta=beta))
        assert loss == pytest.approx(4.0 + beta * RHO_SQUARED, abs=1e-4)
    # The margin is 1 + 1 - 0 towards c_j, and 1 + 1 - 2 towards l_j.
    loss = structure_loss(SIGNS, swapped, graph, negative="margin")
    assert float(loss) == pytest.approx(6.0, abs=1e-4)
    # It does not see that -l_i is c_j.
    loss = structure_loss(SIGNS, -swapped, graph, negative="margin")
    assert float(loss) == pytest.approx(4.0, abs=1e-4)
    # Parents are averaged: l1 = c1 has errors 0 and 2, and nothing to avoid.
    graph = CodeGraph([["c0"], ["c0", "c1"]])
    loss = structure_loss(SIGNS, SIGNS, graph)
    assert float(loss) == pytest.approx(1.0, abs=1e-5)


def test_the_likelihood_by_hand():
    graph = CodeGraph.preset("one_to_one", 2)
    # Any sign and scale does: the ridge leaves (0.001 / 1.001)^2 of variance 1.
    for latents in (SIGNS, -5.0 * SIGNS + 3.0):
        loss = structure_loss(SIGNS, latents, graph, structure="likelihood")
        assert float(loss) == pytest.approx(np.log(0.01), abs=1e-3)
    # Exchanged, nothing is explained; the second term is as before.
    loss = structure_loss(SIGNS, SIGNS[:, ::-1], graph, structure="likelihood")
    assert float(loss) == pytest.approx(np.log(1.01) + RHO_SQUARED, abs=1e-4)
    # Nor is anything of codes that are all but constant: shrinking does not pay.
    loss = structure_loss(SIGNS, 1e-5 * SIGNS, graph, structure="likelihood")
    assert float(loss) == pytest.approx(np.log(1.01), abs=1e-3)


def test_infogan_by_hand_and_as_the_first_term_of_one_to_one():
    latents = SIGNS + np.float32([0.5, -1.0])
    assert float(infogan_code_loss(SIGNS, latents)) == pytest.approx(0.25 + 1.0)
    codes, latents = draw()
    loss = structure_loss(codes, latents, GRAPHS["one_to_one"], beta=0.0)
    assert float(infogan_code_loss(codes, latents)) == pytest.approx(float(loss))


def test_the_authors_code_starts_at_a_constant_zero():
    codes = np.random.default_rng(0).uniform(-1, 1, (64, 4)).astype("float32")
    graph = GRAPHS["repo4"]
    for latents in (np.zeros_like(codes), 0.05 * codes[:, ::-1], codes):
        loss, change = gradient(codes, latents, graph, structure="repo")
        assert loss == 0.0 and not change.any()
    # With codes of variance 1/3 and l0 = l1 = l2 = 0 it is 3 E[l3^2] - 4.
    for square, positive in ((1.1, False), (1.6, True)):
        latents = np.zeros_like(codes)
        latents[::2, 3], latents[1::2, 3] = np.sqrt(square), -np.sqrt(square)
        loss, change = gradient(codes, latents, graph, structure="repo")
        assert (loss > 0) == positive and change.any() == positive


@pytest.mark.parametrize("structure", ["eq6", "likelihood"])
@pytest.mark.parametrize("negative", NEGATIVES)
def test_every_latent_code_gets_a_gradient(structure, negative):
    codes, latents = draw(64)
    for graph in GRAPHS.values():
        options = {"structure": structure, "negative": negative}
        for start in (latents, 0.05 * latents):
            _, change = gradient(codes, start, graph, **options)
            assert np.all(np.linalg.norm(change, axis=0) > 1e-4)


def test_a_latent_parent_is_not_moved_by_what_follows_it():
    codes, latents = draw()
    others = latents.copy()
    others[:, 3] = latents[::-1, 3]  # l3 follows l1 and l2
    for structure in ("eq6", "likelihood"):
        options = {"structure": structure, "beta": 0.0}
        _, before = gradient(codes, latents, GRAPHS["figure2"], **options)
        _, after = gradient(codes, others, GRAPHS["figure2"], **options)
        np.testing.assert_array_equal(before[:, :3], after[:, :3])
        assert np.abs(before[:, 3] - after[:, 3]).max() > 1e-3


def test_the_second_term_moves_the_code_in_its_row_alone():
    # One l0 and its negative l1, each where its parent is: no error moves them.
    graph, pair = CodeGraph([["c0"], ["c1"]]), draw(d=2)[1]
    _, change = gradient(pair, pair, graph)
    x = tf.constant(pair)
    with tf.GradientTape() as tape:
        tape.watch(x)
        a, b = tf.unstack(x - tf.reduce_mean(x, 0), axis=1)
        # Towards c_j and l_j, which are equal here: two halves in each row.
        total = square_correlation(a, tf.stop_gradient(b))
        total += square_correlation(b, tf.stop_gradient(a))
    np.testing.assert_allclose(change, tape.gradient(total, x), rtol=1e-4, atol=1e-5)


def square_correlation(a, b):
    scales = [tf.reduce_mean(x * x) + 1e-3 for x in (a, b)]
    return tf.reduce_mean(a * b) ** 2 / (scales[0] * scales[1])


@pytest.mark.parametrize("structure", ["eq6", "likelihood"])
def test_constant_codes_and_empty_negatives_give_finite_numbers(structure):
    codes, _ = draw(64)
    for latents in (0 * codes, 1e-5 * codes, 1e-3 * codes, codes, 0 * codes + 1):
        for graph in GRAPHS.values():
            loss, change = gradient(codes, latents, graph, structure=structure)
            assert np.isfinite(loss)
            assert np.all(np.linalg.norm(change, axis=0) < 100)


def train_toy(graph, start=None, steps=200, rows=256, rate=0.03, **options):
    """`l = c W` after Adam steps on fresh codes; returns W, a row for each code."""
    d = len(graph.parent_weights)
    source = np.random.default_rng(0)
    codes = tf.constant(source.uniform(-1, 1, (steps, rows, d)), tf.float32)
    w = tf.constant(source.normal(0, 0.3, (d, d)) if start is None else start)
    loss_of = options.pop("loss", structure_loss)

    @tf.function
    def train(w):
        w, m, v = tf.cast(w, tf.float32), tf.zeros((d, d)), tf.zeros((d, d))
        for step in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(w)
                loss = loss_of(codes[step], codes[step] @ w, graph, **options)
            g, t = tape.gradient(loss, w), tf.cast(step + 1, tf.float32)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
            w -= rate * m_hat / (tf.sqrt(v_hat) + 1e-7)
        return w

    return train(w).numpy()


def test_a_linear_model_recovers_the_codes_of_one_to_one():
    np.testing.assert_allclose(train_toy(GRAPHS["one_to_one"]), np.eye(4), atol=0.05)


def test_codes_that_start_with_the_wrong_sign_turn_round():
    for scale in (0.1, 0.3):
        noise = np.random.default_rng(1).normal(0, 0.03, (4, 4))
        w = train_toy(GRAPHS["one_to_one"], start=noise - scale * np.eye(4), rows=64)
        np.testing.assert_allclose(w, np.eye(4), atol=0.1)


FIGURE2_SOLUTION = np.array(
    [[1, 0, 0, 0], [0, 1, 0, 1 / 3], [0, 0, 1, 1 / 3], [0, 0, 0, 1 / 3]]
)


def test_a_linear_model_entangles_what_the_graph_entangles():
    w = train_toy(GRAPHS["figure2"])
    np.testing.assert_allclose(w, FIGURE2_SOLUTION, atol=0.06)
    w = train_toy(CodeGraph.preset("entangled3"))
    expected = [[1, 0, 1 / 3], [0, 1, 1 / 3], [0, 0, 1 / 3]]
    np.testing.assert_allclose(w, expected, atol=0.06)


def test_the_margin_leaves_codes_slightly_anticorrelated():
    # It pushes wherever chance makes a correlation positive, and never back.
    w = train_toy(GRAPHS["one_to_one"], negative="margin")
    np.testing.assert_allclose(w, np.eye(4), atol=0.15)
    assert np.all(w[~np.eye(4, dtype=bool)] < 0.02)
    assert np.mean(w[~np.eye(4, dtype=bool)]) < -0.02


def test_the_likelihood_leaves_sign_and_scale_free():
    w = train_toy(GRAPHS["one_to_one"], structure="likelihood")
    w = np.abs(w) / np.linalg.norm(w, axis=0)
    np.testing.assert_allclose(w, np.eye(4), atol=0.1)


def test_holding_off_all_non_parents_destroys_the_entangled_unit():
    graph = GRAPHS["figure2"]
    others = 1.0 - (graph.parent_weights > 0) - np.eye(4, 8, 4)
    literal = types.SimpleNamespace(
        num_codes=4,
        parents=graph.parents,
        parent_weights=graph.parent_weights,
        negative_weights=np.float32(others / others.sum(axis=1, keepdims=True)),
    )
    w = train_toy(literal)
    # c1 and c2 are ancestors of l3 through l1 and l2, but held off as non-parents.
    assert np.abs(w[:, 3] - FIGURE2_SOLUTION[:, 3]).max() > 0.1


def test_the_literal_equation_has_no_lower_bound():
    def literal(c, latents, graph):
        every = tf.concat([c, tf.stop_gradient(latents)], -1)
        errors = tf.math.squared_difference(latents[:, :, None], every[:, None, :])
        signs = tf.where(graph.parent_weights > 0, 1.0, -1.0)
        return tf.reduce_sum(signs * tf.reduce_mean(errors, 0))

    w = train_toy(GRAPHS["figure2"], loss=literal)
    assert np.abs(w).max() > 5.0
    assert np.abs(train_toy(GRAPHS["figure2"])).max() < 1.1


@pytest.mark.parametrize(
    "options",
    [{}, {"structure": "likelihood"}] + [{"negative": "margin"}, {"structure": "repo"}],
)
def test_two_replicas_equal_one_device(two_replicas, options):
    codes, latents = draw(16)
    latents[:, 3] *= 6  # so that the authors' code has a gradient
    latents[8:] += 1.0  # halves with moments of their own
    graph = GRAPHS["repo4"] if "repo" in options.values() else GRAPHS["figure2"]
    loss, change = gradient(codes, latents, graph, **options)
    infogan = float(infogan_code_loss(codes, latents))

    def part(array, context):
        return tf.constant(array[8 * context.replica_id_in_sync_group :][:8])

    @tf.function
    def step(c, rows):
        def replica(c, rows):
            with tf.GradientTape() as tape:
                tape.watch(rows)
                value = structure_loss(c, rows, graph, **options)
            # As `OversamplingModel.minimize`: its gradients are summed up.
            grads = tape.gradient(value, rows, output_gradients=tf.constant(0.5))
            return value, grads, infogan_code_loss(c, rows)

        return two_replicas.run(replica, (c, rows))

    halves = [
        two_replicas.experimental_distribute_values_from_function(
            lambda context, array=array: part(array, context)
        )
        for array in (codes, latents)
    ]
    results = [two_replicas.experimental_local_results(r) for r in step(*halves)]
    np.testing.assert_allclose(results[0], [loss] * 2, rtol=1e-5)
    np.testing.assert_allclose(np.concatenate(results[1]), change, atol=1e-6)
    assert np.abs(change).max() > 1e-3
    np.testing.assert_allclose(results[2], [infogan] * 2, rtol=1e-5)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_xla_gives_the_same(structure):
    codes, latents = draw()
    latents[:, 3] *= 6
    graph = GRAPHS["repo4"]

    @tf.function(jit_compile=True)
    def compiled(latents):
        with tf.GradientTape() as tape:
            tape.watch(latents)
            loss = structure_loss(codes, latents, graph, structure=structure)
        return loss, tape.gradient(loss, latents)

    loss, change = gradient(codes, latents, graph, structure=structure)
    by_xla = compiled(tf.constant(latents))
    np.testing.assert_allclose(by_xla[0], loss, rtol=1e-5)
    np.testing.assert_allclose(by_xla[1], change, atol=1e-5)


def test_half_precision_codes_are_taken_in_single():
    codes, latents = draw(64)
    exact = structure_loss(codes, latents, GRAPHS["figure2"])
    half = [tf.constant(array, tf.bfloat16) for array in (codes, latents)]
    loss = structure_loss(*half, GRAPHS["figure2"])
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(float(exact), rel=0.02)


def test_bad_arguments_are_named():
    codes, latents = draw(4)
    graph = GRAPHS["repo4"]
    with pytest.raises(
        ValueError, match=r"`latents`.*\(batch, 4\). Received: \(4, 3\)"
    ):
        structure_loss(codes, latents[:, :3], graph)
    with pytest.raises(ValueError, match=r"`codes`.*\(batch, 2\)"):
        structure_loss(codes, latents, CodeGraph.preset("one_to_one", 2))
    with pytest.raises(ValueError, match="Did you mean 'eq6'"):
        structure_loss(codes, latents, graph, structure="eq_6")
    with pytest.raises(ValueError, match="Did you mean 'margin'"):
        structure_loss(codes, latents, graph, negative="margins")
    with pytest.raises(ValueError, match="at least 6, two more.*Received: 4"):
        structure_loss(codes, latents, graph, structure="likelihood")
    with pytest.raises(ValueError, match=r"Expected shape \(batch, 4\)"):
        infogan_code_loss(codes, latents[:, :2])
