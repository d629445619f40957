"""Exports to a file: the whole set or the old one, nothing between, and no write without a change."""

import csv
import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import UsageError
from pipelines.exports import DestinationSpec
from pipelines.exports.destinations.file import restored
from tests.dying import dying_at
from tests.exports_fake import FILE_SYNC, csv_file, run, say


def rows_of(path: Path) -> list[dict[str, str]]:
    """The CSV as a spreadsheet would read it."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_file_is_the_lawful_set_with_a_manifest(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Rows without a basis are absent; number of rows and SHA-256 are those of the file."""
    say(con, "c00002", "denied")
    target = tmp_path / "out" / "people.csv"
    result = run(con, csv_file(target), FILE_SYNC)
    manifest = json.loads((tmp_path / "out" / "people.csv.manifest.json").read_text())

    assert (result.exit_code, result.syncs[0].acked) == (0, 11)
    assert [row["customer_id"] for row in rows_of(target)] == [f"c{n:05d}" for n in range(12) if n != 2]
    assert rows_of(target)[1] == {
        "customer_id": "c00001",
        "email": "p1@example.com",
        "first_name": "Name 1",
        "revenue": "1.25",
    }
    assert manifest["rows"] == 11
    assert manifest["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert sorted(path.name for path in target.parent.iterdir()) == ["people.csv", "people.csv.manifest.json"]


def test_an_unchanged_set_is_not_written_again(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The very same file stays, down to its inode; so does the manifest."""
    target = tmp_path / "people.csv"
    run(con, csv_file(target), FILE_SYNC)
    before = [path.stat() for path in sorted(tmp_path.iterdir())]
    result = run(con, csv_file(target), FILE_SYNC, run_id="r2")
    after = [path.stat() for path in sorted(tmp_path.iterdir())]

    assert result.syncs[0].status == "unchanged"
    assert [(s.st_ino, s.st_mtime_ns) for s in before] == [(s.st_ino, s.st_mtime_ns) for s in after]


def test_change_withdrawal_and_departure_are_one_new_file(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """The deliveries name the three operations; the file has the new set."""
    target = tmp_path / "people.csv"
    run(con, csv_file(target), FILE_SYNC)
    say(con, "c00001", "withdrawn")
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00002'")
    con.execute("update activation.sync_hook_people set first_name = 'New' where customer_id = 'c00003'")
    run(con, csv_file(target), FILE_SYNC, run_id="r2")
    sent = con.execute(
        "select key, operation, status from exports.deliveries where run_id = 'r2' order by key"
    ).fetchall()

    assert sent == [
        ("c00001", "remove", "acked"),
        ("c00002", "remove", "acked"),
        ("c00003", "upsert", "acked"),
    ]
    assert len(rows_of(target)) == 10
    assert rows_of(target)[1]["first_name"] == "New"


@pytest.mark.parametrize("damage", ["delete", "edit"])
def test_a_lost_or_edited_file_is_put_right(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, damage: str
) -> None:
    """The file is a state, not a message: what somebody changed in it is replaced by the set."""
    target = tmp_path / "people.csv"
    run(con, csv_file(target), FILE_SYNC)
    good = target.read_bytes()
    target.unlink() if damage == "delete" else target.write_text("edited")
    result = run(con, csv_file(target), FILE_SYNC, run_id="r2")

    assert (result.exit_code, result.syncs[0].status) == (0, "sent")
    assert target.read_bytes() == good


def test_an_upsert_file_holds_the_model_too(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A file is rewritten whole, so rows that left the model cannot stay in it; the ledger agrees."""
    target = tmp_path / "people.jsonl"
    sync = replace(FILE_SYNC, mode="upsert")
    run(con, csv_file(target), sync)
    con.execute("delete from activation.sync_hook_people where customer_id = 'c00000'")
    result = run(con, csv_file(target), sync, run_id="r2")
    rows = [json.loads(line) for line in target.read_text().splitlines()]

    assert result.syncs[0].removed == 1
    assert len(rows) == 11
    assert rows[0] == {
        "customer_id": "c00001",
        "email": "p1@example.com",
        "first_name": "Name 1",
        "revenue": 1.25,
    }


def test_a_merge_rewrites_the_id_without_a_delivery(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Nothing about the person changed, but a column of the file did."""
    target = tmp_path / "people.csv"
    sync = replace(FILE_SYNC, columns=("customer_id", "first_name"))
    run(con, csv_file(target), sync)
    con.execute("insert into marts.customer_redirects values ('c00008', 'c99999')")
    for table in ("activation.sync_hook_people", "marts.consents"):
        con.execute(f"update {table} set customer_id = 'c99999' where customer_id = 'c00008'")
    run(con, csv_file(target), sync, run_id="r2")
    sent = con.execute("select count(*) from exports.deliveries where run_id = 'r2'").fetchall()

    assert rows_of(target)[-1] == {"customer_id": "c99999", "first_name": "Name 8"}
    assert sent == [(0,)]


def test_a_folder_that_cannot_be_written_keeps_the_old_file(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Exit 4; rows stay pending and go out once the folder can be written again."""
    blocker = tmp_path / "out"
    blocker.write_text("a file where the folder should be")
    target = blocker / "people.csv"
    failed = run(con, csv_file(target), FILE_SYNC)
    blocker.unlink()
    cured = run(con, csv_file(target), FILE_SYNC, run_id="r2")

    assert (failed.exit_code, failed.syncs[0].status, failed.syncs[0].unanswered) == (4, "failed", 12)
    assert "could not write" in str(failed.syncs[0].reason)
    assert (cured.exit_code, cured.syncs[0].retried, len(rows_of(target))) == (0, 12, 12)


@pytest.mark.parametrize("point", ["export.pending", "export.sent", "export.acked"])
def test_a_failure_at_any_point_is_made_good(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """The next run ends in the same file and the same deliveries as an undisturbed one."""
    target = tmp_path / "people.csv"
    with dying_at(monkeypatch, point):
        run(con, csv_file(target), FILE_SYNC)
    result = run(con, csv_file(target), FILE_SYNC, run_id="r2")
    deliveries = con.execute("select count(*), min(status), max(status) from exports.deliveries").fetchall()
    statuses = con.execute("select run_id, status from exports.runs order by run_id").fetchall()

    assert result.exit_code == 0
    assert len(rows_of(target)) == 12
    assert deliveries == [(12, "acked", "acked")]
    assert statuses[0] == ("r1", "interrupted")


def test_two_syncs_may_not_write_one_file(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """They would overwrite each other in every run; `{sync}` in the path keeps them apart."""
    other = replace(FILE_SYNC, name="sync_file_others")
    with pytest.raises(UsageError, match="write the same file"):
        run(con, csv_file(tmp_path / "people.csv"), FILE_SYNC, other)
    run(con, csv_file(tmp_path / "{sync}.csv"), FILE_SYNC, other)

    assert {path.name for path in tmp_path.glob("*.csv")} == {"sync_file_people.csv", "sync_file_others.csv"}


def test_formula_cells_are_text_and_everything_survives_the_trip(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """A name that begins like a formula gets a quote; quotes, commas and line breaks survive."""
    names = [
        "=1+1",
        "+84 90",
        "-2",
        "@cmd",
        "\tx",
        "\rx",
        'a "b", c',
        "two\nlines",
        "Nguyễn",
        "'=1",
        " =1",
        '"=1',
    ]
    for n, name in enumerate(names):
        con.execute(
            "update activation.sync_hook_people set first_name = ?, revenue = -5 where customer_id = ?",
            [name, f"c{n:05d}"],
        )
    run(con, csv_file(tmp_path / "people.csv"), FILE_SYNC)
    kept = {
        "list": DestinationSpec("list", "file", {"path": str(tmp_path / "k.csv"), "formula_cells": "keep"})
    }
    run(con, kept, replace(FILE_SYNC, name="sync_file_kept"))
    written = rows_of(tmp_path / "people.csv")

    expected = [name if n in (6, 7, 8) else f"'{name}" for n, name in enumerate(names)]
    assert [row["first_name"] for row in written] == expected
    assert [restored(row["first_name"]) for row in written] == names
    assert written[0]["revenue"] == "-5.00"
    assert [row["first_name"] for row in rows_of(tmp_path / "k.csv")] == names


def test_parquet_keeps_types_and_cells(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """No spreadsheet runs it, so nothing is quoted; decimals stay decimals."""
    target = tmp_path / "people.parquet"
    con.execute("update activation.sync_hook_people set first_name = '=1+1' where customer_id = 'c00000'")
    run(con, csv_file(target), FILE_SYNC)
    first = con.execute(f"select * from '{target}' order by customer_id limit 1").fetchall()
    kinds = con.execute(f"describe select revenue from '{target}'").fetchall()
    manifest = json.loads((tmp_path / "people.parquet.manifest.json").read_text())

    assert first == [("c00000", "p0@example.com", "=1+1", Decimal("0.00"))]
    assert kinds[0][1] == "DECIMAL(18,2)"
    assert (manifest["rows"], manifest["sha256"]) == (12, hashlib.sha256(target.read_bytes()).hexdigest())


def test_others_cannot_read_a_file_unless_somebody_lets_them(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """0640 from the first moment; what an operator sets is kept when the file is replaced."""
    target = tmp_path / "people.csv"
    run(con, csv_file(target), FILE_SYNC)
    new = [path.stat().st_mode & 0o777 for path in sorted(tmp_path.iterdir())]
    target.chmod(0o600)
    say(con, "c00001", "withdrawn")
    run(con, csv_file(target), FILE_SYNC, run_id="r2")

    assert new == [0o640, 0o640]
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_a_kill_left_half_written_is_deleted(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Also when the set is unchanged and nothing else would touch it: it holds personal data."""
    run(con, csv_file(tmp_path / "people.csv"), FILE_SYNC)
    (tmp_path / ".people.csv.tmp").write_text("c00001,p1@exam")
    result = run(con, csv_file(tmp_path / "people.csv"), FILE_SYNC, run_id="r2")

    assert result.syncs[0].status == "unchanged"
    assert not (tmp_path / ".people.csv.tmp").exists()
