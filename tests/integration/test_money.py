"""Amounts and currencies from files to typed columns: what is read, what is quarantined and why."""

from pathlib import Path
from typing import Any

from tests.companies import TestCompany

TABLE: dict[str, Any] = {
    "name": "orders", "entity": "order", "path": "data/orders.csv", "key": ["id"],
    "columns": {"order_id": "id", "ordered_at": "at", "gross_amount": "amount", "currency": "cur"},
}  # fmt: skip
STAGED = ("+stg_orders", "+quarantine_rows")


def company(
    folder: Path, tables: list[dict[str, Any]], rows: dict[str, list[str]], **source: str
) -> TestCompany:
    """A shop with these order files, built up to staging."""
    made = TestCompany(
        folder,
        [{"name": "shop", "connector": "files", "tables": tables, **source}],
        settings={"reporting": {"currency": "VND"}},
        select=STAGED,
    )
    for name, lines in rows.items():
        made.csv(name, "id;at;amount;cur", *lines)
    made.load()
    made.build_only()
    return made


def test_amounts_that_may_be_two_numbers_are_quarantined_and_say_how_to_decide(tmp_path: Path) -> None:
    """`1,234` is never guessed; with `decimal` declared it is read, and what does not fit is refused."""
    other = {
        **TABLE,
        "name": "german",
        "path": "data/german.csv",
        "decimal": ",",
        "columns": {**TABLE["columns"]},
    }
    lines = [
        "1;2026-01-01;1,234;EUR",
        "2;2026-01-01;1.234,56;EUR",
        "3;2026-01-01;1.234;EUR",
        "4;2026-01-01;12.50;EUR",
    ]
    made = company(
        tmp_path, [TABLE, other], {"data/orders.csv": lines, "data/german.csv": lines}, delimiter=";"
    )

    assert made.rows("select source_table, order_id, cast(gross_amount as varchar) from staging.stg_orders order by 1, 2") == [
        ("german", "1", "1.23"), ("german", "2", "1234.56"), ("german", "3", "1234.00"),
        ("orders", "2", "1234.56"), ("orders", "4", "12.50"),
    ]  # fmt: skip
    told = "ambiguous money in gross_amount: one sign before three digits; declare `decimal` for the source"
    assert made.rows("select source_table, position, reason from quarantine.rows order by 1, 2") == [
        ("german", 5, "unreadable money in gross_amount"), ("orders", 2, told), ("orders", 4, told),
    ]  # fmt: skip


def test_a_currency_beside_the_amount_is_the_rows_or_the_row_is_refused(tmp_path: Path) -> None:
    """A sign names the currency, fits the row's column, or contradicts it; an unknown code is no currency."""
    free = {**TABLE, "name": "free", "path": "data/free.csv"}
    free["columns"] = {name: raw for name, raw in TABLE["columns"].items() if name != "currency"}
    at = "2026-01-01"
    made = company(
        tmp_path,
        [TABLE, free],
        {
            "data/orders.csv": [f"1;{at};€ 5,50;EUR", f"2;{at};5.50;eur", f"3;{at};$5.50;CAD", f"4;{at};$5.50;VND", f"5;{at};5.50;DOLLAR", f"6;{at};5;"],
            "data/free.csv": [f"1;{at};₫120.000;", f"2;{at};€ 5,50;", f"3;{at};5.50;", f"4;{at};$5.50;"],
        },
        delimiter=";",
    )  # fmt: skip

    assert made.rows(
        "select source_table, order_id, cast(gross_amount as varchar), currency from staging.stg_orders order by 1, 2"
    ) == [
        ("free", "1", "120000.00", "VND"), ("free", "2", "5.50", "EUR"), ("free", "3", "5.50", "VND"),
        ("orders", "1", "5.50", "EUR"), ("orders", "2", "5.50", "EUR"), ("orders", "3", "5.50", "CAD"), ("orders", "6", "5.00", "VND"),
    ]  # fmt: skip
    assert made.rows("select source_table, position, reason from quarantine.rows order by 1, 2") == [
        ("free", 5, "another currency in gross_amount than the row has"),
        ("orders", 5, "another currency in gross_amount than the row has"),
        ("orders", 6, "unknown currency in currency"),
    ]
