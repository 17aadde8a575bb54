"""What the page on fuzzing shows does run."""

import re
from pathlib import Path

import pytest

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "aarch64/FUZZING.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["a decoder", "programs", "a database", "coverage"])
def test_a_block_runs(block):
    names = {}
    exec(block, names)  # noqa: S102  (the page's own)
    for name, test in names.items():
        if name.startswith("test_"):
            test()
