"""What the documents say about settings and commands is what the program has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import cli
from app.settings import FIELDS, PREFIX

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(page.relative_to(ROOT)) for page in [*ROOT.glob("d*/*.md"), *ROOT.glob("docs/adr/*.md")])


def test_operations__every_setting__is_listed() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in FIELDS if PREFIX + name.upper() not in page] == []


def test_nginx__addresses__are_never_logged_and_logins_are_limited() -> None:
    lines = [line.partition("#")[0].strip() for line in (ROOT / "deploy" / "nginx.conf").read_text().splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("location"))
    assert "access_log off;" in lines[:first], "for the whole server"
    login = lines.index("location = /planner/login {")
    assert any(line.startswith("limit_req zone=planner_login") for line in lines[login : lines.index("}", login)])
    assert any(line.startswith("limit_req_zone") and "planner_login" in line for line in lines[:first])


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", *PAGES])
def test_page__every_path_it_names__is_there(page: str) -> None:
    file = ROOT / page
    text = file.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    named = re.findall(r"`((?:app|web|bot|surveys|planning|nlp|storage|domain|docs|deploy)/[\w./-]*)`", text)
    missing = [path for path in links if not (file.parent / path).exists()]
    assert missing + [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_readme__every_command__is_named(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    group = get_command(cli)
    commands = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        commands += [f"buqi {name} {sub}" for sub in below] if below else [f"buqi {name}"]
    assert [command for command in commands if command not in text] == []
