"""Each raw row is judged once: versions, duplicates, late and repeated deliveries, bad rows; nothing is lost."""

import os
from pathlib import Path

import pytest

from pipelines import dlt_home
from pipelines.errors import CdpError, UsageError
from pipelines.specs import LoadSpec, SourceSpec
from tests.companies import CONTACTS, EVENTS, ORDERS, TestCompany, of_staging

HEADER = "order,at,amount,status,email,contact,changed"


@pytest.fixture
def shop(tmp_path: Path) -> TestCompany:
    """A company with one table of orders that change."""
    return of_staging(
        tmp_path / "shop", [{"name": "shop", "connector": "files", "tables": [ORDERS]}], "stg_orders"
    )


def statuses(company: TestCompany) -> list[tuple[str, str]]:
    """File and status of every raw row, in delivery order."""
    return company.rows("select file, status from staging.stg_rows order by load_seq, file, position")


def current(company: TestCompany) -> list[tuple[str, str]]:
    """The current version of each order."""
    return company.rows("select order_id, status from staging.stg_orders order by 1")


def conserved(company: TestCompany) -> bool:
    """Law 1, exactly, for every load."""
    wrong = company.rows(
        "select * from ops.load_counts where received <> loaded + duplicates + quarantined + suppressed"
    )
    return wrong == []


def test_versions_follow_updated_at_and_a_then_b_then_a_is_three_versions(shop: TestCompany) -> None:
    """A late older version is kept but not current; going back to an old content is a new version."""
    shop.csv("data/orders1.csv", HEADER, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02")
    shop.load_and_build()
    shop.csv("data/orders2.csv", HEADER, "o1,2026-01-01,10.00,b,x@x.io,1,2026-01-03")
    shop.load_and_build()
    shop.csv("data/orders3.csv", HEADER, "o1,2026-01-01,10.00,late,x@x.io,1,2026-01-01")
    shop.load_and_build()
    assert current(shop) == [("o1", "b")]
    shop.csv("data/orders4.csv", HEADER, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-04")
    shop.load_and_build()

    assert [status for _, status in statuses(shop)] == ["loaded"] * 4
    assert current(shop) == [("o1", "a")]
    assert conserved(shop)


def test_the_same_content_again_is_a_duplicate_of_the_version_held(shop: TestCompany) -> None:
    """Re-delivery changes nothing and is counted."""
    row = "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02"
    shop.csv("data/orders1.csv", HEADER, row, row)
    shop.load_and_build()
    shop.csv("data/orders2.csv", HEADER, row, "o2,2026-01-01,1.00,a,,,2026-01-02")
    shop.load_and_build()

    assert [status for _, status in statuses(shop)] == ["loaded", "duplicate", "duplicate", "loaded"]
    assert conserved(shop)


def test_bad_rows_are_quarantined_with_file_line_and_reason(shop: TestCompany) -> None:
    """What cannot be used is listed where it stands, and the good rows beside it go on."""
    shop.csv(
        "data/orders1.csv",
        HEADER,
        "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02",
        "o2,yesterday,10.00,a,x@x.io,1,2026-01-02",
        "o3,2026-01-01,10.00",
        ",2026-01-01,10.00,a,x@x.io,1,2026-01-02",
        "o5,2026-01-01,ten,a,x@x.io,1,2026-01-02",
        "o6,,1.00,a,x@x.io,1,2026-01-02",
        "o7,2026-01-01,1.00,a,x@x.io,1,never",
    )
    shop.load_and_build()

    found = shop.rows("select position, reason from quarantine.rows order by position")
    assert found == [
        (3, "unreadable timestamp in ordered_at"),
        (4, "broken csv line: missing columns"),
        (5, "no key: order is empty"),
        (6, "unreadable money in gross_amount"),
        (7, "no ordered_at"),
        (8, "unreadable timestamp in updated_at"),
    ]
    assert current(shop) == [("o1", "a")]
    assert conserved(shop)
    assert shop.rows("select count(*) from quarantine.rows where raw is null") == [(0,)]


def test_a_second_load_with_nothing_new_does_no_work(shop: TestCompany) -> None:
    """`cdp load` again reads no file and adds no row."""
    shop.csv("data/orders1.csv", HEADER, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02")
    shop.load_and_build()
    again = shop.load()

    assert [(one.files, one.received, one.error) for one in again] == [(0, {}, None)]
    assert shop.build().loads == 0
    assert len(statuses(shop)) == 1


def test_a_deleted_record_leaves_staging_and_comes_back(tmp_path: Path) -> None:
    """Soft deletes are versions: the newest decides."""
    table = {**ORDERS, "deleted_at": "gone", "columns": {**ORDERS["columns"]}}  # type: ignore[dict-item]
    shop = of_staging(
        tmp_path / "c", [{"name": "shop", "connector": "files", "tables": [table]}], "stg_orders"
    )
    header = HEADER + ",gone"
    shop.csv("data/orders1.csv", header, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02,")
    shop.load_and_build()
    shop.csv("data/orders2.csv", header, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-03,2026-01-03")
    shop.load_and_build()
    assert current(shop) == []
    shop.csv("data/orders3.csv", header, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-04,")
    shop.load_and_build()

    assert current(shop) == [("o1", "a")]
    assert conserved(shop)


def test_a_table_without_key_keeps_repeats_in_a_file_and_refuses_them_across_files(tmp_path: Path) -> None:
    """Two equal lines are two facts; the same file again is not."""
    table = {
        "name": "changes",
        "entity": "stage_change",
        "path": "data/c*.csv",
        "columns": {
            "subject_type": {"value": "ticket"},
            "subject_id": "case",
            "stage": "stage",
            "changed_at": "at",
        },
    }
    desk = of_staging(
        tmp_path / "c", [{"name": "desk", "connector": "files", "tables": [table]}], "stg_stage_changes"
    )
    rows = ["1,open,2026-01-01", "1,open,2026-01-01", "2,open,2026-01-02"]
    desk.csv("data/c1.csv", "case,stage,at", *rows)
    desk.load_and_build()
    desk.csv("data/c2.csv", "case,stage,at", *rows, "1,open,2026-01-01")
    desk.load_and_build()

    assert [status for _, status in statuses(desk)] == ["loaded"] * 3 + ["duplicate"] * 3 + ["loaded"]
    assert desk.rows("select count(*) from staging.stg_stage_changes") == [(4,)]
    assert conserved(desk)


def test_reordered_and_new_columns_do_not_make_new_versions(tmp_path: Path) -> None:
    """A source that moves its columns re-delivers the same rows: duplicates; a new column is kept in raw."""
    crm = of_staging(tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}])
    crm.csv("data/contacts1.csv", "id,email,phone,first,last", "1,a@x.io,,Ada,L")
    crm.load_and_build()
    crm.csv("data/contacts2.csv", "last,first,phone,email,id", "L,Ada,,a@x.io,1")
    crm.load_and_build()
    crm.csv("data/contacts3.csv", "id,email,phone,first,last,shoe", "1,a@x.io,,Ada,L,42")
    crm.load_and_build()

    assert [status for _, status in statuses(crm)] == ["loaded", "duplicate", "loaded"]
    assert crm.rows("select shoe from raw_crm.contacts where shoe is not null") == [("42",)]


def test_columns_with_quotes_and_line_breaks_in_their_names_are_read(tmp_path: Path) -> None:
    """Excel headers hold line breaks, French ones apostrophes; the mapping names them as the file does."""
    table = CONTACTS | {
        "key": ["Member's no"],
        "columns": {"email": "E\nMail", "last_name": 'Name "now"', "tier": {"column": "it's", "pii": False}},
    }
    crm = of_staging(
        tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [table]}], "stg_contacts"
    )
    crm.csv("data/contacts1.csv", '"Member\'s no","E\nMail","Name ""now""",it\'s', "1,a@x.io,Ada,gold")
    crm.load_and_build()

    assert crm.rows("select record_id, email, last_name, attributes from staging.stg_contacts") == [
        ("crm.contacts:1", "a@x.io", "Ada", '{"tier":"gold"}')
    ]


@pytest.mark.parametrize("portions", [1, 2])
def test_the_mapped_spelling_has_its_column(tmp_path: Path, portions: int) -> None:
    """Of `Email` and `email` the mapping means one, in whatever order the files come."""
    crm = of_staging(
        tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}], "stg_contacts"
    )
    crm.csv("data/contacts1.csv", "id,email,phone,first,last", "1,one@x.io,,Ada,L")
    if portions == 2:
        crm.load_and_build()
    crm.csv("data/contacts2.csv", "id,Email,email,phone,first,last", "2,wrong@x.io,two@x.io,,Bo,M")
    crm.csv("data/contacts3.csv", "id,Email,phone,first,last", "3,three@x.io,,Cy,N")
    crm.load_and_build()

    assert crm.rows("select email from staging.stg_contacts order by record_id") == [
        ("one@x.io",),
        ("two@x.io",),
        ("three@x.io",),
    ]


def test_a_wrong_column_in_the_mapping_stops_before_anything_is_loaded(tmp_path: Path) -> None:
    """A configuration error names the file, the column and what there is (exit 2)."""
    crm = of_staging(tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}])
    crm.csv("data/contacts1.csv", "id,mail,phone,first,last", "1,a@x.io,,Ada,L")

    with pytest.raises(UsageError, match=r"contacts1.csv has no column `email`; it has `first`, `id`"):
        crm.load()


def test_a_vanished_column_stops_its_source_only(tmp_path: Path) -> None:
    """A delivery that lost a mapped column is not read as nulls; other sources go on."""
    crm = of_staging(tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}, EVENTS])
    crm.csv("data/contacts1.csv", "id,email,phone,first,last", "1,a@x.io,,Ada,L")
    crm.jsonl(
        "spool/a.jsonl",
        {"messageId": "m1", "type": "track", "event": "E", "timestamp": "2026-01-01T00:00:00Z"},
    )
    crm.load()
    crm.csv("data/contacts2.csv", "id,phone,first,last", "2,,Bob,M")
    crm.jsonl(
        "spool/b.jsonl",
        {"messageId": "m2", "type": "track", "event": "E", "timestamp": "2026-01-02T00:00:00Z"},
    )
    loads = {one.source: one for one in crm.load()}

    assert isinstance(loads["crm"].error, CdpError)
    assert "earlier deliveries had it" in str(loads["crm"].error)
    assert loads["web"].received == {"events": 1}


def test_missing_and_empty_files_say_so(tmp_path: Path) -> None:
    """No file at all, and a file without even a header, are told apart."""
    crm = of_staging(tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}])
    missing = crm.load()[0].error
    (tmp_path / "c" / "data").mkdir()
    (tmp_path / "c" / "data" / "contacts1.csv").write_text("")
    empty = crm.load()[0].error

    assert missing is not None
    assert "no file matches data/contacts*.csv" in str(missing)
    assert empty is not None
    assert "the file is empty" in str(empty)


def test_events_are_kept_once_by_message_id(tmp_path: Path) -> None:
    """Trackers send again: the first delivery of a message stands, whatever comes later under its id."""
    web = of_staging(tmp_path / "c", [EVENTS], "stg_events")
    one = {
        "messageId": "m1",
        "type": "track",
        "event": "A",
        "timestamp": "2026-01-01T00:00:00Z",
        "userId": "u1",
    }
    web.jsonl("spool/a.jsonl", one, one, "{broken", "[1]", {**one, "messageId": ""})
    web.load_and_build()
    web.jsonl("spool/b.jsonl", {**one, "event": "B"})
    web.load_and_build()

    assert web.rows("select event_name from staging.stg_events") == [("A",)]
    assert web.rows("select status, count(*) from staging.stg_rows group by 1 order by 1") == [
        ("duplicate", 2),
        ("loaded", 1),
        ("quarantined", 3),
    ]
    assert conserved(web)


def test_a_full_refresh_judges_every_row_as_the_runs_did(shop: TestCompany) -> None:
    """Law 2 at the bottom: status depends on the order of delivery only."""
    for number, (status, changed) in enumerate(
        [("a", 2), ("a", 2), ("b", 5), ("late", 1), ("b", 5), ("a", 6)]
    ):
        shop.csv(
            f"data/orders{number}.csv", HEADER, f"o1,2026-01-01,1.00,{status},x@x.io,1,2026-01-0{changed}"
        )
        shop.load_and_build()
    before = statuses(shop), current(shop)
    shop.build(full_refresh=True)

    assert (statuses(shop), current(shop)) == before


def test_a_file_without_a_header_does_not_leak_its_first_row(tmp_path: Path) -> None:
    """The words of a first line that is no header may be a person's: they are not repeated in the message."""
    crm = of_staging(tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}])
    crm.csv("data/contacts1.csv", "1,ada@x.io,+84912345678,Ada,Lovelace", "2,bob@x.io,,Bob,M")

    with pytest.raises(UsageError) as caught:
        crm.load()
    assert "is it a header?" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("Ada", "ada@x.io", "Lovelace"))


def test_a_pending_package_that_cannot_be_loaded_stops_its_source_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run left is taken up first; if that fails it is a source's error, and the others go on."""
    company = of_staging(
        tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}, EVENTS]
    )
    company.csv("data/contacts1.csv", "id,email,phone,first,last", "1,a@x.io,,Ada,L")
    one = {"messageId": "m1", "type": "track", "event": "E", "timestamp": "2026-01-01T00:00:00Z"}
    company.jsonl("spool/a.jsonl", one)
    pipeline = dlt_home.open_pipeline

    def broken(spec: LoadSpec, source: SourceSpec) -> object:
        if source.name == "crm":
            raise RuntimeError("the package on disk cannot be read")
        return pipeline(spec, source)

    monkeypatch.setattr(dlt_home, "has_pending", lambda spec, source: source.name == "crm")
    monkeypatch.setattr(dlt_home, "open_pipeline", broken)
    loads = {one.source: one for one in company.load()}

    assert isinstance(loads["crm"].error, CdpError)
    assert loads["crm"].drained
    assert loads["web"].received == {"events": 1}


def test_a_grant_names_its_purpose_a_refusal_need_not(tmp_path: Path) -> None:
    """Nobody agrees to everything; whoever refuses everything is taken at their word."""
    columns = {"email": "mail", "channel": "on", "purpose": "for", "state": "said", "occurred_at": "at"}
    table = {"name": "consents", "entity": "consent", "path": "c.csv", "key": ["id"], "columns": columns}
    made = of_staging(
        tmp_path, [{"name": "crm", "connector": "files", "tables": [table]}], "stg_crm__consents"
    )
    made.csv(
        "c.csv",
        "id,mail,on,for,said,at",
        "1,a@x.io,email,news,granted,2026-01-01",
        "2,a@x.io,email,,Granted,2026-01-01",
        "3,a@x.io,,news,granted,2026-01-01",
        "4,a@x.io,,,Objected,2026-01-01",
    )
    made.load_and_build()

    assert made.rows("select position, reason from quarantine.rows order by 1") == [
        (3, "no purpose"),
        (4, "no channel"),
    ]
    assert made.rows("select record_key, state from staging.stg_crm__consents order by 1") == [
        ("1", "granted"),
        ("4", "objected"),
    ]


def test_a_touched_file_is_not_read_again_and_changed_content_is(shop: TestCompany) -> None:
    """A file is known by its content when its time has moved; equal size alone does not make it known."""
    path = shop.csv("data/orders1.csv", HEADER, "o1,2026-01-01,10.00,a,x@x.io,1,2026-01-02")
    first = shop.load()
    os.utime(path, ns=(1, 1))
    touched = shop.load()
    size = path.stat().st_size
    shop.csv("data/orders1.csv", HEADER, "o1,2026-01-01,10.00,b,x@x.io,1,2026-01-02")
    assert path.stat().st_size == size
    changed = shop.load()

    assert [one.received for load in (first, touched, changed) for one in load] == [
        {"orders": 1},
        {},
        {"orders": 1},
    ]
