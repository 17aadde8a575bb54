"""A sweep over machines: spans as tasks of a Dask cluster, which has those of a lost worker done again by others."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from aarch64.errors import AArch64Error
from aarch64.fuzz.workers import WorkerError, interrupts_blocked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from aarch64.fuzz.sweep.checking import SweepJob
    from aarch64.fuzz.sweep.partition import Span
    from aarch64.fuzz.sweep.results import SpanResult
    from aarch64.fuzz.sweep.sweeping import Engine, OnDeath

_AHEAD = 4
"""Tasks that the scheduler is given for each thread of its workers, so that none has to wait."""


class ClusterError(AArch64Error):
    """There is no cluster, or what it takes is not installed."""


def cluster(address: str | None, workers: int) -> Engine:
    """The Dask cluster whose scheduler is at `address`; None: one of this machine, of so many processes, for this once.

    Workers elsewhere need this package, the same version of it, and the oracle.
    """

    def engine(job: SweepJob, spans: Iterable[Span], _on_death: OnDeath) -> Generator[SpanResult, None, None]:
        distributed = _installed()
        try:
            with _quiet(), ExitStack() as stack:
                where = address or stack.enter_context(_local(distributed, workers))
                client = stack.enter_context(_client(distributed, where))
                yield from _results(distributed, client, job, iter(spans))
        except (OSError, distributed.CancelledError) as error:
            first_line = str(error).partition("\n")[0]
            raise ClusterError(f"the Dask scheduler is gone: {first_line}") from error

    return engine


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs tracebacks where connections end; what matters is raised."""
    logs = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


def _installed() -> Any:
    try:
        import distributed  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ClusterError("Dask is needed: pip install 'aarch64-kprobes[cluster]'") from error
    return distributed


def _local(distributed: Any, workers: int) -> Any:
    with interrupts_blocked():  # its threads, and the processes that they start, inherit that
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        )


def _client(distributed: Any, where: Any) -> Any:
    try:
        return distributed.Client(where)
    except (OSError, ValueError) as error:
        raise ClusterError(f"there is no Dask scheduler at {where}: {error}") from error


def _results(distributed: Any, client: Any, job: SweepJob, spans: Iterable[Span]) -> Generator[SpanResult, None, None]:
    """The results as they come; a few tasks are with the scheduler, not all of them."""
    spans = iter(spans)
    ahead = _AHEAD * max(1, sum(client.nthreads().values()))
    pending = distributed.as_completed(_submitted(client, job, islice(spans, ahead)))
    for future in pending:
        try:
            result = future.result()
        except distributed.KilledWorker as error:
            raise WorkerError(f"{future.key} has killed too many workers: {error}") from error
        future.release()
        yield result
        pending.update(_submitted(client, job, islice(spans, 1)))


def _submitted(client: Any, job: SweepJob, spans: Iterable[Span]) -> list[Any]:
    return [client.submit(_check, job, span, key=str(span), pure=False) for span in spans]


def _check(job: SweepJob, span: Span) -> SpanResult:
    with job.opened() as work:
        return work(span)
