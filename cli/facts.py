"""What is known of an instruction, as text: shared by the commands that show it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aarch64.isa.definition import Trait

if TYPE_CHECKING:
    from aarch64.isa.definition import Definition

_SUFFIX = re.compile(r"\{\w+\?([^{}]+)\}")
_FIELD_SLOT = re.compile(r"\{(\w+):[^{}]*\}")
_OTHER_SLOT = re.compile(r"\{(\w+)(?:\([^{}]*\))?\}")


def readable(asm: str) -> str:
    """A syntax template for the eye: `add {rd:RSP}, {rn:RSP}` as `add <rd>, <rn>`; optional letters in brackets."""
    text = _SUFFIX.sub(r"[\1]", asm)
    return _OTHER_SLOT.sub(r"<\1>", _FIELD_SLOT.sub(r"<\1>", text))


def trait_names(definition: Definition) -> list[str]:
    """Its traits in words, such as `pc relative`."""
    return [str(trait.name).lower().replace("_", " ") for trait in Trait if trait in definition.traits and trait]


def description(definition: Definition) -> dict[str, Any]:
    """Everything said about a definition, for JSON."""
    return {
        "title": definition.title,
        "group": definition.group,
        "feature": definition.feature.label if definition.feature else None,
        "encoding": definition.pattern.text,
        "syntax": readable(definition.asm) or None,
        "aliases": [readable(item.asm) for item in definition.aliases],
        "traits": trait_names(definition),
        "implemented": definition.unsupported is None,
        "reason": definition.unsupported,
    }
