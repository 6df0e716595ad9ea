"""Writes a model as a SavedModel that TensorFlow Serving runs without kerasos.

saved_models/gamo_mnist/
  card.json     what it is: data, seed, command, versions, scores, signatures
  samples.png   generated images, for methods that generate images
  1/            the version folder, with warm-up requests in assets.extra
"""

import contextlib
import datetime
import errno
import json
import os
import pathlib
import platform
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasos import plots
from kerasos.annotations import PathLike
from kerasos.files import work_folder, writing
from kerasos.traced import traced
from kerasos.version import __version__

CARD = "card.json"
PICTURE = "samples.png"


def export_model(
    model: Any, path: PathLike, card: dict[str, Any] | None = None, samples: bool = True
) -> str:
    """Exports `model` to a version folder, with `card.json` beside it.

    The signatures, all with a free batch dimension and outputs in the user's
    units:

    - `serving_default(labels, seed)` -> `samples`, `labels`: one int32 label and
      one int64 seed per row. The noise of a row depends on its seed alone, so a
      row is the same alone or in a batch.
    - `from_latent(latent, labels)` -> `samples`: no random operation inside, so
      it converts to ONNX; unknown labels are refused on a processor. For methods with
      codes `from_latent(latent, codes, labels)`; `serving_default` draws them.
    - `classify(inputs)` -> `probabilities`, `classes`, where the method trains a
      classifier.

    The version is built beside its place, in a hidden folder, and then renamed, since
    the server polls the folder. What an export that was killed has left there, the next
    one removes. Optimizers and networks no signature uses stay behind.

    Args:
        model: An `OversamplingModel`.
        path: A version folder (its last part is an integer) or its parent, which
            then gets the next integer version, from 1.
        card: Dict added to `card.json`, e.g. `{"command": ..., "scores": ...}`.
            Absolute paths in the command are cut to their last part.
        samples: Boolean, whether to draw `samples.png` for images. Default
            `True`.

    Returns:
        String, the version folder.

    Raises:
        FileExistsError: If the version is already there.
        OSError: If it cannot be written; then nothing of it is left.
        ValueError: If `card` holds a field that the export writes itself.
    """
    parent, version = _version_folder(path)
    signatures = _signatures(model)
    described = _describe(model, version, signatures, card)
    draw: Any = None
    if samples and plots.is_drawable(model.sample_shape):

        def draw(path):
            plots.sample_grid(model, path, title=_title(model))

    return _write_version(
        parent,
        version,
        _module(model.method_name, signatures),
        signatures,
        _warmup_requests(model),
        described,
        draw,
    )


def export_classifier(
    network: keras.Model,
    path: PathLike,
    label_names: Sequence[Any],
    card: dict[str, Any] | None = None,
) -> str:
    """Exports a classifier to a version folder, with `card.json` beside it.

    Its signature `classify(inputs)` -> `probabilities`, `classes`, which is
    `serving_default`, too, has a free batch dimension; `classes` are int32, places in
    `label_names`.

    Args:
        network: `keras.Model` of one input to class probabilities.
        path, card: As in `export_model`.
        label_names: Names of the classes, in the order of the probabilities.

    Returns:
        String, the version folder.

    Raises:
        FileExistsError, ValueError: As `export_model`.
    """
    parent, version = _version_folder(path)
    (raw,) = network.inputs
    classify = traced(_classify(network), _raw_inputs(raw.shape[1:], raw.dtype))
    signatures = {"serving_default": classify, "classify": classify}
    described = {
        "method": network.name,
        "version": version,
        "created": _now(),
        "data": {
            "shape": raw.shape[1:],
            "dtype": raw.dtype,
            "label_names": list(label_names),
        },
        "signatures": {name: _interface(f) for name, f in signatures.items()},
        "versions": _versions(),
    }
    return _write_version(
        parent,
        version,
        _module(network.name, signatures),
        signatures,
        _classify_requests(raw.shape[1:], raw.dtype, 0),
        _card_text(described, card),
    )


def _write_version(parent, version, module, signatures, requests, described, draw=None):
    """Builds a version beside its place, then puts it there, and its card."""
    target = parent / str(version)
    with contextlib.ExitStack() as stack:
        with writing(target, "The export"):
            parent.mkdir(parents=True, exist_ok=True)
            work = stack.enter_context(work_folder(parent, ".export-"))
            built = work / "version"
            try:
                tf.saved_model.save(module, built, signatures=signatures)
                write_warmup_requests(built, parent.name, requests)
            except tf.errors.OpError as error:  # no space left, say
                raise OSError(errno.EIO, error.message) from error
            (work / CARD).write_text(described + "\n", encoding="utf-8")
            if draw is not None:
                draw(work / PICTURE)
        try:
            os.rename(built, target)
        except OSError as error:
            if target.exists():  # somebody else's export won the race
                raise _already_there(target) from error
            raise
        os.replace(work / CARD, parent / CARD)
        if draw is not None:
            os.replace(work / PICTURE, parent / PICTURE)
    return str(target)


def load_card(path: PathLike) -> dict[str, Any]:
    """Reads the `card.json` of an export.

    Args:
        path: The card, its folder, or a version folder beside it.

    Returns:
        Dict.

    Raises:
        FileNotFoundError: If there is no card.
        ValueError: If it is damaged.
    """
    path = pathlib.Path(path)
    for place in (path, path / CARD, path.parent / CARD):
        if place.is_file() and place.name == CARD:
            try:
                return json.loads(place.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(
                    f"{str(place)!r} is damaged. Expected JSON. Received: {error}. "
                    "Export the model anew with `model.export(path)`."
                ) from error
    raise FileNotFoundError(
        f"There is no {CARD} for this path. Expected the folder that "
        f"`model.export` wrote, or one of its versions. Received: {path}. Write "
        "it with `model.export(path)`."
    )


def _version_folder(path):
    text = os.fspath(path)
    if "://" in text:
        raise ValueError(
            "`path` must be a local folder, since a version is put in place by a "
            f"rename. Received: {text}. Export to a local folder and copy that."
        )
    path = pathlib.Path(os.path.abspath(text))
    if _is_version(path.name):
        if path.exists():
            raise _already_there(path)
        return path.parent, int(path.name)
    present = [int(p.name) for p in path.glob("*") if _is_version(p.name)]
    return path, max(present, default=0) + 1


def _is_version(name):
    return name.isascii() and name.isdigit() and str(int(name)) == name


def _already_there(target):
    return FileExistsError(
        "A version is never overwritten, since a server may be running it. "
        f"Received: version {target.name} of {target.parent.name}, which exists. "
        f"Give another version, or the folder {target.parent.name} itself for "
        "the next free one."
    )


def _labels(model):
    return sorted(int(label) for label in model.sampled_labels)


def _signatures(model):
    """Returns `{name: concrete function}`."""
    valid = _labels(model)
    label_error = (
        "`labels` holds a class that this model does not generate. Expected "
        f"labels out of {valid}. Send only those. Received labels:"
    )
    seed_error = (
        "`seed` must have one row per label, so that the server can batch "
        "requests. Repeat a single seed plus a counter. Received rows of labels "
        "and of seed:"
    )

    def serving_default(labels, seed):
        # What a client sends may have another rank than the signature says.
        labels, seed = tf.ensure_shape(labels, [None]), tf.ensure_shape(seed, [None])
        known = tf.reduce_any(labels[:, None] == tf.constant(valid)[None], axis=1)
        rows = [tf.shape(labels)[0], tf.shape(seed)[0]]
        checks = [
            tf.debugging.Assert(tf.reduce_all(known), [label_error, labels]),
            tf.debugging.Assert(rows[0] == rows[1], [seed_error, *rows]),
        ]
        with tf.control_dependencies(checks):
            checked = tf.identity(labels)
            noise = row_noise(seed, model.noise_dim)
        latent = model.latent(noise, checked)
        samples = model.to_user(model.generate(latent, checked))
        return {"samples": samples, "labels": checked}

    # Where each label is among the valid ones, and behind them for others. Gathering
    # there fails on a processor, without an operation that ONNX does not know.
    places = np.full(valid[-1] + 1, len(valid), np.int32)
    places[valid] = np.arange(len(valid))

    def from_latent(latent, labels):
        known = tf.gather(tf.constant(valid), tf.gather(tf.constant(places), labels))
        return {"samples": model.to_user(model.generate(latent, known))}

    def from_latent_and_codes(latent, codes, labels):
        return from_latent(tf.concat([latent, codes], -1), labels)

    labels = tf.TensorSpec([None], tf.int32, name="labels")
    seed = tf.TensorSpec([None], tf.int64, name="seed")
    latent = tf.TensorSpec([None, model.latent_dim], tf.float32, name="latent")
    inputs = _raw_inputs(model.spec.shape, model.spec.dtype)
    endpoints = {
        "serving_default": (serving_default, [labels, seed]),
        "from_latent": (from_latent, [latent, labels]),
    }
    if model.num_codes:
        codes = tf.TensorSpec([None, model.num_codes], tf.float32, name="codes")
        endpoints["from_latent"] = from_latent_and_codes, [latent, codes, labels]
    if model.classifier is not None:
        endpoints["classify"] = (_classify(model.classifier), [inputs])
    return {
        name: traced(function, *arguments)
        for name, (function, arguments) in endpoints.items()
    }


def _classify(network):
    def classify(inputs):
        probabilities = network(inputs, training=False)
        classes = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        return {"probabilities": probabilities, "classes": classes}

    return classify


def _raw_inputs(shape, dtype):
    return tf.TensorSpec([None, *shape], tf.as_dtype(dtype), name="inputs")


def row_noise(seed, noise_dim):
    """Standard normal noise, each row from its own seed.

    `map_fn` over the rows is slower than one draw (10,000 rows of 100 in about
    0.3 s on two cores) but a row cannot depend on its neighbours. The algorithm
    is fixed, since the default choice differs between kinds of devices.

    Args:
        seed: Integer tensor `(batch,)`.
        noise_dim: Integer.

    Returns:
        Float32 tensor `(batch, noise_dim)`.
    """

    def one_row(row_seed):
        pair = tf.stack([row_seed, tf.zeros_like(row_seed)])
        return tf.random.stateless_normal([noise_dim], pair, alg="philox")

    row = tf.TensorSpec([noise_dim], tf.float32)
    return tf.map_fn(one_row, seed, fn_output_signature=row)


def _module(name, signatures):
    """Holds the variables the signatures read, and nothing else of the model.

    Saving the Keras model itself would also save the optimizers, and loading it
    would look for its classes.
    """
    read = {}
    for function in signatures.values():
        for variable in function.graph.variables:
            read[id(variable)] = variable
    module = tf.Module(name=name)
    module.weights = list(read.values())
    return module


def _warmup_requests(model):
    valid = _labels(model)
    requests = []
    for size in (1, 8):
        labels = np.resize(np.array(valid, np.int32), size)
        seed = np.arange(size, dtype=np.int64)
        requests.append(("serving_default", {"labels": labels, "seed": seed}))
    if model.classifier is not None:
        spec = model.spec
        requests += _classify_requests(spec.shape, spec.dtype, spec.value_range[0])
    return requests


def _classify_requests(shape, dtype, low):
    return [
        ("classify", {"inputs": np.full((size, *shape), low, dtype)}) for size in (1, 8)
    ]


# Warm-up requests, without tensorflow-serving-api. The server replays a TFRecord file
# of `tensorflow.serving.PredictionLog` messages before it reports a version as ready.
# They are four small ones around a `TensorProto`, which TensorFlow itself writes, so
# they are encoded here by hand. Field numbers of tensorflow-serving-api 2.21:
#     PredictionLog.predict_log = 6      PredictLog.request = 1
#     PredictRequest.model_spec = 1      PredictRequest.inputs = 2 (a map)
#     ModelSpec.name = 1                 ModelSpec.signature_name = 3
WARMUP_FILE = "tf_serving_warmup_requests"
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
    path = pathlib.Path(folder) / "assets.extra" / WARMUP_FILE
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


def _describe(model, version, signatures, extra):
    """Returns the text of the card."""
    spec = model.spec
    card = {
        "method": model.method_name,
        "version": version,
        "created": _now(),
        "seed": model.seed,
        "data": {
            "shape": spec.shape,
            "dtype": spec.dtype,
            "value_range": spec.value_range,
            "class_counts": spec.class_counts,
            "label_names": spec.label_names,
        },
        "samples": {
            "shape": model.sample_shape,
            "dtype": model.sample_dtype,
            "labels": _labels(model),
            "are_in_data_space": bool(model.produces_samples),
        },
        "signatures": {name: _interface(f) for name, f in signatures.items()},
        "versions": _versions(),
    }
    if model.num_codes:
        card["codes"] = list(model.graph.names)
    return _card_text(card, extra)


def _now():
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _versions():
    return {
        "kerasos": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _card_text(card, extra):
    """Returns the card with the user's fields as JSON."""
    extra = dict(extra or {})
    if taken := sorted(card.keys() & extra.keys()):
        raise ValueError(
            f"`card` holds fields that the export writes itself: {taken}. Expected "
            "others, such as `command`, `dataset` and `scores`. Rename them."
        )
    if isinstance(extra.get("command"), str):
        extra["command"] = _without_absolute_paths(extra["command"])
    return json.dumps({**card, **extra}, indent=2, default=_plain)


def _without_absolute_paths(command):
    """`/usr/bin/python train.py --out=/data/x` -> `python train.py --out=x`."""
    return re.sub(r"(?:(?<=[\s='\"])|^)/(?:[^\s'\"]*/)?([^\s'\"/]+)/?", r"\1", command)


def _interface(function):
    def entries(specs):
        return {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in specs.items()
        }

    arguments, _ = function.structured_input_signature
    return {
        "inputs": entries({spec.name: spec for spec in arguments}),
        "outputs": entries(function.structured_outputs),
    }


def _plain(value):
    """JSON for what NumPy and paths leave in a card."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return str(value)


def _title(model):
    return f"{model.method_name}: generated samples"
