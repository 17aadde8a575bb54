"""Definitions by what they are called: title, group, feature. The command line and the strategies select so."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from aarch64.errors import AArch64Error
from aarch64.features import Feature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aarch64.isa.definition import Definition


class NothingSelected(AArch64Error):
    """No definition is called so; the message lists what there is."""


def has_title(definition: Definition, pattern: str) -> bool:
    """Whether `pattern` is part of the title, or the whole of it with * and ?; case does not matter."""
    title, pattern = definition.title.lower(), pattern.lower()
    return fnmatchcase(title, pattern) if set(pattern) & set("*?") else pattern in title


def is_in_group(definition: Definition, name: str) -> bool:
    """Whether `name` is part of the title of the definition's group; case does not matter."""
    return name.lower() in definition.group.lower()


def needs_feature(definition: Definition, name: str | Feature) -> bool:
    """Whether the definition belongs to a feature: `FEAT_LSE` or `LSE`; case does not matter."""
    if definition.feature is None:
        return False
    label = (name.label if isinstance(name, Feature) else name).lower()
    return label.removeprefix("feat_") == definition.feature.label.lower().removeprefix("feat_")


def select(
    definitions: Iterable[Definition],
    title: str | None = None,
    *,
    group: str | None = None,
    feature: str | Feature | None = None,
) -> tuple[Definition, ...]:
    """The definitions with a title, in a group, of a feature; what is None does not matter.

    A title that is one letter for letter means just that one, so that "ADD (immediate)" is not "SUBADD (immediate)".

    Raises:
        NothingSelected: there are none.
    """
    found = tuple(definitions)
    if feature is not None:
        found = _narrowed(found, [item for item in found if needs_feature(item, feature)], _features, feature)
    if group is not None:
        found = _narrowed(found, [item for item in found if is_in_group(item, group)], _groups, group)
    if title is not None:
        called = [item for item in found if item.title.lower() == title.lower()]
        found = _narrowed(found, called or [item for item in found if has_title(item, title)], _titles, title)
    return found


def _narrowed(
    among: tuple[Definition, ...],
    found: list[Definition],
    names: Callable[[tuple[Definition, ...], str], str],
    wanted: str | Feature,
) -> tuple[Definition, ...]:
    if found:
        return tuple(found)
    raise NothingSelected(names(among, wanted.label if isinstance(wanted, Feature) else wanted))


def _groups(among: tuple[Definition, ...], wanted: str) -> str:
    return f"no group is called {wanted!r}; there are: {', '.join(dict.fromkeys(item.group for item in among))}"


def _features(among: tuple[Definition, ...], wanted: str) -> str:
    labels = sorted({item.feature.label for item in among if item.feature})
    return f"no instruction belongs to a feature {wanted!r}; there are: {', '.join(labels)}"


def _titles(among: tuple[Definition, ...], wanted: str) -> str:
    titles = list(dict.fromkeys(item.title for item in among))
    near = get_close_matches(wanted, titles, n=8, cutoff=0.3) or titles[:8]
    return f"no instruction is called {wanted!r}; like it are: {', '.join(near)} (of {len(titles)})"
