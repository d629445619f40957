"""`cdp init`: what it makes is valid, and what is there stays."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import scaffold
from cli.app import app
from cli.config import load_company
from cli.errors import CdpError, UsageError


def test_a_new_folder_validates(tmp_path: Path) -> None:
    """The first thing a newcomer sees must not be an error of ours."""
    scaffold.create(tmp_path / "acme")
    company = load_company(tmp_path / "acme" / "cdp.yml")

    assert [source.name for source in company.sources] == ["crm"]
    assert company.models.joinpath("audiences").is_dir()
    assert company.models.joinpath("syncs").is_dir()
    assert company.root.joinpath("data").is_dir()


def test_the_commented_parts_are_valid_too(tmp_path: Path) -> None:
    """Whoever takes away the `#` must not meet an error either."""
    scaffold.create(tmp_path)
    path = tmp_path / "cdp.yml"
    lines = path.read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("  # - name: shop"))
    survey = next(at for at, line in enumerate(lines) if line.startswith("# cx:"))
    opened = [
        line.replace("  # ", "  ", 1) if at in range(start, start + 10) else line
        for at, line in enumerate(lines)
    ]
    opened = [
        line.removeprefix("# ") if at in range(survey, survey + 4) else line for at, line in enumerate(opened)
    ]
    path.write_text("\n".join(opened))
    company = load_company(path)

    assert [source.name for source in company.sources] == ["crm", "shop"]
    assert list(company.file.cx.questions) == ["nps", "csat"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """One file there is enough to write none."""
    (tmp_path / "cdp.yml").write_text("mine")

    with pytest.raises(UsageError, match=r"cdp\.yml is there already; nothing was written"):
        scaffold.create(tmp_path)
    assert (tmp_path / "cdp.yml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["cdp.yml"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """Not a traceback about a path below a file."""
    (tmp_path / "acme").write_text("")

    with pytest.raises(UsageError, match="is a file"):
        scaffold.create(tmp_path / "acme")


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 with the folder and the reason."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(CdpError, match="permission denied") as caught:
        scaffold.create(tmp_path / "acme")
    assert caught.value.exit_code == 1


def test_the_commands(tmp_path: Path) -> None:
    """`cdp init` then `cdp validate-config`, as the help says."""
    runner = CliRunner()
    made = runner.invoke(app, ["init", str(tmp_path / "acme")])
    valid = runner.invoke(app, ["validate-config", "--config", str(tmp_path / "acme" / "cdp.yml")])
    again = runner.invoke(app, ["init", str(tmp_path / "acme")])

    assert made.exit_code == 0
    assert str(tmp_path / "acme" / "cdp.yml") in made.stdout
    assert valid.exit_code == 0
    assert isinstance(again.exception, UsageError)
