"""A forked process does as one of its own would."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import forked
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")


def run(*arguments, **kwargs):
    return subprocess.run(
        [forked.python(), *arguments], capture_output=True, text=True, **kwargs
    )


def test_it_has_arguments_pipes_folder_environment_and_exit_code(tmp_path):
    (tmp_path / "helper.py").write_text("name = 'beside'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, helper\n"
        "print(__name__, helper.name, sys.argv[1:], os.getcwd(), os.environ['ONE'])\n"
        "print(sys.stdin.read(), 'PATH' in os.environ, file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    done = run(str(script), "a", "b", cwd="/", env={"ONE": "1"}, input="read")
    assert done.stdout == "__main__ beside ['a', 'b'] / 1\n"
    assert done.stderr == "read False\n" and done.returncode == 3


def test_code_and_modules_run_and_errors_are_those_of_python(tmp_path):
    (tmp_path / "given.py").write_text("raise RuntimeError('in a module')\n")
    done = run("-m", "given", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.endswith("RuntimeError: in a module\n")
    paths = {**os.environ, "PYTHONPATH": str(tmp_path)}
    code = "import sys; print(sys.argv, 'tensorflow' in sys.modules); import given"
    done = run("-c", code, "x", env=paths)
    assert done.stdout == "['-c', 'x'] True\n" and "in a module" in done.stderr


def test_random_numbers_differ():
    code = "import numpy, random; print(random.random(), numpy.random.random())"
    first, second = (run("-c", code).stdout.split() for _ in range(2))
    assert len({*first, *second}) == 4


STARTS_ANOTHER = """
import os, subprocess, sys
another = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), flush=True)
another.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_reaches_it(number):
    command = [forked.python(), "-c", STARTS_ANOTHER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        itself = int(process.stdout.readline())
        assert itself != process.pid
        group = os.getpgid(itself)
        process.send_signal(number)
        assert process.wait(timeout=30) == -number
    if number == signal.SIGTERM:  # it does not reach the other one, as everywhere
        os.killpg(group, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while True:  # until all of them are gone
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children_of(number):
    path = f"/proc/{number}/task/{number}/children"
    return [int(child) for child in pathlib.Path(path).read_text().split()]


@pytest.mark.parametrize("sent", [b"", b"f", b'f{"argv": ["-c", '])
def test_nothing_is_left_of_a_command_that_was_killed_before_it_began(sent):
    program = pathlib.Path(forked.python()).read_text(encoding="utf-8")
    (name,) = re.findall(r"^_ask\('(.*)'\)$", program, re.MULTILINE)
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(f"\0{name}")
        asked.sendall(sent)
    assert run("-c", "").returncode == 0  # the server has taken both
    servers = [child for child in children_of(os.getpid()) if is_server(child)]
    deadline = time.monotonic() + 30
    while any(map(children_of, servers)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert servers


def is_server(number):
    return b"forked.py" in pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
