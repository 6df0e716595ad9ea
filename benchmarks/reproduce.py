"""Runs the experiments of the papers, cell by cell; stop it whenever you like.

    python benchmarks/reproduce.py --paper GAMO2019 --table 1 --dataset MNIST \
        --data_dir DIR --repeats 0,1,2

A cell is one method on one data set, setting and repeat. Each runs in a process of
its own and appends its rows to `reproduce.csv` when it ends. Cells that are there are
skipped; a killed one goes on from its backup. Several processes, on several machines
that share the folder, divide the cells among them; `--cluster` lets Dask or Ray start
them on machines that share it, see `docs/cluster.md`. `--dry_run` lists the cells.
`benchmarks/report.py` makes tables and plots of the rows.
"""

import contextlib
import fcntl
import functools
import json
import os
import pathlib
import subprocess
import sys
import time

import joblib
from absl import app, flags
from harness import cells, protocols, rows, training
from tqdm import tqdm

from kerasos.evaluation.compare.at_once import TF_THREADS, run_at_once

_PAPER = flags.DEFINE_string("paper", None, "Keep this paper, e.g. GAMO2019.")
_TABLE = flags.DEFINE_string("table", None, "Keep this table of the paper.")
_DATASET = flags.DEFINE_string("dataset", None, "Keep this data set, e.g. MNIST.")
_SETTING = flags.DEFINE_string("setting", None, "Keep settings with this in them.")
_METHODS = flags.DEFINE_list("methods", [], "Keep these rows or oversamplers.")
_REPEATS = flags.DEFINE_list("repeats", None, "Numbers of repeats, e.g. 0,1,2.")
_BUDGET = flags.DEFINE_float("budget", 1.0, "Fraction of the published steps.", 0, 1)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared TFDS data.")
_OUTPUT = flags.DEFINE_string("output_dir", "benchmarks/results", "Folder of rows.")
_THREADS = flags.DEFINE_integer("threads", 0, "CPU threads of a cell; 0 for all.")
_BACKUP = flags.DEFINE_float("backup_seconds", 30.0, "Least time between backups.")
_CLUSTER = flags.DEFINE_string(
    "cluster",
    None,
    "Dask's scheduler, tcp://HOST:8786, or ray (RAY_ADDRESS says where).",
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only list the cells.")

LISTED = 5  # cells that are named
HARNESS = pathlib.Path(__file__).resolve().parent / "harness"


def selected():
    """Returns the protocols that the flags keep."""
    found = [
        protocol
        for protocol in protocols.PROTOCOLS
        if _PAPER.value in (None, protocol.paper)
        and (_TABLE.value is None or _TABLE.value in protocol.tables)
        and _DATASET.value in (None, protocol.dataset)
        and (_SETTING.value is None or _SETTING.value in protocol.setting)
    ]
    if not found:
        names = "\n  ".join(protocol.name for protocol in protocols.PROTOCOLS)
        raise app.UsageError(f"No experiment fits these flags. There are:\n  {names}")
    return found


def duration(seconds):
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes else "< 1 min"


def list_cells(wanted, done, finished_rows):
    """Prints each cell with what it is waiting for, and the whole time."""
    total, unknown = 0.0, 0
    for cell in wanted:
        seconds = cells.estimated_seconds(cell, finished_rows)
        state = f"about {duration(seconds)}"
        if cell.hash in done:
            state = f"done, cell {cell.hash}"
        if cell.missing:
            state = cell.missing
        elif cell.hash not in done:
            total, unknown = total + (seconds or 0.0), unknown + (seconds is None)
        print(f"{cell.label}: {state}")
    print(f"To do: {duration(total)}, and {unknown} cells of unknown length.")


def tell_done(cells_done, output):
    """Says what is not run because its rows are there, and how to run it anew."""
    if not cells_done:
        return
    print(f"Done already, so not run: {len(cells_done)} of the cells.")
    for cell in cells_done[:LISTED]:
        print(f"  {cell.label} (cell {cell.hash})")
    if len(cells_done) > LISTED:
        print(f"  ... and {len(cells_done) - LISTED} more; --dry_run lists them.")
    print(f"To run one anew, remove the rows with its cell from {output}.")


def claim(folder):
    """Returns a file that holds the cell's lock, or None if another process does."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / "lock", "w")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def arguments_of(cell, folder, output):
    """Returns what the cell's process is told, in plain types."""
    return {
        "protocol": cell.protocol.name,
        "method": cell.method.name,
        "repeat": cell.repeat,
        "budget": cell.budget,
        "folder": str(folder),
        "path": str(output),
        "data_dir": _DATA_DIR.value,
        "threads": _THREADS.value,
        "backup_seconds": _BACKUP.value,
    }


def start(arguments, benchmarks, lock, environment):
    """Starts the cell's process; it shares the lock, so it keeps it if we die."""
    command = [sys.executable, "-m", "harness.run_cell", json.dumps(arguments)]
    paths = [benchmarks, environment.get("PYTHONPATH")]
    environment = {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    # Off by default on some processors, where images take much longer without it.
    environment.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    path = pathlib.Path(arguments["folder"]) / "log.txt"
    with open(path, "a", encoding="utf-8") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(lock.fileno(),),
        )


def wait(process, folder, bar):
    """Waits for the cell, moving the bar by fractions of it."""
    before = shown = training.read_progress(folder)["done"]
    bar.update(before)
    while process.poll() is None:
        time.sleep(0.5)
        done = training.read_progress(folder)["done"]
        bar.update(max(0.0, done - shown))
        shown = max(shown, done)
    bar.update(1.0 - shown)
    return process.returncode


def take(benchmarks, number, arguments):
    """Runs a cell in a worker of a cluster, unless another process does.

    Yields:
        `(number, state)`: "done", "held" or "failed".
    """
    sys.path.insert(0, benchmarks)
    from harness import rows

    folder = pathlib.Path(arguments["folder"])
    lock = claim(folder)
    if lock is None:
        yield number, "held"
        return
    with lock:
        if folder.name in rows.finished(arguments["path"]):
            yield number, "done"
            return
        # A worker's share of the processors is not the cell's: `--threads` is.
        own = ("OMP_NUM_THREADS", *TF_THREADS)
        environment = {k: v for k, v in os.environ.items() if k not in own}
        code = start(arguments, benchmarks, lock, environment).wait()
    yield number, "failed" if code else "done"


@contextlib.contextmanager
def cluster(address):
    """Sets joblib to Dask or to Ray."""
    try:
        if address == "ray":
            import ray
            from ray.util.joblib import register_ray

            register_ray()
            ray.init()
            with joblib.parallel_config("ray"):
                yield
            return
        from distributed import Client
    except ImportError as error:
        name = "ray" if address == "ray" else "dask"
        raise app.UsageError(
            f'--cluster={address}: {error}. Install it: pip install -e ".[{name}]"'
        ) from error
    with Client(address), joblib.parallel_config("dask"):
        yield


def run_on_cluster(queue, output, bar):
    """Runs the cells in workers of a cluster; returns as `run_here`."""
    folders = [output.parent / ".cells" / cell.hash for cell in queue]
    tasks = [
        (number, arguments_of(cell, folder, output))
        for number, (cell, folder) in enumerate(zip(queue, folders, strict=True))
    ]
    held, failed, lost = [], [], []
    with cluster(_CLUSTER.value):
        run = functools.partial(take, str(HARNESS.parent))
        for number, state in run_at_once(run, tasks, None, lost):
            bar.update()
            if state == "held":
                held.append(queue[number])
            elif state == "failed":
                failed.append((queue[number], last_words(folders[number])))
    failed += [
        (queue[number], f"lost with its worker, {error}") for (number, _), error in lost
    ]
    return held, failed


def run_here(queue, output, bar):
    """Runs the cells one after the other.

    Returns:
        List of the cells that others hold, and of those that failed with the words.
    """
    held, failed = [], []
    for cell in queue:
        folder = output.parent / ".cells" / cell.hash
        lock = claim(folder)
        if lock is None:
            held.append(cell)
            continue
        with lock:
            # Another process may have ended it since.
            if cell.hash in rows.finished(output):
                bar.update(1)
                continue
            bar.set_description(cell.label)
            arguments = arguments_of(cell, folder, output)
            process = start(arguments, str(HARNESS.parent), lock, os.environ)
            if wait(process, folder, bar) != 0:
                failed.append((cell, last_words(folder)))
    return held, failed


def last_words(folder):
    """Returns the end of a cell's log, and where it is."""
    log = folder / "log.txt"
    last = log.read_text("utf-8", errors="replace").strip().splitlines()[-1:]
    return f"{' '.join(last)} ({log})"


def main(_):
    output = pathlib.Path(_OUTPUT.value).resolve() / "reproduce.csv"
    wanted = cells.expand(selected(), _REPEATS.value, _BUDGET.value, _METHODS.value)
    done = rows.finished(output)
    if _DRY_RUN.value:
        return list_cells(wanted, done, rows.read(output))
    for reason in sorted({cell.missing for cell in wanted if cell.missing}):
        print(f"Left out: {reason}.", file=sys.stderr)
    able = [cell for cell in wanted if not cell.missing]
    queue = [cell for cell in able if cell.hash not in done]
    tell_done([cell for cell in able if cell.hash in done], output)
    run = run_on_cluster if _CLUSTER.value else run_here
    with tqdm(total=len(queue), unit="cell", bar_format=BAR, smoothing=0.1) as bar:
        held, failed = run(queue, output, bar)
    for cell in held:
        print(f"Left to another process: {cell.label}", file=sys.stderr)
    for cell, words in failed:
        print(f"Failed: {cell.label}: {words}", file=sys.stderr)
    return 1 if failed else 0


BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.2f}/{total} [{elapsed}<{remaining}]"

if __name__ == "__main__":
    app.run(main)
