"""`a64 bench`: workloads compute what their twins compute, and the command says what it measured. Never how fast."""

import hashlib
import json
import sys

import attrs
import pytest
from click.testing import CliRunner

from aarch64.machine import Machine
from cli import bench_results, console
from cli.bench_tables import number
from cli.engines import ENGINES, UnavailableError
from cli.kernels import KERNELS, LOOPS, WORKLOADS, twins
from cli.main import main
from cli.probe_bench import METHODS

OURS = [name for name, engine in ENGINES.items() if not engine.package]
SIZES = (1, 2, 3, 4, 7, 8, 9, 16, 17)


def a64(*arguments):
    """(exit status, standard output, standard error) of a command."""
    result = CliRunner().invoke(main, [str(item) for item in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def quick(*arguments):
    """`a64 bench` of very short runs."""
    return a64("bench", "--instructions", 2000, "--rounds", 1, *arguments)


def outcome(workload, size, *, exact):
    """(result, instructions) on a machine."""
    machine = Machine(exact=exact)
    machine.load(workload.image)
    x0 = machine.call(workload.function, size)
    return machine.console.output.decode() or x0, machine.cpu.retired


# --- workloads


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda workload: workload.name)
def test_guest_and_twin_agree(workload):
    sizes = {min(size, workload.largest) for size in (*SIZES, workload.size_for(60_000))}
    for size in sorted(sizes):
        exact = outcome(workload, size, exact=True)
        assert workload.twin(size) == exact[0], size
        assert exact == outcome(workload, size, exact=False), size


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda workload: workload.name)
def test_called_again_a_workload_does_the_same_again(workload):
    size = workload.size_for(20_000)
    machine = Machine()
    machine.load(workload.image)
    first, second = (
        (machine.call(workload.function, size), machine.cpu.retired, len(machine.console.output)) for _ in range(2)
    )
    assert second == (first[0], 2 * first[1], 2 * first[2])


@pytest.mark.parametrize("name", [name for name, workload in WORKLOADS.items() if workload.largest > 1])
def test_a_size_takes_about_the_instructions_asked_for(name):
    _, instructions = outcome(WORKLOADS[name], WORKLOADS[name].size_for(100_000), exact=False)
    assert 50_000 < instructions < 120_000


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (twins.strings(11), 11 << 8 | ord("c")),
        (twins.sieve(100), 25),
        (twins.fibonacci(20), 6765),
        (twins.bytecode(9), sum((0, 1, 7, 2, 5, 8, 16, 3, 19))),
        (twins.chase(3), 277**2 + ((405 * 277 + 277) % 1024) ** 2),
        (twins.patching(1), 1 ^ 1 << 7),
    ],
)
def test_what_twins_compute(found, expected):
    assert found == expected


def test_the_twin_of_sha256_is_right():
    first = twins.sha256_program(1).split()[0]
    assert first == hashlib.sha256(b"").hexdigest()


# --- the command


def test_every_workload_has_its_row_in_both_tables():
    status, output, errors = quick("--no-peers")
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    speeds = lines.index("Million instructions per second")
    ratios = lines.index("Ratios")
    for start in (speeds, ratios):
        rows = [line.split()[0] for line in lines[start + 3 : start + 3 + len(WORKLOADS)]]
        assert rows == list(WORKLOADS)
    for promise in bench_results.PROMISES:
        assert promise.name in output
    probes = lines.index("What a hit of a probe costs, and a loop hit once in 4,000 instructions")
    assert [method.name for method in METHODS] == [line.split()[0] for line in lines[probes + 3 : probes + 6]]


def test_what_probes_cost():
    status, output, errors = quick("probes", "--json", "--no-peers")
    assert (status, errors) == (0, "")
    results = json.loads(output)
    assert results["workloads"] == []
    costs = {cost["method"]: (cost["cycles"], cost["exceptions"]) for cost in results["probes"]}
    assert costs == {"step": (2, 2), "BRK": (2, 2), "simulate": (0, 1)}
    assert all(min(cost["unprobed"], cost["probed"]) > 0 for cost in results["probes"])


def test_json():
    status, output, _ = quick("--no-peers", "--json", "--rounds", 2, *KERNELS)
    assert status == 0
    results = json.loads(output)
    assert (results["instructions"], results["rounds"]) == (2000, 2)
    assert list(results["columns"]) == OURS
    assert [row["name"] for row in results["workloads"]] == list(KERNELS)
    for row in results["workloads"]:
        assert list(row["speeds"]) == OURS
        for speed in row["speeds"].values():
            assert speed["per_second"] > 0
            assert len(speed["rounds"]) == 2
    assert len(results["promises"]) == len(bench_results.PROMISES)


def test_unicorn_computes_the_same():
    pytest.importorskip("unicorn")
    names = [name for name in WORKLOADS if name != "sort.elf"]  # the longest, and no other instructions
    status, output, errors = quick("--json", *names)
    assert (status, errors) == (0, "")
    for row in json.loads(output)["workloads"]:
        assert {"JIT", "hook", "count=1"} <= set(row["speeds"])
        assert row["ratios"]["step() / count=1"] > 0


def test_named_workloads_only_in_the_order_of_the_tables():
    _, output, _ = quick("--no-peers", "--json", "sieve", "lcg", "sieve")
    results = json.loads(output)
    assert [row["name"] for row in results["workloads"]] == ["lcg", "sieve"]
    promise = next(item for item in results["promises"] if item["name"] == "warm / exact, kernels")
    assert promise["workloads"] == ["lcg", "sieve"]
    promise = next(item for item in results["promises"] if item["name"] == "warm / Python, fibonacci")
    assert (promise["workloads"], promise["measured"]) == ([], None)


def test_promises_are_of_geometric_means_and_of_the_least():
    def row(name, speed):
        cells = {
            engine: bench_results.Cell(ENGINES[engine], 1, instructions, [1.0])
            for engine, instructions in (("warm", speed), ("Python", 100))
        }
        return bench_results.Row(WORKLOADS[name], cells)

    rows = [row("lcg", 40), row("sieve", 10), row("fibonacci", 5)]
    mean, least, single = (
        item for item in bench_results.PROMISES if (item.numerator, item.denominator) == ("warm", "Python")
    )
    assert mean.measured(rows) == (pytest.approx(0.2), ["lcg", "sieve"])
    assert least.measured(rows) == (0.1, ["lcg", "sieve"])
    assert single.measured(rows) == (pytest.approx(0.05), ["fibonacci"])


def test_the_median_counts():
    assert bench_results.Cell(ENGINES["warm"], 1, 12, [4.0, 1.0, 2.0]).speed == 6


def test_unknown_workload():
    status, output, errors = a64("bench", "lcg", "seive")
    assert (status, output) == (2, "")
    assert errors == f"Error: no workload 'seive': there are {', '.join(WORKLOADS)}, probes, decode, programs\n"


@pytest.mark.parametrize("option", [("--rounds", "0"), ("--rounds", "x"), ("--instructions", "-1")])
def test_bad_numbers(option):
    assert a64("bench", *option)[0] == 2


def test_help_names_everything():
    _, output, _ = a64("bench", "--help")
    for workload in WORKLOADS.values():
        assert f"{workload.name:<10}  {workload.about}" in output
    for engine in ENGINES.values():
        share = "1" if engine.share == 1 else f"1/{engine.share}"
        assert f"    {engine.name:<11}{share:<8}" in output
    assert set(LOOPS) < set(KERNELS) < set(WORKLOADS)
    assert list(WORKLOADS)[: len(KERNELS)] == list(KERNELS)


def test_lines_fit_eighty_columns(monkeypatch):
    pytest.importorskip("unicorn")
    everywhere = attrs.evolve(ENGINES["manticore"], package="", prepare=ENGINES["Python"].prepare)
    monkeypatch.setitem(ENGINES, "manticore", everywhere)
    _, output, _ = quick("lcg", "fibonacci")
    assert "core" in output
    assert max(map(len, output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (1234.5, "1230"),
        (999.6, "1000"),
        (123.4, "123"),
        (12.34, "12.3"),
        (9.996, "10.0"),
        (1.0, "1.00"),
        (0.9996, "1.00"),
        (0.5, "0.500"),
        (0.01234, "0.012"),
        (0.0996, "0.10"),
        (0.000456, "0.00046"),
    ],
)
def test_significant_digits(value, text):
    assert number(value) == text


# --- what may go wrong


def test_a_wrong_result_is_told_and_has_no_row(monkeypatch):
    monkeypatch.setitem(WORKLOADS, "lcg", attrs.evolve(WORKLOADS["lcg"], twin=lambda _size: 5))
    status, output, errors = quick("--no-peers", "lcg", "chase")
    assert status == 1
    assert errors.startswith("a64: wrong result: lcg, exact: 0x")
    assert errors.endswith("instead of 0x5, size 50\n")
    assert "chase" in output
    assert "lcg" not in output


def test_a_call_that_does_not_return_is_a_wrong_result(monkeypatch, tmp_path):
    source = tmp_path / "lost.s"
    source.write_text("lost: b lost\n")
    monkeypatch.setitem(WORKLOADS, "lcg", attrs.evolve(WORKLOADS["lcg"], file=str(source), function="lost"))
    status, output, errors = quick("--no-peers", "lcg")
    assert (status, output) == (1, "")
    assert errors == "a64: wrong result: lcg, warm: lost(500) did not return: it is at 0x40000000 (lost)\n"


def test_a_package_that_is_not_installed_is_a_note(monkeypatch):
    monkeypatch.setitem(sys.modules, "unicorn", None)
    status, output, errors = quick("lcg")
    assert (status, errors) == (0, "")
    assert "unicorn is not installed\n" in output
    assert "JIT" not in output


def test_what_a_peer_cannot_run_is_a_note(monkeypatch):
    def prepare(_workload, _size):
        raise UnavailableError("no such instruction")

    monkeypatch.setitem(ENGINES, "JIT", attrs.evolve(ENGINES["Python"], name="JIT", prepare=prepare))
    status, output, errors = quick("--no-peers", "lcg")
    assert (status, errors) == (0, "")
    assert "JIT cannot run lcg: no such instruction\n" in output


def test_ctrl_c_prints_what_there_is(monkeypatch):
    def prepare(workload, size):
        if workload.name == "chase":
            raise KeyboardInterrupt
        return ENGINES["Python"].prepare(workload, size)

    monkeypatch.setitem(ENGINES, "JIT", attrs.evolve(ENGINES["Python"], name="JIT", prepare=prepare))
    status, output, errors = quick("--no-peers", "lcg", "chase")
    assert (status, errors) == (130, "a64: interrupted\n")
    assert "lcg" in output
    assert "chase" not in output


def test_progress_is_for_terminals(monkeypatch, capsys):
    console.progress("lcg: preparing exact")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    console.progress("lcg: preparing exact")
    assert capsys.readouterr().err == "\r\x1b[Klcg: preparing exact"
