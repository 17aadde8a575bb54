"""`a64 probe --verdict`: what may be probed, on the command line."""

import json

import pytest

from kprobes.profiles import PROFILES
from tests.cli.test_tools import PROGRAMS, a64, process

SOURCE = """\
start:  add     x0, x0, #1
        cbz     x0, lock
        ret
lock:   ldxr    w1, [x2]
        add     w1, w1, #1
        stxr    w3, w1, [x2]
        cbnz    w3, lock
        ret
        .word   0xd4000001
"""

BRANCH = "a branch sets the PC: it is done at its own address"
EXCLUSIVE = "the return from the probe's exception forgets the location marked for exclusive access"
INSIDE = "control may come to it from a load-exclusive and go on to the store-exclusive, which would fail"

LISTING = f"""\
PROGRAM: profile strict, our own: a probe changes nothing but time

40000000 <start>:
  40000000:  91000400  add x0, x0, #1                        slot      it does the same wherever it is executed
  40000004:  b4000040  cbz x0, 0x4000000c                    simulate  {BRANCH}
  40000008:  d65f03c0  ret                                   simulate  {BRANCH}

4000000c <lock>:
  4000000c:  885f7c41  ldxr w1, [x2]                         reject    {EXCLUSIVE}
  40000010:  11000421  add w1, w1, #1                        reject    {INSIDE} (it begins at 0x4000000c)
  40000014:  88037c41  stxr w3, w1, [x2]                     reject    {EXCLUSIVE}
  40000018:  35ffffa3  cbnz w3, 0x4000000c                   simulate  {BRANCH}
  4000001c:  d65f03c0  ret                                   simulate  {BRANCH}

8 instructions: 3 reject, 1 slot, 4 simulate
      2  reject    exclusive               AArch64.ExceptionReturn
      1  reject    exclusive-sequence      Load-Exclusive and Store-Exclusive instruction usage restrictions
      1  slot      copy                    the traits of its definition
      4  simulate  branch                  Branches
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.s"
    path.write_text(SOURCE)
    return path


def test_the_listing(program):
    assert a64("probe", "--verdict", program, "--profile", "strict") == (
        0,
        LISTING.replace("PROGRAM", str(program)),
        "",
    )


@pytest.mark.parametrize(
    ("profile", "verdicts"),
    [
        ("v15", ["slot", "reject", "reject", "reject", "reject", "reject", "reject", "reject"]),
        ("v4.8", ["slot", "simulate", "simulate", "reject", "reject", "reject", "simulate", "simulate"]),
        ("v5.10", ["slot", "simulate", "simulate", "reject", "reject", "reject", "simulate", "simulate"]),
        ("v7.2", ["slot", "simulate", "simulate", "reject", "reject", "reject", "simulate", "simulate"]),
        ("strict", ["slot", "simulate", "simulate", "reject", "reject", "reject", "simulate", "simulate"]),
    ],
)
def test_profiles(program, profile, verdicts):
    status, output, errors = a64("probe", "--verdict", program, "--profile", profile, "--json", "-")
    assert (status, errors) == (0, "")
    assert [item["verdict"] for item in json.loads(output)["instructions"]] == verdicts


def test_without_a_profile_it_is_v15(program):
    assert a64("probe", "--verdict", program) == a64("probe", "--verdict", program, "--profile", "v15")


def test_json(program):
    found = json.loads(a64("probe", "--verdict", program, "--profile", "v4.8", "--json", "-")[1])
    assert (found["program"], found["profile"]) == (str(program), "v4.8")
    assert found["summary"] == {"instructions": 8, "reject": 3, "slot": 1, "simulate": 4}
    assert found["instructions"][4] == {
        "address": "0x40000010",
        "symbol": "lock+0x4",
        "word": "0x11000421",
        "text": "add w1, w1, #1",
        "verdict": "reject",
        "rule": "exclusive-sequence",
        "reason": "a load-exclusive comes before it with no store-exclusive between: a probe would make the store fail "
        "(it begins at 0x4000000c)",
        "source": "is_probed_address_atomic",
        "opened_by": "0x4000000c",
    }
    assert found["instructions"][0]["opened_by"] is None
    assert found["rules"][0] == {
        "verdict": "reject", "rule": "exclusive", "source": "aarch64_insn_is_exclusive", "count": 2,
    }  # fmt: skip


def test_json_into_a_file(program, tmp_path):
    path = tmp_path / "verdicts.json"
    assert a64("probe", "--verdict", program, "--json", path) == (0, "", "")
    assert path.read_text() == a64("probe", "--verdict", program, "--json", "-")[1]


@pytest.mark.parametrize("profile", PROFILES)
def test_an_elf_program(profile):
    file = PROGRAMS / "printf.O2.elf"
    found = json.loads(a64("probe", "--verdict", file, "--profile", profile, "--json", "-")[1])
    summary = found["summary"]
    assert summary["instructions"] == len(found["instructions"]) > 500
    assert summary["instructions"] == summary["reject"] + summary["slot"] + summary["simulate"]
    assert summary["instructions"] == sum(rule["count"] for rule in found["rules"])


def test_a_raw_image_is_placed_where_asked(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(bytes.fromhex("1f2003d5c0035fd6"))
    status, output, _ = a64("probe", "--verdict", path, "--base", "0x80000", "--profile", "v7.2")
    assert status == 0
    assert "  80000:  d503201f  nop                                   simulate  " in output
    assert output.endswith("2 instructions: 0 reject, 0 slot, 2 simulate\n"
                           "      1  simulate  simulate_nop            arm_probe_decode_insn\n"
                           "      1  simulate  simulate_br_blr_ret     arm_probe_decode_insn\n")  # fmt: skip


# --- words


@pytest.mark.parametrize(
    ("profile", "output"),
    [
        ("v15", "slot\nreject\nreject\nslot\n"),
        ("v4.8", "slot\nsimulate\nreject\nslot\n"),
        ("v5.10", "slot\nsimulate\nreject\nslot\n"),
        ("v7.2", "simulate\nsimulate\nreject\nslot\n"),
        ("strict", "slot\nsimulate\nreject\nreject\n"),
    ],
)
def test_words(profile, output):
    words = "d503201f\n0xD65F03C0\n  885f7c41\nffffffff\n"
    assert a64("probe", "--verdict", "--words", "-", "--profile", profile, text=words) == (0, output, "")


def test_words_as_json():
    found = json.loads(a64("probe", "--verdict", "--words", "-", "--json", "-", text="94000002\n")[1])
    assert found == [
        {
            "word": "0x94000002",
            "text": "bl #8",
            "verdict": "reject",
            "rule": "branch",
            "reason": "a branch sets the PC: out of line it would go elsewhere, or not come back",
            "source": "aarch64_insn_is_steppable",
            "opened_by": None,
        }
    ]


def test_words_of_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("d503201f\n")
    assert a64("probe", "--verdict", "--words", path) == (0, "slot\n", "")


# --- what is wrong

NO_PROFILE = "Invalid value for '--profile': 'v6' is not one of 'v15', 'v4.8', 'v5.10', 'v7.2', 'strict'."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("d503201f\nxyz\n", "<stdin>:2: 'xyz' is not a word: expected 1 to 8 hexadecimal digits"),
        ("\n", "<stdin>:1: '' is not a word: expected 1 to 8 hexadecimal digits"),
        ("123456789\n", "<stdin>:1: '123456789' is not a word: expected 1 to 8 hexadecimal digits"),
    ],
)
def test_a_bad_word_is_told_by_its_line(text, shown):
    status, _, errors = a64("probe", "--verdict", "--words", "-", text=text)
    assert (status, errors) == (2, f"Error: {shown}\n")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["x.s"], "say what to do: -p SPEC, --list, --blacklist, --verdict or --audit (a64 probe --help)"),
        (["--verdict"], "give a PROGRAM, or --words FILE (a64 probe --help)"),
        (["--verdict", "x.s", "--words", "-"], "give a PROGRAM, or --words FILE (a64 probe --help)"),
        (["--verdict", "no-such-file"], "no-such-file: cannot be read: No such file or directory"),
        (["--verdict", "--words", "no-such-file"],
         "Invalid value for '--words': File 'no-such-file' does not exist. (a64 probe --help)"),
        (["--verdict", "x.s", "--profile", "v6"], f"{NO_PROFILE} (a64 probe --help)"),
        (["--verdict", "x.s", "--json", ""], "--json: give a file, or - for standard output"),
    ],
)  # fmt: skip
def test_wrong_usage(arguments, shown):
    assert a64("probe", *arguments) == (2, "", f"Error: {shown}\n")


def test_json_does_not_overwrite_the_program(program):
    status, _, errors = a64("probe", "--verdict", program, "--json", program)
    assert (status, errors) == (2, f"Error: {program}: --json would overwrite what is read: give another file\n")
    assert program.read_text() == SOURCE


def test_json_where_nothing_can_be_written(program):
    status, _, errors = a64("probe", "--verdict", program, "--json", "/no/such/place")
    assert (status, errors) == (2, "Error: /no/such/place: No such file or directory\n")


def test_as_a_process():
    done = process("probe", "--verdict", "--words", "-", input="d503201f\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "slot\n", "")
