"""Are the tests good enough to tell a wrong program? Mutants of the decoder and of semantics, and which survive.

    python -m tests.mutation                      the sample that targets.toml describes
    python -m tests.mutation --file divide.py     the sample of one file
    python -m tests.mutation --listed             just the mutants of survivors.toml: does each still survive?
    python -m tests.mutation --each 200 --seed 2  another sample, larger

Exit status 1: a mutant survives that survivors.toml does not list, one listed there does not survive, or there is no
such mutant (any more); too few are killed. 2: wrong usage. 130: interrupted, and what was done until then is reported.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs

from tests.mutation.mutants import Source
from tests.mutation.running import Outcome, enter_copy, outcome, read_plan, time_limit
from tests.mutation.survivors import Judgement, read_survivors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutation.mutants import Mutant
    from tests.mutation.running import Plan, Target
    from tests.mutation.survivors import Change

LEAST_KILLED = 0.95
"""Of the mutants that are not equivalent, in the whole sample."""


@attrs.define
class Result:
    """What became of the mutants of a file.

    Attributes:
        target: the file.
        mutants: how many there are.
        missing: what is listed and cannot be made.
        outcomes: of those that were drawn, as far as they were run.
        seconds: that this took.
    """

    target: Target
    mutants: int
    missing: set[Change]
    outcomes: dict[Change, Outcome] = attrs.field(factory=dict)
    seconds: float = 0.0

    def count(self, *wanted: Outcome) -> int:
        """How many came to one of these ends."""
        return sum(found in wanted for found in self.outcomes.values())

    @property
    def survived(self) -> set[Change]:
        """The changes that no test told from the program."""
        return {change for change, found in self.outcomes.items() if found is Outcome.SURVIVED}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", action="append", help="only files whose path ends so; may be repeated")
    parser.add_argument("--listed", action="store_true", help="only the mutants of survivors.toml")
    parser.add_argument("--each", type=int, help="how many mutants of each file (default: as targets.toml says)")
    parser.add_argument("--seed", type=int, help="which ones (default: as targets.toml says)")
    return parser.parse_args()


def _targets(plan: Plan, options: argparse.Namespace) -> list[Target]:
    chosen = [item for item in plan.targets if not options.file or item.file.endswith(tuple(options.file))]
    if not chosen:
        known = ", ".join(item.file for item in plan.targets)
        sys.stderr.write(f"no file that is mutated ends in {' or '.join(options.file)}; these are: {known}\n")
        raise SystemExit(2)
    return chosen if options.each is None else [attrs.evolve(item, mutants=options.each) for item in chosen]


def _run(result: Result, mutants: Sequence[Mutant], plan: Plan) -> None:
    start, target = time.monotonic(), result.target
    timeout = time_limit(target, plan)
    for number, mutant in enumerate(mutants, 1):
        result.outcomes[mutant.change] = found = outcome(mutant, target, timeout)
        result.seconds = time.monotonic() - start
        if sys.stderr.isatty():
            sys.stderr.write(f"{target.file} {number}/{len(mutants)} {found.value}: {mutant.change.becomes}\n")


def _run_all(
    targets: Sequence[Target], plan: Plan, listed: set[Change], options: argparse.Namespace
) -> Iterator[Result]:
    """The results, each given before its mutants are run, so that it is there when this is interrupted."""
    seed = plan.seed if options.seed is None else options.seed
    with TemporaryDirectory() as folder:
        enter_copy(Path(folder))
        for target in targets:
            source = Source(Path(target.file))
            known = source.find(listed)
            of_file = {change for change in listed if change.file == target.file}
            result = Result(target, len(source.specs), of_file - {mutant.change for mutant in known})
            yield result
            _run(result, known if options.listed else source.sample(target.mutants, seed), plan)


def _table(results: Sequence[Result], judged: dict[Change, Judgement]) -> Iterator[str]:
    yield f"{'file':<30}{'mutants':>8}{'sample':>8}{'killed':>8}{'timeout':>9}{'survived':>10}{'same':>6}{'seconds':>9}"
    for item in results:
        same = sum(_is_same(judged.get(change)) for change in item.survived)
        counts = f"{item.count(Outcome.KILLED):>8}{item.count(Outcome.TIMEOUT):>9}{len(item.survived):>10}{same:>6}"
        yield f"{item.target.file:<30}{item.mutants:>8}{len(item.outcomes):>8}{counts}{item.seconds:>9.0f}"


def _is_same(judgement: Judgement | None) -> bool:
    """Whether the mutant does the same, if not as fast."""
    return judgement in {Judgement.EQUIVALENT, Judgement.SPEED}


def _share(results: Sequence[Result], judged: dict[Change, Judgement]) -> tuple[float, str]:
    """(how many of the mutants that are not the same were killed, that in words)."""
    killed = sum(item.count(Outcome.KILLED, Outcome.TIMEOUT) for item in results)
    drawn = sum(len(item.outcomes) for item in results)
    same = sum(_is_same(judged.get(change)) for item in results for change in item.survived)
    by_judgement = Counter(judged[change].value for item in results for change in item.survived if change in judged)
    share = killed / (drawn - same) if drawn > same else 1.0
    told = ", ".join(f"{count} {name}" for name, count in sorted(by_judgement.items())) or "none"
    return share, (
        f"killed: {killed} of {drawn} ({killed / max(drawn, 1):.1%}); of those that are not the same {share:.1%}\n"
        f"judged survivors: {told}"
    )


def _problems(results: Sequence[Result], listed: set[Change]) -> Iterator[str]:
    for item in results:
        for change in sorted(item.survived - listed, key=attrs.astuple):
            told = "\n".join(f"{name} = {json.dumps(value)}" for name, value in attrs.asdict(change).items())
            yield f'survives, and is not listed:\n\n[[survivor]]\n{told}\njudgement = ""\nreason = ""\n'
        for change in sorted(listed & item.outcomes.keys() - item.survived, key=attrs.astuple):
            yield f"is listed, and is {item.outcomes[change].value}: {change}"
        for change in sorted(item.missing, key=attrs.astuple):
            yield f"is listed, and there is no such mutant: {change}"


def main() -> int:
    """Run, compare with the list, and report; the exit status."""
    options, plan = _options(), read_plan()
    targets = _targets(plan, options)
    judged = {item.change: item.judgement for item in read_survivors()}
    results: list[Result] = []
    was_interrupted = False
    try:
        for result in _run_all(targets, plan, set(judged), options):
            results.append(result)  # noqa: PERF402  (extend() may lose them when it is interrupted)
    except KeyboardInterrupt:
        was_interrupted = True
    share, told = _share(results, judged)
    problems = list(_problems(results, set(judged)))
    if share < LEAST_KILLED and not options.listed:
        problems.append(f"fewer than {LEAST_KILLED:.0%} are killed")
    sys.stdout.write("\n".join([*_table(results, judged), *([] if options.listed else [told]), *problems, ""]))
    return 130 if was_interrupted else int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
