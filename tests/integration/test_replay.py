"""Rejected rows are written out, corrected, and come in as a new load: counted, never doubled, the same after a full refresh."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import corrections, replay, warehouse
from cli.app import app
from cli.generate import PROJECT
from cli.quality_measures import measure
from cli.stores import present, snapshot, unlisted
from pipelines.errors import UsageError
from tests.companies import CONTACTS, EVENTS, ORDERS, TestCompany, of_staging
from tests.integration.test_rest_source import BEARER
from tests.integration.test_rest_source import ORDERS as API_ORDERS
from tests.integration.test_staging import HEADER, conserved, current, statuses
from tests.laws import copy_company
from tests.rest_fake import TOKEN, Api, serve

Row = dict[str, Any]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """One table of orders, built; three of the first five rows cannot be used."""
    company = of_staging(
        tmp_path_factory.mktemp("built") / "shop",
        [{"name": "shop", "connector": "files", "tables": [ORDERS]}],
        "stg_orders",
        "stg_rows",
    )
    deliver(company)
    company.load_and_build()
    return company


@pytest.fixture
def shop(built: TestCompany, tmp_path: Path) -> TestCompany:
    """A copy of it to work on."""
    root = copy_company(built.root, tmp_path / "shop")
    return TestCompany(root, built.sources, runs=built.runs, select=built.select)


def deliver(company: TestCompany) -> None:
    """Five orders."""
    company.csv(
        "data/orders1.csv",
        HEADER,
        "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02",
        "o2,yesterday,10.00,a,x@x.io,1,2026-01-02",
        "o3,2026-01-01,10.00",
        "o4,2026-01-01,ten,a,,1,2026-01-02",
        "o5,2026-01-01,5.00,a,,1,2026-01-02",
    )


@pytest.fixture
def api() -> Iterator[Api]:
    """An API on loopback."""
    with serve() as found:
        yield found


def export(company: TestCompany, name: str = "fix.jsonl", **filters: Any) -> Path:
    """What `cdp quarantine list --out` writes."""
    path = company.root / name
    with warehouse.connect(company.company, read_only=True) as con:
        corrections.write(con, company.company, replay.rejected_rows(con, **filters), path)
    return path


def lines(path: Path) -> list[Row]:
    """The file's lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def edit(path: Path, change: Callable[[Row], None]) -> Path:
    """Correct every line as a person would."""
    found = lines(path)
    for one in found:
        change(one)
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found), encoding="utf-8")
    return path


def load(company: TestCompany, path: Path) -> corrections.Plan:
    """Load the file, without building."""
    company.runs += 1
    return replay.load_file(company.company, path, f"run{company.runs}")


def counts(company: TestCompany) -> list[tuple[Any, ...]]:
    """Per load: received, loaded, duplicates, quarantined, corrected, is_replay."""
    return company.rows(
        "select received, loaded, duplicates, quarantined, corrected, is_replay from ops.load_counts order by load_seq"
    )


def correct(one: Row) -> None:
    """All that is wrong in the fixture."""
    if one["position"] == 3:
        one["row"]["at"] = "2026-01-03"
    if one["position"] == 4:
        one["row"] = {
            "order": "o3",
            "at": "2026-01-01",
            "amount": 10.50,
            "status": "a",
            "changed": "2026-01-02",
        }
    if one["position"] == 5:
        one["row"]["amount"] = "10.00"


def test_the_file_holds_delivered_columns_and_only_its_owner_reads_it(shop: TestCompany) -> None:
    """A person corrects what the source wrote, not what staging made of it; it is personal data."""
    path = export(shop)
    found = {one["position"]: one for one in lines(path)}

    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(found) == [3, 4, 5]
    assert found[3]["row"] == {
        "order": "o2", "at": "yesterday", "amount": "10.00", "status": "a", "email": "x@x.io", "contact": "1",
        "changed": "2026-01-02",
    }  # fmt: skip
    assert found[5]["row"]["email"] is None
    assert (found[4]["row"], found[4]["raw"]) == (None, "o3,2026-01-01,10.00")
    with pytest.raises(UsageError, match="is there already"):
        export(shop)


def test_corrected_rows_are_a_new_load_and_both_loads_stay_exact(shop: TestCompany) -> None:
    """Old rows keep their place and count; the new load says which rows it replaced; a full refresh agrees."""
    plan = load(shop, edit(export(shop), correct))
    shop.build()

    assert plan.rows == 3
    assert current(shop) == [("o1", "a"), ("o2", "a"), ("o3", "a"), ("o4", "a"), ("o5", "a")]
    assert shop.rows("select gross_amount::varchar from staging.stg_orders where order_id = 'o3'") == [
        ("10.50",)
    ]
    assert counts(shop) == [(5, 2, 0, 3, 3, False), (3, 3, 0, 0, 0, True)]
    assert conserved(shop)
    [replayed_in] = shop.rows("select distinct replayed_in from quarantine.rows")
    assert shop.rows(
        "select load_id, file, position from staging.stg_rows where load_seq = 2 order by 3"
    ) == [(replayed_in[0], "replay:fix.jsonl", position) for position in (1, 2, 3)]
    before = statuses(shop), current(shop), counts(shop), shop.rows("from quarantine.rows order by all")
    shop.build(full_refresh=True)
    after = statuses(shop), current(shop), counts(shop), shop.rows("from quarantine.rows order by all")
    assert after == before


def test_the_same_file_again_loads_nothing_and_only_corrected_lines_are_taken(shop: TestCompany) -> None:
    """A file may be corrected in portions: what is as it was stays, what was replayed is known."""
    path = export(shop)
    first = load(shop, edit(path, lambda one: correct(one) if one["position"] == 3 else None))
    again = load(shop, path)
    rest = load(shop, edit(path, correct))
    shop.build()

    assert [(one.rows, one.unchanged, one.before) for one in (first, again, rest)] == [
        (1, 2, 0), (0, 2, 1), (2, 0, 1),
    ]  # fmt: skip
    assert counts(shop)[1:] == [(1, 1, 0, 0, 0, True), (2, 2, 0, 0, 0, True)]
    assert conserved(shop)


def test_a_correction_that_is_still_wrong_is_rejected_and_can_be_corrected_again(shop: TestCompany) -> None:
    """The chain ends where a row is taken; until then its first load counts it as open."""
    path = export(shop, reason="MONEY")
    load(shop, edit(path, lambda one: one["row"].update(amount="eleven")))
    shop.build()
    assert counts(shop) == [(5, 2, 0, 3, 0, False), (1, 0, 0, 1, 0, True)]
    with warehouse.connect(shop.company, read_only=True) as con:
        listed = replay.rejected_rows(con, reason="money")
        everything = replay.rejected_rows(con, reason="money", replayed=True)
    assert [row["file"] for row in listed] == ["replay:fix.jsonl"]
    assert [bool(row["replayed_in"]) for row in everything] == [True, False]

    with pytest.raises(
        UsageError, match=r"fix.jsonl:1: this row was replayed already, as replay:fix.jsonl:1"
    ):
        load(shop, edit(path, lambda one: one["row"].update(amount="11.00")))
    load(
        shop, edit(export(shop, "again.jsonl", reason="money"), lambda one: one["row"].update(amount="11.00"))
    )
    shop.build()
    assert counts(shop) == [(5, 2, 0, 3, 1, False), (1, 0, 0, 1, 1, True), (1, 1, 0, 0, 0, True)]
    assert conserved(shop)
    assert shop.rows("select gross_amount::varchar from staging.stg_orders where order_id = 'o4'") == [
        ("11.00",)
    ]
    before = shop.rows("from quarantine.rows order by all"), counts(shop)
    shop.build(full_refresh=True)
    assert (shop.rows("from quarantine.rows order by all"), counts(shop)) == before


def test_the_gate_counts_what_is_still_open_of_the_last_delivery(shop: TestCompany) -> None:
    """A replay opens the gate by what it corrects; being small and good itself must not."""

    def share() -> float | None:
        shop.build()
        with warehouse.connect(shop.company) as con:
            found = measure(con, shop.company, {})
        return next(one.measured for one in found if one.check.name == "quarantine_share")

    assert share() == 0.6
    path = export(shop)
    load(shop, edit(path, lambda one: correct(one) if one["position"] == 3 else None))
    assert share() == 0.4
    load(shop, edit(path, lambda one: one.update(row={"order": "o3"}) if one["position"] == 4 else None))
    assert share() == 0.4
    load(shop, edit(path, lambda one: correct(one) if one["position"] == 5 else None))
    assert share() == 0.2


def test_a_late_correction_of_an_old_version_does_not_become_current(shop: TestCompany) -> None:
    """A then B: the corrected A is a version, B stays current where the table says when rows changed."""
    path = export(shop, reason="money")
    shop.csv("data/orders2.csv", HEADER, "o4,2026-01-01,12.00,b,,1,2026-01-05")
    shop.load_and_build()
    load(shop, edit(path, correct))
    shop.build()

    assert statuses(shop)[-1] == ("replay:fix.jsonl", "loaded")
    assert ("o4", "b") in current(shop)
    before = current(shop)
    shop.build(full_refresh=True)
    assert current(shop) == before


def test_a_correction_equal_to_what_came_in_meanwhile_is_a_duplicate(shop: TestCompany) -> None:
    """The source delivered the right row itself: nothing is doubled, and the rejected row is settled."""
    path = export(shop, reason="money")
    shop.csv("data/orders2.csv", HEADER, "o4,2026-01-01,10.00,a,,1,2026-01-02")
    shop.load_and_build()
    load(shop, edit(path, correct))
    shop.build()

    assert counts(shop)[-1] == (1, 0, 1, 0, 0, True)
    assert counts(shop)[0][4] == 1
    assert conserved(shop)


def test_everything_wrong_in_a_file_is_named_and_nothing_is_loaded(shop: TestCompany) -> None:
    """Exit 2 with file:line for each line, before any row of the file is loaded."""
    path = edit(export(shop), correct)
    good = lines(path)
    bad = [
        "not json",
        json.dumps([1]),
        json.dumps(good[0] | {"table": "ordres"}),
        json.dumps(good[0] | {"position": 99}),
        json.dumps(good[0] | {"position": 2}),
        json.dumps({name: good[0][name] for name in ("source", "table", "row")}),
        json.dumps(good[0] | {"row": {"ordre": "o2", "_cdp_file": "x"}}),
        json.dumps(good[0] | {"row": ["o2"]}),
        json.dumps(good[1]),
        json.dumps(good[1]),
    ]
    path.write_text("\n".join(bad) + "\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(shop, path)

    told = str(caught.value).splitlines()
    assert told[0] == "fix.jsonl: 9 problems, nothing was loaded"
    assert [line.strip().split(": ", 1)[0] for line in told[1:]] == [
        f"fix.jsonl:{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 10)
    ]
    for number, words in enumerate(
        (
            "not JSON",
            "not a JSON object",
            "no table shop.ordres in cdp.yml; it has shop.orders",
            "no such row is in quarantine",
            "this row is not in quarantine any more",
            "`load_id`, `file`, `position` is missing",
            "no column `ordre`; did you mean `order`?",
            "`row` must be a JSON object",
            "same row as line 9",
        ),
        start=1,
    ):
        assert words in told[number]
    assert "yesterday" not in str(caught.value)
    assert shop.rows("select count(*) from raw_shop.orders") == [(5,)]


def test_a_row_that_new_rules_took_is_not_replayed(shop: TestCompany) -> None:
    """The mapping was fixed instead: the row is loaded, and its correction would be a second one."""
    path = edit(export(shop, reason="timestamp"), correct)
    columns = {"order_id": "order", "gross_amount": "amount", "ordered_at": "changed"}
    shop.sources = [{"name": "shop", "connector": "files", "tables": [ORDERS | {"columns": columns}]}]
    shop.configure()
    shop.build()

    with pytest.raises(UsageError, match="not in quarantine any more"):
        load(shop, path)


def test_several_sources_and_nested_json(tmp_path: Path) -> None:
    """One file, two sources, two loads; nested values are shown as JSON and come back as they were delivered."""
    company = of_staging(
        tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}, EVENTS], "stg_contacts"
    )
    company.csv("data/contacts1.csv", "id,email,phone,first,last", ",ada@x.io,,Ada,L", "2,b@x.io,,Bob,M")
    event = {
        "messageId": "m1",
        "type": "track",
        "event": "Buy",
        "timestamp": "soon",
        "properties": {"price": 1.5, "n": [1, 2]},
    }
    company.jsonl(
        "spool/a.jsonl",
        event,
        event | {"messageId": "m2", "timestamp": "2026-01-01T00:00:00Z"},
        '{"messageId": "m3",',
    )
    company.load_and_build()
    path = export(company)
    shown = {one["source"]: one for one in lines(path) if one["reason"] != "broken JSON"}
    assert shown["web"]["row"]["properties"] == {"price": 1.5, "n": [1, 2]}

    def change(one: Row) -> None:
        if one["source"] == "crm":
            one["row"]["id"] = 1
        elif one["row"] is None:
            one["row"] = event | {"messageId": "m3", "timestamp": "2026-01-01T00:00:00Z"}
        else:
            one["row"]["timestamp"] = "2026-01-01T00:00:00Z"

    plan = load(company, edit(path, change))
    company.build()

    assert plan.rows == 3
    assert conserved(company)
    assert company.rows("select reason from quarantine.rows where replayed_in is null") == []
    assert company.rows("select record_key from staging.stg_contacts order by 1") == [("1",), ("2",)]
    properties = company.rows("select distinct properties from raw_web.events where properties is not null")
    assert properties == [('{"price":1.5,"n":[1,2]}',)]
    assert [
        row[0] for row in company.rows("select received from ops.load_counts where is_replay order by 1")
    ] == [1, 2]


def test_a_row_of_a_database_is_corrected_once_and_not_fetched_again(tmp_path: Path) -> None:
    """The wrong row still stands in the source: it differs from its correction, and is no news."""
    import sqlite3

    table = {
        "name": "people", "entity": "contact", "key": ["id"], "deletions": "compare",
        "columns": {"email": "mail", "birth_date": "born"},
    }  # fmt: skip
    source = {"name": "base", "connector": "sql", "url": "sqlite:///base.db", "tables": [table]}
    company = of_staging(tmp_path / "c", [source], "stg_contacts")
    with sqlite3.connect(company.root / "base.db") as db:
        db.execute("create table people (id integer primary key, mail text, born text)")
        db.execute(
            "insert into people values (1, 'a@x.io', '1990-01-01'), (2, 'b@x.io', 'long ago'), (3, 'c@x.io', null)"
        )
    company.load_and_build()
    load(company, edit(export(company), lambda one: one["row"].update(born="1985-05-05")))
    company.load_and_build()

    assert company.rows("select count(*) from raw_base.people") == [(4,)]
    people = "select record_key, birth_date::varchar from staging.stg_contacts order by 1"
    assert company.rows(people) == [("1", "1990-01-01"), ("2", "1985-05-05"), ("3", None)]
    with sqlite3.connect(company.root / "base.db") as db:
        db.execute("update people set mail = 'bb@x.io', born = '1985-05-06' where id = 2")
    company.load_and_build()
    assert company.rows(people)[1] == ("2", "1985-05-06")
    with sqlite3.connect(company.root / "base.db") as db:
        db.execute("delete from people where id = 2")
    company.load_and_build()
    assert [row[0] for row in company.rows(people)] == ["1", "3"]
    assert conserved(company)


def test_a_corrected_row_is_deleted_when_its_source_deletes_it(tmp_path: Path) -> None:
    """What is marked deleted is the row as it was corrected, else the mark would be rejected as the row was."""
    import sqlite3

    table = {
        "name": "people",
        "entity": "contact",
        "key": ["id"],
        "deletions": "compare",
        "columns": {"birth_date": "born"},
    }
    source = {"name": "base", "connector": "sql", "url": "sqlite:///base.db", "tables": [table]}
    company = of_staging(tmp_path / "c", [source], "stg_contacts")
    with sqlite3.connect(company.root / "base.db") as db:
        db.execute("create table people (id integer primary key, born text)")
        db.execute("insert into people values (1, '1990-01-01'), (2, 'long ago')")
    company.load_and_build()
    load(company, edit(export(company), lambda one: one["row"].update(born="1985-05-05")))
    with sqlite3.connect(company.root / "base.db") as db:
        db.execute("delete from people where id = 2")
    company.load_and_build()

    assert company.rows("select record_key from staging.stg_contacts") == [("1",)]
    assert conserved(company)


def test_a_row_of_an_api_is_corrected(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector makes no difference: nested objects come back as they were answered."""
    monkeypatch.setenv("API_TOKEN", TOKEN)
    api.orders = [
        {"id": "o1", "at": "never", "total": 1.5},
        {"id": "o2", "at": "2026-03-01T10:00:00Z", "total": 2},
    ]
    source = {
        "name": "shop",
        "connector": "rest",
        "base_url": api.url,
        "auth": BEARER,
        "tables": [API_ORDERS],
    }
    company = of_staging(tmp_path / "c", [source], "stg_orders")
    company.load_and_build()
    load(company, edit(export(company), lambda one: one["row"].update(at="2026-03-02T10:00:00Z")))
    company.load_and_build()

    assert company.rows("select order_id from staging.stg_orders order by 1") == [("o1",), ("o2",)]
    assert company.rows("select count(*) from raw_shop.orders") == [(3,)]
    assert conserved(company)


@pytest.mark.parametrize(
    ("point", "loaded_between"), [("load.extracted", False), ("load.loaded", False), ("load.extracted", True)]
)
def test_a_replay_that_was_killed_is_given_again(shop: TestCompany, point: str, loaded_between: bool) -> None:
    """SIGKILL with the package on disk, or in raw and not built: whoever comes next, all ends as if undisturbed."""
    path = edit(export(shop), correct)
    code = (
        "import sys; from pathlib import Path; from cli.config import load_company; from cli.replay import load_file;"
        "load_file(load_company(Path(sys.argv[1])), Path(sys.argv[2]), 'killed')"
    )
    command = [sys.executable, "-c", code, str(shop.root / "cdp.yml"), str(path)]
    killed = subprocess.run(command, cwd=PROJECT, env=os.environ | {"CDP_FAIL_AT": point})
    assert killed.returncode == -signal.SIGKILL
    if loaded_between:
        shop.load()
    again = load(shop, path)
    shop.build()

    assert (again.rows, again.before) == (0, 3)
    assert counts(shop) == [(5, 2, 0, 3, 3, False), (3, 3, 0, 0, 0, True)]
    assert conserved(shop)
    assert shop.rows("select count(*) from staging.stg_orders") == [(5,)]
    assert not (shop.root / ".cdp" / "tmp" / "load").exists()


def test_the_commands_from_list_to_the_marts(tmp_path: Path) -> None:
    """`list --out`, `replay FILE`, `replay`: what they print and return, places with personal data, law 2 over all marts."""
    company = TestCompany(tmp_path / "c", [{"name": "shop", "connector": "files", "tables": [ORDERS]}])
    deliver(company)
    before = snapshot(company.root)
    company.load_and_build()
    config = ["--config", str(company.root / "cdp.yml")]
    file = company.root / "quarantine" / "fix.jsonl"
    assert "3 rows written" in cdp("list", "--out", str(file), "--table", "shop.orders", *config).stderr

    nothing = cdp("replay", str(file), *config)
    assert nothing.stdout == "no row of fix.jsonl was corrected (3 are as they were); nothing was loaded\n"
    edit(file, lambda one: correct(one) if one["position"] != 5 else one["row"].update(amount="eleven"))
    done = cdp("replay", str(file), *config)
    assert done.stdout.splitlines() == [
        "3 rows replayed",
        "2 taken, 1 still wrong; 1 in quarantine",
        "  replay:fix.jsonl:3  shop.orders  unreadable money in gross_amount",
    ]
    again = cdp("replay", str(file), "--json", *config)
    assert {name: json.loads(again.stdout)[name] for name in ("rows", "before", "taken", "built")} == {
        "rows": 0, "before": 3, "taken": 2, "built": False,
    }  # fmt: skip
    assert cdp("replay", *config).stdout == "nothing changed since the last build; 1 rows are in quarantine\n"
    assert len(json.loads(cdp("list", "--json", *config).stdout)) == 1
    assert len(json.loads(cdp("list", "--json", "--all", *config).stdout)) == 4
    assert company.rows("select count(*) from marts.orders") == [(4,)]
    assert unlisted(company.company, before, snapshot(company.root)) == []
    assert any(file in members for store, members in present(company.company, personal_only=True))

    # the mapping is fixed: what was delivered as text is no amount any more
    columns = {name: column for name, column in ORDERS["columns"].items() if name != "gross_amount"}  # type: ignore[attr-defined]
    company.sources = [{"name": "shop", "connector": "files", "tables": [ORDERS | {"columns": columns}]}]
    company.configure()
    assert cdp("replay", *config).stdout == "1 rows left quarantine; 0 are in it\n"
    marts = company.marts()
    company.build(full_refresh=True)
    assert company.marts() == marts


def cdp(*arguments: str) -> Any:
    """`cdp quarantine ...` in this process; it must succeed."""
    result = CliRunner().invoke(app, ["quarantine", *arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result
