"""The mutants of a file, as Cosmic Ray makes them, and a sample that stays the same when the file changes elsewhere.

What is never executed is left alone: annotations, and the question whether a type checker reads the file. Mutants that
are no Python (the `*` of a parameter list replaced by `+`) are not counted either.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs
from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db

from tests.mutation.survivors import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cosmic_ray.work_item import MutationSpec

Position = tuple[int, int]
Span = tuple[Position, Position]


@attrs.frozen
class Mutant:
    """A change of a file, and what Cosmic Ray needs to make it."""

    change: Change
    spec: MutationSpec = attrs.field(eq=False)


@attrs.frozen(slots=False)
class Source:
    """A file to be mutated, by its path from the root of the tree, which is the current directory."""

    path: Path

    @cached_property
    def text(self) -> str:
        """What is in the file."""
        return self.path.read_text()

    @cached_property
    def specs(self) -> tuple[MutationSpec, ...]:
        """Everything that Cosmic Ray can change in it and that is executed."""
        unused = tuple(_not_executed(ast.parse(self.text)))
        with TemporaryDirectory() as folder, use_db(f"{folder}/session.sqlite", WorkDB.Mode.create) as session:
            init([self.path], session, {})
            specs = [spec for item in session.work_items for spec in item.mutations]
        return tuple(spec for spec in specs if not any(_is_within(spec, span) for span in unused))

    @cached_property
    def _scopes(self) -> tuple[tuple[str, range], ...]:
        """The functions and classes with their lines, decorators included; those around others come first."""
        nodes = [node for node in ast.walk(ast.parse(self.text)) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        return tuple((node.name, range(_first_line(node), (node.end_lineno or node.lineno) + 1)) for node in nodes)

    def sample(self, count: int, seed: int) -> list[Mutant]:
        """So many mutants, drawn by what they change: an edit elsewhere in the file draws no others."""
        drawn: dict[Change, Mutant] = {}
        for spec in self._shuffled(seed):
            if len(drawn) == count:
                break
            if mutant := self._mutant(spec):
                drawn.setdefault(mutant.change, mutant)
        return list(drawn.values())

    def find(self, changes: Iterable[Change]) -> list[Mutant]:
        """The mutants that make these changes, as far as there are any."""
        wanted = {change for change in changes if Path(change.file) == self.path}
        lines = self.text.splitlines()
        starts = {change.line for change in wanted}
        near = [spec for spec in self.specs if any(_has(start, lines[spec.start_pos[0] - 1]) for start in starts)]
        found = {mutant.change: mutant for spec in near if (mutant := self._mutant(spec))}
        return [mutant for change, mutant in found.items() if change in wanted]

    def _shuffled(self, seed: int) -> list[MutationSpec]:
        lines, seen, ranked = self.text.splitlines(), Counter[tuple[str, ...]](), []
        for spec in self.specs:
            told = (str(self.path), spec.definition_name or "", lines[spec.start_pos[0] - 1], spec.operator_name)
            seen[told] += 1
            ranked.append((hashlib.sha256(repr((seed, told, seen[told])).encode()).digest(), spec))
        return [spec for _, spec in sorted(ranked, key=lambda item: item[0])]

    def _mutant(self, spec: MutationSpec) -> Mutant | None:
        """The mutant, None if it is no Python."""
        mutated = mutate_code(self.text, get_operator(spec.operator_name)(), spec.occurrence)
        if not _is_python(mutated):
            return None
        line, becomes = _difference(self.text.splitlines(), mutated.splitlines())
        return Mutant(Change(str(self.path), self._where(spec), line, becomes), spec)

    def _where(self, spec: MutationSpec) -> str:
        return ".".join(name for name, lines in self._scopes if spec.start_pos[0] in lines)


def _has(start: str, line: str) -> bool:
    return _told([line]) in start


def _first_line(node: ast.FunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _not_executed(tree: ast.Module) -> Iterator[Span]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(returns=ast.expr() as annotation):
                yield _span(annotation)
            case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
                yield _span(annotation)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") as test):
                yield _span(test)


def _span(node: ast.expr) -> Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _is_within(spec: MutationSpec, span: Span) -> bool:
    return span[0] <= tuple(spec.start_pos) and tuple(spec.end_pos) <= span[1]


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    """The lines that differ, before and after."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return _told(before), _told(after)


def _told(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())
