"""The options that commands have in common: a command of two lines gets the machine that they describe."""

import click
import pytest
from click.testing import CliRunner

from aarch64.features import DEFAULT_FEATURES, Feature
from cli.console import InputError
from cli.machine_options import with_machine_options


@click.command()
@with_machine_options
@click.argument("cycles", type=int)
@click.option("--more", is_flag=True)
@click.pass_context
def command(ctx, /, machine_options, cycles, more):
    """What a64 would do with a program."""
    with machine_options.machine(arguments=("one",)) as machine:
        machine.run(max_cycles=cycles)
        ctx.obj |= {"machine": machine, "more": more, "program": machine_options.program}


@pytest.fixture
def invoke(tmp_path):
    """Runs the command on a source, with a file of data beside it; gives what it leaves."""
    (tmp_path / "program.s").write_text("_start: add x0, x0, #1\nb _start\nother: nop\nb .")
    (tmp_path / "data").write_bytes(b"data")

    def run(*arguments):
        left = {}
        paths = [argument.replace("DIR", str(tmp_path)) for argument in ("DIR/program.s", *arguments)]
        CliRunner().invoke(command, paths, obj=left, catch_exceptions=False, standalone_mode=False)
        return left

    return run


def test_the_machine_is_as_asked_for(invoke):
    left = invoke(
        *("1", "--more", "--el", "2", "--max-el", "3", "--ram", "1M", "--features", "all,-lse", "--unaligned"),
        *("--base", "0x40002000", "--entry", "other", "--reg", "x0=7", "--load", "DIR/data@0x40000001"),
    )
    machine = left["machine"]
    cpu = machine.cpu
    assert (True, 2, 3, 0x4010_0000) == (left["more"], cpu.pstate.el, cpu.max_el, machine.ram_end)
    assert (True, False, True) == (
        Feature.PAUTH in cpu.features,
        Feature.LSE in cpu.features,
        cpu.unaligned_device_access,
    )
    assert (7, 0x4000_200C, 1) == (cpu.gpr[0], cpu.pc, cpu.cycles)
    assert b"\0data\0" == machine.memory.read_bytes(0x4000_0000, 6)


def test_the_machine_is_the_usual_one_unless_asked_for(invoke):
    left = invoke("4")
    cpu = left["machine"].cpu
    assert (False, 1, 1, 0x4800_0000) == (left["more"], cpu.pstate.el, cpu.max_el, left["machine"].ram_end)
    assert (DEFAULT_FEATURES, False) == (cpu.features, cpu.unaligned_device_access)
    assert (2, 0x4000_0000) == (cpu.gpr[0], cpu.pc)


def test_a_program_that_does_not_fit_is_told_with_its_file(invoke):
    with pytest.raises(InputError, match=r"program\.s: program at 0x1000\.\.0x1010 does not fit into RAM at"):
        invoke("4", "--base", "0x1000")


def test_registers_count_after_the_program(invoke):
    assert invoke("1", "--entry", "_start", "--reg", "pc=0x40000008")["machine"].cpu.pc == 0x4000_000C


def test_the_help_begins_with_the_program_and_has_the_command_s_own_options_last():
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "[OPTIONS] PROGRAM CYCLES" in shown
    options = [
        "--entry",
        "--base",
        "--load",
        "--reg",
        "--el",
        "--max-el",
        "--ram",
        "--features",
        "--unaligned",
        "--exact",
        "--more",
    ]
    assert [*options, "--help"] == [line.split()[0] for line in shown.splitlines() if line.startswith("  --")]
