"""Python source made of definitions: what is asked of many words is one expression, compiled when first asked.

The parts of a definition (a field, an operand, a condition) write themselves as expressions, the definition puts them
together. The objects that an expression needs, such as predicates and tables of names, stand in its scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.define
class Scope:
    """The objects that an expression in the making names."""

    names: dict[str, object] = attrs.field(factory=dict)

    def name(self, thing: object) -> str:
        """The name that stands for `thing`."""
        name = f"_{len(self.names)}"
        self.names[name] = thing
        return name

    def function(self, parameters: str, expression: str) -> Callable[..., Any]:
        """The function of `parameters` whose value is `expression`."""
        made: Callable[..., Any] = eval(f"lambda {parameters}: {expression}", self.names)  # noqa: S307  (of definitions)
        return made
