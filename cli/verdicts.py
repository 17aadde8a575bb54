"""What may be probed, as text and as JSON: verdicts on the code of a program, and on words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.loader import load_program
from cli import console
from cli.console import InputError, Span, Style, blaming, heading
from cli.words import read_words
from kprobes.analysis import Analysis, verdict
from kprobes.arch.code import A64Instruction, ImageText
from kprobes.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aarch64.image import Image
    from kprobes.analysis import Judgement
    from kprobes.ports import Instruction
    from kprobes.profiles import Profile

_TEXT_WIDTH = 36
_VERDICT_WIDTH = max(len(item.value) for item in Verdict)
_STYLES = {Verdict.REJECT: Style.BAD, Verdict.SLOT: Style.GOOD, Verdict.SIMULATE: Style.SYMBOL}

Row = tuple[int, "Instruction", "Judgement"]
"""Address, instruction, verdict."""


def show_program(file: str, base: int, profile: Profile, json: str | None) -> None:
    """The verdict on each instruction of a program, and how many there are of each: listed, or as JSON into a file."""
    if json is not None:
        _check_output(json, file)
    image = load_program(file, base=base)
    rows = list(Analysis(ImageText(image), profile.decode).walk())
    if json is None:
        console.write(_listing(file, image, profile, rows))
    else:
        _write_json(json, _as_json(file, image, profile, rows))


def show_words(file: str, profile: Profile, json: str | None) -> None:
    """The verdict on each word of a file by itself, one a line: `reject`, `slot` or `simulate`; or as JSON."""
    if json is not None:
        _check_output(json, file)
    judged = ((word, verdict(A64Instruction(word), profile.decode)) for word in read_words(file))
    if json is None:
        console.write(judgement.verdict.value for _, judgement in judged)
    else:
        _write_json(json, [_judged(A64Instruction(word), None, judgement) for word, judgement in judged])


def _check_output(json: str, source: str) -> None:
    if not json:
        raise InputError("--json: give a file, or - for standard output")
    if "-" not in (json, source) and Path(json).resolve() == Path(source).resolve():
        raise InputError(f"{json}: --json would overwrite what is read: give another file")


def _write_json(path: str, value: Any) -> None:
    if path == "-":
        console.write_json(value)
        return
    with blaming(path):
        Path(path).write_text(console.json_lines(value), encoding="utf-8")


# --- the listing


def _listing(file: str, image: Image, profile: Profile, rows: list[Row]) -> Iterator[console.Line]:
    yield [heading(file), f": profile {profile.name}, {profile.summary}"]
    digits = max((len(f"{address:x}") for address, _, _ in rows), default=1)
    labels = _labels(image)
    for address, instruction, judgement in rows:
        yield from _label_lines(address, labels.get(address, ()), digits)
        yield [
            "  ",
            Span(f"{address:{digits}x}:", Style.ADDRESS),
            "  ",
            Span(f"{instruction.word:08x}", Style.WORD),
            f"  {instruction.text(address):{_TEXT_WIDTH}}  ",
            Span(f"{judgement.verdict.value:{_VERDICT_WIDTH}}", _STYLES[judgement.verdict]),
            Span(f"  {judgement.reason}", Style.NOTE),
        ]
    yield ""
    yield from _summary(rows)


def _labels(image: Image) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for name, address in image.symbols.items():
        found[address] = (*found.get(address, ()), name)
    return found


def _label_lines(address: int, names: Iterable[str], digits: int) -> Iterator[console.Line]:
    for position, name in enumerate(names):
        if position == 0:
            yield ""
        yield [Span(f"{address:0{digits}x} <{name}>:", Style.SYMBOL)]


@attrs.frozen
class _Count:
    """How many instructions have a verdict by a rule."""

    verdict: Verdict
    rule: str
    source: str
    count: int


def _counts(rows: list[Row]) -> Iterator[_Count]:
    """By verdict, the most frequent rule first."""
    found = Counter((judgement.verdict, judgement.rule) for _, _, judgement in rows)
    for wanted in Verdict:
        for (decided, rule), count in found.most_common():
            if decided is wanted:
                yield _Count(decided, rule.name, rule.source, count)


def _totals(rows: list[Row]) -> dict[str, int]:
    found = Counter(judgement.verdict for _, _, judgement in rows)
    return {item.value: found[item] for item in Verdict}


def _summary(rows: list[Row]) -> Iterator[console.Line]:
    totals = ", ".join(f"{count} {name}" for name, count in _totals(rows).items())
    yield [heading(f"{len(rows)} instructions"), f": {totals}"]
    for item in _counts(rows):
        yield [
            f"{item.count:7}  ",
            Span(f"{item.verdict.value:{_VERDICT_WIDTH}}", _STYLES[item.verdict]),
            f"  {item.rule:22}  {item.source}",
        ]


# --- JSON


def _as_json(file: str, image: Image, profile: Profile, rows: list[Row]) -> dict[str, Any]:
    return {
        "program": file,
        "profile": profile.name,
        "instructions": [
            {"address": f"{address:#x}", "symbol": _place(image, address), **_judged(instruction, address, judgement)}
            for address, instruction, judgement in rows
        ],
        "summary": {"instructions": len(rows), **_totals(rows)},
        "rules": [attrs.asdict(item, value_serializer=_plain) for item in _counts(rows)],
    }


def _judged(instruction: Instruction, address: int | None, judgement: Judgement) -> dict[str, Any]:
    opened_by = judgement.opened_by
    return {
        "word": f"{instruction.word:#010x}",
        "text": instruction.text(address),
        "verdict": judgement.verdict.value,
        "rule": judgement.rule.name,
        "reason": judgement.reason,
        "source": judgement.rule.source,
        "opened_by": None if opened_by is None else f"{opened_by:#x}",
    }


def _place(image: Image, address: int) -> str | None:
    found = image.locate(address)
    if found is None:
        return None
    name, offset = found
    return f"{name}+{offset:#x}" if offset else name


def _plain(_instance: object, _field: object, value: Any) -> Any:
    return value.value if isinstance(value, Verdict) else value
