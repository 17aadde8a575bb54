"""Registers, files for memory and feature lists as users write them on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from aarch64.bits import mask
from aarch64.features import DEFAULT_FEATURES, NOT_MODELLED, Feature
from aarch64.registers import W_NAMES, X_NAMES, ZR, parse_register
from cli.numbers import parse_data_address, parse_integer

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

_REGISTERS = frozenset({*X_NAMES[:ZR], *W_NAMES[:ZR], "lr", "fp", "sp", "pc"})


@attrs.frozen
class Assignment:
    """A register and the value to put into it."""

    name: str
    value: int

    def apply(self, cpu: Cpu) -> None:
        """Do it; a W register's upper half becomes zero, as when an instruction writes it."""
        if self.name in ("pc", "sp"):
            setattr(cpu, self.name, self.value)
            return
        found = parse_register(self.name)
        assert found is not None, self.name
        number, width = found
        cpu.set_x(number, self.value & mask(width))


def parse_assignment(text: str) -> Assignment:
    """NAME=VALUE; BadParameter for anything else."""
    name, equals, value = text.partition("=")
    name, number = name.strip().lower(), parse_integer(value.strip())
    if not equals or number is None:
        raise click.BadParameter(f"{text!r} is not of the form x0=42")
    if name not in _REGISTERS:
        raise click.BadParameter(f"{name!r} is not a register: want x0 to x30, w0 to w30, sp or pc")
    return Assignment(name, number & mask(64))


@attrs.frozen
class Placement:
    """A file, and the physical address its first byte goes to."""

    file: str
    address: int


def parse_placement(text: str) -> Placement:
    """FILE@ADDRESS, where the last @ counts; BadParameter for anything else."""
    file, at, address = text.rpartition("@")
    if not at or not file:
        raise click.BadParameter(f"{text!r} is not of the form virt.dtb@0x44000000")
    return Placement(file, parse_data_address(address.strip()))


_SETS = {
    "default": DEFAULT_FEATURES,
    "all": frozenset(Feature) - NOT_MODELLED,
    "none": frozenset[Feature](),
}


def parse_features(text: str) -> frozenset[Feature]:
    """A named set to begin with, else the default; then what each +name adds and each -name takes away."""
    features = DEFAULT_FEATURES
    for position, item in enumerate(text.split(",")):
        word = item.strip()
        if position == 0 and word.lower() in _SETS:
            features = _SETS[word.lower()]
        elif word.startswith("-"):
            features -= {_feature(word)}
        else:
            features |= {_modelled_feature(word)}
    return features


def _feature(word: str) -> Feature:
    found = Feature.__members__.get(word[1:].upper().removeprefix("FEAT_"))
    if found is None or word[0] not in "+-":
        known = " ".join(sorted(item.name.lower() for item in _SETS["all"]))
        raise click.BadParameter(f"{word!r}: want default, all or none first, then +name or -name of: {known}")
    return found


def _modelled_feature(word: str) -> Feature:
    feature = _feature(word)
    if feature in NOT_MODELLED:
        raise click.BadParameter(f"{feature.label} ({feature.value}) is not modelled")
    return feature
