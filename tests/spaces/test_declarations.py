"""To a type checker, every declaration has the type of the value that an instance holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOOD = '''
from __future__ import annotations

from typing import Any, Literal, assert_type

import searchitect as sa


@sa.space
class Max:
    """No decision."""


@sa.space
class Average:
    size: int = sa.choice(2, 3)


@sa.space
class Block:
    width: int = sa.choice(16, 32, 64, weights=[1, 2, 3])
    activation: Literal["relu", "gelu"] = sa.choice("relu", "gelu")
    factor: float = sa.choice(1, 1.5)
    groups: int | None = sa.choice(None, 3)
    shape: tuple[int, int] = sa.choice((1, 2), (3, 4))


@sa.space
class Net:
    blocks: tuple[Block, ...] = sa.repeat(Block, 1, 4)
    mixed: tuple[Max | Average, ...] = sa.repeat(sa.choice(Max, Average), 1, 4)
    pool: Max | Average = sa.choice(Max, Average)
    four: Max | Average | Block | Tree = sa.choice(Max, Average, Block, sa.recursive(lambda: Tree, depth=2))
    depths: tuple[int, ...] = sa.repeat(sa.integer(1, 4), 1, 2)
    inputs: tuple[int, ...] = sa.subset(range(4), 1, 2)
    head: Average | None = sa.optional(Average)
    rate: float | None = sa.optional(sa.real(0.0, 1.0))
    stem: Block = sa.nested(Block)
    learning_rate: float = sa.real(1e-4, 1e-1, log=True, role="training")

    @sa.constraint("depths")
    def shallow(self) -> bool:
        return sum(self.depths) < 5

    @sa.constraint
    def any_condition(self) -> bool:
        return len(self.blocks) < 4


@sa.space
class Tree:
    left: Max | Tree = sa.choice(Max, sa.recursive(lambda: Tree, depth=3))
    right: Any = sa.choice(Max, sa.recursive("Tree", depth=3))


def use(net: Net) -> int:
    assert_type(net.blocks[0].width, int)
    assert_type(net.pool, Max | Average)
    space = sa.SearchSpace.of(Net)
    architecture: sa.Architecture = space.default()
    tree = Tree(Max(), Tree(Max(), Max()))
    return space.size() + len(architecture) + len([tree])


Average(2), Average(size=3)
'''

BAD_FIELDS = [
    "pool: Max = sa.choice(Max, Average)",
    "width: str = sa.choice(1, 2)",
    "blocks: tuple[Max, ...] = sa.repeat(Average, 1, 2)",
    "rate: int = sa.real(0.0, 1.0)",
    "head: Average = sa.optional(Average)",
]
BAD_USES = ["Average(2).size = 3", "Average()", "Average('x')"]


def test_mypy_strict_reads_declarations_as_values_and_finds_wrong_ones(tmp_path: Path) -> None:
    """One run for all, because a run takes seconds: the good file has no complaint, each bad line has one."""
    header = GOOD.split("@sa.space\nclass Block", maxsplit=1)[0]
    wrong = "".join(f"@sa.space\nclass Bad{i}:\n    {line}\n\n\n" for i, line in enumerate(BAD_FIELDS))
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(header + wrong + "\n".join(BAD_USES) + "\n")
    # The stubs of large libraries, which other rooms use, take half a minute and have no part in this.
    large = ",".join(f"{name}.*" for name in ("torch", "numpy", "sqlalchemy", "typer", "rich", "PIL", "safetensors"))
    settings = f"[mypy]\nstrict = true\nfollow_imports = silent\n[mypy-{large}]\nfollow_imports = skip\n"
    (tmp_path / "mypy.ini").write_text(settings)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    run = subprocess.run([*command, "good.py", "bad.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    errors = [line for line in run.stdout.splitlines() if ": error:" in line]
    bad = (tmp_path / "bad.py").read_text().splitlines()
    expected = {number for number, line in enumerate(bad, 1) if line.strip() in BAD_FIELDS + BAD_USES}
    assert {int(line.split(":")[1]) for line in errors if line.startswith("bad.py")} == expected, (
        run.stdout + run.stderr
    )
    assert [line for line in errors if not line.startswith("bad.py")] == []


def test_the_same_file_runs(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD.replace("def use", "sa.SearchSpace.of(Net).default()\n\n\ndef use"))
    run = subprocess.run([sys.executable, str(tmp_path / "good.py")], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_declaring_and_sampling_a_space_loads_no_array_library(name: str) -> None:
    script = (
        "import sys, random, searchitect as sa\n"
        "from searchitect.spaces import make_space\n"
        "space = sa.SearchSpace.of(make_space('Net', {'width': sa.choice(1, 2)}))\n"
        "space.mutate(space.sample(random.Random(0)), random.Random(0))\n"
        f"assert {name!r} not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
