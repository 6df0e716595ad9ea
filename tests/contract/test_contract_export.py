"""Every registered method, now or later, is held to the same promises: export.

What a method must tell these tests is in `contract_cases.py`.
"""

import os
import warnings

import numpy as np
import pytest
import tensorflow as tf
from contract_runs import (
    NETWORKS,
    assert_close_samples,
    each,
    each_full_network,
    some_labels,
)


@each_full_network
def test_served_samples_are_those_of_the_model(case, exported, server):
    model, version = exported(case)
    labels = some_labels(model, 9).astype("int32")
    seeds = np.arange(9, dtype="int64") * 2**33 - 5
    reply = server.ask(version, "serving_default", labels=labels, seed=seeds)
    noise = tf.stack(
        [
            tf.random.stateless_normal([model.noise_dim], [s, 0], alg="philox")
            for s in seeds
        ]
    )
    expected = model.to_user(model.generate(model.latent(noise, labels), labels))
    assert_close_samples(reply["samples"], expected.numpy())
    np.testing.assert_array_equal(reply["labels"], labels)
    names = {"serving_default", "from_latent"}
    names |= {"classify"} if model.trains_classifier else set()
    assert set(server.signatures) == names
    if not getattr(model, "num_codes", 0):
        latent = model.latent(noise, labels).numpy()
        assert latent.shape == (9, model.latent_dim)
        reply = server.ask(version, "from_latent", latent=latent, labels=labels)
        assert_close_samples(reply["samples"], expected.numpy())


# Without flow's images: with their U-Net this did not end in two minutes.
@pytest.mark.slow(reason="converts every method")
@each([case for case in NETWORKS if case.full and case.id != "flow-images"])
def test_from_latent_is_the_same_in_onnx(case, exported):
    words = "tf2onnx and onnxruntime are not installed (kerasos[onnx])"
    convert = pytest.importorskip("tf2onnx.convert", reason=words)
    runtime = pytest.importorskip("onnxruntime", reason=words)
    model, version = exported(case)
    loaded = tf.saved_model.load(version)  # alive as long as its signatures
    served = loaded.signatures["from_latent"]
    labels = some_labels(model, 6).astype("int32")
    source = np.random.default_rng(0)
    inputs = {"latent": source.standard_normal((6, model.latent_dim))}
    if model.num_codes:
        inputs["codes"] = source.uniform(-1, 1, (6, model.num_codes))
    inputs = {name: value.astype("float32") for name, value in inputs.items()}
    inputs["labels"] = labels
    specs = [
        tf.TensorSpec((None, *value.shape[1:]), value.dtype, name)
        for name, value in inputs.items()
    ]

    @tf.function(input_signature=specs)
    def from_latent(*values):
        return served(**dict(zip(inputs, values, strict=True)))["samples"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proto, _ = convert.from_function(from_latent, specs, opset=17)
    session = runtime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (samples,) = session.run(None, inputs)
    expected = served(**{k: tf.constant(v) for k, v in inputs.items()})["samples"]
    assert_close_samples(samples, expected.numpy())


@each_full_network
def test_a_served_row_is_the_same_alone_and_in_a_batch(case, exported, server):
    model, version = exported(case)
    labels = some_labels(model, 20).astype("int32")
    seeds = np.arange(20, dtype="int64")
    batch = server.ask(version, "serving_default", labels=labels, seed=seeds)
    assert len(np.unique(batch["samples"].reshape(20, -1), axis=0)) > 1
    for row in (0, 7, 19):
        alone = server.ask(
            version,
            "serving_default",
            labels=labels[row : row + 1],
            seed=seeds[row : row + 1],
        )
        assert_close_samples(alone["samples"][0], batch["samples"][row])


@each_full_network
def test_the_server_refuses_labels_that_cannot_be_sampled(case, exported, server):
    model, version = exported(case)
    good = model.sampled_labels[0]
    forbidden = set(range(-1, model.spec.num_classes + 1)) - set(model.sampled_labels)
    for wrong in sorted(forbidden):
        with pytest.raises(RuntimeError, match="class that this model does not gener"):
            server.ask(
                version,
                "serving_default",
                labels=np.array([good, wrong], "int32"),
                seed=np.arange(2),
            )


@each_full_network
def test_the_served_classifier_is_that_of_the_model(case, exported, server):
    model, version = exported(case)
    x, _ = case.data()
    if not model.trains_classifier:
        with pytest.raises(RuntimeError, match="classify"):
            server.ask(version, "classify", inputs=x)
        return
    reply = server.ask(version, "classify", inputs=x)
    expected = model.classifier.predict(x, verbose=0)
    np.testing.assert_allclose(reply["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(reply["classes"], expected.argmax(axis=1))


@each_full_network
def test_an_export_holds_no_optimizer(case, exported):
    model, version = exported(case)
    stored = sum(
        int(np.prod(shape))
        for name, shape in tf.train.list_variables(
            os.path.join(version, "variables", "variables")
        )
        if "_CHECKPOINTABLE" not in name
    )
    owned = sum(int(np.prod(v.shape)) for v in model.weights)
    assert 0 < stored <= owned
    size = sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(version)
        for name in names
    )
    assert size < 4 * owned + 2**20
