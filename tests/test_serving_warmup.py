import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tiny_model import TinyModel

from kerasos.export import export_model
from kerasos.serving_warmup import prediction_log, write_warmup_requests


@pytest.fixture(scope="module")
def version_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warmup") / "tiny_made"
    model = TinyModel(sampled_labels=(1, 2), value_range=(10.0, 255.0))
    return export_model(model, folder / "3", samples=False)


@pytest.fixture(scope="module")
def records(version_folder):
    path = f"{version_folder}/assets.extra/tf_serving_warmup_requests"
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


def test_every_request_decodes_and_runs(version_folder, records):
    parse = prediction_log_class().FromString
    signatures = tf.saved_model.load(version_folder).signatures
    seen = []
    for record in records:
        log = parse(record)
        assert log.SerializeToString(deterministic=True) == record  # no unknown field
        request = log.predict_log.request
        assert request.model_spec.name == "tiny_made"
        signature = signatures[request.model_spec.signature_name]
        specs = signature.structured_input_signature[1]
        inputs = {
            name: tf.io.parse_tensor(value, specs[name].dtype)
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


def test_the_messages_are_those_of_tensorflow_serving(version_folder, records):
    apis = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="tensorflow-serving-api is not installed (kerasos[serving])",
    )
    signatures = tf.saved_model.load(version_folder).signatures
    for record in records:
        log = apis.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        assert log.SerializeToString(deterministic=True) == record
        request = log.predict_log.request
        assert request.model_spec.name == "tiny_made"
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        signatures[request.model_spec.signature_name](
            **{k: tf.constant(v) for k, v in inputs.items()}
        )


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
