"""Asks a server for generated samples, and says how fast it answered.

    pip install -e ".[mlserver]"
    mlserver start examples/serving
    python examples/serving/ask.py --labels=7,8,9
    python examples/serving/ask.py --grpc --requests=2000 --at_once=200

The last one asks 2,000 times, 200 at once. Each request has one row for each label; its
seeds go on from where those of the request before it end.
"""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from absl import app, flags

_LABELS = flags.DEFINE_list("labels", ["7", "8", "9"], "Classes to generate.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the first row.")
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Of the server.")
_PORT = flags.DEFINE_integer("port", None, "Default: 8080, or 8081 with --grpc.")
_MODEL = flags.DEFINE_string("model", "gamo_digits", "Its name on the server.")
_GRPC = flags.DEFINE_bool("grpc", False, "Over gRPC and not over REST.")
_REQUESTS = flags.DEFINE_integer("requests", 1, "How many.", 1)
_AT_ONCE = flags.DEFINE_integer("at_once", 1, "Of them.", 1)


def named(labels, seed):
    """Returns the inputs as the protocol names them."""
    return ("labels", "INT32", labels), ("seed", "INT64", seed)


class Rest:
    """One connection over HTTP.

    Args:
        host, port: Of the server.
        model: String, its name there.
    """

    def __init__(self, host, port, model):
        self.path = f"/v2/models/{model}/infer"
        self.connection = http.client.HTTPConnection(host, port, timeout=120)
        self.connection.connect()

    def ask(self, labels, seed):
        """Returns arrays by name, or raises `RuntimeError` with the server's words."""
        inputs = [
            {"name": name, "datatype": kind, "shape": [len(values)], "data": values}
            for name, kind, values in named(labels, seed)
        ]
        header = {"Content-Type": "application/json"}
        body = json.dumps({"inputs": inputs})
        self.connection.request("POST", self.path, body, header)
        response = self.connection.getresponse()
        text = response.read().decode()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {text}")
        return {
            output["name"]: np.reshape(output["data"], output["shape"])
            for output in json.loads(text)["outputs"]
        }

    def close(self):
        self.connection.close()


class Grpc:
    """One channel over gRPC, with the messages that come with MLServer; as `Rest`."""

    def __init__(self, host, port, model):
        import grpc
        from mlserver.grpc import dataplane_pb2, dataplane_pb2_grpc

        # A connection of its own, as that over HTTP is.
        own = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(f"{host}:{port}", own)
        self.stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        grpc.channel_ready_future(self.channel).result(timeout=120)
        self.messages, self.error, self.model = dataplane_pb2, grpc.RpcError, model

    def ask(self, labels, seed):
        request = self.messages.ModelInferRequest(model_name=self.model)
        for name, kind, values in named(labels, seed):
            tensor = request.inputs.add(name=name, datatype=kind, shape=[len(values)])
            field = "int_contents" if kind == "INT32" else "int64_contents"
            getattr(tensor.contents, field).extend(values)
        try:
            response = self.stub.ModelInfer(request, timeout=120)
        except self.error as error:
            raise RuntimeError(f"{error.code().name}: {error.details()}") from error
        fields = {"UINT8": "uint_contents", "INT32": "int_contents"}
        fields |= {"FP32": "fp32_contents"}
        return {
            output.name: np.reshape(
                getattr(output.contents, fields[output.datatype]), output.shape
            )
            for output in response.outputs
        }

    def close(self):
        self.channel.close()


def ask_many(connect, labels, seed, requests, at_once):
    """Asks `requests` times, `at_once` at a time, each time with other seeds.

    Args:
        connect: Function to a new `Rest` or `Grpc`; each thread has one.
        labels: List of integers, the same in every request.
        seed: Integer, of the first row of the first request.

    Returns:
        `(answers, seconds, whole)`: a list of outputs, an array of how long each
        request took, and how long all took from when all were connected.
    """
    own, connections = threading.local(), []
    at_once = min(at_once, requests)
    all_here = threading.Barrier(at_once)

    def one(number):
        if not hasattr(own, "server"):
            own.server = connect()
            connections.append(own.server)
            all_here.wait()
        first = seed + number * len(labels)
        start = time.perf_counter()
        answer = own.server.ask(labels, list(range(first, first + len(labels))))
        return answer, start, time.perf_counter()

    with ThreadPoolExecutor(at_once) as pool:
        answers, starts, ends = zip(*pool.map(one, range(requests)), strict=True)
    for connection in connections:
        connection.close()
    return list(answers), np.subtract(ends, starts), max(ends) - min(starts)


def main(_):
    labels = [int(label) for label in _LABELS.value]
    port = _PORT.value or (8081 if _GRPC.value else 8080)
    kind = Grpc if _GRPC.value else Rest
    answers, seconds, whole = ask_many(
        lambda: kind(_HOST.value, port, _MODEL.value),
        labels,
        _SEED.value,
        _REQUESTS.value,
        _AT_ONCE.value,
    )
    samples = answers[0]["samples"]
    print(f"samples {samples.shape}, from {samples.min()} to {samples.max()}")
    print(
        f"{_REQUESTS.value} requests of {len(labels)} rows, {_AT_ONCE.value} at once: "
        f"{_REQUESTS.value / whole:.0f} a second, median {np.median(seconds):.3f} s, "
        f"longest {seconds.max():.3f} s"
    )


if __name__ == "__main__":
    app.run(main)
