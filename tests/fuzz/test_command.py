"""Decoders that are programs: the protocol, and what is said of those that do not keep to it."""

import sys
import time
from pathlib import Path

import pytest

from aarch64.fuzz.decoders.command import Command
from aarch64.fuzz.oracles import FailureError, FailureKind, OracleError

ECHO = "import sys\nfor line in sys.stdin: print(line.strip())"
WORDS = [0x8B02_0C20, 0, 0xFFFF_FFFF]


def python(tmp_path, source):
    path = tmp_path / "a decoder.py"
    path.write_text(source)
    return f"{sys.executable} '{path}'"


def test_words_are_8_digits(tmp_path):
    assert Command(python(tmp_path, ECHO)).decode(WORDS) == ["8b020c20", "00000000", "ffffffff"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", None),
        ("  ", None),
        ("undefined", None),
        ("UNDEFINED", None),
        ("allocated", ""),
        ("add x0, x1, x2", "add x0, x1, x2"),
        ("undefined behaviour", "undefined behaviour"),
    ],
)
def test_what_a_line_says(tmp_path, line, answer):
    command = python(tmp_path, f"import sys\nfor _ in sys.stdin: print({line!r})")
    assert Command(command).decode([0, 1]) == [answer, answer]


def test_many_words_do_not_block(tmp_path):
    assert len(Command(python(tmp_path, ECHO)).decode(range(50_000))) == 50_000


def test_no_words_need_no_program():
    assert Command("there is no such program").decode([]) == []


@pytest.mark.parametrize(
    ("source", "kind", "message", "answered"),
    [
        ("import sys; sys.exit(3)", FailureKind.CRASH, "ended with status 3", []),
        ("import sys; sys.exit('what is that?')", FailureKind.CRASH, "ended with status 1: what is that?", []),
        ("import os; os.kill(os.getpid(), 9)", FailureKind.CRASH, "killed by signal 9", []),
        ("import sys; print('nop\\nmo', end=''); sys.exit(3)", FailureKind.CRASH, "ended with status 3", ["nop"]),
        ("print('nop')", FailureKind.NO_ANSWER, "1 lines for 3 words: want one line for each word, ", []),
        ("for _ in range(4): print()", FailureKind.NO_ANSWER, "4 lines for 3 words: want one line", []),
        (
            "import sys; sys.stdout.buffer.write(b'nop\\n\\xff\\n\\n')",
            FailureKind.NO_ANSWER,
            "line 2 is not ASCII",
            ["nop"],
        ),
        (
            "import time; print('nop', flush=True); time.sleep(60)",
            FailureKind.HANG,
            "no answer to 3 words in 1 seconds",
            ["nop"],
        ),
    ],
    ids=["fails", "says why", "killed", "torn", "too few", "too many", "garbage", "silent"],
)
def test_programs_that_do_not_answer(tmp_path, source, kind, message, answered):
    with pytest.raises(FailureError) as raised:
        Command(python(tmp_path, source), timeout=1 if "sleep" in source else 60).decode(WORDS)
    assert raised.value.failure.kind is kind
    assert raised.value.failure.what.startswith(message)
    assert raised.value.answered == answered


def is_running(pid):
    try:
        return "State:\tZ" not in Path("/proc", pid, "status").read_text()
    except FileNotFoundError:
        return False


def test_a_program_that_hangs_is_ended_with_all_that_it_has_started(tmp_path):
    pid = tmp_path / "pid"
    with pytest.raises(FailureError, match="no answer to 1 words in 1 seconds"):
        Command(f"sh -c 'sleep 60 & echo $! > {pid}; wait'", timeout=1).decode([0])
    deadline = time.monotonic() + 10
    while is_running(pid.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/no/such/program", "/no/such/program: cannot be run: No such file"),
        ("", "the command that decodes is empty"),
        ("'", "is no command: No closing quotation"),
    ],
    ids=["absent", "empty", "quotation"],
)
def test_commands_that_cannot_be_run(command, message):
    with pytest.raises(OracleError, match=message):
        Command(command).decode(WORDS)
