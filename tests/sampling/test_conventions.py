"""A failing test of a user: run under pytest-xdist, with a shared database; what it prints, pasted, fails again."""

import os
import re
import subprocess
import sys

import pytest

PLANTED = """
from aarch64.isa.decoder import Decoded, Decoder

right = Decoder.decode

def wrong(decoder, word):
    found = right(decoder, word)
    if found is None or found.definition.title != "ADD (shifted register)":
        return found
    return Decoded(found.definition, word, {**found.fields, "imm6": found.fields["imm6"] & 31})

Decoder.decode = wrong
"""

TEST = """
from hypothesis import given, settings
from hypothesis.database import DirectoryBasedExampleDatabase
import planted
from aarch64.isa.table import DECODER
from aarch64.strategies import encodings

@settings(database=DirectoryBasedExampleDatabase("shared"))
@given(encodings("ADD (shifted register)"))
def test_the_decoder(found):
    assert DECODER.decode(found.word).fields == found.fields
"""

PASTED = """
from hypothesis import Phase, example, given, settings
import planted
from aarch64.isa.table import DECODER
from aarch64.strategies import encoding_of, encodings

@settings(phases=[Phase.explicit])
@example(found={found})
@given(encodings("ADD (shifted register)"))
def test_the_decoder(found):
    assert DECODER.decode(found.word).fields == found.fields

test_the_decoder()
"""


@pytest.fixture
def run_python(tmp_path):
    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_failure_can_be_pasted(run_python, tmp_path):
    (tmp_path / "planted.py").write_text(PLANTED)
    (tmp_path / "test_it.py").write_text(TEST)
    failed = run_python("-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--rootdir", tmp_path)
    assert failed.returncode == 1, failed.stdout
    printed = re.search(r"found=(encoding.*\)),", failed.stdout)
    assert printed, failed.stdout
    assert printed[1] == (
        "encoding_of('sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5', sf=1, shift=0, rm=0, imm6=32, rn=0, rd=0)"
    )
    assert list((tmp_path / "shared").iterdir())
    pasted = run_python("-c", PASTED.format(found=printed[1]))
    assert pasted.returncode == 1
    assert f"found={printed[1]}" in pasted.stderr
    assert "AssertionError" in pasted.stderr
