"""Further published files: what is masked or filtered must not be anywhere in the bytes; and the way back to a kept version."""

import grp
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from cli import previous, publish, warehouse
from cli.config import Company, load_company
from pipelines.errors import CdpError, UsageError
from tests.ops_company import CONFIG, make_company

NORTH, SOUTH, KEY, FREE = "canary.north@x.example", "canary.south@x.example", "canarykey", "canaryfree"
ALL = (NORTH, SOUTH, KEY, FREE)
# Packed text could hide a canary from the search: every file of these tests is written plain.
PLAIN = "set force_compression = 'uncompressed'"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write without compression."""
    honest = publish._copy

    def copy(con: duckdb.DuckDBPyConnection, *rest: Any) -> dict[str, int]:
        con.execute(PLAIN)
        return honest(con, *rest)

    monkeypatch.setattr(publish, "_copy", copy)


def company_with(folder: Path, *entries: str) -> Company:
    """A company with two people, one of each brand, and the declarations dbt would have written."""
    company = make_company(folder, CONFIG + "publish:\n" + "".join(f"  - {entry}\n" for entry in entries))
    with warehouse.connect(company) as con:
        con.execute(
            f"""
            create schema marts; create schema exports; create schema ops;
            create table ops.identity_salt as select 's' as salt;
            create table marts.people as select * from (values
                ('c1', '{NORTH}', 'north', 'vn', 10, 'src.t:{KEY}', ['{FREE}'], date '1990-01-01'),
                ('c2', '{SOUTH}', 'south', 'vn', 20, 'src.t:2', [], date '1991-01-01')
            ) as t (customer_id, email, brand, region, orders, record_id, notes, birth_date);
            create table marts.touches as select record_id, '{FREE}' as undeclared, 1 as n from marts.people;
            create table marts.days as select date '2026-01-01' as day, 'monday' as weekday;
            create table exports.ledger as select 'calls' as sync, '{NORTH}' as key, 'c1' as customer_id, '{FREE}' as reason;
            """
        )
    columns = {
        "people": {
            name: name in ("email", "birth_date") for name in ("customer_id", "email", "brand", "region")
        }
        | {"orders": False, "record_id": False, "birth_date": True},
        "touches": {"record_id": False, "n": False},
        "days": {"day": False, "weekday": False},
    }
    nodes = {
        table: {
            "resource_type": "model",
            "schema": "marts",
            "alias": table,
            "columns": {
                name: {"name": name, "config": {"meta": {"pii": pii}}} for name, pii in found.items()
            },
        }
        for table, found in columns.items()
    }
    (company.dot / "target").mkdir(parents=True, exist_ok=True)
    (company.dot / "target" / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    return company


def read(path: Path, sql: str) -> list[Any]:
    """As a BI tool reads."""
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


def canaries(path: Path) -> set[str]:
    """The canaries in the bytes of a file."""
    content = path.read_bytes()
    return {one for one in ALL if one.encode() in content}


def test_a_masked_value_is_nowhere_in_the_file(tmp_path: Path) -> None:
    """The main file holds all canaries, which shows that the search finds them; the masked one holds none."""
    company = company_with(tmp_path, "{name: analysts, mask: pii}")
    publish.publish(company, "r1")
    masked = tmp_path / "warehouse" / "analysts.duckdb"

    assert canaries(company.published) == set(ALL)
    assert canaries(masked) == set()
    assert read(
        masked, "select customer_id, email, birth_date, brand, orders, notes from marts.people order by 1"
    ) == [
        ("c1", None, None, "north", 10, None),
        ("c2", None, None, "south", 20, None),
    ]
    # names of rows are tokens that still join, words that nothing declares are taken away, dates and numbers stay
    joined = (
        "select count(*), count(undeclared), sum(n) from marts.people join marts.touches using (record_id)"
    )
    assert read(masked, joined) == [(2, 0, 2)]
    assert read(masked, "select key is not null, reason, customer_id from exports.ledger") == [
        (True, None, "c1")
    ]


def test_a_filtered_file_holds_its_rows_only(tmp_path: Path) -> None:
    """Tables without the column are left out, unless they are shared; the file tells of itself only."""
    company = company_with(
        tmp_path,
        "{name: support_vn, where: \"brand = 'south' and region = 'vn'\", columns: [customer_id, email, people.orders, day],"
        " shared: [days], mode: '0600', group: " + grp.getgrgid(os.getgid()).gr_name + "}",
    )
    publish.publish(company, "r1")
    file = tmp_path / "warehouse" / "support_vn.duckdb"

    assert canaries(file) == {SOUTH}
    assert read(file, "from marts.people") == [("c2", SOUTH, 20)]
    tables = "select table_name from information_schema.tables where table_schema <> 'main' order by 1"
    assert [row[0] for row in read(file, tables)] == ["days", "freshness", "people", "published"]
    assert read(file, "select distinct file from ops.published") == [("support_vn.duckdb",)]
    assert read(company.published, "select count(distinct file) from ops.published") == [(1,)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_mask_and_filter_together(tmp_path: Path) -> None:
    """One entry may do both; `tables` narrows further."""
    company = company_with(
        tmp_path, "{name: north, mask: pii, where: \"brand = 'north'\", tables: [marts.people]}"
    )
    publish.publish(company, "r1")
    file = tmp_path / "warehouse" / "north.duckdb"

    assert canaries(file) == set()
    assert read(file, "select customer_id, orders from marts.people") == [("c1", 10)]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{name: a, where: \"brand = 'x'; drop table marts.people\"}", "is no condition"),
        ('{name: a, where: "brand ="}', "is no condition"),
        ('{name: a, where: "colour = 1"}', "no mart would be in `a`"),
        ("{name: a, columns: [colour]}", "no mart would be in `a`"),
        ("{name: a, mask: pii, group: no_such_group_here}", "cannot be given to group"),
    ],
)
def test_a_file_that_cannot_be_made_stops_all_of_them(tmp_path: Path, entry: str, said: str) -> None:
    """Half of the files new and half old would be two truths."""
    company = company_with(tmp_path, entry)
    with pytest.raises(CdpError, match=said):
        publish.publish(company, "r1")

    assert sorted(path.name for path in company.published.parent.iterdir()) == ["cdp.duckdb"]
    with warehouse.connect(company) as con:
        assert con.execute("select count(*) from marts.people").fetchall() == [(2,)]


def test_without_declarations_nothing_is_masked_and_nothing_published(tmp_path: Path) -> None:
    """A mask that knows no column would let all through."""
    company = company_with(tmp_path, "{name: analysts, mask: pii}")
    (company.dot / "target" / "manifest.json").unlink()
    with pytest.raises(CdpError, match="no column declarations"):
        publish.publish(company, "r1")

    assert not company.published.exists()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{name: analysts}", "say what is different"),
        ("{name: cdp, mask: pii}", "also the file of `warehouse.path`"),
        ("{name: marts, mask: pii}", "also the file of `published`"),
        ("{name: a, mask: pii, mode: '0666'}", "lets others write"),
        ("{name: a, mask: pii, shared: [days]}", "there is no `where`"),
        ("{name: a, mask: all}", "publish"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_line(tmp_path: Path, entry: str, said: str) -> None:
    """Exit 2, before anything is done."""
    with pytest.raises(UsageError, match=said) as caught:
        make_company(tmp_path, CONFIG + "publish:\n  - " + entry + "\n")

    assert "cdp.yml:1" in str(caught.value)


def published_runs(company: Company) -> list[str]:
    """The run whose marts people read, per file."""
    found = []
    for target in publish.targets(company):
        name = target.file.name
        sql = f"select arg_max(run_id, published_at) from ops.published where file = '{name}'"
        found.append(read(target.file, sql)[0][0])
    return found


@pytest.fixture
def three(tmp_path: Path) -> Company:
    """Published three times, with a masked file beside."""
    company = company_with(tmp_path, "{name: analysts, mask: pii}")
    for number, run_id in enumerate(("r1", "r2", "r3", "r4")):
        with warehouse.connect(company) as con:
            con.execute(f"update marts.people set orders = {number}")
        publish.publish(company, run_id)
    return company


def test_kept_versions_are_as_many_as_asked_for_and_come_back(three: Company) -> None:
    """Twice back is two versions back, and the masked file goes with the main one."""
    files = [target.file for target in publish.targets(three)]
    kept = [path.stem for path in previous.versions(three, three.published)]
    first = previous.roll_back(three, files, "r5")
    after_one = published_runs(three), read(three.published, "select distinct orders from marts.people")
    previous.roll_back(three, files, "r6")

    assert kept == ["r3", "r2"]
    assert first == ["marts.duckdb is that of run r3 again", "analysts.duckdb is that of run r3 again"]
    assert after_one == (["r3", "r3"], [(2,)])
    assert published_runs(three) == ["r2", "r2"]
    with pytest.raises(CdpError, match="kept: none"):
        previous.roll_back(three, files, "r7")
    with warehouse.connect(three) as con:
        newest = "select file, arg_max(run_id, published_at) from ops.published group by 1 order by 1"
        assert con.execute(newest).fetchall() == [("analysts.duckdb", "r2"), ("marts.duckdb", "r2")]


def test_back_to_a_named_run_and_forward_again(three: Company) -> None:
    """What is newer than the version that came back is not kept: it was taken back too."""
    files = [target.file for target in publish.targets(three)]
    previous.roll_back(three, files, "r5", to="r2")
    kept = previous.versions(three, three.published)
    publish.publish(three, "r6")

    assert kept == []
    assert published_runs(three) == ["r6", "r6"]
    assert [path.stem for path in previous.versions(three, three.published)] == ["r2"]


def test_a_damaged_version_is_not_put_back(three: Company) -> None:
    """People would get an error instead of an old figure."""
    version = previous.versions(three, three.published)[0]
    content = bytearray(version.read_bytes())
    content[12288 + 200 : 12288 + 4000] = b"x" * 3800
    version.unlink()  # a link: the published file is another name of other bytes
    version.write_bytes(content)
    with pytest.raises(CdpError, match="damaged"):
        previous.roll_back(three, [three.published], "r5")

    assert published_runs(three)[0] == "r4"


def test_no_version_is_kept_when_none_is_wanted(tmp_path: Path) -> None:
    """Disk is not free."""
    company = company_with(tmp_path, "{name: analysts, mask: pii}")
    text = company.config_path.read_text() + "warehouse: {previous: 0}\n"
    company.config_path.write_text(text)
    company = load_company(company.config_path)
    for run_id in ("r1", "r2"):
        publish.publish(company, run_id)

    assert previous.versions(company, company.published) == []


def test_a_full_disk_is_known_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warehouse would lose its room to a copy that cannot end."""
    company = company_with(tmp_path, "{name: analysts, mask: pii}")
    publish.publish(company, "r1")
    before = company.published.read_bytes()
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(CdpError, match="no space left for publishing: it needs about"):
        publish.publish(company, "r2")

    assert company.published.read_bytes() == before
