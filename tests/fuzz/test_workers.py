"""Workers: every task has its result, whoever dies over it."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from aarch64.fuzz.oracles import OracleError
from aarch64.fuzz.workers import WorkerError, perform


@attrs.frozen
class Squares:
    """Squares numbers; over some of them a worker is killed, as often as there are files to be taken away."""

    lives: Path

    @contextmanager
    def opened(self):
        yield self.square

    def square(self, number):
        if number == 3 and (files := sorted(self.lives.iterdir())):
            files[0].unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 7:
            raise OracleError("seven")
        return number * number


def lives(path, count):
    for number in range(count):
        (path / str(number)).touch()
    return Squares(path)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_has_its_result(tmp_path, workers):
    assert sorted(perform(lives(tmp_path, 0), range(6), workers)) == [0, 1, 4, 9, 16, 25]


def test_what_a_killed_worker_was_at_is_done_again(tmp_path):
    deaths = []
    assert sorted(perform(lives(tmp_path, 1), range(6), 2, deaths.append)) == [0, 1, 4, 9, 16, 25]
    assert [(death.task, death.exit_code) for death in deaths] == [(3, -signal.SIGKILL)]


def test_a_task_that_kills_twice_is_an_error(tmp_path):
    with pytest.raises(WorkerError, match="3 has killed 2 workers, the last one with exit code -9"):
        list(perform(lives(tmp_path, 2), range(6), 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_job_raises_is_raised(tmp_path, workers):
    with pytest.raises(OracleError, match="seven"):
        list(perform(lives(tmp_path, 0), range(6, 9), workers))
