"""Work shared between processes: tasks out, results in, and nothing lost when a process dies.

Workers are spawned, not forked: a program that starts them has to be importable (`if __name__ == "__main__":`).
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from contextlib import closing, contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import attrs

from aarch64.errors import AArch64Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

Task = TypeVar("Task")
Result = TypeVar("Result")
Task_contra = TypeVar("Task_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)

_ATTEMPTS = 2
"""So many workers a task may kill."""
_GRACE = 5.0
"""Seconds that a worker has to end by itself."""


class WorkerError(AArch64Error):
    """A task that no worker survives."""


class Job(Protocol[Task_contra, Result_co]):
    """What workers do. It can be pickled."""

    def opened(self) -> AbstractContextManager[Callable[[Task_contra], Result_co]]:
        """The function of tasks, with what it needs, until the end of the `with` statement."""


@attrs.frozen
class Death(Generic[Task]):
    """A worker that was killed over a task, which another one does again."""

    task: Task
    exit_code: int
    """As of `multiprocessing.Process`: the number of the signal, negative, or the exit status."""


def perform(
    job: Job[Task, Result],
    tasks: Iterable[Task],
    workers: int,
    on_death: Callable[[Death[Task]], None] = lambda _death: None,
) -> Iterator[Result]:
    """The results of all tasks, each as it comes; a single worker is this process itself.

    Tasks are hashable, and taken when a worker is free for them. Whoever ends the iteration early ends the workers.

    Raises:
        WorkerError: a task has killed two workers.
        Exception: whatever the job raises.
    """
    if workers == 1:
        with job.opened() as work:
            yield from map(work, tasks)
        return
    with closing(_Pool(job, workers, on_death)) as pool:
        yield from pool.results(iter(tasks))


@attrs.frozen(eq=False)
class _Worker(Generic[Task]):
    """A process, and our end of the pipe to it."""

    process: SpawnProcess
    pipe: Connection


@attrs.frozen
class _Raised:
    """What the job raised, on its way to the parent."""

    error: Exception


class _Pool(Generic[Task, Result]):
    """Workers and what they are at."""

    def __init__(self, job: Job[Task, Result], workers: int, on_death: Callable[[Death[Task]], None]) -> None:
        self._job = job
        self._on_death = on_death
        self._deaths: dict[Task, int] = {}
        self._idle = [self._started() for _ in range(workers)]
        self._busy: dict[_Worker[Task], Task] = {}
        self._again: list[Task] = []

    def _started(self) -> _Worker[Task]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._job, theirs), daemon=True)
        with interrupts_blocked():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def results(self, tasks: Iterator[Task]) -> Iterator[Result]:
        """The results of all tasks, in the order in which they are done."""
        while True:
            self._hand_out(tasks)
            if not self._busy:
                return
            by_pipe = {worker.pipe: worker for worker in self._busy}
            for pipe in wait(list(by_pipe)):
                yield from self._answer(by_pipe[pipe])  # type: ignore[index]  # it is one of those waited for

    def _hand_out(self, tasks: Iterator[Task]) -> None:
        while self._idle:
            if self._again:
                task = self._again.pop()
            else:
                try:
                    task = next(tasks)
                except StopIteration:
                    return
            worker = self._idle.pop()
            self._busy[worker] = task
            try:
                worker.pipe.send(task)
            except BrokenPipeError:
                self._replace(worker)

    def _answer(self, worker: _Worker[Task]) -> Iterator[Result]:
        """What a worker has to say: its result, if it did not die over it."""
        try:
            answer = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._replace(worker)
            return
        if isinstance(answer, _Raised):
            raise answer.error
        del self._busy[worker]
        self._idle.append(worker)
        yield answer

    def _replace(self, worker: _Worker[Task]) -> None:
        """Start another worker in the place of a dead one, and have its task done again."""
        task = self._busy.pop(worker)
        worker.process.join()
        worker.pipe.close()
        death = Death(task, worker.process.exitcode or 0)
        self._deaths[task] = self._deaths.get(task, 0) + 1
        if self._deaths[task] == _ATTEMPTS:
            raise WorkerError(f"{task} has killed {_ATTEMPTS} workers, the last one with exit code {death.exit_code}")
        self._on_death(death)
        self._again.append(task)
        self._idle.append(self._started())

    def close(self) -> None:
        """End all workers."""
        workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in workers:
            worker.process.join(_GRACE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Start processes that Ctrl-C at the terminal passes by: the parent ends them. A signal mask is inherited."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(job: Job[Task, Result], pipe: Connection) -> None:
    """The life of a worker: until the parent ends it, or is gone."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    try:
        with job.opened() as work:
            while True:
                pipe.send(work(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001  (whatever it is, the parent raises it)
        pipe.send(_Raised(error))
