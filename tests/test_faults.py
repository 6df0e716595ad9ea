"""A full disk, a folder that is read-only, damaged files: told, and nothing lost."""

import contextlib
import io
import json
import os
import resource
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from resuming import assert_same_state, state
from tiny_model import TinyModel

import kerasos
from kerasos.callbacks import AtomicBackup
from kerasos.evaluation.compare.result_rows import append_rows, read_rows
from kerasos.export import export_model, load_card
from kerasos.files import check_writable, whole_file

X = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")
Y = np.repeat([0, 1], [40, 20])


@contextlib.contextmanager
def full_disk(room):
    """Files of this process get no longer than `room` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def read_only(folder):
    """Nothing can be written to a folder, by root neither."""
    is_root = os.geteuid() == 0
    folder.chmod(0o555)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


NO_ROOM = "cannot be written. Expected .* Received: File too large, .*Make room"


# The one way to write a file.


def test_a_file_is_whole_or_what_it_was(tmp_path):
    path = tmp_path / "new" / "report.md"
    with whole_file(path) as draft:
        assert draft.suffix == ".md" and not path.exists()
        draft.write_text("first")
    before = contents(tmp_path)
    assert before == {"new/report.md": b"first"}
    with pytest.raises(OSError, match=f"^.Errno 27. The report {NO_ROOM}"):
        with full_disk(1000), whole_file(path, "The report") as draft:
            draft.write_bytes(bytes(2000))
    with pytest.raises(KeyboardInterrupt), whole_file(path) as draft:
        draft.write_text("half of")
        raise KeyboardInterrupt
    assert contents(tmp_path) == before


def test_links_are_followed_and_devices_written_to(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    with whole_file(tmp_path / "link") as draft:
        draft.write_text("text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "file").read_text() == "text"
    with whole_file("/dev/null") as draft:
        draft.write_text("text")
    assert not os.path.isfile("/dev/null")


def test_a_folder_that_is_read_only_is_told_before_work(tmp_path):
    (tmp_path / "old").write_text("old")
    for act in (
        lambda: check_writable(tmp_path, "The backup"),
        lambda: check_writable(tmp_path / "deeper", "The backup"),
        lambda: whole_file(tmp_path / "old", "The backup").__enter__().touch(),
    ):
        with read_only(tmp_path), pytest.raises(PermissionError) as found:
            act()
        if "Received" in str(found.value):
            assert "The backup cannot be written" in str(found.value)
    check_writable(tmp_path)
    assert contents(tmp_path) == {"old": b"old"}


# Backups.


def build(units=5, cls=keras.Sequential):
    keras.utils.set_random_seed(0)
    network = cls([keras.Input((6,)), keras.layers.Dense(units), keras.layers.Dense(2)])
    network.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
        run_eagerly=True,
    )
    return network


class Another(keras.Sequential):
    """A model of another class, with the same variables."""


def train(model, epochs, folder, *others):
    data = kerasos.data.batches(X, Y, 30, seed=0)
    callbacks = [AtomicBackup(folder, data=data), *others]
    options = {"verbose": 0, "shuffle": False, "callbacks": callbacks}
    return model.fit(data, epochs=epochs, **options).epoch


def test_a_backup_without_room_leaves_the_one_before(tmp_path):
    unbroken = build()
    train(unbroken, 4, tmp_path / "unbroken")
    folder = tmp_path / "backup"
    train(build(), 2, folder)
    before = contents(folder)
    (size,) = map(len, before.values())
    # At the start, in the midst, and in the last bytes of the file.
    for room in (100, size // 3, size // 2, size - 100):
        with full_disk(room), pytest.raises(OSError, match=f"The backup {NO_ROOM}"):
            train(build(), 4, folder)
        assert contents(folder) == before, room
    resumed = build()
    assert train(resumed, 4, folder) == [2, 3]
    for a, b in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backup_that_cannot_be_written_is_told_before_the_first_epoch(tmp_path):
    begun = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *a: begun.append(a))
    for folder in (tmp_path, tmp_path / "deeper"):
        with read_only(tmp_path), pytest.raises(PermissionError, match="The backup"):
            train(build(), 1, folder, watch)
    assert not begun and not contents(tmp_path)


def spoilt(data, how):
    middle = data.find(np.float32(0.1).tobytes())  # the rate, among the contents
    return {
        "cut": data[: len(data) // 2],
        "its last byte missing": data[:-1],
        "empty": b"",
        "text": b"not a backup\n" * 500,
        "a bit of its contents": data[:middle]
        + bytes([data[middle] ^ 1])
        + data[middle + 1 :],
    }[how]


@pytest.mark.parametrize(
    "how",
    ["cut", "its last byte missing", "empty", "text", "a bit of its contents"],
)
def test_a_damaged_backup_is_told_and_kept(how, tmp_path):
    train(build(), 2, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(spoilt(path.read_bytes(), how))
    before, model = contents(tmp_path), build()
    start = model.get_weights()
    with pytest.raises(ValueError, match="000002.* is damaged.*Move it .* begin anew"):
        train(model, 4, tmp_path)
    assert contents(tmp_path) == before
    for a, b in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_whole_backup_before_a_damaged_one_is_named_and_goes_on(tmp_path):
    train(build(), 1, tmp_path)
    first, second = (tmp_path / f"epoch_00000{n}.weights.h5" for n in (1, 2))
    second.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="Move it elsewhere to go on from epoch_0+1"):
        train(build(), 3, tmp_path)
    second.unlink()
    assert train(build(), 3, tmp_path) == [1, 2]


def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    train(build(), 1, tmp_path)
    (path,) = tmp_path.iterdir()
    # A whole copy that has not got its name yet is no backup.
    shutil.copy(path, tmp_path / "draft_1_epoch_000009.weights.h5")
    (tmp_path / "draft_2_epoch_000009.weights.h5").write_bytes(b"half")
    assert train(build(), 2, tmp_path) == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["epoch_000002.weights.h5"]


def restamp(folder, **changes):
    (path,) = folder.iterdir()
    with h5py.File(path, "r+") as file:
        stamp = json.loads(file.attrs["kerasos_backup"])
        file.attrs["kerasos_backup"] = json.dumps({**stamp, **changes})


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: build(units=4), "of another run.*its variables.*by kerasos .*Keras"),
        (lambda: build(cls=Another), "model='Another'. Received: model='Sequential'"),
    ],
)
def test_a_backup_of_another_model_is_refused(other, words, tmp_path):
    train(build(), 1, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=words):
        train(other(), 2, tmp_path)
    assert contents(tmp_path) == before


def test_a_backup_of_fewer_layers_is_not_taken_for_one_of_more(tmp_path):
    # Keras alone leaves out what it has no place for, and says nothing.
    train(build(), 1, tmp_path)
    fewer = build()
    fewer.pop()
    fewer.compile("adam", fewer.loss, run_eagerly=True)
    with pytest.raises(ValueError, match="its variables. Received: others"):
        train(fewer, 2, tmp_path)


def test_formats_of_backups(tmp_path):
    train(build(), 1, tmp_path)
    restamp(tmp_path, format=2, kerasos="9.1")
    with pytest.raises(ValueError, match="a later kerasos.* at most.*format 2.* 9.1"):
        train(build(), 2, tmp_path)
    # An earlier version of the package is fine as long as the variables are.
    restamp(tmp_path, format=1, kerasos="0.0.1")
    assert train(build(), 2, tmp_path) == [1]
    # What was written before there were stamps goes on, too.
    (path,) = tmp_path.iterdir()
    with h5py.File(path, "r+") as file:
        del file.attrs["kerasos_backup"]
    assert train(build(), 3, tmp_path) == [2]


def method(x=X, y=Y, cls=kerasos.CVAE, **options):
    # Another layer before it: names that Keras counts up are no difference.
    keras.layers.Dense(1)
    model = cls.from_data(x, y, value_range=(-5, 5), **options)
    model.compile(jit_compile=False)
    return model


def fit(model, epochs, folder):
    data = kerasos.data.batches(X, Y, 30, seed=0)
    return model.fit(data, epochs=epochs, verbose=0, callbacks=[AtomicBackup(folder)])


def test_a_backup_of_a_method_says_which_option_differs(tmp_path):
    model = method(latent_dim=3, seed=0)
    fit(model, 2, tmp_path)
    before = contents(tmp_path)
    others = [
        (method(latent_dim=4), "variables"),
        (method(latent_dim=3, kl_warmup_epochs=7), "epochs=7. Received: kl_warmup"),
        (method(y=np.repeat([0, 1], 30), latent_dim=3), r"counts=\[30, 30\]. .*40, 20"),
        (method(cls=kerasos.CGAN), "model='CGAN'. Received: model='CVAE'"),
    ]
    for other, words in others:
        with pytest.raises(ValueError, match=f"of another run.*{words}"):
            fit(other, 3, tmp_path)
        assert contents(tmp_path) == before
    # What training does not know may differ; and the seed that a run was given or
    # drew is in the state.
    again = method(latent_dim=3)
    assert fit(again, 2, tmp_path).epoch == []
    assert_same_state(state(model), state(again))


def test_a_backup_goes_on_with_other_options_of_sampling(tmp_path):
    options = {"width": 8, "blocks": 1, "draws": 1}
    fit(method(cls=kerasos.FlowMatching, sampling_steps=3, **options), 1, tmp_path)
    other = method(cls=kerasos.FlowMatching, sampling_steps=9, **options)
    assert fit(other, 2, tmp_path).epoch == [1] and other.sampling_steps == 9
    with pytest.raises(ValueError, match="draws=2. Received: draws=1"):
        fit(method(cls=kerasos.FlowMatching, **{**options, "draws": 2}), 3, tmp_path)


# Models, exports, tables.


def test_a_model_that_does_not_fit_leaves_the_file_before(tmp_path):
    path, model = tmp_path / "deep" / "model.keras", method(latent_dim=3)
    model.save(path)
    before = contents(tmp_path)
    (size,) = map(len, before.values())
    for room in (100, size // 2, size - 10):
        with full_disk(room), pytest.raises(OSError, match=f"The model {NO_ROOM}"):
            model.save(path)
        assert contents(tmp_path) == before
    assert isinstance(keras.saving.load_model(path), kerasos.CVAE)
    for wrong in ("model", "model.txt"):
        with pytest.raises(ValueError, match="extension"):
            model.save(tmp_path / wrong)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("part", ["config.json", "model.weights.h5"])
def test_a_cut_model_is_refused(part, tmp_path):
    path = tmp_path / "model.keras"
    method(latent_dim=3).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((ValueError, OSError)):
        keras.saving.load_model(path)
    # A part cut off inside a whole archive.
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        with zipfile.ZipFile(io.BytesIO(whole)) as old:
            for name in old.namelist():
                data = old.read(name)
                archive.writestr(name, data[:99] if name == part else data)
    with pytest.raises((ValueError, OSError)):
        keras.saving.load_model(path)


def test_an_export_without_room_leaves_nothing(tmp_path):
    model = TinyModel()
    export_model(model, tmp_path / "tiny", samples=False)
    before = contents(tmp_path)
    for room in (10, 3000, 20_000):
        with full_disk(room), pytest.raises(OSError, match="The export cannot be wri"):
            export_model(model, tmp_path / "tiny", samples=False)
        assert contents(tmp_path) == before
        assert sorted(os.listdir(tmp_path / "tiny")) == ["1", "card.json"]
    with read_only(tmp_path / "tiny"), pytest.raises(PermissionError, match="export"):
        export_model(model, tmp_path / "tiny", samples=False)
    assert contents(tmp_path) == before
    assert tf.saved_model.load(str(tmp_path / "tiny" / "1"))


def test_a_damaged_card_is_told(tmp_path):
    (tmp_path / "card.json").write_text('{"method": ')
    with pytest.raises(ValueError, match="card.json.* is damaged.*Export .* anew"):
        load_card(tmp_path)


def test_rows_of_results_come_all_or_not_at_all(tmp_path):
    path, columns = tmp_path / "rows.csv", ["a", "b"]
    append_rows(path, columns, [{"a": 1, "b": "ü"}])
    before = path.read_bytes()
    many = [{"a": n, "b": "two\nlines"} for n in range(100)]
    for room in (len(before), len(before) + 300):
        with full_disk(room), pytest.raises(OSError, match="A table of results cannot"):
            append_rows(path, columns, many)
        assert path.read_bytes() == before
    append_rows(path, columns, many)
    assert len(read_rows(path, columns)) == 101
