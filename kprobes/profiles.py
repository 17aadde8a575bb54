"""Profiles: the kprobes of one kernel each, as data, and ours."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from kprobes.behaviour import (
    STRICT_ENGINE,
    V4_8_ENGINE,
    V4_8_REGISTRATION,
    V5_10_ENGINE,
    V5_10_REGISTRATION,
    V7_2_ENGINE,
    V7_2_REGISTRATION,
    V15_ENGINE,
    V15_REGISTRATION,
)
from kprobes.linux_rules import V4_8_RULES, V5_10_RULES, V7_2_RULES, V15_RULES
from kprobes.strict_rules import STRICT_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprobes.behaviour import EngineRules, RegistrationRules
    from kprobes.rules import DecodeRules


@attrs.frozen
class Profile:
    """A way to do kprobes: what it is called on a command line, what it is, and its rules, one record a concern."""

    name: str
    summary: str
    decode: DecodeRules
    engine: EngineRules
    registration: RegistrationRules


V15 = Profile(
    "v15", "version 15 of the arm64 series, 04/10 alone: no simulation", V15_RULES, V15_ENGINE, V15_REGISTRATION
)

V4_8 = Profile(
    "v4.8", "Linux v4.8 and v4.9, the first to have arm64 kprobes", V4_8_RULES, V4_8_ENGINE, V4_8_REGISTRATION
)
"""Where the two differ, v4.9: exclusive sequences are looked for back to the start of the symbol. v4.8.0 itself still
looks for them as `V15` does: `attrs.evolve(V4_8_RULES, sequences=V15_RULES.sequences)`."""

V5_10 = Profile("v5.10", "Linux v5.10, the first to end a slot by BRK", V5_10_RULES, V5_10_ENGINE, V5_10_REGISTRATION)

V7_2 = Profile("v7.2", "Linux v7.2", V7_2_RULES, V7_2_ENGINE, V7_2_REGISTRATION)

STRICT = Profile("strict", "our own: a probe changes nothing but time", STRICT_RULES, STRICT_ENGINE, V4_8_REGISTRATION)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (V15, V4_8, V5_10, V7_2, STRICT)}
)
"""By name, the oldest first."""
