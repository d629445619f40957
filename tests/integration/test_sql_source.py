"""Connector `sql` against SQLite and a real PostgreSQL: what changed is loaded once, typed values as text, deletions seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from cli import doctor_reach, reach
from pipelines.errors import CdpError
from tests.companies import BELOW_MARTS, TestCompany

CUSTOMERS: dict[str, Any] = {
    "name": "customers",
    "entity": "contact",
    "key": ["id"],
    "updated_at": "changed",
    "incremental": {"cursor_path": "changed", "lag": 3600},
    "columns": {"email": "mail", "first_name": "name", "user_id": "id"},
}
ORDERS: dict[str, Any] = {
    "name": "orders",
    "entity": "order",
    "table": "sales_orders",
    "key": ["no"],
    "deletions": "compare",
    "columns": {"order_id": "no", "ordered_at": "placed", "gross_amount": "total"},
}
RAW = "select _cdp_position, * exclude (_dlt_load_id, _cdp_hash, _cdp_position) from"


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of this test run, on a socket in its folder."""
    from pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[sa.Engine, str]]:
    """An empty database and the url a company would write."""
    if request.param == "sqlite":
        url = "sqlite:///shop.db"
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    else:
        url = request.getfixturevalue("postgres_url")
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    meta = sa.MetaData()
    sa.Table(
        "customers",
        meta,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mail", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("password_hash", sa.Text),
        sa.Column("password", sa.Text),
        sa.Column("changed", sa.DateTime(timezone=True)),
    )
    sa.Table(
        "sales_orders",
        meta,
        sa.Column("no", sa.Text, primary_key=True),
        sa.Column("placed", sa.DateTime),
        sa.Column("total", sa.Numeric(12, 2)),
        sa.Column("paid", sa.Boolean),
    )
    meta.drop_all(engine)
    meta.create_all(engine)
    yield engine, url
    engine.dispose()


def run(engine: sa.Engine, *statements: str) -> None:
    """Change the database."""
    with engine.begin() as con:
        for one in statements:
            con.execute(sa.text(one))


def customer(number: int, changed: str, name: str = "Ana") -> str:
    """Insert or replace one customer."""
    return f"insert into customers values ({number}, 'p{number}@example.com', '{name}', 'h', 'geheim', '{changed}')"


def company(tmp_path: Path, url: str, *tables: dict[str, Any]) -> TestCompany:
    """A company with one database."""
    return TestCompany(tmp_path, [{"name": "shop", "connector": "sql", "url": url, "tables": list(tables)}])


def received(made: TestCompany) -> dict[str, int]:
    """Load, and rows received per table."""
    (load,) = made.load()
    if load.error:
        raise load.error
    return load.received


def test_only_what_changed_is_loaded(tmp_path: Path, database: tuple[sa.Engine, str]) -> None:
    """First all, then nothing, then the changed row and one that was committed late; equal rows in the lag are not doubled."""
    engine, url = database
    made = company(tmp_path, url, CUSTOMERS)
    run(engine, customer(1, "2026-01-01 10:00:00+00:00"), customer(2, "2026-01-02 10:00:00+00:00"))
    assert received(made) == {"customers": 2}
    assert received(made) == {}

    run(
        engine,
        "update customers set name = 'Bea', changed = '2026-01-03 10:00:00+00:00' where id = 1",
        customer(3, "2026-01-02 09:30:00+00:00", "late"),
        customer(4, "2026-01-02 08:30:00+00:00", "too late"),
    )
    assert received(made) == {"customers": 2}
    assert received(made) == {}
    rows = made.rows("select id, name, _cdp_file from raw_shop.customers order by _cdp_load_seq, id")
    assert rows == [
        (str(n), name, "sql:customers") for n, name in ((1, "Ana"), (2, "Ana"), (1, "Bea"), (3, "late"))
    ]


def test_credentials_are_never_selected(tmp_path: Path, database: tuple[sa.Engine, str]) -> None:
    """A password has no business in a warehouse, whatever the table holds."""
    engine, url = database
    made = company(tmp_path, url, CUSTOMERS)
    run(engine, customer(1, "2026-01-01 10:00:00+00:00"))
    received(made)

    columns = {
        row[0] for row in made.rows("select column_name from duckdb_columns() where table_name = 'customers'")
    }
    assert "mail" in columns
    assert not any("password" in name for name in columns)
    assert b"geheim" not in (tmp_path / "warehouse" / "cdp.duckdb").read_bytes()
    assert not list((tmp_path / ".cdp" / "tmp").rglob("*"))


def test_a_row_that_is_gone_is_deleted_and_may_come_back(
    tmp_path: Path, database: tuple[sa.Engine, str]
) -> None:
    """Full key comparison: deleted in staging, kept in raw, alive again when it is delivered again as it was."""
    engine, url = database
    made = company(tmp_path, url, ORDERS)
    made.select = BELOW_MARTS
    inserts = [
        f"insert into sales_orders values ('o{n}', '2026-02-0{n} 08:00:00', {n}.50, {n == 1})" for n in (1, 2)
    ]
    run(engine, *inserts)
    made.load_and_build()
    assert made.rows("select order_id, gross_amount::varchar from staging.stg_shop__orders order by 1") == [
        ("o1", "1.50"),
        ("o2", "2.50"),
    ]

    run(engine, "delete from sales_orders where no = 'o1'")
    made.load_and_build()
    assert made.rows("select order_id from staging.stg_shop__orders") == [("o2",)]
    assert received(made) == {}

    run(engine, inserts[0])
    made.load_and_build()
    assert made.rows("select order_id from staging.stg_shop__orders order by 1") == [("o1",), ("o2",)]
    unequal = made.rows(
        "select * from ops.load_counts where received <> loaded + duplicates + quarantined + suppressed"
    )
    assert unequal == []


def test_a_cursor_and_deletions_by_comparison_go_together(
    tmp_path: Path, database: tuple[sa.Engine, str]
) -> None:
    """Only what is new is asked for, and all keys: a row that is gone is deleted, the others stay."""
    engine, url = database
    made = company(tmp_path, url, CUSTOMERS | {"deletions": "compare"})
    run(engine, *(customer(number, f"2026-01-0{number} 10:00:00+00:00") for number in (1, 2, 3)))
    assert received(made) == {"customers": 3}
    assert received(made) == {}

    run(engine, "delete from customers where id = 2", customer(4, "2026-01-04 10:00:00+00:00"))
    assert received(made) == {"customers": 2}
    assert received(made) == {}
    assert made.rows("select id from raw_shop.customers where _cdp_deleted = 'true'") == [("2",)]


def test_an_empty_table_deletes_nobody(tmp_path: Path, database: tuple[sa.Engine, str]) -> None:
    """A source that answers with nothing at all is more likely broken than empty."""
    engine, url = database
    made = company(tmp_path, url, ORDERS)
    run(engine, "insert into sales_orders values ('o1', '2026-02-01 08:00:00', 1.50, true)")
    received(made)
    run(engine, "delete from sales_orders")

    with pytest.raises(CdpError, match="no row any more, and 1 are known"):
        received(made)


def test_what_is_wrong_is_told_without_the_password(tmp_path: Path, database: tuple[sa.Engine, str]) -> None:
    """No such table, no such cursor, no such server: each says what and where, none repeats the address."""
    _, url = database
    with pytest.raises(CdpError, match="no table") as error:
        received(company(tmp_path, url, {**CUSTOMERS, "table": "clients"}))
    assert error.value.hint
    with pytest.raises(CdpError, match="no column `changed_at`"):
        received(company(tmp_path, url, {**CUSTOMERS, "incremental": {"cursor_path": "changed_at"}}))
    with pytest.raises(CdpError) as error:
        received(
            company(
                tmp_path, "postgresql://ann:geheim@127.0.0.1:1/none".replace("geheim", "${PW}"), CUSTOMERS
            )
        )
    assert "PW" in str(error.value)


def test_doctor_logs_in_and_reads_no_row(postgres_url: str, tmp_path: Path) -> None:
    """A table that is not there and a database that is not, of a source and of a destination."""
    engine = sa.create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as con:
        con.execute(sa.text("create table if not exists members (mail text primary key)"))
    engine.dispose()
    nowhere = urlsplit(postgres_url)._replace(path="/nowhere").geturl()
    source = {
        "name": "shop", "connector": "sql", "url": postgres_url,
        "tables": [{"name": "people", "entity": "contact", "table": "members", "key": ["mail"], "columns": {"email": "mail"}}],
    }  # fmt: skip
    company = TestCompany(tmp_path, [source]).company
    found = list(doctor_reach.connections(company))

    assert [(one.level, one.what) for one in found] == [("ok", "source shop")]
    assert reach.postgres(postgres_url, "members").state == "ok"
    assert reach.postgres(postgres_url, "strangers").state == "wrong"
    assert reach.postgres(nowhere, None).state == "wrong"
