"""What is shown, as JSON: 64-bit values in hexadecimal strings, words of code as 8 digits, bits as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.xol.episode import Episode

if TYPE_CHECKING:
    from aarch64.notebook import Registers
    from cli.xol.episode import CodeLine, Refusal
    from cli.xol.performance import Performance, Scene
    from kprobes.story import StoryMoment


def as_json(performance: Performance) -> dict[str, Any]:
    """A lesson with its scenes; or a hit by itself."""
    scenes = [scene_as_json(scene) for scene in performance.scenes]
    if not performance.name:
        (scene,) = scenes
        return scene
    return {
        "lesson": performance.name,
        "title": performance.title,
        "introduction": list(performance.introduction),
        "source": performance.source,
        "scenes": scenes,
        "question": performance.question,
        "answer": performance.answer,
    }


def scene_as_json(scene: Scene) -> dict[str, Any]:
    """A hit or a refusal."""
    return _episode(scene) if isinstance(scene, Episode) else _refusal(scene)


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "title": refusal.title,
        "profile": refusal.profile,
        "spec": refusal.spec,
        "refused": refusal.reason,
    }


def _episode(episode: Episode) -> dict[str, Any]:
    """The hit, with all its moments."""
    probe = episode.probe
    return {
        "title": episode.title,
        "profile": episode.profile,
        "spec": episode.spec,
        "hit": episode.hit,
        "probe": {
            "address": _hex(probe.address),
            "symbol": probe.symbol,
            "word": f"{probe.word:08x}",
            "text": probe.text,
            "slot": _hex(probe.slot),
        },
        "code": [_code_line(line) for line in episode.code],
        "ended": episode.story.ended,
        "outcome": episode.outcome,
        "facts": dict(episode.facts),
        "moments": [_moment_as_json(moment) for moment in episode.story.moments],
    }


def _code_line(line: CodeLine) -> dict[str, Any]:
    return {
        "address": _hex(line.address),
        "word": f"{line.word:08x}",
        "text": line.text,
        "label": line.label,
        "probed": line.probed,
    }


def _moment_as_json(moment: StoryMoment) -> dict[str, Any]:
    strip, executed = moment.strip, moment.instruction
    saved = None if strip.r_d is None else {"d": strip.r_d, "i": strip.r_i, "ss": strip.r_ss}
    return {
        "moment": moment.key,
        "title": moment.title,
        "lane": moment.lane.value,
        "cycle": moment.cycle,
        "depth": moment.depth,
        "probe": _hex(moment.probe),
        "el": moment.el,
        "pc": _hex(moment.pc),
        "pstate": {"d": strip.d, "i": strip.i, "ss": strip.ss},
        "saved": saved,
        "mdscr": {"value": _hex(moment.mdscr), "ss": strip.mdscr_ss, "kde": strip.kde, "mde": strip.mde},
        "registers": _registers(moment.registers),
        "elr": _hex(moment.elr),
        "spsr": _hex(moment.spsr),
        "esr": _hex(moment.esr),
        "syndrome": moment.esr_text,
        "slot": _hex(moment.slot),
        "monitor": _hex(moment.monitor),
        "slot_words": [f"{word:08x}" for word in moment.slot_words],
        "instruction": None
        if executed is None
        else {"address": _hex(executed.address), "word": f"{executed.word:08x}", "text": executed.text},
        "instructions": moment.instructions,
        "why": moment.why,
        "source": moment.source,
    }


def _registers(values: Registers) -> dict[str, Any]:
    return {
        "x": [_hex(value) for value in values.x],
        "sp": _hex(values.sp),
        "pc": _hex(values.pc),
        "pstate": _hex(values.pstate),
    }


def _hex(value: int | None) -> str | None:
    return None if value is None else f"{value:#x}"
