"""The `a64` command: a group whose commands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from aarch64.errors import AArch64Error
from cli.console import InputError, examples

COMMANDS = {
    "run": "cli.run:run",
    "disasm": "cli.disasm:disasm",
    "decode": "cli.decode:decode",
    "asm": "cli.asm:asm",
    "isa": "cli.isa:isa",
}
"""Where each command is, in the order of the help."""

INTERRUPTED = 130


class LazyGroup(click.Group):
    """Commands by name, imported one by one: what is not used costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the library refuses becomes one clear error, with exit status 2."""
        try:
            return super().invoke(ctx)
        except AArch64Error as error:
            raise InputError(str(error)) from error
        except KeyboardInterrupt:
            click.echo("a64: interrupted", err=True)
            ctx.exit(INTERRUPTED)


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
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "a64 run hello.s              run a program: ELF, assembly source or raw image",
        "a64 disasm program.elf       its code as text, with addresses and symbols",
        "a64 decode 0x8b020c20        one instruction word, field by field",
        "a64 asm 'add x0, x1, x2'     the word of an instruction",
        "a64 isa 'LDR*'               which instructions there are, and which are implemented",
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
