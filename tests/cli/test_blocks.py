"""The commands about blocks."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moderation_service.cli import main


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough: what is written is compared elsewhere."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(autouse=True)
def operator(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (environ | {"COLUMNS": "250"}).items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(main, ["migrate"]).exit_code == 0


def run(*words: str, exit_code: int = 0, typed: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["blocks", *words], input=typed)
    assert result.exit_code == exit_code, result.output
    return result


def test_an_operator_blocks_lists_and_lifts() -> None:
    said = run(
        "add", "address", "-", "--site", "coop", "--reason", "insults", typed="spammer.canary@example.com\n"
    )
    block_id = said.output.split()[-1]
    run("add", "domain", "https://spam.example/x", "--site", "altro", "--never-ends")
    run("add", "network", "203.0.113.0/24", "--site", "coop", "--days", "7")
    listed = run("list").output
    assert "s…@e….com" in listed
    assert "canary" not in listed + said.output
    assert "spam.example" in listed
    assert "until it is lifted" in listed
    assert "insults" in listed
    assert "spam.example" not in run("list", "--site", "coop").output
    run("lift", block_id)
    assert block_id not in run("list").output
    assert "There is no block" in run("lift", block_id, exit_code=1).output


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_list_cuts_nothing_off_and_takes_nothing_for_markup(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
    said = run("add", "network", "203.0.113.0/24", "--site", "coop", "--reason", "[/b] was here").output
    block_id = said.split()[-1]
    lines = [line.split("│") for line in run("list").output.splitlines()]
    cells = [line[1:-1] for line in lines if len(line) > 2]
    shown = ["".join(part.strip() for part in column) for column in zip(*cells, strict=True)]
    assert shown[0] == block_id
    assert shown[3] == "203.0.113.0/24"
    assert shown[-1].replace(" ", "") == "[/b]washere"


def test_the_beginning_of_an_id_is_enough_where_no_other_begins_so() -> None:
    words = ("casino", "roulette")
    first, second = (run("add", "word", one, "--site", "coop").output.split()[-1] for one in words)
    assert "2 blocks begin with 0" in run("lift", "0", exit_code=1).output
    run("lift", first[:-1])
    run("lift", "", exit_code=1)
    listed = run("list").output
    assert first not in listed
    assert second in listed


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("add", "network", "0.0.0.0/0", "--site", "coop"), 1, "it is no network, or it would refuse too much"),
        (("add", "word", "casino", "--site", "nowhere"), 1, "There is no site nowhere"),
        (("add", "word", "casino", "--site", "coop", "--until", "2020-01-01"), 1, "in the past"),
        (("add", "word", "casino", "--site", "coop", "--days", "1", "--never-ends"), 2, "Give one of"),
        (("lift", "x"), 1, "There is no block x"),
        (("list", "--site", "nowhere"), 1, "There is no site nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: tuple[str, ...], exit_code: int, says: str) -> None:
    assert says in run(*words, exit_code=exit_code).output
