"""Who may import whom (CONTRIBUTING.md), and what `import skin_r1` may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("skin_r1", "reward_fns", "data_prep", "eval")
ALLOWED = {
    "skin_r1": {"skin_r1"},
    "reward_fns": {"reward_fns", "skin_r1"},
    "data_prep": {"data_prep", "skin_r1"},
    "eval": {"eval", "skin_r1", "reward_fns"},
}
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def module_name(path):
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in ROOMS}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path):
    room = path.relative_to(ROOT).parts[0]
    if path == ROOT / "skin_r1" / "cli.py":
        return  # the command line may reach every room
    strangers = {name for name in imports(path) if name.split(".")[0] not in ALLOWED[room]}
    assert not strangers, f"{path} imports {strangers}"


def test_no_circle_of_imports():
    names = {module_name(path): path for path in MODULES}
    graph = {
        name: {n for n in imports(path, top_level_only=True) if n in names} - {name} for name, path in names.items()
    }
    done, trail = set(), []

    def visit(name):
        assert name not in trail, " -> ".join([*trail, name])
        if name in done:
            return
        trail.append(name)
        for other in sorted(graph[name]):
            visit(other)
        trail.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)
    assert len(done) == len(MODULES)


def test_the_core_imports_without_the_extras_and_is_light():
    code = (
        "import sys\n"
        "for name in ('vllm', 'deepspeed', 'wandb', 'fastapi'):\n"
        "    sys.modules[name] = None  # as if it were not installed\n"
        "import skin_r1, skin_r1.cli\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules), 'heavy import at the root'\n"
        "import skin_r1.models, skin_r1.train.sft, skin_r1.train.grpo, reward_fns, data_prep.build, eval.run\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
