"""A runtime of MLServer for what `model.export` writes; kerasos itself is not needed.

`model-settings.json` beside it names the version folder (`parameters.uri`) and, in
`parameters.extra`, the signature (`serving_default` by default) and the most rows of a
request. A wrong request gets an error that says what was expected, and the server goes
on.
"""

import asyncio

import numpy as np
import tensorflow as tf
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.codecs.numpy import to_datatype
from mlserver.errors import InferenceError
from mlserver.types import InferenceResponse, MetadataTensor
from mlserver.utils import get_model_uri

MAX_ROWS = 1024


class SavedModelRuntime(MLModel):
    """Answers inference requests by one signature of a SavedModel."""

    async def load(self):
        extra = self.settings.parameters.extra or {}
        self.max_rows = extra.get("max_rows", MAX_ROWS)
        self.model = tf.saved_model.load(await get_model_uri(self.settings))
        name = extra.get("signature", "serving_default")
        self.signature = self.model.signatures[name]
        self.specs = self.signature.structured_input_signature[1]
        self.inputs = described(self.specs)
        self.outputs = described(self.signature.structured_outputs)
        return True

    async def predict(self, payload):
        arrays = read(payload, self.specs, self.max_rows)
        # In a thread, so that the server listens meanwhile.
        outputs = await asyncio.to_thread(self.answer, arrays)
        chosen = [output.name for output in payload.outputs or []] or list(outputs)
        for name in chosen:
            if name not in outputs:
                refuse(f"There is no output {name!r}", f"one of {list(outputs)}", name)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[encoded(name, outputs[name]) for name in chosen],
        )

    def answer(self, arrays):
        tensors = {name: tf.constant(array) for name, array in arrays.items()}
        try:
            outputs = self.signature(**tensors)
        except tf.errors.InvalidArgumentError as error:  # labels of no such class
            # Around the words of the export there are those of TensorFlow.
            _, _, words = error.message.rpartition("assertion failed: [")
            words, _, _ = words.partition("\n")
            raise InferenceError(words.replace(":] ", ": ", 1)) from error
        return {name: tensor.numpy() for name, tensor in outputs.items()}


def described(specs):
    """Returns the inputs or outputs of a signature as the protocol has them."""
    return [
        MetadataTensor(
            name=name,
            datatype=to_datatype(np.dtype(spec.dtype.as_numpy_dtype)),
            shape=[-1 if size is None else size for size in spec.shape.as_list()],
        )
        for name, spec in specs.items()
    ]


def encoded(name, array):
    """Returns an output as the protocol has it, in its own shape."""
    output = NumpyCodec.encode_output(name, array)
    output.shape = list(array.shape)  # and not (n, 1) for (n,)
    return output


def read(payload, specs, max_rows):
    """Returns the arrays of a request by name, as a signature takes them.

    Raises:
        InferenceError: If they are not what it takes.
    """
    given = {tensor.name: tensor for tensor in payload.inputs}
    if set(given) != set(specs) or len(payload.inputs) != len(specs):
        names = [tensor.name for tensor in payload.inputs]
        refuse("The inputs are others", f"{sorted(specs)}, each once", names)
    arrays = {name: read_one(given[name], spec) for name, spec in specs.items()}
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        refuse("Inputs must have equally many rows", "one of each a row", rows)
    if max(rows.values()) > max_rows:
        refuse("There are too many rows", f"at most {max_rows} a request", rows)
    return arrays


def read_one(tensor, spec):
    """Returns an input as an array of the shape and dtype of `spec`."""
    wanted = np.dtype(spec.dtype.as_numpy_dtype)
    (described_as,) = described({tensor.name: spec})
    what = f"The input {tensor.name!r} is wrong"
    expected = f"{described_as.datatype} of shape {described_as.shape}"
    received = f"{tensor.datatype} of shape {tensor.shape}"
    numbers = ("INT", "UINT", "FP") if wanted.kind == "f" else ("INT", "UINT")
    is_number = tensor.datatype.startswith(numbers)
    as_long = len(tensor.shape) == spec.shape.rank and min(tensor.shape) >= 0
    if not (is_number and as_long and spec.shape.is_compatible_with(tensor.shape)):
        refuse(what, expected, received)
    try:
        values = np.array(getattr(tensor.data, "root", tensor.data))
        array = values.astype(wanted).reshape(tensor.shape)
    except (TypeError, ValueError, OverflowError):
        refuse(what, f"{expected}, and as many numbers", received)
    # 1.5 is no label, and neither is 2**40, nor true.
    exact = wanted.kind == "f" or np.array_equal(array.ravel(), values.ravel())
    if not exact or values.dtype.kind not in "iuf":
        refuse(what, f"{expected}, and numbers that fit", received)
    return array


def refuse(what, expected, received):
    raise InferenceError(
        f"{what}. Expected {expected}. Received: {received}. "
        "`GET /v2/models/NAME` says what a model takes."
    )
