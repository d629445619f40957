"""The simulated company keeps its promises: same bytes, complete truth, counted mistakes, visible effects."""

import csv
import hashlib
import io
import json
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.config import load_company
from cli.config_sources import ColumnMap
from demo.effects import Effects, effects_text
from demo.generate import HERE, generate, main
from demo.world import DELIVERIES

Row = dict[str, Any]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company of 300 people, the size other tests use."""
    folder = tmp_path_factory.mktemp("small")
    generate(folder, people=300)
    return folder


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company large enough for effects to stand out of the noise."""
    folder = tmp_path_factory.mktemp("large")
    generate(folder, people=5000)
    return folder


def lines_of(folder: Path, stem: str) -> list[str]:
    """All lines of a table, headers left out."""
    lines: list[str] = []
    for path in sorted(folder.glob(f"{stem}_*")):
        found = path.read_text(encoding="utf-8").splitlines()
        lines += found[1:] if path.suffix == ".csv" else found
    return lines


def rows_of(folder: Path, stem: str) -> list[Row]:
    """All readable rows of a table, planted broken lines left out."""
    rows: list[Row] = []
    for path in sorted(folder.glob(f"{stem}_*")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".csv":
            rows += [row for row in csv.DictReader(io.StringIO(text)) if None not in row]
        else:
            rows += [row for line in text.splitlines() if (row := parsed(line)) is not None]
    return rows


def parsed(line: str) -> Row | None:
    """A JSON line, or nothing when it is broken."""
    try:
        row: Row = json.loads(line)
    except json.JSONDecodeError:
        return None
    return row


def truth_of(folder: Path, name: str) -> list[Row]:
    """A file of the truth folder."""
    with (folder / "truth" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    """Digest of every generated file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for top in ("data", "spool", "truth")
        for path in sorted((folder / top).rglob("*"))
        if path.is_file()
    }


def person_records(folder: Path) -> set[str]:
    """Every record in the sources that describes a person, straight from the files."""
    contacts = rows_of(folder, "data/crm/contacts")
    return (
        {f"crm.contacts:{row['Record ID']}" for row in contacts if row["Record ID"]}
        | {f"shop_north.accounts:{row['account_id']}" for row in rows_of(folder, "data/shop_north/accounts")}
        | {f"shop_south.accounts:{row['account_id']}" for row in rows_of(folder, "data/shop_south/accounts")}
        | {
            f"shop_south.north_cards:{row['account_id']}"
            for row in rows_of(folder, "data/shop_south/north_cards")
        }
    )


def mean(values: list[float]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)


def test_the_same_seed_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    """Every test and every published number of the demo rests on this."""
    generate(tmp_path / "same", people=300)
    generate(tmp_path / "other", people=300, seed=8)

    assert digests(tmp_path / "same") == digests(small)
    assert digests(tmp_path / "other") != digests(small)


def test_generating_again_touches_no_file(tmp_path: Path) -> None:
    """A loader that looks at size and time must see nothing new."""
    generate(tmp_path, people=300)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    generate(tmp_path, people=300)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_small_company_has_every_table_of_its_configuration(small: Path) -> None:
    """A pattern in cdp.yml that matches nothing would be an error of the first run."""
    company = load_company(small / "cdp.yml")
    patterns = [table.path for source in company.sources for table in source.tables]

    assert len(patterns) == 27
    assert [pattern for pattern in patterns if not pattern or not list(small.glob(pattern))] == []


def test_mapped_columns_exist_in_the_files(small: Path) -> None:
    """The mapping and the generator are written apart; this keeps them together."""
    company = load_company(small / "cdp.yml")
    missing = []
    for source in (one for one in company.sources if one.connector == "files"):
        for table in source.tables:
            delivered: set[str] = set()
            for row in rows_of(small, str(table.path).split("_*")[0]):
                delivered |= set(row)
            mapped: list[str | None] = [*table.key, table.updated_at, *table.questions.values()]
            for value in table.columns.values():
                single = value.column if isinstance(value, ColumnMap) else value
                mapped.extend(single if isinstance(single, list) else filter(None, [single]))
            names = (name for name in mapped if name and name.split(".")[0] not in delivered)
            missing += [f"{table.name}.{name}" for name in names]

    assert missing == []


@pytest.mark.parametrize("company", ["small", "large"])
def test_truth_covers_every_person_record_and_nothing_else(
    company: str, request: pytest.FixtureRequest
) -> None:
    """Precision and recall are measured against this file alone."""
    folder: Path = request.getfixturevalue(company)
    truth = [row["record_id"] for row in truth_of(folder, "persons.csv")]

    assert len(truth) == len(set(truth))
    assert set(truth) == person_records(folder)


def test_people_have_duplicates_inside_and_across_sources(large: Path) -> None:
    """Without them identity resolution has nothing to do."""
    records: dict[str, list[str]] = defaultdict(list)
    for row in truth_of(large, "persons.csv"):
        records[row["person_id"]].append(row["record_id"].split(":")[0])
    crm_twice = sum(tables.count("crm.contacts") > 1 for tables in records.values())
    across = sum(len(set(tables)) > 1 for tables in records.values())

    assert 0.08 < crm_twice / 5000 < 0.13
    assert across > 2500


def test_some_true_pairs_share_no_identifier(large: Path) -> None:
    """Recall of exact links must stay below one, or the evaluation would flatter."""
    person = {row["record_id"]: row["person_id"] for row in truth_of(large, "persons.csv")}
    points: dict[str, list[set[str]]] = defaultdict(list)
    for row in {
        row["Record ID"]: row for row in rows_of(large, "data/crm/contacts") if row["Record ID"]
    }.values():
        digits = "".join(filter(str.isdigit, row["Phone Number"]))[-9:]
        owner = person[f"crm.contacts:{row['Record ID']}"]
        points[owner].append({row["Email"].lower(), digits} - {""})
    apart = [sets for sets in points.values() if len(sets) == 2 and not sets[0] & sets[1]]

    assert len(apart) > 50


@pytest.mark.parametrize("company", ["small", "large"])
def test_broken_rows_are_where_the_truth_says(company: str, request: pytest.FixtureRequest) -> None:
    """Quarantine is checked against these counts, so they must be of the files and not of the plan."""
    folder: Path = request.getfixturevalue(company)
    planted: dict[str, dict[str, int]] = defaultdict(dict)
    for row in truth_of(folder, "planted.csv"):
        planted[row["file"]][row["kind"]] = int(row["count"])

    found: dict[str, dict[str, int]] = {}
    for name in truth_of(folder, "files.csv"):
        counts = broken_in(folder / name["file"])
        if counts:
            found[name["file"]] = counts
    assert found == planted
    kinds = {kind for counts in planted.values() for kind in counts}
    assert kinds == {"ragged_line", "broken_json", "unparseable_date", "missing_key", "score_out_of_scale"}


def broken_in(path: Path) -> dict[str, int]:
    """Count what is broken in a file, by looking at it."""
    text = path.read_text(encoding="utf-8")
    counts: Counter[str] = Counter()
    if path.suffix == ".csv":
        for row in csv.DictReader(io.StringIO(text)):
            ragged = None in row
            values = [str(value) for key, value in row.items() if key]
            first = next(iter(row.values()))
            counts["ragged_line"] += ragged
            counts["missing_key"] += not ragged and not first
            bad = {"31 Feb 19xx", "31/02/2026 25:61", "soon"} & set(values)
            counts["unparseable_date"] += bool(bad)
            counts["score_out_of_scale"] += row.get("nps") == "42"
    else:
        for line in text.splitlines():
            parsed_row = parsed(line)
            counts["broken_json"] += parsed_row is None
            if parsed_row is not None and path.parent.name == "web":
                counts["missing_key"] += "messageId" not in parsed_row
                counts["unparseable_date"] += parsed_row["timestamp"] == "yesterday"
    return {kind: count for kind, count in counts.items() if count}


def test_broken_rows_stay_below_a_third_of_a_percent(small: Path) -> None:
    """A demo that trips its own quarantine limit shows nothing."""
    rows = Counter[str]()
    for row in truth_of(small, "planted.csv"):
        if row["kind"] != "score_out_of_scale":
            rows[row["file"]] += int(row["count"])
    shares = {name: count / len((small / name).read_bytes().splitlines()) for name, count in rows.items()}

    assert max(shares.values()) <= 0.0032


def test_an_earlier_end_is_a_part_of_the_same_history(small: Path, tmp_path: Path) -> None:
    """A second run with later deliveries must add files and change none."""
    generate(tmp_path, people=300, until=DELIVERIES[1])
    part = digests(tmp_path)
    whole = digests(small)

    data = {name: digest for name, digest in part.items() if not name.startswith("truth/")}
    assert {name: whole[name] for name in data} == data
    assert not [name for name in data if "2026-06-30" in name]
    assert {row["record_id"] for row in truth_of(tmp_path, "persons.csv")} == person_records(tmp_path)
    generate(tmp_path, people=300)
    assert digests(tmp_path) == whole


@pytest.mark.parametrize(
    ("identifier", "marks"),
    [("phone", ("+84", "0900000000")), ("email", ("@",)), ("loyalty", ('"card_no":"', '"north_card_no":"'))],
)
def test_an_identifier_can_be_left_out_everywhere(
    identifier: str, marks: tuple[str, ...], small: Path, tmp_path: Path
) -> None:
    """Recall without an identifier is only comparable when everything else is the same."""
    generate(tmp_path, people=300, without=frozenset([identifier]))
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((tmp_path / "data").rglob("*.*")))
    whole = "".join(path.read_text(encoding="utf-8") for path in sorted((small / "data").rglob("*.*")))

    assert [mark for mark in marks if mark in text] == []
    assert [mark for mark in marks if mark not in whole] == []
    assert truth_of(tmp_path, "persons.csv") == truth_of(small, "persons.csv")


def test_the_traps_are_in_the_contacts(small: Path) -> None:
    """Each trap is a way in which a naive link would join strangers."""
    contacts = {row["Record ID"]: row for row in rows_of(small, "data/crm/contacts")}.values()
    person = {row["record_id"]: row["person_id"] for row in truth_of(small, "persons.csv")}
    mailbox = [row for row in contacts if row["Email"].startswith("info@")]
    phones = Counter(row["Phone Number"] for row in contacts)

    assert len({person[f"crm.contacts:{row['Record ID']}"] for row in mailbox}) >= 29
    assert phones["0900000000"] >= 12
    assert phones["0000000000"] >= 11
    assert {"test@test.com", "n/a"} <= {row["Email"] for row in contacts}


def test_late_doubled_shared_and_open_carts_are_in_the_spool(small: Path) -> None:
    """What makes web data hard is there even in the smallest company."""
    events = rows_of(small, "spool/web/events")
    ids = Counter(row["messageId"] for row in events if "messageId" in row)
    users: dict[str, set[str]] = defaultdict(set)
    for row in events:
        if "userId" in row:
            users[row["anonymousId"]].add(row["userId"])
    last = {row["file"]: row for row in truth_of(small, "files.csv") if "spool" in row["file"]}
    late = [row for row in rows_in(small / max(last)) if row["timestamp"] < "2026-05-31T17:00"]
    added = {
        row["anonymousId"]
        for row in events
        if row.get("event") == "Product Added" and row["timestamp"] > "2026-06-30T04"
    }

    assert max(ids.values()) == 2
    assert max(len(found) for found in users.values()) >= 2
    assert late
    assert len(added) >= 5


def rows_in(path: Path) -> list[Row]:
    """Readable JSON lines of one file."""
    return [
        row for line in path.read_text(encoding="utf-8").splitlines() if (row := parsed(line)) is not None
    ]


def current_orders(folder: Path) -> dict[str, Row]:
    """Latest version of each order, with the fields effects need."""
    orders: dict[str, Row] = {}
    for row in sorted(rows_of(folder, "data/shop_north/orders"), key=lambda row: row["updated_at"]):
        if row["placed_at"] != "31/02/2026 25:61":
            orders[row["order_no"]] = {
                "ordered": datetime.strptime(row["placed_at"], "%d/%m/%Y %H:%M"),
                "late": is_late(row["promised_at"], row["delivered_at"], "%d/%m/%Y %H:%M"),
                "account": row["account_id"],
            }
    for row in sorted(rows_of(folder, "data/shop_south/orders"), key=lambda row: row["updatedAt"]):
        delivery = row["delivery"]
        orders[row["id"]] = {
            "ordered": datetime.strptime(row["createdAt"], "%Y-%m-%dT%H:%M:%SZ") + timedelta(hours=7),
            "late": is_late(delivery.get("promisedAt"), delivery.get("deliveredAt"), "%Y-%m-%dT%H:%M:%SZ"),
            "account": row["customer"]["accountId"],
        }
    return orders


def is_late(promised: str | None, delivered: str | None, pattern: str) -> bool:
    """Delivered after the promise."""
    if not promised or not delivered:
        return False
    return datetime.strptime(delivered, pattern) > datetime.strptime(promised, pattern)


def test_late_delivery_lowers_scores_by_the_planted_amount(large: Path) -> None:
    """effects.yml is what an analysis of the demo is judged against."""
    orders = current_orders(large)
    scores: dict[bool, list[float]] = {True: [], False: []}
    for row in rows_of(large, "data/survey/responses"):
        if row["survey"] == "post_delivery":
            scores[orders[row["order_id"]]["late"]].append(int(row["csat_delivery"]))
    planted = yaml.safe_load((large / "truth/effects.yml").read_text(encoding="utf-8"))
    expected = planted["effects"]["late_delivery_lowers_satisfaction"]["observed"]

    difference = mean(scores[True]) - mean(scores[False])
    assert difference == pytest.approx(expected["late_minus_on_time_csat_delivery"], abs=0.2)


def test_support_has_more_detractors_than_delivery(large: Path) -> None:
    """The driver that the CX pages should find."""
    answers = [row for row in rows_of(large, "data/survey/responses") if row["nps"] != "42"]
    share = {
        touchpoint: mean([int(row["nps"]) <= 6 for row in answers if row["touchpoint"] == touchpoint])
        for touchpoint in ("delivery", "support")
    }

    assert share["support"] > share["delivery"] + 0.2


def test_mobile_sessions_convert_less(large: Path) -> None:
    """Orders per visitor with a cart, by device: lower on mobile as planted."""
    kinds = Counter(
        (row["context"]["device"]["type"], row.get("event")) for row in rows_of(large, "spool/web/events")
    )
    rate = {
        device: kinds[device, "Order Completed"] / kinds[device, "Product Viewed"]
        for device in ("mobile", "desktop")
    }

    assert rate["mobile"] < rate["desktop"] * 0.8


def test_uncalled_detractors_buy_less_than_called_ones(large: Path) -> None:
    """The planted consequence of not closing the loop, seen in orders of signed-in buyers."""
    orders = current_orders(large)
    called = {row["email"] for row in rows_of(large, "data/helpdesk/calls") if row["direction"] == "outbound"}
    by_account: dict[str, list[datetime]] = defaultdict(list)
    for order in orders.values():
        by_account[order["account"]].append(order["ordered"])
    end = datetime(2026, 6, 30, 19)
    rates: dict[bool, list[float]] = {True: [], False: []}
    for row in rows_of(large, "data/survey/responses"):
        account = orders[row["order_id"]]["account"]
        since = datetime.fromisoformat(row["answered_at"]) + timedelta(days=Effects().call_within)
        if account and row["email"] and int(row["nps"]) <= 6 and since < end - timedelta(days=60):
            after = sum(moment > since for moment in by_account[account])
            rates[row["email"] in called].append(after / (end - since).days)

    assert len(rates[False]) > 80
    assert mean(rates[False]) < mean(rates[True]) * 0.8


def test_opening_mail_changes_nothing(large: Path) -> None:
    """The null effect: an analysis that finds something here is wrong."""
    mails: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows_of(large, "data/marketing/messages"):
        mails[row["message_id"]][row["event"]] = row
    bought: dict[str, list[datetime]] = defaultdict(list)
    for row in rows_of(large, "data/shop_north/orders"):
        if row["placed_at"] != "31/02/2026 25:61" and row["email"]:
            bought[row["email"].lower()].append(datetime.strptime(row["placed_at"], "%d/%m/%Y %H:%M"))
    after: dict[bool, list[float]] = {True: [], False: []}
    for events in mails.values():
        if "delivered" in events and events["delivered"]["happened_at"] != "soon":
            sent = datetime.fromisoformat(events["delivered"]["happened_at"])
            orders = bought[events["delivered"]["email"].lower()]
            within = sum(sent < moment < sent + timedelta(days=60) for moment in orders)
            after["opened" in events].append(within)

    assert min(len(after[True]), len(after[False])) > 2000
    # per mail: people who were there longer got more mails, so "ever opened" would compare tenures
    assert mean(after[True]) / mean(after[False]) == pytest.approx(1.0, abs=0.15)


def test_the_committed_effects_are_those_of_the_generator() -> None:
    """Changing a parameter without the file, or the file without the parameter, is a lie."""
    assert (HERE / "truth/effects.yml").read_text(encoding="utf-8") == effects_text(Effects())


def test_files_of_others_survive_and_own_leftovers_go(tmp_path: Path) -> None:
    """The generator may clean up after itself, never after anybody else."""
    generate(tmp_path, people=300)
    foreign = tmp_path / "data/crm/contacts_mine.csv"
    foreign.write_text("Record ID\n1\n", encoding="utf-8")
    generate(tmp_path, people=300, until=DELIVERIES[0])

    assert foreign.exists()
    assert not list(tmp_path.glob("data/**/*_2026-06-30*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--people", "10"], "--people 10"), (["--days-until", "2024-01-01"], "2025-12-31")],
)
def test_impossible_arguments_are_usage_errors(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 means nothing was done."""
    code = main([*arguments, "--out", str(tmp_path / "none")])

    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert said in captured.err
    assert not (tmp_path / "none").exists()


def test_deliveries_are_in_order() -> None:
    """The first delivery must be the largest file: broken rows live there."""
    assert list(DELIVERIES) == sorted(DELIVERIES)
    assert DELIVERIES[-1] == date(2026, 6, 30)
