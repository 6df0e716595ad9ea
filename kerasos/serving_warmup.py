"""Warm-up requests for TensorFlow Serving, without tensorflow-serving-api.

The server replays `assets.extra/tf_serving_warmup_requests`, a TFRecord file of
`tensorflow.serving.PredictionLog` messages, before it reports a new version as
ready. The messages are four small ones around a `TensorProto`, which TensorFlow
itself writes, so they are encoded here by hand; the numbers below are the field
numbers of the protos of tensorflow-serving-api 2.21:

    PredictionLog.predict_log = 6      PredictLog.request = 1
    PredictRequest.model_spec = 1      PredictRequest.inputs = 2 (a map)
    ModelSpec.name = 1                 ModelSpec.signature_name = 3
"""

import pathlib

import tensorflow as tf

FILE_NAME = "tf_serving_warmup_requests"
MAX_REQUESTS = 1000  # the server refuses a longer file


def prediction_log(model_name, signature_name, inputs):
    """Returns one serialised `PredictionLog` that holds a predict request.

    Args:
        model_name: String, the name the server knows the model by.
        signature_name: String, e.g. `"serving_default"`.
        inputs: Dict of input name to array, batch dimension included.

    Returns:
        Bytes.
    """
    spec = _field(1, model_name.encode()) + _field(3, signature_name.encode())
    request = _field(1, spec)
    for name in sorted(inputs):
        tensor = tf.make_tensor_proto(inputs[name]).SerializeToString()
        # A map is a repeated message of a key (1) and a value (2).
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    return _field(6, _field(1, request))


def write_warmup_requests(folder, model_name, requests):
    """Writes the warm-up file of one SavedModel version folder.

    Args:
        folder: The version folder, e.g. `saved_models/gamo_mnist/1`.
        model_name: String, the name the server knows the model by.
        requests: List of `(signature_name, inputs)`, as in `prediction_log`.

    Returns:
        Path of the written file.

    Raises:
        ValueError: If there are more requests than the server accepts.
    """
    if len(requests) > MAX_REQUESTS:
        raise ValueError(
            "`requests` is too long for TensorFlow Serving. Expected at most "
            f"{MAX_REQUESTS} requests. Received: {len(requests)}. Keep the ones "
            "with the batch sizes that matter."
        )
    path = pathlib.Path(folder) / "assets.extra" / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, inputs in requests:
            writer.write(prediction_log(model_name, signature_name, inputs))
    return path


def _field(number, payload):
    """One length-delimited protobuf field (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
