"""The command `kerasos`: its words, its errors, and its commands on small data.

Commands run in this process, but for one test of the console entry.
"""

import importlib
import json
import os
import pathlib
import platform
import re
import runpy
import shlex
import subprocess
import sys
import warnings

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import setuptools
import tensorflow as tf
from absl import flags

import kerasos
from kerasos.command import doctor, package, saved, train
from kerasos.command.main import (
    COMMANDS,
    defined,
    help_of,
    main,
    one_line,
    overview,
    parse,
)
from kerasos.export import load_card

ROOT = pathlib.Path(__file__).parents[1]
# What the console script does, and what it has loaded when it ends.
ENTRY = """
import sys
from kerasos_command import main
status = main()
print("loaded", "tensorflow" in sys.modules, "keras" in sys.modules, file=sys.stderr)
sys.exit(status)
"""


def module_of(name):
    return importlib.import_module(f"kerasos.command.{name.replace('-', '_')}")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder to work in, with `shop.csv`: 60 rows, 15 of them `yes`."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    age = pd.array(rng.integers(18, 90, 60), "Int64")
    age[::10] = pd.NA
    frame = pd.DataFrame(
        {
            "age": age,
            "churned": np.repeat(["no", "yes"], [45, 15]),
            "zip": rng.choice(["0150", "9000"], 60),
            "price": rng.lognormal(size=60).round(2),
            "member": rng.choice(["true", "false"], 60),
        }
    )
    frame.to_csv("shop.csv", index=False)
    return tmp_path


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A folder to work in, with the pictures `parts/crack/0001.png` and so on."""
    monkeypatch.chdir(tmp_path)
    x, y, names = kerasos.data.defects((12, 6, 4, 4), size=16)
    kerasos.data.write_image_folder("parts", x, y, names)
    return tmp_path


def message(argv):
    """Returns what a user's error prints; checks that nothing was written."""
    before = sorted(pathlib.Path.cwd().rglob("*"))
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert sorted(pathlib.Path.cwd().rglob("*")) == before
    text = raised.value.code
    assert text.startswith(f"kerasos {argv[0]}: ")
    return text


# Words.


def test_the_overview_lists_the_commands_on_one_screen(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == list(COMMANDS) and len(lines) <= 24
    assert max(map(len, lines)) <= 88


def test_the_package_runs_as_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kerasos", "--version"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("kerasos", run_name="__main__")
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"kerasos {kerasos.__version__}\n"


def test_no_command_is_a_fault_of_usage(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.strip() == overview()
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kerasos {kerasos.__version__}\n"
    assert main(["blance"]) == 2
    assert "Did you mean 'balance'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_and_the_flags_of_this_command_alone(name, capsys):
    command = module_of(name)
    assert main([name, "wrong", "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: kerasos {name}")
    shown = set(re.findall(r"^  --(?:\[no\])?(\w+)", text, re.M))
    assert shown == set(defined(command))
    assert shown >= set(command.ARGUMENTS) | {"debug"}
    assert max(map(len, text.splitlines())) <= 88


def check_that_it_parses(line):
    """Checks that a command and its flags are known and what it needs is there."""
    program, name, *given = shlex.split(line.split(" > ")[0])
    assert program == "kerasos" and name in COMMANDS, line
    command = module_of(name)
    parse(command, defined(command), given)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_in_help_are_commands_that_parse(name):
    text = help_of(name, module_of(name), defined(module_of(name)))
    examples = re.findall(rf"^    (kerasos {name}.*)$", text, re.M)
    assert examples
    for line in examples:
        check_that_it_parses(line)


def test_the_commands_of_the_readme_and_the_guides_parse():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    lines = [line for t in texts for line in re.findall(r"^ *(kerasos .+)$", t, re.M)]
    lines = [line for line in lines if line.split()[1] in COMMANDS]
    assert {line.split()[1] for line in lines} == set(COMMANDS)
    for line in lines:
        check_that_it_parses(line)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["compare", "a.csv", "--tarrget=b"], "'tarrget'. Did you mean: target"),
        (["compare", "a.csv", "--folds=2"], "folds=2"),
        (["compare", "a.csv", "b.csv"], "Expected: INPUT. Received also: b.csv"),
        (["compare", "a.csv", "--input=b.csv"], "INPUT was given twice"),
        (["balance"], "INPUT is missing"),
        (["train", "cvae"], "DATA is missing"),
        (["doctor", "now"], "Expected: flags only. Received also: now"),
    ],
)
def test_wrong_usage_ends_with_status_2(argv, words, capsys):
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert words in error and f"See `kerasos {argv[0]} --help`." in error


# Errors of the user's.


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("compare none.csv", "There is no file 'none.csv'"),
        ("compare shop.csv --target=chuned", "Did you mean 'churned'?"),
        ("compare shop.csv --target=churned --group=home", "--group must name"),
        (
            "compare shop.csv --target=churned --miss_cost=2 --objective=f1",
            "two objectives",
        ),
        ("balance none.csv", "There is no file 'none.csv'"),
        ("balance shop.csv --method=flaw", "Did you mean 'flow'?"),
        ("balance shop.csv --target=churned --output=shop.csv", "never overwritten"),
        ("balance-images none", "There is no folder none"),
        ("balance-images .", "Expected two at least"),
        ("balance-images --sides=64", "a list of 2 entries"),
        ("balance-images --sides=64,wide", "an integer of at least 1"),
        ("balance-images --output=.", "is there already"),
        ("train gammo digits", "Did you mean 'gamo'?"),
        ("train smote digits", "'smote' has nothing to train"),
        ("train cvae none.csv", "There is no file or folder 'none.csv'"),
        ("train cvae none/", "There is no file or folder 'none/'"),
        ("train cvae digits --set latent_dim", "--set takes NAME=VALUE"),
        ("train cvae digits --out=a.h5", "Pass --out=a.keras."),
        ("train cvae shop.csv --out=a.keras", "Pass --out=a.joblib."),
        ("train cvae digits --out=no/a.keras", "There is no folder"),
        ("train flow shop.csv --target=chuned", "Did you mean 'churned'?"),
        ("sample none.keras", "There is no file none.keras"),
        ("sample shop.csv", "Expected .keras or .joblib"),
        ("export none.joblib out", "There is no file none.joblib"),
        ("quality shop.csv none.csv", "There is no file 'none.csv'"),
        ("quality shop.csv shop.csv --target=chuned", "Did you mean 'churned'?"),
    ],
)
def test_a_users_error_is_one_message_before_tensorflow(shop, argv, words, monkeypatch):
    monkeypatch.setattr(package, "load", lambda: pytest.fail("too late"))
    assert words in message(argv.split())


def test_files_of_other_columns_are_not_compared(shop):
    pathlib.Path("other.csv").write_text("age,zip\n1,0150\n")
    assert "must have the same columns" in message(["quality", "shop.csv", "other.csv"])


def test_a_method_without_pictures_is_refused(parts):
    text = message(["balance-images", "parts", "--method=dos"])
    assert "It makes no pictures." in text


@pytest.mark.parametrize("switch", ["--debug", "KERASOS_DEBUG"])
def test_a_traceback_is_shown_on_request(shop, switch, monkeypatch):
    argv = ["compare", "none.csv"]
    if switch.startswith("--"):
        argv.append(switch)
    else:
        monkeypatch.setenv(switch, "1")
    with pytest.raises(ValueError, match="There is no file"):
        main(argv)


def test_a_fault_of_ours_keeps_its_traceback_and_a_stop_has_its_status():
    with pytest.raises(KeyError), one_line("kerasos train"):
        raise KeyError("x")
    with pytest.raises(SystemExit) as raised, one_line("kerasos train"):
        raise KeyboardInterrupt
    assert raised.value.code == 130


def test_a_warning_is_a_line_of_the_command():
    of_python = warnings.formatwarning
    given = UserWarning("few rows"), UserWarning, "ours.py", 3
    with one_line("kerasos train"):
        assert warnings.formatwarning(*given) == "kerasos train: few rows\n"
    with one_line("kerasos train", debug=True):
        assert "ours.py:3: UserWarning: few rows" in warnings.formatwarning(*given)
    assert warnings.formatwarning is of_python


def test_flags_of_commands_are_no_flags_of_the_process():
    before = set(flags.FLAGS)
    for name in COMMANDS:
        defined(module_of(name))
    assert set(flags.FLAGS) == before


# What is known without TensorFlow.


def test_names_read_off_the_source_are_those_registered():
    assert package.method_names() == kerasos.list_methods()
    trained = [
        name
        for name in kerasos.list_methods()
        if issubclass(kerasos.get_method(name), keras.Model)
    ]
    assert package.method_names("methods") == trained


def test_values_of_options_are_read_as_python_writes_them():
    texts = ["latent_dim=32", "value_range=(0, 5)", "loss=ls", "shared=True", "a=b=c"]
    assert train.assignments(texts) == {
        "latent_dim": 32,
        "value_range": (0, 5),
        "loss": "ls",
        "shared": True,
        "a": "b=c",
    }


def test_labels_go_by_name_or_number():
    assert saved.codes_of(["hole"], ("crack", "hole"), [0, 1]) == [1]
    assert saved.codes_of([], ("crack", "hole"), [1]) == [1]
    assert saved.codes_of(["9", "3"], None, range(10)) == [9, 3]
    with pytest.raises(ValueError, match="Did you mean 'crack'"):
        saved.codes_of(["crak"], ("crack", "hole"), [0, 1])


def test_the_console_entry_helps_and_fails_without_tensorflow(tmp_path):
    """In a process of its own: the package is there, and TensorFlow is not."""
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        runpy.run_path(str(ROOT / "setup.py"))
    assert given["entry_points"] == {
        "console_scripts": ["kerasos = kerasos_command:main"]
    }
    assert given["py_modules"] == ["kerasos_command"]

    def entry(*argv):
        return subprocess.run(
            [sys.executable, "-c", ENTRY, *argv],
            env={"PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    helped = entry("--help")
    assert helped.returncode == 0 and helped.stdout.strip() == overview()
    assert helped.stderr == "loaded False False\n"
    wrong = entry("train", "gammo", "digits")
    assert wrong.returncode == 1 and wrong.stdout == ""
    assert len(wrong.stderr.splitlines()) == 1 and "'gamo'?" in wrong.stderr
    usage = entry("train", "--n")
    assert usage.returncode == 2 and "loaded False False" in usage.stderr


@pytest.mark.parametrize(
    "rest, unbuffered", [("--help", ""), ("--help", "1"), ("doctor", "")]
)
def test_a_reader_that_has_enough_is_no_fault(tmp_path, rest, unbuffered):
    """The output is closed before a line of it is there, as `| head -0` does."""
    reading, writing = os.pipe()
    os.close(reading)
    own = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    ended = subprocess.run(
        [sys.executable, "-m", "kerasos", rest],
        cwd=tmp_path,
        env={**os.environ, **own},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert ended.returncode == 141
    assert "Broken pipe" not in ended.stderr and "Traceback" not in ended.stderr


def test_a_closed_output_is_no_fault(monkeypatch):
    """Python has none then, as after `>&-`."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--version"]) == 0


def test_another_broken_pipe_is_a_fault(capsys, monkeypatch):
    def broken(options):
        raise BrokenPipeError(32, "a worker's pipe")

    monkeypatch.setattr(doctor, "run", broken)
    with pytest.raises(SystemExit) as caught:
        main(["doctor"])
    assert str(caught.value) == "kerasos doctor: [Errno 32] a worker's pipe"


# Work.


def words(line):
    return line.split()


def test_a_table_is_trained_sampled_exported_and_judged(shop, capsys):
    line = (
        "train flow shop.csv --target=churned --epochs=1 --set width=8 --set blocks=1"
    )
    assert main(words(line)) == 0
    printed = capsys.readouterr().out
    assert "flow, trained on 60 rows of 2 classes: shop_flow.joblib" in printed
    table = joblib.load("shop_flow.joblib")
    assert table["sampler"].method_params == {"width": 8, "blocks": 1}

    # The next command is the one that was printed.
    (follows,) = re.findall(r"^Next: kerasos (.*)$", printed, re.M)
    assert main(words(follows)) == 0
    made = pd.read_csv("shop_flow_rows.csv", dtype=str, keep_default_na=False)
    assert list(made) == ["age", "churned", "zip", "price", "member"]
    assert made.churned.tolist() == ["no"] * 10 + ["yes"] * 10
    assert set(made.zip) <= {"0150", "9000"} and set(made.member) <= {"true", "false"}
    real = pd.read_csv("shop.csv")
    assert made.price.astype(float).between(real.price.min(), real.price.max()).all()
    assert made.price.str.fullmatch(r"\d+\.\d{1,2}").all()
    assert (made.age.replace("", "40").astype(int) >= 18).all()
    assert "is there already" in message(words(follows))
    again = "sample shop_flow.joblib --labels=yes --n=10 --out=other.csv --seed=1"
    assert main(words(again)) == 0
    other = pd.read_csv("other.csv", dtype=str, keep_default_na=False)
    assert set(other.churned) == {"yes"} and not other.equals(made[10:])

    assert main(words("export shop_flow.joblib served")) == 0
    card = load_card("served")
    assert card["columns"][:2] == ["age", "age present"]
    assert card["classes"] == ["no", "yes"]
    capsys.readouterr()
    line = "quality shop.csv shop_flow_rows.csv --target=churned --report=q.md"
    assert main(words(line)) == 0
    assert "20 generated rows beside 60 real ones" in capsys.readouterr().out
    assert "## churned = yes" in pathlib.Path("q.md").read_text()


def test_pictures_are_trained_and_sampled_by_name(parts, capsys):
    line = "train cgan parts --sides=16,16 --grey --smoke --set variant=gamo --seed=3"
    pathlib.Path("parts_cgan.keras.backup").mkdir()
    assert "Pass --resume" in message(words(line))
    pathlib.Path("parts_cgan.keras.backup").rmdir()
    assert main(words(line)) == 0
    assert "26 pictures of 4 classes: parts_cgan.keras" in capsys.readouterr().out
    assert not pathlib.Path("parts_cgan.keras.backup").exists()
    model = keras.saving.load_model("parts_cgan.keras")
    assert model.sample_shape == (16, 16, 1)

    line = "sample parts_cgan.keras --labels=crack,hole --n=3 --seed=5 --out="
    assert main(words(line + "more")) == 0
    assert main(words(line + "more.npz")) == 0
    expected = model.sample(["crack"] * 3 + ["hole"] * 3, seed=5)
    files = sorted(pathlib.Path("more").rglob("*.png"))
    assert [path.parent.name for path in files] == ["crack"] * 3 + ["hole"] * 3
    written = [tf.io.decode_png(tf.io.read_file(str(path))) for path in files]
    np.testing.assert_array_equal(written, expected)
    with np.load("more.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], expected)
        names = model.spec.label_names
        assert [names[k] for k in arrays["y"]] == ["crack"] * 3 + ["hole"] * 3
    wrong = message(words("sample parts_cgan.keras --labels=crak --out=no"))
    assert "Did you mean 'crack'?" in wrong


def test_a_label_is_not_mistaken_for_another_number():
    def told(label, names, allowed):
        with pytest.raises(ValueError) as caught:
            saved.codes_of([label], names, allowed)
        return str(caught.value)

    assert told("10", None, [0, 1, 2]).endswith("Expected one of: '0', '1', '2'.")
    assert "mean" not in told("2018", [2009, 2019], [0, 1])
    assert told("1", [0.0, 1.0], [0, 1]).endswith("Did you mean '1.0'?")
    assert told("benig", ["benign", "malignant"], [0, 1]).endswith("mean 'benign'?")
    assert saved.codes_of(["1.0"], [0.0, 1.0], [0, 1]) == [1]


def test_a_data_set_is_thinned_out(parts):
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), "uint8")
    y = np.arange(40) % 2
    np.savez("data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    line = "train cgan data.npz --class_counts=20,5 --smoke --set variant=gamo"
    assert main([*words(line), "--out=a.keras"]) == 0
    model = keras.saving.load_model("a.keras")
    assert model.spec.class_counts == (20, 5)


def test_files_of_other_makers_are_refused(shop):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.save("net.keras")
    assert "holds no method of kerasos" in message(["sample", "net.keras"])


class Tells:
    """Loaded from a pickle, it leaves a file."""

    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path("ran"),)


@pytest.mark.parametrize(
    ("write", "received"),
    [
        (lambda path: joblib.dump(Tells(), path), "pathlib.Path"),
        (lambda path: joblib.dump({"sampler": Tells()}, path), "sampler.pathlib"),
        (lambda path: joblib.dump(Tells(), path, compress=3), "no pickle"),
        (lambda path: joblib.dump([1], path), "no pickle"),
        (lambda path: pathlib.Path(path).write_text("age,churned\n"), "no pickle"),
        (lambda path: pathlib.Path(path).write_bytes(b""), "no pickle"),
        # A word of 2^62 letters.
        (lambda path: pathlib.Path(path).write_bytes(b"\x8d" + 7 * b"\0" + b"@"), "no"),
    ],
)
def test_a_table_of_other_makers_is_refused_before_it_runs(write, received, shop):
    write("other.joblib")
    told = message(["export", "other.joblib", "out"])
    assert "other.joblib is no generator of a table, and was not loaded" in told
    assert f"Received: {received}" in told
    assert not pathlib.Path("ran").exists()


def test_a_balanced_table_is_trained_on_too(shop, capsys):
    frame = pd.read_csv("shop.csv", dtype=str)
    form = {"index": False, "encoding": "utf-8-sig", "lineterminator": "\r\n"}
    pd.concat([frame[:15], frame[45:]]).to_csv("even.csv", **form)
    line = "train flow even.csv --target=churned --smoke --set width=8 --set blocks=1"
    assert main(words(line)) == 0
    assert main(words("sample even_flow.joblib --labels=no")) == 0
    assert set(pd.read_csv("even_flow_rows.csv").churned) == {"no"}
    # As Excel wrote the file; files of versions that did not look at that load, too.
    head = b"\xef\xbb\xbfage,churned,zip,price,member\r\n"
    made = pathlib.Path("even_flow_rows.csv").read_bytes()
    assert made.startswith(head) and made.count(b"\r\n") == made.count(b"\n")
    table = joblib.load("even_flow.joblib")
    joblib.dump(
        {k: table[k] for k in table if k not in ("cells", "layout")}, "a.joblib"
    )
    capsys.readouterr()
    assert main(words("sample a.joblib --labels=no --n=1")) == 0
    assert capsys.readouterr().out == "1 sample of one class in a_rows.csv\n"
    assert pathlib.Path("a_rows.csv").read_bytes().startswith(head[3:-2])


def test_a_table_is_balanced_and_judged_by_its_generated_rows(shop, capsys):
    line = "balance shop.csv --target=churned --method=random --seed=1"
    assert main(words(line)) == 0
    printed = capsys.readouterr().out.splitlines()[-3:]
    assert printed[0] == "60 rows and 30 generated ones in shop_balanced.csv"
    assert printed[1].startswith("Found wrong: churned yes: 100% of the rows in ")
    assert printed[2].startswith("More in shop_balanced.md; `kerasos quality`")
    lines = pathlib.Path("shop_balanced.csv").read_text().splitlines()
    real = pathlib.Path("shop.csv").read_text().splitlines()
    assert [line.rpartition(",")[0] for line in lines[1:61]] == real[1:]
    assert {line.rpartition(",")[0] for line in lines[61:]} <= set(real[46:])
    # `random` copies, and a column of marks is no column of the table.
    assert main(words("quality shop.csv shop_balanced.csv --target=churned")) == 0
    printed = capsys.readouterr().out
    assert "30 generated rows beside 60 real ones" in printed
    assert "100% of the rows in `synthetic` are copies of real ones" in printed


def test_one_generated_row_is_told_and_kept_whatever_judges_it(
    shop, capsys, monkeypatch
):
    lines = pathlib.Path("shop.csv").read_text().splitlines()
    pathlib.Path("odd.csv").write_text("\n".join([*lines[:11], *lines[46:55]]) + "\n")
    line = "balance odd.csv --target=churned --method=random --output=one.csv"
    assert main(words(line)) == 0
    printed = capsys.readouterr().out.splitlines()[-3:]
    assert printed[0] == "19 rows and 1 generated one in one.csv"
    assert printed[1].startswith("Not compared: no class has two")
    assert printed[2].startswith("More in ") and printed[2].endswith(".md.")

    def fails(*_):
        raise ValueError("what was not thought of")

    monkeypatch.setattr("kerasos.command.balance.judge", fails)
    with pytest.raises(SystemExit, match="not thought of"):
        main(words(line.replace("one.csv", "again.csv")))
    assert len(pd.read_csv("again.csv")) == 20


def test_ways_are_compared(shop, capsys):
    line = "compare shop.csv --target=churned --methods=random --folds=3"
    assert main([*words(line), "--classifiers=logistic_regression"]) == 0
    printed = capsys.readouterr().out
    assert "Model: comparison/model.joblib" in printed
    rows = pd.read_csv("comparison/rows.csv")
    assert set(rows.method) == {"none", "random"} and len(rows) == 6


# The doctor.


def test_the_doctor_finds_what_is_there(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["keras"] == keras.__version__
    assert found["versions"]["tensorflow"] == tf.__version__
    assert found["self_test"]["error"] is None and found["self_test"]["seconds"] < 60
    assert {d["kind"] for d in found["devices"]} >= {"CPU"}
    assert main(["doctor", "--noself_test"]) == 0
    text = capsys.readouterr().out
    assert "self test" not in text and "tensorflow-probability" in text


# As the console script loads the package.
LOADED = """
import importlib.util, json, sys
spec = importlib.util.find_spec("kerasos")
sys.modules["kerasos"] = importlib.util.module_from_spec(spec)
from kerasos.command import doctor, package
package.load(quiet=len(sys.argv) < 2)
print(json.dumps(doctor.onednn()))
"""


@pytest.mark.parametrize("given, words", [(None, []), (None, ["doctor"]), ("0", [])])
def test_commands_use_onednn_unless_told_not_to(given, words):
    name = "TF_ENABLE_ONEDNN_OPTS"
    environment = {key: value for key, value in os.environ.items() if key != name}
    if given is not None:
        environment[name] = given
    told = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(told.stdout)
    assert found[name] == (given or "1")
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        assert found["on"] is (given is None)


@pytest.mark.parametrize("is_on, words", [(True, "on$"), (False, "off; .*OPTS=1")])
def test_the_doctor_says_whether_onednn_is_on(monkeypatch, capsys, is_on, words):
    monkeypatch.setattr(doctor, "onednn", lambda: {"on": is_on})
    assert main(["doctor", "--noself_test"]) == 0
    assert re.search(rf"^oneDNN +{words}", capsys.readouterr().out, re.MULTILINE)


def test_the_doctor_says_what_failed(monkeypatch, capsys):
    monkeypatch.setattr(kerasos.CVAE, "fit", lambda *_, **__: 1 / 0)
    assert main(["doctor"]) == 1
    assert "FAILED in training: ZeroDivisionError" in capsys.readouterr().out


def test_the_doctor_knows_the_extras_and_the_cache(monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    for name, parts in doctor.EXTRAS.items():
        listed = [re.match(r"[\w-]+", r).group() for r in given["extras_require"][name]]
        assert sorted(parts) == sorted(listed)
    monkeypatch.setattr(doctor, "version_of", {"onnx": "1"}.get)
    assert not doctor.has_extra("onnx")
    monkeypatch.setenv("TF_XLA_FLAGS", "--a=1 --tf_xla_persistent_cache_directory=/x/y")
    assert doctor.xla()["cache"] == "/x/y"
