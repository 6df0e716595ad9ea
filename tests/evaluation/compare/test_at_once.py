"""Tasks at once: what is run again, what is given up, and in which processes."""

import joblib
import pytest

from kerasos.evaluation.compare import at_once
from kerasos.evaluation.compare.at_once import run_at_once


class Died(Exception):
    """What an engine says of a task whose worker died."""


class TwoWorkers:
    """An engine with two places that loses a task, and what stands beside it."""

    losses = Died
    deadly = ()
    clumsy = ()

    def __init__(self, backend, function):
        self.function, self.alive, self.begun, self.most = function, True, [], 0

    def __enter__(self):
        type(self).last = self
        return self

    def __exit__(self, *error):
        self.alive = False

    def places(self):
        return 2

    def start(self, number):
        self.begun.append(number)
        return number, len(self.begun)

    def first_of(self, running):
        self.most = max(self.most, len(running))
        self.beside = [number for number, _ in running]
        return min(running, key=lambda handle: handle[1])

    def results_of(self, handle):
        if set(self.beside) & set(self.deadly):
            raise Died(handle[0])
        if handle[0] in self.clumsy:
            raise OSError("no disk")
        return list(self.function(handle[0]))

    def stop(self, handles):
        self.stopped = [number for number, _ in handles]


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.setitem(at_once._ENGINES, "ThreadingBackend", TwoWorkers)
    monkeypatch.setattr(TwoWorkers, "deadly", ())
    monkeypatch.setattr(TwoWorkers, "clumsy", ())
    return TwoWorkers


def doubled(number):
    """Two results of each task."""
    yield number
    yield 10 * number


def run(numbers, n_jobs=None, lost=None):
    tasks = [(number,) for number in numbers]
    with joblib.parallel_config("threading"):
        return list(run_at_once(doubled, tasks, n_jobs, [] if lost is None else lost))


def test_a_cluster_gets_as_many_tasks_as_it_has_places(engine):
    assert sorted(run(range(5))) == [0, 0, 1, 2, 3, 4, 10, 20, 30, 40]
    assert engine.last.most == 2 and not engine.last.alive
    assert len(run(range(5), n_jobs=-1)) == 10 and engine.last.most == 2
    # No more than were asked for.
    with joblib.parallel_config("threading", n_jobs=2):
        assert len(list(run_at_once(doubled, [(3,)], 2, []))) == 2


def test_a_task_that_kills_its_worker_is_alone_when_given_up(engine, monkeypatch):
    monkeypatch.setattr(engine, "deadly", (1,))
    lost = []
    found = run(range(5), lost=lost)
    assert sorted(found) == [0, 0, 2, 3, 4, 20, 30, 40]
    assert [(task, str(error)) for task, error in lost] == [((1,), "1")]
    # 0 was beside it and was blamed with it: both again, after all others and alone.
    assert engine.last.begun == [0, 1, 2, 3, 4, 0, 1]


def test_an_error_of_a_task_stops_the_others(engine, monkeypatch):
    monkeypatch.setattr(engine, "clumsy", (1,))
    with pytest.raises(OSError, match="no disk"):
        run(range(5))
    assert engine.last.begun == [0, 1, 2] and engine.last.stopped == [2]
    assert not engine.last.alive


def test_one_job_runs_here_under_any_backend(engine, monkeypatch):
    monkeypatch.setattr(engine, "deadly", range(5))
    assert run([1, 2], n_jobs=1) == [1, 10, 2, 20]
    assert run([]) == []


def test_copies_of_a_process_are_refused():
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        with pytest.raises(ValueError, match="Take 'loky'"):
            run_at_once(doubled, [(1,), (2,)], None, [])
        # One job needs no copy.
        assert list(run_at_once(doubled, [(1,)], None, [])) == [1, 10]


def test_a_worker_shares_the_processors(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "2")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)

    def seen():
        yield at_once.os.environ["TF_NUM_INTRAOP_THREADS"]
        yield at_once.os.environ["TF_NUM_INTEROP_THREADS"]  # the user's own
        yield joblib.effective_n_jobs(4)

    with joblib.parallel_config("threading", n_jobs=2):
        assert at_once._in_worker(seen) == ["3", "2", 1]
