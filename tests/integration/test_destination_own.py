"""A company brings a destination: the module that docs/destinations.md shows, from configuration to withdrawal; broken ones."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cli import reach
from cli.config import load_company
from cli.syncs import destination_specs
from pipelines.errors import UsageError
from pipelines.exports.destinations import LOADED, kind_of, modes_of, open_rows
from pipelines.exports.destinations.base import Operation
from tests.loopback import Answer, Call, Loopback, loopback

PAGE = Path(__file__).resolve().parents[2] / "docs" / "destinations.md"
SOURCE = {
    "name": "crm",
    "connector": "files",
    "tables": [
        {
            "name": "people",
            "entity": "contact",
            "path": "people.csv",
            "key": ["id"],
            "columns": {"email": "email"},
        }
    ],
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Modules of one test are not those of the next."""
    before = dict(LOADED)
    yield
    LOADED.clear()
    LOADED.update(before)


def shown() -> str:
    """The module of the page."""
    code: list[str] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 1
    return code[0]


def company(root: Path, module: str | None, **options: object) -> Path:
    """A company with one destination `desk` of its own; returns its cdp.yml."""
    desk = {"type": "destinations/desk.py", **options}
    (root / "destinations").mkdir()
    if module is not None:
        (root / "destinations" / "desk.py").write_text(module, encoding="utf-8")
    path = root / "cdp.yml"
    path.write_text(yaml.safe_dump({"sources": [SOURCE], "destinations": {"desk": desk}}, sort_keys=False))
    return path


def operations() -> list[Operation]:
    """One to write, one to take back that is there no more, one that the desk refuses."""
    return [
        Operation("1", "1", "upsert", "i1", '{"email": "a@x.io"}'),
        Operation("2", "2", "remove", "i2", None),
        Operation("3", "3", "upsert", "i3", '{"email": "bad"}'),
    ]


def desk(call: Call) -> Answer:
    """A strict help desk."""
    if call.headers.get("Authorization") != "Bearer s3cr3t":
        return 401, {}, {}
    if call.method == "DELETE":
        return 404, {}, {}
    return (422, {}, {"message": "no address: bad"}) if b"bad" in call.body else (200, {}, {})


def test_what_the_page_shows_sends(tmp_path: Path) -> None:
    """Checked, opened and read as any other; the doctor looks for its address."""
    server: Loopback
    with loopback(desk) as server:
        path = company(tmp_path, shown(), url=server.url, token="s3cr3t", rate_limit="100/s")
        spec = destination_specs(load_company(path), with_secrets=True)["desk"]
        destination = open_rows(spec.type, spec.options, "sync_a")
        assert destination is not None
        results = destination.send(operations())
        destination.close()
        seen = reach.destination(spec.type, spec.options)

    assert [(one.key, one.ok) for one in results] == [("1", True), ("2", True), ("3", False)]
    assert results[2].reason == "HTTP 422 no address: ***"
    assert [(call.method, call.path) for call in server.calls] == [
        ("PUT", "/people/1"),
        ("DELETE", "/people/2"),
        ("PUT", "/people/3"),
    ]
    assert modes_of(spec.type) == ("upsert", "mirror")
    assert seen.state == "ok"


@pytest.mark.parametrize(
    ("module", "options", "told"),
    [
        (None, {}, r"cdp\.yml:\d+: there is no .*desk\.py"),
        ("KIND = 1 / 0\n", {}, r"cdp\.yml:\d+: .*desk\.py:1: ZeroDivisionError"),
        ("x = (\n", {}, r"cdp\.yml:\d+: .*desk\.py:1: SyntaxError"),
        ("KIND = 3\n", {}, r"cdp\.yml:\d+: .*has no `KIND`"),
        (
            "page",
            {"url": "https://x.io", "token": "t", "tokne": "t"},
            r"cdp\.yml:\d+: option `tokne` is unknown",
        ),
        (
            "page",
            {"url": "https://x.io", "token": "t", "type": "../desk.py"},
            r"cdp\.yml:\d+: destinations\.desk\.type: .*unknown",
        ),
    ],
)
def test_a_module_that_is_none_is_named_with_its_line(
    tmp_path: Path, module: str | None, options: dict[str, object], told: str
) -> None:
    """Exit 2 before anything is done."""
    path = company(tmp_path, shown() if module == "page" else module, **options)

    with pytest.raises(UsageError, match=told) as caught:
        load_company(path)
    assert caught.value.exit_code == 2


def test_a_type_of_ours_is_still_ours() -> None:
    """And a module without a file says so."""
    assert kind_of("http").open_rows
    with pytest.raises(UsageError, match="there is no"):
        kind_of("/nowhere/desk.py")
