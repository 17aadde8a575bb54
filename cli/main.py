"""The `a64` command: a group whose commands are imported when they are used."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from aarch64.errors import AArch64Error
from cli import console
from cli.console import InputError, examples
from cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = {
    "run": "cli.run:run",
    "walk": "cli.walk:walk",
    "probe": "cli.probe:probe",
    "xol": "cli.xol.command:xol",
    "disasm": "cli.disasm:disasm",
    "decode": "cli.decode:decode",
    "asm": "cli.asm:asm",
    "isa": "cli.isa:isa",
    "fuzz": "cli.fuzz.group:fuzz",
    "bench": "cli.bench:bench",
}
"""Where each command is, in the order of the help."""

_PAGE_OF_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click from 8.2 on raises for a command without arguments; earlier, it prints the page itself."""


class Program(LazyGroup):
    """The commands; a fault is told in one line."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run a command and exit with its status."""
        console.open_missing_streams()
        try:
            status = super().main(*args, **{**options, "standalone_mode": False})
        except click.ClickException as error:
            console.tell(_told(error))
            status = error.exit_code
        sys.exit(status)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read the options before the command; may print the help."""
        with _ending_well():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _ending_well():
            return super().invoke(ctx)


@contextmanager
def _ending_well() -> Iterator[None]:
    """What may end any command: what the library refuses, Ctrl-C, a reader that went away, a full disk."""
    try:
        yield
    except AArch64Error as error:
        raise InputError(str(error)) from error
    except KeyboardInterrupt:
        console.tell("a64: interrupted")
        raise click.exceptions.Exit(console.INTERRUPTED) from None
    except BrokenPipeError:
        console.silence(sys.stdout)
        raise click.exceptions.Exit(console.NO_READER) from None
    except OSError as error:
        console.silence(sys.stdout)
        raise InputError(f"standard output: {error.strerror}") from error


def _told(error: click.ClickException) -> str:
    """What is wrong and, of a command used wrongly, where to read on."""
    message = error.format_message()
    if isinstance(error, _PAGE_OF_HELP):
        return message
    text = f"Error: {message}"
    if isinstance(error, click.NoSuchOption) and error.option_name[1:2].isdigit():
        return f"{text} Numbers below zero go after --, at the end."
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{text} ({error.ctx.command_path} --help)"
    return text


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib import metadata  # noqa: PLC0415  (heavy, and for this only)

    try:
        version = metadata.version("aarch64-kprobes")
    except metadata.PackageNotFoundError:
        version = "(not installed: running from a source tree)"
    click.echo(f"a64 {version}")
    ctx.exit()


@click.group(
    "a64",
    cls=Program,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "a64 run hello.s                run a program: ELF, assembly source or raw image",
        "a64 walk kernel.elf 0x80000000 how an address is translated",
        "a64 probe sort.elf -p 'p main' run a program with kprobes; which code can be probed, and why",
        "a64 xol normal                 a lesson on kprobes, to be walked through; --list has more",
        "a64 xol sort.elf 'p main'      a hit of a kprobe, cycle by cycle",
        "a64 disasm program.elf         its code as text, with addresses and symbols",
        "a64 decode 0x8b020c20          one instruction word, field by field",
        "a64 asm 'add x0, x1, x2'       the word of an instruction",
        "a64 isa 'LDR*'                 which instructions there are, and which are implemented",
        "a64 fuzz decode --oracle llvm  look for words that two decoders disagree about",
        "a64 bench                      how fast all this is, beside others",
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Run, take apart and look up AArch64 programs.

    Every command explains itself: a64 COMMAND --help. The exit status is 2 when what was given is wrong (an option, a
    file, a word); otherwise it is 0, or what a64 run says it is.
    """


if __name__ == "__main__":
    main(prog_name="a64")
