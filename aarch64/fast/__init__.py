"""The hot path: code that is often executed, recorded from its own semantic functions and compiled.

`recorder` runs semantic functions on symbolic values (`expr`, `flags`); `region` finds the instructions that belong
together; `emitter` writes them as the source of one Python function (`source`), `block` compiles it, `hot_path` decides
what is worth it, and dispatches. There is no second copy of any semantics, and no difference to `step()` but speed.
"""
