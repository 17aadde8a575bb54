"""The transparency law as a program: what a profile accepts and does otherwise, and what it refuses though it need not.

`law.py` holds one case against it, `search.py` looks for those that break it, `shrinking.py` makes them small. It works
whole machines with probes on them, so it is a client of both the interpreter and all of kprobes.
"""
