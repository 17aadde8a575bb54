"""System registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aarch64.features import Feature


def reset_values(features: Iterable[Feature], max_el: int) -> dict[str, int]:  # noqa: ARG001
    """The value of every register after reset."""
    return dict.fromkeys(
        [f"{name}_EL{el}" for el in (1, 2, 3) for name in ("SCTLR", "TCR", "VBAR", "ESR", "FAR")]
        + ["HCR_EL2", "SCR_EL3", "MDCR_EL2"],
        0,
    )
