"""The README's Python blocks run, in order, as a newcomer would type them.

A block that opens with ```python needs=NAME is run where the module NAME is installed (`make test-thirdparty`).
"""

import re
from pathlib import Path

from markdown_pages import python_blocks

README = Path(__file__).parents[1] / "README.md"


def test_python_blocks_run_in_order(capsys, monkeypatch, unchecked_shapes):  # as users run them
    monkeypatch.chdir(README.parent)
    blocks = python_blocks(README.read_text())
    assert len(blocks) >= 3
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out
    assert "exact" in printed
    assert "best possible" in printed


def test_block_finder_finds_a_failing_block():
    # Negative control: a block that is wrong is found and is run.
    (block,) = python_blocks("text\n```python\nassert 1 + 1 == 3\n```\n")
    try:
        exec(block, {})
    except AssertionError:
        return
    raise AssertionError("the block did not run")


def test_a_block_that_needs_more_runs_where_that_is_installed():
    block = "```python needs={}\nassert 1 + 1 == 3\n```\n"
    assert python_blocks(block.format("json")) == ["assert 1 + 1 == 3\n"]
    assert python_blocks(block.format("no_such_module")) == []


def test_commands_named_in_the_readme_exist():
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README.read_text(), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
