"""Self-hosted debug: software step, hardware breakpoints and watchpoints ("The AArch64 self-hosted debug model").

`generation.py` says when debug exceptions are generated at all; `software_step.py` is the step state machine;
`matching.py` what breakpoints and watchpoints have in common; `breakpoints.py` and `watchpoints.py` what is their own.
There is no external debugger: the processing element never halts.
"""
