"""Decoders that are programs: the protocol, and what is said of those that do not keep to it."""

import sys

import pytest

from aarch64.fuzz.decoders.command import Command
from aarch64.fuzz.oracles import OracleError

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
    ("source", "message"),
    [
        ("import sys; sys.exit(3)", r"ended with status 3 \(so it does for 0x8b020c20 alone\)$"),
        ("import sys; sys.exit('what is that?')", r"ended with status 1: what is that\? \(so it does"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("print('add x0, x1, x2')", "1 lines for 3 words: want one line for each word"),
        ("for _ in range(4): print()", "4 lines for 3 words"),
        ("import sys; sys.stdout.buffer.write(b'nop\\n\\xff\\n\\n')", "line 2 is not ASCII"),
        ("import time; time.sleep(60)", "no answer to 3 words in 0.5 seconds"),
    ],
    ids=["fails", "says why", "killed", "too few", "too many", "garbage", "silent"],
)
def test_programs_that_do_not_answer(tmp_path, source, message):
    with pytest.raises(OracleError, match=message):
        Command(python(tmp_path, source), timeout=0.5 if "sleep" in source else 60).decode(WORDS)


def test_the_word_that_a_program_fails_for_is_told(tmp_path):
    command = python(tmp_path, "import sys\nfor line in sys.stdin: print(1 // (int(line, 16) - 40))")
    with pytest.raises(OracleError, match=r"ZeroDivisionError.* \(so it does for 0x00000028 alone\)$"):
        Command(command).decode(range(100))


MOODY = """
import sys
words = list(sys.stdin)
if len(words) > 2:
    sys.exit("too many")
print(*words, sep="", end="")
"""


def test_a_program_that_fails_for_no_word_alone(tmp_path):
    with pytest.raises(OracleError, match=r"ended with status 1: too many$"):
        Command(python(tmp_path, MOODY)).decode(WORDS)


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
