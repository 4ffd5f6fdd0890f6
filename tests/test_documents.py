"""The README's commands, documents and the check are the same thing."""

import re
from pathlib import Path

from typer.testing import CliRunner

from hardware.sim.faults.catalogue import FAULTS
from lab.cli import app, register

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shell_lines() -> list[str]:
    return [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def test_the_check_runs_exactly_the_test_command_of_the_readme() -> None:
    test_command = next(line for line in shell_lines() if "scripts/check.py" in line)
    assert test_command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_first_command_installs_nothing_that_only_training_needs() -> None:
    first = shell_lines()[0]
    assert "lab measure" in first
    assert "train" not in first


def test_every_command_of_the_lab_stands_in_the_readme() -> None:
    register(app)
    listed = CliRunner().invoke(app, ["--help"]).output
    commands = re.findall(r"^\W*([a-z-]+)\s{2,}", listed.split("Commands")[1], re.MULTILINE)
    assert {"measure", "status", "export", "doctor", "init"} <= set(commands)
    for command in commands:
        assert f"`lab {command}" in README


def test_every_link_of_the_documents_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_fault_stands_in_its_page() -> None:
    page = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
    for name, fault in FAULTS.items():
        assert f"| `{name}` | {fault.hits} | {fault.does} |" in page
