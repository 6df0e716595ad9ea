import concurrent.futures
import json
import os
import subprocess
import sys
import textwrap

import forked
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tiny_model import TinyModel

import kerasos
from kerasos.export import (
    export_model,
    load_card,
    prediction_log,
    write_warmup_requests,
)


@pytest.fixture(scope="module")
def model():
    return TinyModel(label_names=("bag", "boot", "coat"))


@pytest.fixture(scope="module")
def version_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "tiny_made"
    card = {"command": "/usr/bin/python examples/train.py --out=/data/run/x -v"}
    card["scores"] = {"acsa": np.float32(0.5), "recalls": np.array([1.0, 0.0])}
    return export_model(model, folder, card=card)


@pytest.fixture(scope="module")
def served(version_folder):
    loaded = tf.saved_model.load(version_folder)
    yield loaded.signatures  # alive as long as `loaded` is


def serve(signatures, labels, seeds):
    """What `serving_default` answers; of a folder, of its signatures."""
    if isinstance(signatures, str):
        signatures = tf.saved_model.load(signatures).signatures
    labels, seeds = tf.constant(labels, tf.int32), tf.constant(seeds, tf.int64)
    return signatures["serving_default"](labels=labels, seed=seeds)


def run_python(code, *arguments):
    """Runs `code` in a fresh process and returns what it printed."""
    paths = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
    done = subprocess.run(
        [forked.python(), "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "TF_CPP_MIN_LOG_LEVEL": "2",
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_signatures_have_names_dtypes_and_a_free_batch_dimension(served):
    assert sorted(served) == ["classify", "from_latent", "serving_default"]
    expected = {
        "serving_default": (
            {"labels": ("int32", [None]), "seed": ("int64", [None])},
            {"samples": ("uint8", [None, 6, 5, 1]), "labels": ("int32", [None])},
        ),
        "from_latent": (
            {"labels": ("int32", [None]), "latent": ("float32", [None, 4])},
            {"samples": ("uint8", [None, 6, 5, 1])},
        ),
        "classify": (
            {"inputs": ("uint8", [None, 6, 5, 1])},
            {"probabilities": ("float32", [None, 3]), "classes": ("int32", [None])},
        ),
    }
    for name, (inputs, outputs) in expected.items():
        got = served[name].structured_input_signature[1]
        got = {key: (s.dtype.name, s.shape.as_list()) for key, s in got.items()}
        assert got == inputs
        got = served[name].structured_outputs
        got = {key: (s.dtype.name, s.shape.as_list()) for key, s in got.items()}
        assert got == outputs


def test_served_samples_are_those_of_the_model_for_the_noise_of_each_seed(
    model, served
):
    seeds = [7, -3, 2**40]
    labels = tf.constant([2, 0, 1])
    noise = tf.stack(
        [
            tf.random.stateless_normal([4], tf.constant([s, 0], tf.int64), alg="philox")
            for s in seeds
        ]
    )
    expected = model.to_user(model.generate(model.latent(noise, labels), labels))
    got = serve(served, labels, seeds)
    np.testing.assert_array_equal(got["samples"], expected)
    np.testing.assert_array_equal(got["labels"], labels)


def test_a_row_is_the_same_alone_and_in_a_batch(served):
    labels, seeds = np.arange(50) % 3, np.arange(50)
    batch, again = (serve(served, labels, seeds)["samples"] for _ in range(2))
    np.testing.assert_array_equal(batch, again)
    for i in (0, 17, 49):
        alone = serve(served, labels[i : i + 1], seeds[i : i + 1])["samples"]
        np.testing.assert_array_equal(alone[0], batch[i])
    assert len(np.unique(batch.numpy().reshape(50, -1), axis=0)) == 50


def test_an_empty_batch_is_served(served):
    assert serve(served, [], [])["samples"].shape == (0, 6, 5, 1)


def test_from_latent_matches_the_model_and_holds_no_random_operation(model, served):
    latent = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    labels = np.array([0, 1, 2, 1, 0], np.int32)
    got = served["from_latent"](latent=tf.constant(latent), labels=tf.constant(labels))
    expected = model.to_user(model.generate(tf.constant(latent), tf.constant(labels)))
    np.testing.assert_array_equal(got["samples"], expected)

    def operations(function):
        graph = function.graph.as_graph_def()
        nodes = list(graph.node)
        for inner in graph.library.function:
            nodes += inner.node_def
        return {node.op for node in nodes}

    found = operations(served["from_latent"])
    assert not [op for op in found if "Random" in op or op == "Assert"]
    assert [op for op in operations(served["serving_default"]) if "Random" in op]


def test_classify_matches_the_classifier(model, served):
    x = np.random.default_rng(0).integers(0, 256, (9, 6, 5, 1)).astype("uint8")
    got = served["classify"](inputs=tf.constant(x))
    expected = model.classifier.predict(x, verbose=0)
    np.testing.assert_allclose(got["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(got["classes"], expected.argmax(1))


def test_there_is_no_classify_without_a_classifier(tmp_path):
    folder = export_model(TinyModel(with_classifier=False), tmp_path, samples=False)
    names = sorted(tf.saved_model.load(folder).signatures)
    assert names == ["from_latent", "serving_default"]


def test_a_label_the_model_does_not_generate_is_named(tmp_path):
    folder = export_model(TinyModel(sampled_labels=(1, 2)), tmp_path, samples=False)
    loaded = tf.saved_model.load(folder)
    refused = pytest.raises(tf.errors.InvalidArgumentError, match=r"out of \[1, 2\]")
    for wrong in (0, 3, -1):
        with refused:
            serve(loaded.signatures, [1, wrong], [0, 1])
    got = serve(loaded.signatures, [1, 2], [0, 1])
    assert got["samples"].shape == (2, 6, 5, 1)


def test_one_seed_for_many_labels_is_refused(served):
    with pytest.raises(tf.errors.InvalidArgumentError, match="one row per label"):
        serve(served, [1, 2], [0])


# What a client may send by mistake: (labels, seeds, words of the error).
BAD_REQUESTS = [
    ([3], [0], r"out of \[0, 1, 2\]"),
    ([0, 1, -1], [0, 1, 2], r"out of \[0, 1, 2\]"),
    ([2**31 - 1], [0], r"out of \[0, 1, 2\]"),
    ([-(2**31)], [0], r"out of \[0, 1, 2\]"),
    ([0, 1], [0], "one row per label"),
    ([0], [0, 1], "one row per label"),
    ([], [0], "one row per label"),
    ([0], [], "one row per label"),
    (np.array([0], "int64"), [0], "int32.*int64|int64.*int32"),
    (np.array([0.0], "float32"), [0], "int32.*float"),
    (np.array(["0"]), [0], "int32.*string"),
    ([0], np.array([0], "int32"), "int64.*int32"),
    ([0], np.array([0.5]), "int64.*(double|float64)"),
    (np.array(0, "int32"), [0], "rank 1|shape"),
    (np.array([[0]], "int32"), [0], "rank 1|shape"),
    ([0], np.array([[0]]), "rank 1|shape"),
]


def test_a_server_refuses_bad_requests_and_goes_on(served):
    def ask(labels, seeds):
        labels = np.array(labels, "int32") if isinstance(labels, list) else labels
        seeds = np.array(seeds, "int64") if isinstance(seeds, list) else seeds
        inputs = {"labels": tf.constant(labels), "seed": tf.constant(seeds)}
        return served["serving_default"](**inputs)["samples"].numpy()

    expected = ask([0, 1, 2], [5, 6, 7])
    for labels, seeds, words in BAD_REQUESTS:
        refused = (tf.errors.InvalidArgumentError, TypeError, ValueError)
        with pytest.raises(refused, match=f"(?s){words}"):
            ask(labels, seeds)
        np.testing.assert_array_equal(ask([0, 1, 2], [5, 6, 7]), expected)


def test_a_server_refuses_bad_requests_among_good_ones_at_once(served):
    expected = serve(served, [0, 1, 2], [5, 6, 7])["samples"].numpy()

    def ask(number):
        if number % 3:
            return serve(served, [0, 1, 2], [5, 6, 7])["samples"].numpy()
        with pytest.raises(tf.errors.InvalidArgumentError):
            serve(served, [number + 3], [0])
        return expected

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for got in pool.map(ask, range(120)):
            np.testing.assert_array_equal(got, expected)


def test_from_latent_refuses_labels_that_the_model_does_not_generate(tmp_path):
    folder = export_model(TinyModel(sampled_labels=(1, 2)), tmp_path, samples=False)
    loaded = tf.saved_model.load(folder)
    latent = tf.ones((2, 4))

    def ask(labels):
        labels = tf.constant(labels, tf.int32)
        return loaded.signatures["from_latent"](latent=latent, labels=labels)

    expected = ask([1, 2])["samples"].numpy()
    for wrong in (0, 3, -1, 2**31 - 1):
        with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
            ask([1, wrong])
        np.testing.assert_array_equal(ask([1, 2])["samples"], expected)


# Works beside exports until it is killed; without TensorFlow, and so at once.
WORKING = """
import importlib.util, pathlib, sys, time
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
with files.work_folder(sys.argv[2], ".export-") as work:
    (work / "version").mkdir()
    print("working", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_what_a_killed_export_left_is_removed_and_a_living_one_kept(tmp_path):
    def hidden():
        return list(tmp_path.glob(".*"))

    model = TinyModel(with_classifier=False)
    command = [sys.executable, "-c", WORKING, kerasos.files.__file__, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as another:
        try:
            assert another.stdout.readline() == "working\n"
            assert export_model(model, tmp_path, samples=False).endswith("1")
            (left,) = hidden()
            assert (left / "version").is_dir()
        finally:
            another.kill()
    assert hidden() == [left]
    assert export_model(model, tmp_path, samples=False).endswith("2")
    assert not hidden()


def test_features_and_tables_are_exported_without_a_picture(tmp_path):
    folder = export_model(TinyModel(sample_shape=(7,)), tmp_path / "features")
    got = serve(folder, [0, 1], [0, 1])
    assert got["samples"].shape == (2, 7) and got["samples"].dtype == tf.float32
    assert not load_card(folder)["samples"]["are_in_data_space"]
    table = TinyModel(shape=(5,), dtype="float64", value_range=(-2.0, 3.0))
    folder = export_model(table, tmp_path / "table")
    got = tf.saved_model.load(folder).signatures["classify"](
        inputs=tf.zeros((2, 5), tf.float64)
    )
    assert got["probabilities"].shape == (2, 3)
    for name in ("features", "table"):
        assert not (tmp_path / name / "samples.png").exists()


def test_only_the_weights_of_the_signatures_are_stored(model, version_folder):
    used = [*model.generator.variables, *model.classifier.variables]
    numbers = sum(int(np.prod(v.shape)) for v in used)
    folder = os.path.join(version_folder, "variables")
    stored = sum(
        int(np.prod(shape))
        for name, shape in tf.train.list_variables(os.path.join(folder, "variables"))
        if "_CHECKPOINTABLE" not in name
    )
    assert stored == numbers
    data = os.path.join(folder, "variables.data-00000-of-00001")
    assert 4 * numbers <= os.path.getsize(data) < 4 * numbers + 4096


def test_it_runs_in_a_process_without_the_code_of_the_model(
    model, version_folder, served, tmp_path
):
    code = """
        import sys
        import numpy as np
        import tensorflow as tf

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("kerasos", "tiny_model"):
                    raise ModuleNotFoundError(name)

        sys.meta_path.insert(0, Refuse())
        loaded = tf.saved_model.load(sys.argv[1])
        out = loaded.signatures["serving_default"](
            labels=tf.constant([2, 1]), seed=tf.constant([5, 6], tf.int64)
        )
        np.save(sys.argv[2], out["samples"].numpy())
        assert not {"kerasos", "tiny_model"} & set(sys.modules)
    """
    run_python(code, version_folder, tmp_path / "out.npy")
    expected = serve(served, [2, 1], [5, 6])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected["samples"])


def test_a_model_under_a_mirrored_strategy_exports_the_same(
    served, version_folder, tmp_path
):
    code = """
        import sys
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        from kerasos.export import export_model
        from tiny_model import TinyModel

        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            model = TinyModel()
            export_model(model, sys.argv[1] + "/1", samples=False)
        export_model(model, sys.argv[1], samples=False)
    """
    run_python(code, tmp_path / "mirrored")
    size = os.path.join("variables", "variables.data-00000-of-00001")
    for version in ("1", "2"):
        folder = str(tmp_path / "mirrored" / version)
        got = serve(folder, [0, 1, 2], [1, 2, 3])
        expected = serve(served, [0, 1, 2], [1, 2, 3])
        np.testing.assert_array_equal(got["samples"], expected["samples"])
        written = os.path.getsize(os.path.join(folder, size))
        expected = os.path.getsize(os.path.join(version_folder, size))
        # Names of layers, which Keras numbers, are in the file.
        assert abs(written - expected) < 500


def test_versions_count_up_and_are_never_overwritten(model, tmp_path):
    folder = tmp_path / "models" / "tiny"
    assert export_model(model, folder, samples=False) == str(folder / "1")
    assert export_model(model, folder / "7", samples=False) == str(folder / "7")
    (folder / "notes").mkdir()
    assert export_model(model, str(folder), samples=False) == str(folder / "8")
    before = (folder / "7" / "saved_model.pb").stat().st_mtime_ns
    with pytest.raises(FileExistsError, match="for the next free one"):
        export_model(model, folder / "7", samples=False)
    assert (folder / "7" / "saved_model.pb").stat().st_mtime_ns == before
    names = sorted(os.listdir(folder))
    assert names == ["1", "7", "8", "card.json", "notes"]
    assert load_card(folder)["version"] == 8
    assert os.stat(folder / "8").st_mode & 0o777 == os.stat(folder).st_mode & 0o777


def test_an_export_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr("kerasos.export.write_warmup_requests", broken)
    with pytest.raises(RuntimeError, match="disk full"):
        export_model(TinyModel(), tmp_path, samples=False)
    assert os.listdir(tmp_path) == []


def test_a_version_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    def rival(*args, **kwargs):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "theirs").touch()

    monkeypatch.setattr("kerasos.export.write_warmup_requests", rival)
    with pytest.raises(FileExistsError, match="never overwritten"):
        export_model(TinyModel(), tmp_path, samples=False)
    assert os.listdir(tmp_path) == ["1"]
    assert os.listdir(tmp_path / "1") == ["theirs"]


def test_a_remote_path_is_refused(model):
    with pytest.raises(ValueError, match="local folder"):
        export_model(model, "gs://bucket/tiny")


def test_the_card_tells_what_the_export_is(version_folder):
    card = load_card(version_folder)
    assert card == load_card(os.path.dirname(version_folder))
    assert card["method"] == "tiny" and card["seed"] == 0 and card["version"] == 1
    assert card["data"] == {
        "shape": [6, 5, 1],
        "dtype": "uint8",
        "value_range": [0.0, 255.0],
        "class_counts": [40, 12, 3],
        "label_names": ["bag", "boot", "coat"],
    }
    assert card["command"] == "python examples/train.py --out=x -v"
    assert card["scores"] == {"acsa": 0.5, "recalls": [1.0, 0.0]}
    names = ["kerasos", "keras", "tensorflow", "numpy", "python"]
    assert list(card["versions"]) == names and all(card["versions"].values())
    assert card["signatures"]["from_latent"]["inputs"] == {
        "latent": {"dtype": "float32", "shape": [None, 4]},
        "labels": {"dtype": "int32", "shape": [None]},
    }
    assert card["signatures"]["classify"]["outputs"]["classes"]["dtype"] == "int32"
    text = json.dumps(card)
    assert os.path.dirname(os.path.dirname(version_folder)) not in text


def test_the_picture_lies_beside_the_card(version_folder):
    picture = os.path.join(os.path.dirname(version_folder), "samples.png")
    with open(picture, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_a_card_cannot_replace_fields_of_the_export(model, tmp_path):
    with pytest.raises(ValueError, match=r"\['method', 'seed'\]"):
        export_model(model, tmp_path, card={"seed": 3, "method": "x"})
    assert os.listdir(tmp_path) == []


def test_a_missing_card_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="model.export"):
        load_card(tmp_path)


# Warm-up requests.


@pytest.fixture(scope="module")
def warm_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warmup") / "tiny_made"
    model = TinyModel(sampled_labels=(1, 2), value_range=(10.0, 255.0))
    return export_model(model, folder / "3", samples=False)


@pytest.fixture(scope="module")
def records(warm_folder):
    path = f"{warm_folder}/assets.extra/tf_serving_warmup_requests"
    return [record.numpy() for record in tf.data.TFRecordDataset(path)]


def prediction_log_class():
    """`PredictionLog`, from the published .proto files, built independently."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="warmup_test.proto", package="warmup_test", syntax="proto3"
    )

    def message(name, *fields, into=file.message_type):
        made = into.add(name=name)
        for number, field_name, kind, label in fields:
            entry = made.field.add(name=field_name, number=number, label=label)
            if kind in ("string", "bytes"):
                entry.type = getattr(field, f"TYPE_{kind.upper()}")
            else:
                entry.type, entry.type_name = field.TYPE_MESSAGE, kind
        return made

    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    message(
        "ModelSpec",
        (1, "name", "string", one),
        (3, "signature_name", "string", one),
    )
    request = message(
        "PredictRequest",
        (1, "model_spec", ".warmup_test.ModelSpec", one),
        (2, "inputs", ".warmup_test.PredictRequest.InputsEntry", many),
    )
    entry = message(
        "InputsEntry",
        (1, "key", "string", one),
        (2, "value", "bytes", one),  # a TensorProto, parsed by TensorFlow below
        into=request.nested_type,
    )
    entry.options.map_entry = True
    message("PredictLog", (1, "request", ".warmup_test.PredictRequest", one))
    message("PredictionLog", (6, "predict_log", ".warmup_test.PredictLog", one))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("warmup_test.PredictionLog")
    )


@pytest.fixture(params=["the published protos", "tensorflow-serving-api"])
def parse(request):
    if request.param == "the published protos":
        return prediction_log_class().FromString
    apis = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="tensorflow-serving-api is not installed (kerasos[serving])",
    )
    return apis.PredictionLog.FromString


def tensor(value, dtype):
    """A `TensorProto` that is parsed already, or its bytes, as a tensor."""
    value = value if isinstance(value, bytes) else value.SerializeToString()
    return tf.io.parse_tensor(value, dtype)


def test_every_request_decodes_and_runs(warm_folder, records, parse):
    signatures = tf.saved_model.load(warm_folder).signatures
    seen = []
    for record in records:
        log = parse(record)
        assert [field.name for field, _ in log.ListFields()] == ["predict_log"]
        assert log.SerializeToString(deterministic=True) == record  # no unknown field
        request = log.predict_log.request
        assert request.model_spec.name == "tiny_made"
        signature = signatures[request.model_spec.signature_name]
        specs = signature.structured_input_signature[1]
        inputs = {
            name: tensor(value, specs[name].dtype)
            for name, value in request.inputs.items()
        }
        outputs = signature(**inputs)
        sizes = {len(value) for value in [*inputs.values(), *outputs.values()]}
        seen.append((request.model_spec.signature_name, sizes))
    expected = [(n, {b}) for n in ("serving_default", "classify") for b in (1, 8)]
    assert seen == expected


def test_the_requests_keep_to_the_labels_and_the_value_range(records):
    parse = prediction_log_class().FromString
    for record in records:
        inputs = parse(record).predict_log.request.inputs
        if "labels" in inputs:
            labels = tf.io.parse_tensor(inputs["labels"], tf.int32).numpy()
            assert set(labels) <= {1, 2}
        else:
            images = tf.io.parse_tensor(inputs["inputs"], tf.uint8).numpy()
            assert images.shape[1:] == (6, 5, 1) and np.all(images == 10)


def test_long_fields_get_a_length_of_several_bytes():
    values = np.arange(100_000, dtype=np.float32)
    record = prediction_log("m" * 300, "classify", {"inputs": values})
    request = prediction_log_class().FromString(record).predict_log.request
    assert request.model_spec.name == "m" * 300
    got = tf.io.parse_tensor(request.inputs["inputs"], tf.float32)
    np.testing.assert_array_equal(got, values)


def test_more_requests_than_the_server_takes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at most 1000"):
        write_warmup_requests(tmp_path, "m", [("classify", {})] * 1001)
