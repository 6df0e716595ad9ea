"""Kills training at random moments, and counts what was lost.

    python benchmarks/reliability.py --runs=single,workers --kills=10
    python benchmarks/reliability.py --page

`single` is `examples/train_conditional.py`, `workers` are two processes of
`examples/train_workers.py`, started as on a cluster, with no script above them; both
train on scikit-learn's digits. Each run is killed (SIGKILL) `--kills` times, by turns
at a random moment, from the first backup of a start to `--span` seconds later, and
while it writes a backup (halted when its draft shows, then killed). Of two one is drawn
at random; for a backup it is the first, which writes it. After each kill the other is
awaited, then all start again with `--resume`. In the end an unbroken run of as many
epochs is compared with it: every array of the last backup, bit for bit.

Each kill is a row of the CSV file: the newest backup before and after it, the epochs
that `history.csv` says were done, whether a draft was left, seconds until the other
worker had stopped, and whether that one said what to do. A row `end` says how many
arrays differ. A run that was stopped goes on where it was, in `--folder`. `--page`
writes `benchmarks/RELIABILITY.md` from the rows. Linux only.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import h5py
import numpy as np
import pandas as pd
from absl import app, flags
from timing import add_row, machine

from kerasos.files import whole_file

HERE = pathlib.Path(__file__).parent
_RUNS = flags.DEFINE_list("runs", ["single", "workers"], "Of these two.")
_KILLS = flags.DEFINE_integer("kills", 10, "Of each run.", 1)
_METHOD = flags.DEFINE_string("method", "cvae", "Name of the method.")
_BATCH = flags.DEFINE_integer("batch_size", 256, "Rows a step, over all workers.", 1)
_SPAN = flags.DEFINE_float("span", 3.0, "Seconds of training, at most, to a kill.", 0)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes moments, data and training.")
_FOLDER = flags.DEFINE_string("folder", "reliability_output", "Of the runs.")
_OUTPUT = flags.DEFINE_string("output", str(HERE / "results" / "reliability.csv"), "")
_PAGE = flags.DEFINE_bool("page", False, "Writes the page and runs nothing.")

MANY = 1_000_000  # epochs, more than any run gets to
START_SECONDS = 400  # to the first backup, on a busy machine
STOP_SECONDS = 120


class Run:
    """Processes that train one model, and the backups that they leave."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes, self.logs = [], []

    @property
    def backup(self):
        """Epoch of the newest backup, 0 where there is none."""
        names = [p.name for p in (self.folder / "backup").glob("epoch_*.weights.h5")]
        return max((int(re.search(r"\d+", name)[0]) for name in names), default=0)

    @property
    def drafts(self):
        return list((self.folder / "backup").glob("draft_*epoch*"))

    def start(self, epochs):
        script = {"single": "train_conditional.py", "workers": "train_workers.py"}
        command = [sys.executable, str(HERE.parent / "examples" / script[self.kind])]
        command += [f"--method={_METHOD.value}", f"--batch_size={_BATCH.value}"]
        command += [f"--output_dir={self.folder}", f"--epochs={epochs}"]
        command += [f"--seed={_SEED.value}", "--resume"]
        self.processes, self.logs = [], []
        for number, config in enumerate(self._clusters()):
            log = self.folder / f"log_{number}.txt"
            with open(log, "w") as file:
                process = subprocess.Popen(
                    command, env=config, stdout=file, stderr=subprocess.STDOUT
                )
            self.processes.append(process)
            self.logs.append(log)

    def _clusters(self):
        env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        env.pop("TF_CONFIG", None)
        if self.kind == "single":
            return [env]
        sockets = [socket.socket() for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        workers = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
        for one in sockets:
            one.close()
        tasks = [{"type": "worker", "index": index} for index in range(2)]
        configs = [{"cluster": {"worker": workers}, "task": task} for task in tasks]
        return [{**env, "TF_CONFIG": json.dumps(config)} for config in configs]

    def await_backup(self, after):
        self._await(lambda: self.backup > after, START_SECONDS, 0.05)

    def await_draft(self):
        """Halts the first process in the midst of a backup."""
        first = self.processes[0].pid

        def halted():
            if not self.drafts:
                return False
            os.kill(first, signal.SIGSTOP)
            if self.drafts:
                return True
            os.kill(first, signal.SIGCONT)  # it was complete meanwhile
            return False

        self._await(halted, START_SECONDS, 0.0)

    @property
    def epochs_done(self):
        """Epochs whose losses are in the table, a last line that was cut left out."""
        text = (self.folder / "history.csv").read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()[1:]
        return max((int(line.partition(",")[0]) + 1 for line in lines), default=0)

    def _await(self, condition, seconds, pause):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or any(p.poll() for p in self.processes):
                self.stop()
                raise RuntimeError(f"Training stopped by itself: see {self.logs}.")
            time.sleep(pause)

    def kill(self, number):
        """Kills a process; returns how long the others went on, and what they said."""
        os.kill(self.processes[number].pid, signal.SIGKILL)
        began = time.monotonic()
        self.processes[number].wait()
        others = [n for n in range(len(self.processes)) if n != number]
        seconds, said = [], []
        for other in others:
            try:
                self.processes[other].wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.stop()
            seconds.append(time.monotonic() - began)
            text = self.logs[other].read_text(errors="replace")
            said.append("worker was lost" in text and "--resume" in text)
        return round(max(seconds), 1) if seconds else "", all(said) if said else ""

    def finish(self):
        for process in self.processes:
            if process.wait(1800):
                raise RuntimeError(f"Training failed: see {self.logs}.")

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


def kill_again_and_again(kind, folder, rows):
    """Adds a row for each kill that is not there yet; returns the run."""
    run = Run(kind, folder)
    for number in range(_KILLS.value):
        if ((rows.run == kind) & (rows.kill == str(number))).any():
            continue
        source = random.Random(f"{_SEED.value} {kind} {number}")
        writing, delay = number % 2 == 1, source.uniform(0, _SPAN.value)
        victim = source.randrange(2) if kind == "workers" and not writing else 0
        about, resumed = {**machine(), **settings()}, run.backup
        run.start(MANY)
        run.await_backup(resumed)
        time.sleep(delay)
        if writing:
            run.await_draft()
        before = run.backup
        seconds, said = run.kill(victim)
        row = {
            "run": kind,
            "kill": number,
            "moment": "backup is written" if writing else "any",
            "victim": victim,
            "trained_on_from": resumed,
            "backup_before": before,
            "backup_after": run.backup,
            "epochs_done": run.epochs_done,
            "draft_left": bool(run.drafts),
            "others_stopped_after": seconds,
            "others_said": said,
        }
        add_row(_OUTPUT.value, {**about, **row})
    return run


def compare_with_unbroken(run, folder):
    """Lets the run end, trains as long without a break, and adds a row."""
    about = {**machine(), **settings()}
    epochs = run.backup + 3
    shutil.rmtree(folder, ignore_errors=True)
    unbroken = Run(run.kind, folder)
    for one in (run, unbroken):
        one.start(epochs)
        one.finish()
    name = f"epoch_{epochs:06d}.weights.h5"
    mine, other = (arrays(one.folder / "backup" / name) for one in (run, unbroken))
    differ = sum(
        name not in other or mine[name].tobytes() != other[name].tobytes()
        for name in mine
    ) + len(other.keys() - mine.keys())
    row = {"run": run.kind, "kill": "end", "backup_after": epochs}
    add_row(
        _OUTPUT.value,
        {**about, **row, "arrays": len(mine), "arrays_that_differ": differ},
    )


def settings():
    return {f.name: f.value for f in (_METHOD, _BATCH, _SPAN, _SEED)}


def arrays(path):
    """Returns `{name: array}` of all that a backup holds."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: np.asarray(item[()])})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def read_rows():
    if not pathlib.Path(_OUTPUT.value).is_file():
        return pd.DataFrame(columns=["run", "kill"])
    return pd.read_csv(_OUTPUT.value, dtype=str, keep_default_na=False)


def page(rows):
    """Returns the text of RELIABILITY.md."""
    lines = [
        "# What kills cost",
        "",
        "Made by `python benchmarks/reliability.py --page` from the rows of",
        "`benchmarks/results/reliability.csv`, which the same script measures; its",
        "first lines say how.",
    ]
    for kind, part in rows.groupby("run"):
        table = {name: value for name, value in counts(kind, part)}
        lines += ["", f"## {TITLES[kind]}", "", "| what | count |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in table.items()]
    first, loads = rows.iloc[0], pd.to_numeric(rows.load_average)
    lines += [
        "",
        f"`--method={first.method} --batch_size={first.batch_size} "
        f"--span={first.span} --seed={first.seed}`, kerasos {first.kerasos}, Keras "
        f"{first.keras}, TensorFlow {first.tensorflow}, {first.cores} cores that "
        f"others used, too (load average {loads.min():.1f} to {loads.max():.1f}), "
        f"{first.date}.",
        "",
        "## Files",
        "",
        "Seeded files of `tests/malformed_files.py`; that each ends as it shall, in",
        "bounded memory, is what `tests/test_malformed_files.py` asserts.",
        "",
        "| kind | files | read | refused, with a way out | either |",
        "|---|---|---|---|---|",
        *file_counts(),
        "",
        "Faults of files (no room, a folder that is read-only, damaged and foreign",
        "backups, models, exports and tables) are in `tests/test_faults.py`, and files",
        "that would run code in `tests/test_safe_loading.py`.",
    ]
    return "\n".join(lines) + "\n"


def file_counts():
    """Yields a line of the table of malformed files for each kind."""
    sys.path.append(str(HERE.parent / "tests"))
    import malformed_files

    for name, kind in (("CSV", "tables"), ("pictures", "pictures"), (".npz", "arrays")):
        ends = [case.outcome for case in getattr(malformed_files, kind)()]
        by_end = [ends.count(end) for end in ("read", "refuse", "either")]
        yield f"| {name} | {len(ends)} | {' | '.join(map(str, by_end))} |"


TITLES = {"single": "One process", "workers": "Two workers"}


def counts(kind, part):
    """Yields `(what, value)` of a run."""
    kills, ends = part[part.kill != "end"], part[part.kill == "end"]
    columns = ("backup_before", "backup_after", "epochs_done")
    before, after, done = (kills[name].astype(int) for name in columns)
    yield "kills", len(kills)
    yield "of them while a backup was written", (kills.draft_left == "True").sum()
    yield "kills after which a backup was lost", (after < before).sum()
    lost = (done - after).max()
    yield "finished epochs that were trained again after a kill, at most", lost
    if kind == "workers":
        victims = kills.victim.value_counts().sort_index()
        by_worker = ", ".join(f"{victim}: {n}" for victim, n in victims.items())
        yield "kills by worker", by_worker
        stopped = kills.others_stopped_after.astype(float)
        spread = f"{stopped.median():.1f}, at most {stopped.max():.1f}"
        yield "seconds until the other had stopped, median", spread
        yield "of them with a word on what to do", (kills.others_said == "True").sum()
    for end in ends.itertuples():
        yield "epochs at the end", end.backup_after
        differ = f"{end.arrays_that_differ} of {end.arrays}"
        yield "arrays that differ from those of an unbroken run", differ


def main(_):
    if not _PAGE.value:
        folder = pathlib.Path(_FOLDER.value).resolve()
        for kind in _RUNS.value:
            rows = read_rows()
            if ((rows.run == kind) & (rows.kill == "end")).any():
                continue
            run = kill_again_and_again(kind, folder / kind, rows)
            compare_with_unbroken(run, folder / f"{kind}_unbroken")
        return
    with whole_file(HERE / "RELIABILITY.md", "The page") as draft:
        draft.write_text(page(read_rows()), encoding="utf-8")


if __name__ == "__main__":
    app.run(main)
