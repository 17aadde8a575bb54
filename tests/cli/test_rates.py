"""`a64 bench decode programs`: what is measured, beside whom, and what is said of those that are missing."""

import json
import sys

import pytest
from click.testing import CliRunner

from aarch64.isa.table import decode
from aarch64.sampling import IMPLEMENTED
from cli import bench as bench_command
from cli import decode_bench, program_bench
from cli.engines import UnavailableError, WrongResultError
from cli.main import main
from cli.rates import Least, Rates, Row, Section, Things, Way

THINGS = Things("things", "three of them", (1, 2, 3))


def bench(*arguments):
    """(exit status, standard output, standard error) of `a64 bench` of few words and programs, once each."""
    result = CliRunner().invoke(main, ["bench", "--instructions", "2000", "--rounds", "1", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def way(name, answer, *, is_peer=False):
    return Way(name, ("", name), f"answers {answer}", lambda _things: lambda: answer, is_peer)


def refusing(error):
    def prepare(_things):
        raise error

    return Way("refusing", ("", "refusing"), "cannot", prepare, is_peer=True)


def section(*ways, draw=lambda _instructions: iter([THINGS])):
    return Section("made", "Things per second", 1, draw, ways, (("first", "second"),), (Least("first", "second", 2),))


def measured(*ways, with_peers=True):
    rates = Rates(section(*ways))
    rates.measure(THINGS, 2, lambda _text: None, with_peers=with_peers)
    return rates


# --- the command


@pytest.mark.parametrize(
    ("name", "rows", "ours", "peers"),
    [
        ("decode", ["definitions", "random", "programs"], ["fields", "text"], ["capstone", "details", "llvm-mc"]),
        ("programs", ["short", "loops"], ["exact", "hot"], ["new Uc", "one Uc"]),
    ],
)
def test_every_way_is_measured_on_every_row(name, rows, ours, peers):
    status, output, errors = bench(name, "--json")
    assert (status, errors) == (0, "")
    results = json.loads(output)
    assert (results["workloads"], results["wrong_results"], results[name]["notes"]) == ([], [], [])
    assert [row["name"] for row in results[name]["rows"]] == rows
    for row in results[name]["rows"]:
        assert list(row["speeds"]) == ours + peers
        assert all(speed["per_second"] > 0 and len(speed["rounds"]) == 1 for speed in row["speeds"].values())
        assert all(ratio > 0 for ratio in row["ratios"].values())
    _, alone, _ = bench(name, "--json", "--no-peers")
    assert all(list(row["speeds"]) == ours for row in json.loads(alone)[name]["rows"])


def test_decoding_is_promised_within_three_times_of_capstone_with_details():
    (promise,) = json.loads(bench("decode", "--json")[1])["decode"]["promises"]
    assert (promise["name"], promise["promised"]) == ("text / details, slowest", 1 / 3)
    assert promise["measured"] > 0


def test_the_tables_fit_eighty_columns():
    status, output, errors = bench("decode", "programs")
    assert (status, errors) == (0, "")
    assert max(map(len, output.splitlines())) <= 80
    headings = [
        "Thousand words decoded per second, nothing remembered",
        "Small programs executed per second, set-up included",
    ]
    assert [line for line in output.splitlines() if line in headings] == headings


@pytest.mark.parametrize(("name", "module"), [("decode", "capstone"), ("programs", "unicorn")])
def test_a_package_that_is_not_installed_is_a_note(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    status, output, errors = bench(name)
    assert (status, errors) == (0, "")
    assert output.count(f"{module} is not installed: pip install 'aarch64-kprobes[test]' has it\n") == 1


def test_without_llvm_mc_a_note_says_where_it_is():
    result = CliRunner().invoke(
        main, ["bench", "decode", "--instructions", "2000", "--rounds", "1"], env={"PATH": "/nonexistent"}
    )
    assert result.exit_code == 0
    assert "llvm-mc is not on PATH: Debian's package llvm has it\n" in result.stdout


# --- what is measured


def test_words_are_the_same_every_time_and_of_every_definition():
    definitions, anything, programs = decode_bench.DECODING.draw(40_000)
    assert [things.items for things in decode_bench.DECODING.draw(40_000)] == [
        things.items for things in (definitions, anything, programs)
    ]
    assert {decode(word).definition for word in definitions.items} == set(IMPLEMENTED)
    assert all(map(decode, programs.items))
    assert not all(map(decode, anything.items))


def test_programs_are_the_same_every_time_and_differ_from_one_another():
    short, loops = program_bench.EXECUTION.draw(0)
    assert [program.code for program in short.items] == [
        program.code for program in next(program_bench.EXECUTION.draw(0)).items
    ]
    assert len({program.code for program in (*short.items, *loops.items)}) == 10


# --- rates


def test_speeds_are_medians_and_ratios_are_of_them():
    row = Row(THINGS, {"first": [1.0, 4.0, 2.0], "second": [6.0]})
    assert (row.speed("first"), row.speed("second"), row.speed("third")) == (1.5, 0.5, None)
    assert (row.ratio("first", "second"), row.ratio("first", "third")) == (3, None)
    assert row.as_json([("first", "second"), ("first", "third")])["ratios"] == {"first / second": 3}


def test_a_promise_is_of_the_slowest_row():
    rows = [Row(THINGS, {"first": [1.0], "second": [seconds]}) for seconds in (5.0, 3.0, 4.0)]
    rates = Rates(section(), rows)
    assert rates.as_json()["promises"] == [{"name": "first / second, slowest", "promised": 2, "measured": 3}]
    assert Rates(section()).as_json()["promises"][0]["measured"] is None


def test_ways_that_do_not_answer_the_same_are_wrong():
    assert measured(way("first", 7), way("second", 7), way("third", None)).rows
    with pytest.raises(WrongResultError, match="things: first and third do not compute the same"):
        measured(way("first", 7), way("second", 7), way("third", 8))


def test_a_wrong_result_is_told_and_has_no_row(monkeypatch):
    monkeypatch.setitem(bench_command._RATED, "decode", section(way("first", 7), way("second", 8)))
    assert bench("decode") == (1, "", "a64: wrong result: made: things: first and second do not compute the same\n")


def test_peers_are_left_out_on_demand():
    ways = (way("first", 7), way("second", 7, is_peer=True))
    assert list(measured(*ways).rows[0].seconds) == ["first", "second"]
    assert list(measured(*ways, with_peers=False).rows[0].seconds) == ["first"]


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (UnavailableError("it is not here"), "it is not here"),
        (RuntimeError("too long"), "refusing cannot do things: too long"),
        (RuntimeError(), "refusing cannot do things: RuntimeError"),
    ],
)
def test_what_a_peer_cannot_do_is_a_note(error, note):
    rates = measured(way("first", 7), refusing(error))
    rates.measure(THINGS, 1, lambda _text: None, with_peers=True)
    assert (rates.notes, list(rates.rows[0].seconds)) == ([note], ["first"])


def test_ctrl_c_prints_the_rows_there_are(monkeypatch):
    def draw(_instructions):
        yield THINGS
        raise KeyboardInterrupt

    monkeypatch.setitem(bench_command._RATED, "decode", section(way("first", 7), draw=draw))
    status, output, errors = bench("decode")
    assert (status, errors) == (130, "a64: interrupted\n")
    assert output.splitlines()[0] == "Things per second"
    assert output.splitlines()[3].startswith("things ")
