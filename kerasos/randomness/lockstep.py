"""What the replicas of a step must do alike, checked while the step is traced.

Replicas meet where something is added up over all of them: in batch normalisation, in
`minimize`, in the counters of `finish_step`. TensorFlow brings the n-th meeting of one
replica together with the n-th of the others, whatever the two are about; where they
differ it fails later and elsewhere, or goes on with wrong numbers. With one replica
nothing here is done, with several nothing after tracing.
"""

import contextlib
import threading

import tensorflow as tf


class _Here(threading.local):
    step = None


# The step that this thread watches: TensorFlow traces each replica in one of its own.
# One device watches none, and asks for nothing here.
here = _Here()
_exchanges = {}  # of each strategy in this process, the shapes of each of its steps


def meet(what, *shapes):
    """Says that the replicas meet here; does nothing outside of a watched step.

    Args:
        what: String, for an author to find the place.
        *shapes: Those of what each replica brings.

    Raises:
        RuntimeError: If they cannot, or another replica does something else here.
    """
    if here.step:
        here.step.meet(what, [tuple(shape) for shape in shapes])


def draw(tag):
    """Says that random numbers are drawn here; does nothing outside of such a step.

    Args:
        tag: String that tells the draw from others in the same step.

    Raises:
        RuntimeError: If another replica does something else here, or the step has
            drawn with this tag.
    """
    if here.step:
        here.step.draw(tag)


class Lockstep:
    """Compares the replicas of one training step with each other.

    Args:
        name: String, the step in errors, e.g. "GAMO.train_step".
        strategy: `tf.distribute.Strategy` with several replicas.
    """

    def __init__(self, name, strategy):
        self.name, self.strategy = name, strategy
        self.steps = []

    @contextlib.contextmanager
    def replica(self):
        """Watches what one replica does; around its part of the step.

        Raises:
            RuntimeError: If it ends before another replica does, or if what the
                replicas exchange does not fit to earlier training in this process.
        """
        self.steps.append(_Step(self.name, self.steps[0] if self.steps else None))
        here.step = self.steps[-1]
        try:
            yield
            here.step.end()
            if len(self.steps) == len(self.strategy.extended.worker_devices):
                self._check_strategies(tuple(here.step.shapes))
                self.steps.clear()
        except BaseException:
            self.steps.clear()
            raise
        finally:
            here.step = None

    def _check_strategies(self, shapes):
        """Raises if two strategies in this process exchange different things.

        TensorFlow numbers the exchanges of each strategy from the start and takes equal
        numbers for one exchange: where its shapes differ it stops all of them, until
        the process ends.
        """
        if not uses_collectives(self.strategy):
            return
        others = [known for key, known in _exchanges.items() if key != self.strategy]
        own = _exchanges.get(self.strategy, set()) | {shapes}
        if others and len(own.union(*others)) > 1:
            raise RuntimeError(
                f"`{self.name}`: different models train under several strategies of "
                "one process, and TensorFlow would mix up what their replicas "
                "exchange. Expected: one strategy for all of them. Received: "
                f"{len(others) + 1} strategies. Make the strategy once and use its "
                "`scope()` for each model, or restart Python, or make each with "
                "`cross_device_ops=tf.distribute.ReductionToOneDevice()`."
            )
        _exchanges[self.strategy] = own


def uses_collectives(strategy):
    """Whether replicas exchange by TensorFlow's collective operations."""
    reduction = getattr(strategy.extended, "_cross_device_ops", None)
    others = (
        tf.distribute.ReductionToOneDevice,
        tf.distribute.HierarchicalCopyAllReduce,
        tf.distribute.NcclAllReduce,
    )
    return not isinstance(reduction, others)


class _Step:
    """What one replica does in a step.

    Args:
        name: As in `Lockstep`.
        first: `_Step` of the first replica, None for itself.
    """

    def __init__(self, name, first):
        self.name, self.first = name, first
        self.graph = tf.compat.v1.get_default_graph()
        self.events, self.shapes, self.draws = [], [], set()

    def meet(self, what, shapes):
        if len(shapes) == 1:
            what = f"{what} of shape {shapes[0]}"
        graph = tf.compat.v1.get_default_graph()
        if graph is not self.graph:
            raise RuntimeError(
                f"`{self.name}`: replicas cannot meet inside of `tf.cond`, "
                "`tf.while_loop`, `tf.map_fn` or a `tf.function` of your own. "
                "Expected: batch normalisation, `minimize` and sums over replicas in "
                f"the step itself. Received: {what} in the graph {graph.name!r}. "
                "Write the loop in Python (`for k in range(n):`), run both branches "
                "and choose among their results with `tf.where`, or leave out "
                "`tf.function`."
            )
        self.shapes += shapes
        self._note(what)

    def draw(self, tag):
        # The two branches of a condition may draw the same.
        key = (id(tf.compat.v1.get_default_graph()), tag)
        if key in self.draws:
            raise RuntimeError(
                f"`{self.name}`: two draws with one tag are the same numbers. "
                f"Expected: a tag for each draw of a step. Received: {tag!r} twice. "
                'Number the tags, as in f"noise_{k}", or keep the first draw.'
            )
        self.draws.add(key)
        self._note(f"a draw with the tag {tag!r}")

    def end(self):
        self._note("the end of the step")

    def _note(self, event):
        if self.first is not None:
            # The first replica is ahead, and waits where they meet.
            place = len(self.events)
            expected = self.first.events[place : place + 1]
            if expected != [event]:
                raise RuntimeError(
                    f"`{self.name}`: the replicas do not do the same. Expected of "
                    f"each, in place {place + 1}: {(*expected, 'nothing more')[0]}. "
                    f"Received from another: {event}. Python runs the step once for "
                    "each replica, while it is traced: leave counters, caches and "
                    "random numbers of Python out (`self.count += 1`), and use "
                    "`steps_done`, `self.uniform` and constants."
                )
        self.events.append(event)
