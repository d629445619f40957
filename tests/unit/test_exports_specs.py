"""Specs, hashes, reasons and exit codes of the exports: the small decisions, one by one."""

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UsageError
from pipelines.exports import DestinationSpec, PurposeSpec, SyncResult, SyncSpec
from pipelines.exports.destinations import TYPES, check_options, modes_of
from pipelines.exports.destinations.answers import backoff, redact
from pipelines.exports.destinations.base import Operation
from pipelines.exports.destinations.file import restored, safe_cell
from pipelines.exports.destinations.generic_http import batch_key
from pipelines.exports.results import exit_code
from pipelines.exports.rows import row_hash, sent_columns
from pipelines.exports.schema import quoted_relation
from pipelines.exports.specs import check

SYNC = SyncSpec("sync_a", "activation.sync_a", "id", "mirror", "news", "email", "list")
PURPOSES = {"news": PurposeSpec("news", "consent", "email")}
DESTINATIONS = {"list": DestinationSpec("list", "file", {"path": "/tmp/list.csv"})}
RESULT = SyncResult("s", "d", "p", "mirror", "sent", None, 1, 1, 0, 0, 0, 0, 0, 0, {}, acked=1)


def hash_of(row: str, columns: list[str]) -> str:
    """Row hash of one row given as a select list."""
    return str(duckdb.sql(f"select {row_hash(SYNC, columns)} from (select {row})").fetchall()[0][0])


def test_the_row_hash_ignores_column_order_and_key() -> None:
    """Neither the order of a mapping nor a new id of the same person is a change."""
    one = hash_of("'k1' as id, 'x' as a, 'y' as b", ["id", "a", "b"])

    assert one == hash_of("'k2' as id, 'y' as b, 'x' as a", ["b", "a", "id"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("null as a, 'x' as b", "'' as a, 'x' as b"),
        ("'x|y' as a, 'z' as b", "'x' as a, 'y|z' as b"),
        ("'xy' as a, '' as b", "'x' as a, 'y' as b"),
        ("'x' as a, null as b", "null as a, 'x' as b"),
        ("1.10::decimal(9, 2) as a, 1 as b", "1.11::decimal(9, 2) as a, 1 as b"),
        (
            "12345678901234567.89::decimal(38, 2) as a, 1 as b",
            "12345678901234567.88::decimal(38, 2) as a, 1 as b",
        ),
    ],
)
def test_different_rows_have_different_hashes(one: str, other: str) -> None:
    """Nulls, separators and exact decimals are told apart."""
    assert hash_of(one, ["a", "b"]) != hash_of(other, ["a", "b"])


def test_sent_columns_are_those_named_else_all() -> None:
    """In name order, so that the hash does not depend on the model's order."""
    with duckdb.connect() as con:
        con.execute(
            "create schema activation;"
            "create table activation.sync_a (id int, email text, customer_id text, b int)"
        )

        assert sent_columns(con, SYNC) == ("b", "customer_id", "email", "id")
        assert sent_columns(con, replace(SYNC, columns=("email", "b"))) == ("b", "email")


def test_relations_are_quoted_part_by_part() -> None:
    """Dbt's own quotes are accepted, and a name cannot end the statement."""
    assert quoted_relation('"db".activation.a') == '"db"."activation"."a"'
    assert quoted_relation("x; drop table y") == '"x; drop table y"'


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+84", "'+84"),
        ("-2", "'-2"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\n=x", "'\n=x"),
        (" =x", "' =x"),
        ("\u00a0=x", "'\u00a0=x"),
        ('"=x', "'\"=x"),
        ("'=x", "'" * 2 + "=x"),
        ("'" * 2 + "=x", "'" * 3 + "=x"),
        ("\uff1dx", "'\uff1dx"),
        ("a=b", "a=b"),
        ("'twas", "'twas"),
        (" x", " x"),
        ("", ""),
        (None, None),
    ],
)
def test_cells_that_a_spreadsheet_would_run_get_a_quote(cell: str | None, expected: str | None) -> None:
    """Also behind blanks and quotes, which spreadsheets skip."""
    got = duckdb.execute(f"select {safe_cell('c')} from (select cast($1 as varchar) as c)", [cell]).fetchall()

    assert got == [(expected,)]


@settings(max_examples=300, deadline=None)
@given(
    cell=st.text(
        alphabet=st.one_of(
            st.sampled_from("=+-@'\" \t\r\n\x0b\x85\u00a0\uff1dab"),
            st.characters(codec="utf-8", exclude_characters="\0"),
        ),
        max_size=6,
    )
)
def test_the_quote_can_be_taken_off_again(cell: str) -> None:
    """Whatever the cell holds, quotes and blanks included, it comes back as it was."""
    query = f"select {safe_cell('c')} from (select cast($1 as varchar) as c)"
    ((written,),) = duckdb.execute(query, [cell]).fetchall()

    assert restored(written) == cell
    assert written[:1] not in set("=+-@\t\r\n\uff1d")


def test_all_mistakes_are_listed_at_once() -> None:
    """One run of the command shows everything there is to correct."""
    wrong = replace(SYNC, purpose="spam", destination="fax", mode="stream")  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        check([wrong, wrong], PURPOSES, DESTINATIONS)

    for part in (
        "declared twice",
        "`spam`",
        "declared: news",
        "`fax`",
        "declared: list",
        "modes: upsert, update_only",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("ftp", {}, "types: file, "),
        ("file", {}, "`path` is missing"),
        ("file", {"path": "x.xlsx"}, "formats: csv, jsonl, parquet"),
        ("file", {"path": "x.csv", "colour": 1}, "`colour` is unknown"),
        ("http", {"url": ""}, "must be an http"),
        ("http", {"url": "http://{{host}}/"}, "must be an http"),
        ("http", {"url": "http://h/", "per": "stream"}, "'batch' or 'row'"),
        ("http", {"url": "http://h/", "batch_size": 0}, "`batch_size`"),
        ("http", {"url": "http://h/", "timeout_seconds": "soon"}, "`timeout_seconds`"),
        ("http", {"url": "http://h/", "rate_limit": "fast"}, "`rate_limit`: a rate is written as"),
        ("http", {"url": "http://h/{{id}}"}, "need `per: row`"),
        ("http", {"url": "http://h/", "per": "row", "body": {"a": "{{a"}}, "braces that are no placeholder"),
        (
            "http",
            {"url": "http://h/", "per": "row", "body": {"a": "{{a | shell}}"}},
            "unknown filter `shell`",
        ),
        ("http", {"url": "http://h/", "body": {"a": 1}}, "must hold {{cdp.rows}}"),
        ("http", {"url": "http://h/", "signing_secret": "s3cr3t!"}, "must be whsec_ and base64"),
    ],
)
def test_destination_options_are_checked(kind: str, options: dict[str, object], words: str) -> None:
    """A misspelt option is a mistake, never ignored."""
    with pytest.raises(UsageError, match=words):
        check([SYNC], PURPOSES, {"list": DestinationSpec("list", kind, options)})


def test_what_cannot_be_taken_back_is_not_mirrored() -> None:
    """A withdrawal would be owed for ever; to say something once is another matter."""
    body = {"url": "http://h/", "per": "row", "body": {"text": "{{email}}"}}
    said = {"list": DestinationSpec("list", "http", body)}
    undone = {"list": DestinationSpec("list", "http", body | {"remove": {"method": "DELETE"}})}
    for mode in ("mirror", "upsert", "membership"):
        with pytest.raises(UsageError, match="cannot take a row back"):
            check([replace(SYNC, mode=mode)], PURPOSES, said)
        check([replace(SYNC, mode=mode)], PURPOSES, undone)
    check([replace(SYNC, mode="append")], PURPOSES, said)


def test_secrets_are_not_shown() -> None:
    """Options stay out of what a traceback or a log would print, and out of error messages."""
    secret = DestinationSpec("list", "http", {"url": "ftp://u:s3cr3t@h"})
    with pytest.raises(UsageError) as caught:
        check([SYNC], PURPOSES, {"list": secret})

    assert "s3cr3t" not in repr(secret) + str(caught.value)


def test_reasons_repeat_neither_people_nor_secrets() -> None:
    """What is left still tells what went wrong."""
    said = (
        "Jane Roe <jane@x.io>, +84 90 123-4567: field `phone` too long, token abcdef123 at hooks.example.com"
    )
    reason = redact(said, "https://hooks.example.com/in?key=abcdef123 Bearer zzz", ["Jane Roe", 3, None])

    assert reason == "*** *** ***: field `phone` too long, token *** at ***"
    assert len(redact("x" * 999, "", [])) == 200


def test_the_pause_grows_without_advice() -> None:
    """Jitter stays between half of the pause and the whole of it."""
    assert all(0.25 <= backoff(0) <= 0.5 for _ in range(20))
    assert all(2.0 <= backoff(3) <= 4.0 for _ in range(20))
    assert all(backoff(2000) <= 30.0 for _ in range(20))


def test_a_batch_key_depends_on_members_and_order() -> None:
    """The same members give the same key; one member less is another request."""
    first, second = (Operation(key, key, "upsert", f"idem-{key}", "{}") for key in "ab")

    assert batch_key([first, second]) == batch_key([first, second])
    assert len({batch_key([first, second]), batch_key([second, first]), batch_key([first])}) == 3


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        (["unchanged", "sent"], 0),
        (["blocked"], 3),
        (["blocked", "unchanged"], 3),
        (["blocked", "blocked"], 3),
        (["blocked", "sent"], 4),
        (["partial", "sent"], 4),
        (["failed"], 4),
        (["blocked", "failed"], 4),
    ],
)
def test_exit_codes(statuses: list[str], code: int) -> None:
    """3 only if a guard held everything that was due."""
    syncs = [replace(RESULT, status=status) for status in statuses]  # type: ignore[arg-type]

    assert exit_code(syncs) == code


def test_every_example_of_the_documentation_is_valid() -> None:
    """Each type is shown, and what is shown can be copied."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "destinations.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    declared = {name: one for block in shown for name, one in block.get("destinations", {}).items()}
    syncs = [one["config"]["meta"]["sync"] for block in shown for one in block.get("exposures", [])]

    assert {one["type"] for one in declared.values()} == set(TYPES)
    for name, one in declared.items():
        options = {key: value for key, value in one.items() if key != "type"}
        assert check_options(one["type"], options) == [], name
    for sync in syncs:
        assert sync["mode"] in modes_of(declared[sync["destination"]]["type"])
