"""The state of kprobes at a moment at which nothing is being handled, to return to: with the machine's own snapshot.

What belongs to the state is found, not listed: whatever of this package can be reached from the parts given. What
handlers in Python have done to the host's variables is not undone, and neither is memory that was asked for: between a
checkpoint and the return to it nothing may be registered that needs a new page of slots.
"""

from __future__ import annotations

from copy import copy
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PACKAGE = __name__.partition(".")[0]
_CONTAINERS = (list, dict, set, bytearray)
_WATCHERS = "watchers"
"""Who is told of things is no state."""

_Container: TypeAlias = "list[Any] | dict[Any, Any] | set[Any] | bytearray"


@attrs.frozen
class Checkpoint:
    """What `save` has found.

    Attributes:
        attributes: each object, the name of an attribute and its value.
        contents: each container, and a copy of it.
    """

    attributes: tuple[tuple[object, str, object], ...]
    contents: tuple[tuple[_Container, _Container], ...]


def save(parts: Iterable[object]) -> Checkpoint:
    """The state of some parts, and of all that they refer to."""
    attributes: list[tuple[object, str, object]] = []
    contents: list[tuple[_Container, _Container]] = []
    seen: set[int] = set()
    waiting = list(parts)
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, _CONTAINERS):
            contents.append((item, copy(item)))
            waiting += _inside(item)
        elif isinstance(item, tuple):
            waiting += item
        elif type(item).__module__.partition(".")[0] == _PACKAGE and not isinstance(item, type | Enum):
            found = [(item, name, value) for name, value in _attributes(item) if name != _WATCHERS]
            attributes += found
            waiting += [value for _, _, value in found]
    return Checkpoint(tuple(attributes), tuple(contents))


def restore(checkpoint: Checkpoint) -> None:
    """Return to it: the same objects, with what they were."""
    for item, name, value in checkpoint.attributes:
        object.__setattr__(item, name, value)
    for container, content in checkpoint.contents:
        _refill(container, content)


def _attributes(item: object) -> Iterator[tuple[str, object]]:
    """The attributes of an object, whether it has slots or not."""
    names = {name for cls in type(item).__mro__ for name in getattr(cls, "__slots__", ())} | set(_vars(item))
    return ((name, getattr(item, name)) for name in sorted(names) if not name.startswith("__") and hasattr(item, name))


def _vars(item: object) -> dict[str, object]:
    """The attributes of an object that are not in slots."""
    return getattr(item, "__dict__", {})


def _inside(container: _Container) -> Iterator[object]:
    if isinstance(container, dict):
        yield from container.keys()
        yield from container.values()
    elif not isinstance(container, bytearray):
        yield from container


def _refill(container: Any, content: Any) -> None:
    if isinstance(container, (list, bytearray)):
        container[:] = content
        return
    container.clear()
    container.update(content)
