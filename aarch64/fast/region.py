"""Regions: the instructions that one compiled function covers, and how control flows among them.

A region begins at an address that is often branched to, and goes on along direct branches, both ways where there are
two, as long as the code is in pages that have been executed already. It ends where only execution knows how to go on:
at an indirect branch or a call, and at instructions that are not recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import MASKS
from aarch64.isa.branch import direct_target
from aarch64.isa.definition import Trait
from aarch64.isa.table import decode
from aarch64.memory import PAGE_OFFSET, PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from aarch64.isa.decoder import Decoded
    from aarch64.memory import Page
    from aarch64.translation.page_maps import PageMap

MOST_INSTRUCTIONS = 256
"""Of one region. More would take long to compile and seldom be executed together."""

STEPPED = Trait.RAISES | Trait.WAITS
"""What is executed by itself: after it, control is mostly elsewhere."""


@attrs.frozen(eq=False)
class Node:
    """An instruction of a region.

    Attributes:
        pc, word, decoded: where it is and what it is; `decoded` is None where it has to be executed by itself.
        is_called: whether its semantic function is called, whatever could be recorded of it; a branch so marked is
            executed by itself.
        successors: where control goes from here within the region's reach: the places of direct branches and of the
            next instruction.
    """

    pc: int
    word: int
    decoded: Decoded | None
    successors: tuple[int, ...]
    is_called: bool = False


@attrs.frozen(eq=False)
class Region:
    """Where it begins, its instructions by address, and the pages they are in, by page number."""

    start: int
    nodes: Mapping[int, Node]
    pages: Mapping[int, Page]

    @property
    def joints(self) -> frozenset[int]:
        """The addresses that control gets to by a branch: where a loop may begin."""
        targets = (place for node in self.nodes.values() for place in node.successors if place != node.pc + 4)
        return frozenset(targets) | {self.start}


def discover(
    page_map: PageMap, start: int, is_warm: Callable[[int], bool], called: Container[int] = ()
) -> Region | None:
    """The region that begins at an address, and goes on with what `is_warm`; None if there is none.

    Instructions at addresses in `called` are called.
    """
    nodes: dict[int, Node] = {}
    pages: dict[int, Page] = {}
    returns: list[int] = []
    waiting = [start]
    while waiting and len(nodes) < MOST_INSTRUCTIONS:
        pc = waiting.pop(0)
        page = page_map.fetches.get(pc >> PAGE_SHIFT)
        if pc in nodes or page is None or not (pc == start or is_warm(pc)) or pc & 3:
            continue
        if pc >> PAGE_SHIFT in page_map.guarded:
            continue
        pages[pc >> PAGE_SHIFT] = page
        node = nodes[pc] = _node(pc, page.views[4][(pc & PAGE_OFFSET) >> 2], is_called=pc in called)
        waiting += node.successors
        if _is_call(node):
            returns.append((pc + 4) & MASKS[64])
            waiting.append(returns[-1])
    if start not in nodes or nodes[start].decoded is None:
        return None
    return Region(start, _with_returns(nodes, returns), pages)


def _is_call(node: Node) -> bool:
    return node.decoded is not None and node.decoded.definition.title == "BL"


def _with_returns(nodes: Mapping[int, Node], returns: list[int]) -> Mapping[int, Node]:
    """The nodes, with returns that may lead to after the calls among them: where they do is seen when it happens."""
    sites = tuple(site for site in returns if site in nodes)[:_MOST_RETURNS]
    return {
        pc: attrs.evolve(node, successors=sites) if node.decoded and node.decoded.definition.title == "RET" else node
        for pc, node in nodes.items()
    }


_MOST_RETURNS = 4
"""Calls of a region whose returns stay within it."""


def _node(pc: int, word: int, *, is_called: bool) -> Node:
    decoded = decode(word)
    if decoded is None or decoded.definition.semantics is None or decoded.definition.traits & STEPPED:
        return Node(pc, word, None, ())
    traits, following = decoded.definition.traits, (pc + 4) & MASKS[64]
    if not traits & Trait.BRANCHES:
        return Node(pc, word, decoded, (following,), is_called)
    target = direct_target(decoded.fields, pc)
    if target is None:
        return Node(pc, word, decoded, (), is_called)  # indirect
    if target == pc:
        return Node(pc, word, None, ())  # a branch to itself: whether it ever ends is looked into elsewhere
    return Node(pc, word, decoded, (following, target) if traits & Trait.CONDITIONAL else (target,), is_called)


def reachable(nodes: Mapping[int, Node], start: int, within: frozenset[int]) -> set[int]:
    """The addresses among `within` that control can get to from `start`, itself included."""
    found, waiting = {start}, [start]
    while waiting:
        for successor in nodes[waiting.pop()].successors:
            if successor in within and successor not in found:
                found.add(successor)
                waiting.append(successor)
    return found


def loop_of(nodes: Mapping[int, Node], head: int, within: frozenset[int]) -> frozenset[int]:
    """The instructions of the loop that `head` begins: those from which control may return to it; empty for no loop."""
    ahead = reachable(nodes, head, within)
    predecessors: dict[int, list[int]] = {}
    for pc in ahead:
        for successor in nodes[pc].successors:
            if successor in ahead:
                predecessors.setdefault(successor, []).append(pc)
    loop: set[int] = set()
    waiting: list[int] = list(predecessors.get(head, ()))
    while waiting:
        pc = waiting.pop()
        if pc not in loop:
            loop.add(pc)
            if pc != head:
                waiting += predecessors.get(pc, ())
    return frozenset(loop | {head}) if loop else frozenset()


def touched(region: Region) -> Iterable[tuple[Page, int]]:
    """Each instruction's page, and its offset there."""
    return ((region.pages[pc >> PAGE_SHIFT], pc & PAGE_OFFSET) for pc in region.nodes)
