"""The script that kills training: once in small, and its page from rows by hand."""

import pathlib
import re
import sys

import pandas as pd
import pytest
import script_module
from absl import flags

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "reliability.py"
sys.path.append(str(SCRIPT.parent))


@pytest.fixture(scope="module")
def script():
    with script_module.loaded(SCRIPT) as module:
        yield module


@pytest.mark.slow  # reason: starts training four times, and kills it twice
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_that_was_killed_ends_as_an_unbroken_one(tmp_path):
    options = ["--runs=single", "--kills=2", "--span=1", f"--folder={tmp_path}"]
    options += [f"--output={tmp_path / 'rows.csv'}"]
    # Not forked: a kill has to come in the moment that the script chose.
    done = script_module.run(SCRIPT, *options, python=sys.executable)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert rows.kill.tolist() == ["0", "1", "end"]
    kills, end = rows[:2], rows.iloc[2]
    assert kills.moment.tolist() == ["any", "backup is written"]
    assert kills.draft_left.astype(str).tolist()[1] == "True"
    assert (kills.backup_after >= kills.backup_before).all()
    assert (kills.trained_on_from.iloc[1] == kills.backup_after.iloc[0]).all()
    assert end.arrays > 20 and end.arrays_that_differ == 0
    again = script_module.run(SCRIPT, *options, python=sys.executable)
    assert again.returncode == 0 and len(pd.read_csv(tmp_path / "rows.csv")) == 3


def kill(run, number, before, after, done, draft, seconds="", said="", victim=0):
    return {
        **dict.fromkeys(("kerasos", "keras", "tensorflow", "cores"), "1"),
        **dict.fromkeys(("method", "batch_size", "span", "seed", "date"), "2"),
        **{"load_average": "3.5", "run": run, "kill": str(number), "victim": victim},
        **{"backup_before": before, "backup_after": after, "epochs_done": done},
        **{"draft_left": draft, "others_stopped_after": seconds, "others_said": said},
        **{"arrays": "", "arrays_that_differ": ""},
    }


def test_the_page_counts_the_rows(script):
    rows = [
        kill("single", 0, 4, 4, 5, "False"),
        kill("single", 1, 9, 10, 10, "True"),
        kill("single", 2, 12, 11, 14, "False"),
        {**kill("single", "end", "", 15, "", ""), "arrays": 30},
        kill("workers", 0, 2, 2, 2, "False", 1.5, "True", victim=1),
        kill("workers", 1, 3, 3, 4, "True", 20.5, "False"),
    ]
    rows[3]["arrays_that_differ"] = 7
    text = script.page(pd.DataFrame(rows).astype(str))
    single, workers = text.partition("## Two workers")[::2]
    for line in (
        "| kills | 3 |",
        "| of them while a backup was written | 1 |",
        "| kills after which a backup was lost | 1 |",
        "| finished epochs that were trained again after a kill, at most | 3 |",
        "| epochs at the end | 15 |",
        "| arrays that differ from those of an unbroken run | 7 of 30 |",
    ):
        assert line in single, line
    for line in (
        "| kills by worker | 0: 1, 1: 1 |",
        "| seconds until the other had stopped, median | 11.0, at most 20.5 |",
        "| of them with a word on what to do | 1 |",
    ):
        assert line in workers, line


def test_the_page_is_that_of_the_stored_rows(script):
    flags.FLAGS(["reliability"])
    page = (SCRIPT.parent / "RELIABILITY.md").read_text("utf-8")
    assert page == script.page(script.read_rows())
    assert re.search(r"\| kills \| \d+ \|", page)
