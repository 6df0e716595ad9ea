"""Many tasks at once: on this machine, on Dask or on Ray, as joblib is set to.

On a cluster the tasks are the engine's own. Its backend for joblib loses more with a
worker than it must (joblib 1.6, Ray 2.60): Dask's waits for ever for a task that took
its workers with it, and Ray's gives back results in blocks, and nothing of a block that
lacks one.
"""

import concurrent.futures
import functools
import importlib
import math
import os
import warnings

import joblib

TF_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def run_at_once(function, tasks, n_jobs, lost):
    """Yields the results of all tasks as they end, in any order.

    Args:
        function: Function to an iterable of results. It is pickled with the data it
            holds, which travel to a worker of a cluster once.
        tasks: List of tuples, its arguments.
        n_jobs: Integer, how many at once, or None for what `joblib.parallel_config`
            says: one, or on a cluster as many as its workers have threads for.
        lost: List that gets `(task, error)` of each task that a cluster has given up,
            because its workers died with it, again when it was alone.

    Returns:
        Generator.

    Raises:
        ValueError: If tasks would run in copies of this process.
        Exception: The first one that a task raises; no other is begun then.
    """
    backend, set_to = joblib.parallel.get_active_backend()
    n_jobs = set_to if n_jobs is None else n_jobs
    kind = type(backend).__name__
    if kind in _ENGINES and n_jobs != 1 and tasks:
        at_most = n_jobs if n_jobs is not None and n_jobs > 0 else math.inf
        return _on_cluster(_ENGINES[kind](backend, function), tasks, at_most, lost)
    if n_jobs == 1 or min(joblib.effective_n_jobs(n_jobs), len(tasks)) <= 1:
        return (result for task in tasks for result in function(*task))
    if kind == "MultiprocessingBackend":
        raise ValueError(
            "In a copy of a process that has used TensorFlow, TensorFlow waits for "
            "ever. Expected processes of their own. Received: joblib's backend "
            "'multiprocessing'. Take 'loky', joblib's default."
        )
    return _on_this_machine(backend, function, tasks, n_jobs)


def _on_this_machine(backend, function, tasks, n_jobs):
    here = getattr(backend, "uses_threads", False)
    run = functools.partial(_in_thread if here else _in_worker, function)
    generates = backend.supports_return_generator
    # Else a backend gives back its results together: some tasks, then others.
    size = len(tasks) if generates else 2 * joblib.effective_n_jobs(n_jobs)
    for start in range(0, len(tasks), size):
        parallel = joblib.Parallel(
            n_jobs, return_as="generator_unordered" if generates else "list"
        )
        part = tasks[start : start + size]
        for results in parallel(joblib.delayed(run)(*task) for task in part):
            yield from results


def _on_cluster(engine, tasks, at_most, lost):
    suspects = []
    with engine:
        yield from _all_of(engine, tasks, at_most, suspects)
        # Dask blames, too, what waited on a worker for the task that killed it.
        yield from _all_of(engine, [task for task, _ in suspects], 1, lost)


def _all_of(engine, tasks, at_most, lost):
    waiting, running = list(reversed(tasks)), {}
    try:
        while waiting or running:
            # No more than there are places: what waits on a worker dies with it.
            while waiting and len(running) < min(at_most, engine.places()):
                task = waiting.pop()
                running[engine.start(*task)] = task
            ended = engine.first_of(running)
            task = running.pop(ended)
            try:
                results = engine.results_of(ended)
            except engine.losses as error:
                lost.append((task, error))
            else:
                yield from results
    finally:
        engine.stop(list(running))


class _Dask:
    """Tasks of Dask's client. A task whose worker dies is run again, as Dask is set."""

    def __init__(self, backend, function):
        distributed = importlib.import_module("distributed")
        self.client = backend.client
        self.losses = (distributed.KilledWorker, concurrent.futures.CancelledError)
        self.ended = distributed.as_completed(loop=self.client.loop)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")
            # As the result of a task the data are made again when they are lost with a
            # worker, which scattered ones are not.
            whole = _Whole(functools.partial(_in_worker, function))
            self.function = self.client.submit(_itself, whole, pure=False)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.client.cancel([self.function])

    def places(self):
        return max(1, sum(self.client.nthreads().values()))

    def start(self, *task):
        future = self.client.submit(_called, self.function, *task, pure=False)
        self.ended.add(future)
        return future

    def first_of(self, running):
        return next(self.ended)

    def results_of(self, future):
        return future.result()

    def stop(self, futures):
        self.client.cancel(futures)


class _Ray:
    """Tasks of Ray, each with one processor. Ray runs one whose worker dies again."""

    def __init__(self, backend, function):
        ray = self.ray = importlib.import_module("ray")
        names = ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError")
        names += ("ObjectLostError",)
        self.losses = tuple(getattr(ray.exceptions, name) for name in names)
        self.function = ray.put(_Whole(functools.partial(_in_worker, function)))
        self.called = ray.remote(_called)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.function = None

    def places(self):
        return max(1, int(self.ray.cluster_resources().get("CPU", 1)))

    def start(self, *task):
        return self.called.remote(self.function, *task)

    def first_of(self, running):
        return self.ray.wait(list(running))[0][0]

    def results_of(self, reference):
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause from error

    def stop(self, references):
        for reference in references:
            self.ray.cancel(reference)


_ENGINES = {"DaskDistributedBackend": _Dask, "RayBackend": _Ray}


class _Whole:
    """A function that no engine looks into for parts of its own."""

    def __init__(self, function):
        self.function = function


def _itself(value):
    return value


def _called(whole, *task):
    return whole.function(*task)


def _in_thread(function, *task):
    return list(function(*task))


def _in_worker(function, *task):
    """Runs a task in a process that has a share of the processors.

    loky, Dask and Ray say by `OMP_NUM_THREADS` how many threads it may have, and
    TensorFlow takes its pools from these variables, if this is its first task. What a
    task would run at once runs in turn, or it would wait for a place among the tasks.
    """
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads:
        for name in TF_THREADS:
            os.environ.setdefault(name, threads)
    with joblib.parallel_config("sequential"):
        return list(function(*task))
