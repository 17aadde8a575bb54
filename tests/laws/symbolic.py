"""Symbolic execution of a semantic function, strict about the contract that lets the same function run fast later.

`Value` stands for a run-time value: it computes expressions, and refuses to be looked at. `Recorder` is a CPU whose
vocabulary takes and gives Values and notes what is done, in order. `replay` performs a recording on a real CPU.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from aarch64.access import Access
from aarch64.cpu import Cpu
from aarch64.exceptions import ArchException

if TYPE_CHECKING:
    from aarch64.isa.definition import Definition
    from aarch64.isa.syntax import Fields
    from aarch64.pseudocode import Flags
    from aarch64.pstate import PState


class ContractBroken(AssertionError):
    """A semantic function does what a recorded one cannot do."""


Compute = Callable[["Environment"], Any]
Environment = dict["Value", Any]
"""What every Value that is not computed from others was at run time; filled with the others as they are needed."""


class Value:
    """A value known only at run time. `compute` gets it from an environment; None: it is an input or a result."""

    def __init__(self, compute: Compute | None = None) -> None:
        self.compute = compute

    __hash__ = object.__hash__

    def select(self, if_true: Any, if_false: Any) -> Value:
        """What `bits.select` makes of a condition that is not known."""
        return Value(lambda env: evaluate(if_true if evaluate(self, env) else if_false, env))

    @staticmethod
    def call(function: Callable[..., Any], args: tuple[Any, ...]) -> Value:
        """What a `bits.primitive` makes of arguments that are not known."""
        return Value(lambda env: function(*[evaluate(arg, env) for arg in args]))

    @staticmethod
    def flags_of_sum(flags: Flags, *_: Any) -> Flags:
        """The flags that `add_with_carry` sets; where they come from does not matter here."""
        return flags

    flags_of_result = flags_of_sum

    def _refuse(self) -> NoReturn:
        raise ContractBroken("data-dependent if; use select()")

    __bool__ = __index__ = __int__ = __float__ = __iter__ = __len__ = _refuse  # type: ignore[assignment]


def _unary(function: Callable[[Any], Any]) -> Callable[[Any], Value]:
    return lambda a: Value(lambda env: function(evaluate(a, env)))


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Value]:
    return lambda a, b: Value(lambda env: function(evaluate(a, env), evaluate(b, env)))


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Value]:
    return lambda b, a: Value(lambda env: function(evaluate(a, env), evaluate(b, env)))


for _name in ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and", "or", "xor"):
    _function = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    setattr(Value, f"__{_name}__", _binary(_function))
    setattr(Value, f"__r{_name}__", _reflected(_function))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Value, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in ("neg", "invert", "pos", "abs"):
    setattr(Value, f"__{_name}__", _unary(getattr(operator, _name)))


def evaluate(value: Any, env: Environment) -> Any:
    """The run-time value of anything a semantic function computed: Values, tuples of them, plain values."""
    if isinstance(value, tuple):
        return tuple(evaluate(item, env) for item in value)
    if not isinstance(value, Value):
        return value
    if value not in env:
        assert value.compute is not None, "an input was used before it was read"
        env[value] = value.compute(env)
    return env[value]


class Phase(IntEnum):
    """The parts of an instruction, in their order."""

    READ = 0
    MEMORY = 1
    WRITE = 2
    BRANCH = 3


@attrs.frozen(eq=False)
class Effect:
    """One use of the vocabulary: the method of Cpu, its arguments, and the Value it gave."""

    phase: Phase
    method: str
    args: tuple[Any, ...]
    result: Value | tuple[Value, ...] | None = None


@attrs.frozen(eq=False)
class Operation:
    """The function an atomic access applies: the expression it makes of `old`."""

    old: Value
    new: Any

    def bind(self, env: Environment) -> Callable[[int], int]:
        """The function on run-time values."""
        return lambda old: evaluate(self.new, {**env, self.old: old})


@attrs.define
class Recording:
    """What a semantic function does: its effects, and the exception it ended with, if any."""

    effects: list[Effect] = attrs.field(factory=list)
    exception: ArchException | None = None

    def note(self, effect: Effect) -> Any:
        """Add an effect; ContractBroken if it is out of order."""
        last = self.effects[-1].phase if self.effects else Phase.READ
        if effect.phase < last:
            raise ContractBroken(
                f"{effect.method}() after {self.effects[-1].method}(): {effect.phase.name} comes earlier"
            )
        if effect.phase is last is Phase.MEMORY:
            raise ContractBroken(f"{effect.method}() after {self.effects[-1].method}(): one access an instruction")
        self.effects.append(effect)
        return effect.result


class _GuardedPState:
    """PSTATE without its flags, which are run-time values."""

    def __init__(self, state: PState) -> None:
        object.__setattr__(self, "_state", state)

    def __getattr__(self, name: str) -> Any:
        self._check(name)
        return getattr(object.__getattribute__(self, "_state"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._check(name)
        setattr(object.__getattribute__(self, "_state"), name, value)

    @staticmethod
    def _check(name: str) -> None:
        if name in {"flags", "nzcv", "to_spsr"}:
            raise ContractBroken(f"pstate.{name}: read flags, and write them by set_flags()")


class Recorder(Cpu):
    """A CPU that records. What is configuration (level, features, system registers) is as in `model`."""

    def __init__(self, model: Cpu) -> None:
        for field in attrs.fields(type(model)):
            setattr(self, field.name, getattr(model, field.name))
        self.recording = Recording()
        self.pstate = _GuardedPState(model.pstate)  # type: ignore[assignment]
        self.gpr = _Forbidden("gpr", "x() and set_x()")  # type: ignore[assignment]
        self.sp_el = _Forbidden("sp_el", "xsp() and set_xsp()")  # type: ignore[assignment]
        self.memory = _Forbidden("memory", "load() and store()")  # type: ignore[assignment]

    def _read(self, method: str, *args: Any) -> Any:
        return self.recording.note(Effect(Phase.READ, method, args, Value()))

    def _access(self, method: str, *args: Any, results: int = 1) -> Any:
        result = Value() if results == 1 else tuple(Value() for _ in range(results))
        return self.recording.note(Effect(Phase.MEMORY, method, args, result if results else None))

    def _write(self, method: str, *args: Any) -> None:
        self.recording.note(Effect(Phase.WRITE, method, args))

    def _branch(self, method: str, *args: Any) -> None:
        self.recording.note(Effect(Phase.BRANCH, method, args))

    def x(self, number: int, width: int = 64) -> Any:
        return self._read("x", number, width)

    def xsp(self, number: int, width: int = 64) -> Any:
        return self._read("xsp", number, width)

    def base(self, number: int) -> Any:
        return self._read("base", number)

    @property
    def sp(self) -> Any:
        return self._read("xsp", 31, 64)

    @property
    def flags(self) -> Flags:
        flags = tuple(Value() for _ in range(4))
        return self.recording.note(Effect(Phase.READ, "flags", (), flags))

    def set_x(self, number: int, value: Any) -> None:
        self._write("set_x", number, value)

    def set_xsp(self, number: int, value: Any) -> None:
        self._write("set_xsp", number, value)

    def set_flags(self, flags: Flags) -> None:
        self._write("set_flags", tuple(flags))

    def clear_exclusive(self) -> None:
        self._write("clear_exclusive")

    def load(self, address: Any, size: int, access: Access = Access.NORMAL) -> Any:
        return self._access("load", address, size, access)

    def store(self, address: Any, size: int, value: Any, access: Access = Access.NORMAL) -> None:
        self._access("store", address, size, value, access, results=0)

    def load_pair(self, address: Any, size: int, access: Access = Access.NORMAL) -> Any:
        return self._access("load_pair", address, size, access, results=2)

    def store_pair(self, address: Any, size: int, first: Any, second: Any, access: Access = Access.NORMAL) -> None:
        self._access("store_pair", address, size, first, second, access, results=0)

    def load_exclusive(self, address: Any, size: int) -> Any:
        return self._access("load_exclusive", address, size)

    def store_exclusive(self, address: Any, size: int, value: Any) -> Any:
        return self._access("store_exclusive", address, size, value)

    def atomic(self, address: Any, size: int, operation: Callable[[Any], Any]) -> Any:
        old = Value()
        return self._access("atomic", address, size, Operation(old, operation(old)))

    def compare_and_swap(self, address: Any, size: int, expected: Any, new: Any) -> Any:
        return self._access("compare_and_swap", address, size, expected, new)

    def system_register(self, encoding: int, rt: int) -> Any:
        return self._read("system_register", encoding, rt)

    def set_system_register(self, encoding: int, rt: int, value: Any) -> None:
        self._write("set_system_register", encoding, rt, value)

    def branch(self, target: Any) -> None:
        self._branch("branch", target)

    def context_changed(self) -> None:
        """What decides on later accesses is no part of the recording."""

    def branch_indirect(self, target: Any, btype: int) -> None:
        self._branch("branch_indirect", target, btype)

    def set_btype(self, btype: int) -> None:
        self._branch("set_btype", btype)


class _Forbidden:
    """State that semantics reach only through the vocabulary."""

    def __init__(self, name: str, instead: str) -> None:
        object.__setattr__(self, "_message", f"cpu.{name} used directly; use {instead}")

    def _refuse(self, *_: Any) -> NoReturn:
        raise ContractBroken(object.__getattribute__(self, "_message"))

    __getattr__ = __getitem__ = __setitem__ = __setattr__ = _refuse  # type: ignore[assignment]


def record(definition: Definition, fields: Fields, model: Cpu) -> Recording:
    """Run the semantics of a definition on Values.

    Raises:
        ContractBroken: it looks at a Value, goes round the vocabulary or breaks the order.
    """
    recorder = Recorder(model)
    assert definition.semantics is not None
    try:
        definition.semantics(recorder, *definition.arguments(fields))
    except ArchException as exception:
        if any(effect.phase > Phase.READ for effect in recorder.recording.effects):
            raise ContractBroken("an exception after an effect: guards come first") from exception
        recorder.recording.exception = exception
    return recorder.recording


def replay(recording: Recording, cpu: Cpu) -> None:
    """Do what was recorded to a real CPU."""
    env: Environment = {}
    for effect in recording.effects:
        _perform(effect, cpu, env)
    if recording.exception:
        raise recording.exception


def _perform(effect: Effect, cpu: Cpu, env: Environment) -> None:
    args = [arg.bind(env) if isinstance(arg, Operation) else evaluate(arg, env) for arg in effect.args]
    result = cpu.flags if effect.method == "flags" else getattr(cpu, effect.method)(*args)
    if isinstance(effect.result, tuple):
        env.update(zip(effect.result, result, strict=True))
    elif effect.result is not None:
        env[effect.result] = result
