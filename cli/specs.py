"""Specs of probes as users give them: on the command line or in files, with errors that show where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from cli.console import InputError, blaming
from kprobes.errors import RegistrationError
from kprobes.events import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kprobes.tracing import Tracer


@attrs.frozen
class SpecLine:
    """A spec, and what errors about it begin with: the file and the line, or nothing."""

    text: str
    place: str = ""


def read_specs(given: Iterable[str]) -> Iterator[SpecLine]:
    """The specs of -p: each a spec, or @FILE with one a line; a line that begins with # is a comment.

    Raises:
        InputError: a file that cannot be read.
    """
    for item in given:
        if item.startswith("@"):
            yield from _read_file(item[1:])
        else:
            yield SpecLine(item)


def spec_files(given: Iterable[str]) -> dict[str, str]:
    """The files that -p reads, and what they are called."""
    return {item[1:]: "the file of -p" for item in given if item.startswith("@")}


def _read_file(file: str) -> Iterator[SpecLine]:
    name = "<stdin>" if file == "-" else file
    with blaming(name), click.open_file(file, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip("\n")
            if text.strip() and not text.lstrip().startswith("#"):
                yield SpecLine(text, f"{name}:{number}: ")


def define(tracer: Tracer, specs: Iterable[SpecLine]) -> None:
    """Define events.

    Raises:
        InputError: the first spec that says nothing, with a caret where; or that the kernel refuses, with its reason.
    """
    for spec in specs:
        try:
            tracer.define(spec.text)
        except SpecError as error:
            raise InputError(f"{spec.place}{error}") from error
        except RegistrationError as error:
            raise InputError(f"{spec.place}{spec.text.strip()}: {error}") from error
