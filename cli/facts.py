"""What is known of an instruction, as text: shared by the commands that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64.isa.definition import Trait

if TYPE_CHECKING:
    from aarch64.isa.definition import Definition


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
        "syntax": definition.syntax.shown if definition.asm else None,
        "aliases": [form.template.shown for form in definition.forms if form.alias],
        "traits": trait_names(definition),
        "implemented": definition.unsupported is None,
        "reason": definition.unsupported,
    }
