"""Processes of Python that have TensorFlow when they begin.

`import tensorflow` takes longer than most scripts that tests start. So one process
imports it, and forks once for each of them. `python()` is what stands in a command
where `sys.executable` would: a program that takes a script, `-c` or `-m`, with the
folder, environment and pipes that it was given, and ends as the script ends. Where it
is killed the script is killed, with all that it started.

Where a test looks at the start itself, at memory, or at a variable that Python or
TensorFlow read while they are imported (`PYTHONHASHSEED`), it takes `sys.executable`;
so does every test where there is no Linux, or where a path has a space.
"""

import contextlib
import functools
import json
import os
import signal
import socket
import sys

# As they are before a test changes them: Keras reads some while it is imported.
FOLDER, ENVIRONMENT = os.getcwd(), dict(os.environ)
MODULES = ("tensorflow", "keras", "pandas", "sklearn.linear_model", "absl.app")


@functools.cache
def python():
    """Returns the program's path, and sees to the process that forks."""
    if sys.platform != "linux" or " " in sys.executable:
        return sys.executable
    import atexit
    import pathlib
    import subprocess
    import tempfile
    import uuid

    name = f"kerasos-{uuid.uuid4()}"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"\0{name}")  # in no folder: it ends with its process
    listening.listen(64)
    folder = tempfile.TemporaryDirectory(prefix="kerasos-python-")
    program = pathlib.Path(folder.name) / "python"
    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    program.write_text(f"#!{sys.executable} -SE\n{text}\n_ask({name!r})\n")
    program.chmod(0o755)
    env = {k: v for k, v in ENVIRONMENT.items() if k != "PYTHONPATH"}
    server = subprocess.Popen(
        [sys.executable, __file__, str(listening.fileno()), str(program)],
        stdin=subprocess.PIPE,  # closed where this process ends, in whatever way
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[listening.fileno()],
        cwd=FOLDER,
        env=env,
    )
    listening.close()
    atexit.register(_end, server, folder)
    return str(program)


def _end(server, folder):
    server.communicate()  # closes its input
    folder.cleanup()


# In the program.


def _ask(name):
    """Has this command run by a fork of the server, and ends as it ends."""
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(f"\0{name}")
    socket.send_fds(asked, [b"f"], [0, 1, 2])
    command = {"argv": sys.argv[1:], "folder": os.getcwd(), "env": dict(os.environ)}
    asked.sendall(json.dumps(command).encode() + b"\n")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: asked.send(bytes([number])))
    answer = asked.recv(64)
    if not answer:
        sys.exit("The process that forks has ended.")
    code = int(answer)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


# In the server.


def _serve(listening):
    """Forks for each command; returns in the fork, with the command."""
    import gc
    import importlib
    import select

    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [], 1.0)
        if sys.stdin in ready:
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if listening in ready:
            asked, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                return _command(asked)
            asked.close()


def _command(asked):
    """Returns the command in a second fork; the first one watches over it."""
    import select

    _, pipes, _, _ = socket.recv_fds(asked, 1, 3)
    text = b""
    while not text.endswith(b"\n"):
        part = asked.recv(2**16)
        if not part:  # killed before it had asked
            os._exit(1)
        text += part
    process = os.fork()
    with contextlib.suppress(OSError):
        os.setpgid(process, process)
    if process == 0:
        asked.close()
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
            os.close(pipe)
        return json.loads(text)
    for pipe in pipes:
        os.close(pipe)
    ended = 0
    while not ended:
        if select.select([asked], [], [], 0.02)[0]:
            number = asked.recv(1)
            with contextlib.suppress(ProcessLookupError):
                if number:
                    os.kill(process, number[0])
                else:
                    os.killpg(process, signal.SIGKILL)
        ended, status = os.waitpid(process, os.WNOHANG)
    with contextlib.suppress(OSError):
        asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(command):
    """Runs a command as Python would from its command line."""
    import random
    import runpy
    import types

    import numpy as np

    random.seed()
    np.random.seed()
    os.environ.clear()
    os.environ.update(command["env"])
    os.chdir(command["folder"])
    paths = command["env"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = filter(None, paths)  # in place of this file's folder
    first, *rest = command["argv"]
    if first in ("-c", "-m"):
        sys.path.insert(0, "" if first == "-c" else os.getcwd())
        what, sys.argv = rest[0], [first, *rest[1:]]
    else:
        sys.path.insert(0, os.path.dirname(os.path.realpath(first)))
        sys.argv = [first, *rest]
    if first == "-c":
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), module.__dict__)
    elif first == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__" and os.path.basename(__file__) == "forked.py":
    found = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.executable = sys.argv[2]  # so that what it starts is forked, too
    _run(found)
