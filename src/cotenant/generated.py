"""Every file in the repository that is written from code, and the one command that keeps them.

`python -m cotenant.generated --write` writes them, `--check` names those that are not what the code says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cotenant.api import reference as kinds
from cotenant.api import schema
from cotenant.cli.view import admission
from cotenant.cli.view import reference as commands
from cotenant.controllers import reference as metrics
from cotenant.judge import reference as conditions
from cotenant.judge.lint import reference as lint
from cotenant.render.install import chart

ROOT = Path(__file__).parents[2]


def files() -> dict[str, str]:
    """Path from the repository's root -> text."""
    pages = {
        "api": kinds.text(),
        "cli": commands.page(),
        "conditions": conditions.page(),
        "lint": lint.page(),
        "metrics": metrics.page(),
        "policies": admission.page(),
    }
    return {
        **{f"docs/reference/{name}.md": text for name, text in pages.items()},
        **{f"charts/cotenant/crds/{name}": text for name, text in schema.files().items()},
        **{f"charts/cotenant/templates/{name}": text for name, text in chart.files().items()},
    }


def stale(root: Path = ROOT) -> list[str]:
    """Files that are missing, or not what the code says."""
    return [
        name
        for name, text in files().items()
        if not (path := root / name).is_file() or path.read_text(encoding="utf-8") != text
    ]


def write(root: Path = ROOT) -> None:
    """Brings every file up to date."""
    for name, text in files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """1 where a file differs, 2 for a wrong call."""
    match arguments:
        case ["--write"]:
            write(root)
            return 0
        case ["--check"]:
            names = stale(root)
            sys.stderr.writelines(f"{name} is not what the code says: make docs\n" for name in names)
            return 1 if names else 0
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
