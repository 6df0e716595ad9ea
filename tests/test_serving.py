"""MLServer serves the exported digits over REST and gRPC, and outlives bad requests.

It is not among the packages of the tests: `pip install -e ".[mlserver]"`.
"""

import contextlib
import http.client
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import script_module
import tensorflow as tf
from test_workers import free_ports

if importlib.util.find_spec("mlserver") is None:
    pytest.skip(
        "mlserver is not installed (kerasos[mlserver])", allow_module_level=True
    )

pytestmark = pytest.mark.slow(reason="starts a server, which loads TensorFlow")
ROOT = pathlib.Path(__file__).parents[1]
MODEL = ROOT / "saved_models" / "gamo_digits" / "1"
SERVE = "from mlserver.cli import main; main()"
NAME, AT_ONCE = "gamo_digits", 200
LABELS = [1, 5, 9]


@pytest.fixture(scope="module")
def client():
    with script_module.loaded(ROOT / "examples" / "serving" / "ask.py") as module:
        yield module


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The process and its ports, for REST and gRPC."""
    folder = tmp_path_factory.mktemp("server")
    http_port, grpc_port = free_ports(2)
    ports = {"MLSERVER_HTTP_PORT": http_port, "MLSERVER_GRPC_PORT": grpc_port}
    env = {**os.environ, **{name: str(port) for name, port in ports.items()}}
    env.pop("PYTHONPATH", None)  # kerasos need not be there
    command = [sys.executable, "-c", SERVE, "start", str(ROOT / "examples" / "serving")]
    with open(folder / "log.txt", "w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 300
        while not is_ready(http_port):
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, (folder / "log.txt").read_text()[-3000:]
            time.sleep(0.5)
        yield process, http_port, grpc_port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def signature():
    return tf.saved_model.load(MODEL).signatures["serving_default"]


@pytest.fixture(params=["Rest", "Grpc"])
def connect(request, server, client):
    """A function to a new connection."""
    port = server[1] if request.param == "Rest" else server[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        importlib.import_module("mlserver.grpc")
    return lambda: getattr(client, request.param)("127.0.0.1", port, NAME)


def is_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"/v2/models/{NAME}/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def directly(signature, labels, seed):
    outputs = signature(
        labels=tf.constant(labels, tf.int32), seed=tf.constant(seed, tf.int64)
    )
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def test_answers_are_those_of_the_model(connect, signature):
    labels, seed = [1, 2, 3, 9, 9], [0, -7, 2**40, 5, 6]
    with contextlib.closing(connect()) as connection:
        answer = connection.ask(labels, seed)
    expected = directly(signature, labels, seed)
    assert set(answer) == {"samples", "labels"}
    for name, array in expected.items():
        np.testing.assert_array_equal(answer[name], array, name)
    assert answer["samples"].shape == (5, 8, 8, 1)


def test_two_hundred_at_once_get_their_own_answers(client, connect, signature):
    answers, seconds, _ = client.ask_many(connect, LABELS, 7, AT_ONCE, AT_ONCE)
    assert len(answers) == len(seconds) == AT_ONCE
    for number, answer in enumerate(answers):
        seed = 7 + 3 * number + np.arange(3)
        expected = directly(signature, LABELS, seed)
        np.testing.assert_array_equal(answer["samples"], expected["samples"])


def test_bad_labels_among_two_hundred_spoil_no_other(
    client, connect, server, signature
):
    class Unruly:
        """Asks for classes that there are not when its first seed is odd."""

        def __init__(self):
            self.server = connect()

        def ask(self, labels, seed):
            labels = [0, 5, 99] if seed[0] % 2 else labels
            try:
                return self.server.ask(labels, seed)
            except RuntimeError as error:
                return str(error)

        def close(self):
            self.server.close()

    answers, _, _ = client.ask_many(Unruly, LABELS, 0, AT_ONCE, AT_ONCE)
    for number in range(0, AT_ONCE, 2):
        expected = directly(signature, LABELS, 3 * number + np.arange(3))
        np.testing.assert_array_equal(answers[number]["samples"], expected["samples"])
    words = "`labels` holds a class that this model does not generate. Expected labels"
    assert all(words in answer and "[0 5 99]" in answer for answer in answers[1::2])
    assert answers[1].startswith(("400: ", "INVALID_ARGUMENT: "))
    assert server[0].poll() is None


def inputs(labels="[1, 2]", kind="INT32", shape="[2]", seed="[3, 4]", name="labels"):
    return (
        f'{{"inputs": [{{"name": "{name}", "datatype": "{kind}", "shape": {shape}, '
        f'"data": {labels}}}, {{"name": "seed", "datatype": "INT64", "shape": [2], '
        f'"data": {seed}}}]}}'
    )


BAD = {
    "label": (inputs("[0, 1]"), "Expected labels out of [1, 2"),
    "fraction": (inputs("[1, 1.5]"), "Expected INT32 of shape [-1], and numbers that"),
    "too large": (inputs("[1, 1099511627776]"), "numbers that fit"),
    "truth": (inputs("[true, true]"), "numbers that fit"),
    "not a number": (inputs("[NaN, 1]"), "JSON decode error"),
    "text": (inputs('["a", "b"]'), "as many numbers"),
    "nothing": (inputs("null"), "as many numbers"),
    "nested": (inputs("[[1], [2, 3]]"), "as many numbers"),
    "floats": (inputs(kind="FP32"), "Received: FP32"),
    "bytes": (inputs("[]", "BYTES", "[]"), "Received: BYTES of shape []"),
    "no such kind": (inputs(kind="INT31"), "INT31"),
    "fewer than said": (inputs(shape="[3]"), "as many numbers"),
    "fewer than none": (inputs(shape="[-1]"), "Received: INT32 of shape [-1]"),
    "a table": (inputs(shape="[2, 1]"), "Received: INT32 of shape [2, 1]"),
    "fewer labels": (inputs("[1]", shape="[1]"), "equally many rows"),
    "seed": (inputs(seed="[3, 99999999999999999999]"), "The input 'seed' is wrong"),
    "other name": (inputs(name="classes"), "Expected ['labels', 'seed']"),
    "one": ('{"inputs": []}', "Expected ['labels', 'seed'], each once"),
    "empty": ("{}", "Field required"),
    "no json": ("labels=1", "JSON decode error"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_told_why(server, case):
    body, words = BAD[case]
    connection = http.client.HTTPConnection("127.0.0.1", server[1], timeout=60)
    header = {"Content-Type": "application/json"}
    connection.request("POST", f"/v2/models/{NAME}/infer", body, header)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status in (400, 422) and words in text, (response.status, text)
    assert server[0].poll() is None and is_ready(server[1])


def test_a_request_has_so_many_rows_and_no_more(connect):
    with contextlib.closing(connect()) as connection:
        answer = connection.ask([1] * 1024, list(range(1024)))
        assert len(answer["labels"]) == 1024
        with pytest.raises(RuntimeError, match="at most 1024 a request. .*1025"):
            connection.ask([1] * 1025, list(range(1025)))


def test_a_description_names_inputs_and_outputs(server):
    connection = http.client.HTTPConnection("127.0.0.1", server[1], timeout=60)
    connection.request("GET", f"/v2/models/{NAME}")
    said = json.loads(connection.getresponse().read())
    connection.close()
    told = {
        tensor["name"]: (tensor["datatype"], tensor["shape"])
        for tensor in said["inputs"] + said["outputs"]
    }
    assert told == {
        "seed": ("INT64", [-1]),
        "labels": ("INT32", [-1]),
        "samples": ("UINT8", [-1, 8, 8, 1]),
    }
