"""Fuzzing decoders and emulators: cases drawn at random, held against somebody else's answer, made small, and kept.

A *setup* says what is fuzzed and against whom, and opens a *target*: it draws cases, checks them and simplifies them.
A *campaign* has workers check shares of cases, and gathers what diverged. `oracles` says how to plug in a decoder or an
emulator of one's own; `decode` and `execute` are the targets there are.

A case over which the other side crashes, hangs or gives no answer diverges, too, and the campaign goes on. Its report
has an `error` when it has ended early; what was found until then is in it all the same.

    from aarch64.fuzz.campaign import Budget, Campaign
    from aarch64.fuzz.decode import DecodeSetup

    report = Campaign(DecodeSetup(command="./my-decoder"), seed=1, budget=Budget(examples=20_000)).run()
    for finding in report.findings:
        print(finding.divergence.kind, finding.lines[0], finding.divergence.theirs)
"""
