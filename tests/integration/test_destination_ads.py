"""Google Customer Match and Meta custom audiences: who is in, who is taken out again, and nothing raw on the wire."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

import duckdb
import pytest

from pipelines.exports import DestinationSpec, Guards
from pipelines.exports.destinations import check_options, open_rows
from pipelines.exports.destinations.base import Operation, Result
from tests.dying import dying_at
from tests.exports_fake import HOOK_SYNC, run, say
from tests.loopback import Call, Loopback, loopback
from tests.vendors.ads import GOOGLE_TOKEN, META_TOKEN, OPTIONS, Google, Meta

SYNC = replace(
    HOOK_SYNC,
    name="sync_ads_people",
    destination="ads",
    columns=("email",),
    guards=Guards(max_delete_percent=100),
)
KINDS = ("google_customer_match", "meta_custom_audiences")
PROOF = os.environ.get("CDP_PROOF") == "1"
PEOPLE, PART = (100_000, 10_000) if PROOF else (1_500, 500)


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server; the test says whose."""
    with loopback() as state:
        yield state


def options_of(kind: str, url: str, **more: Any) -> dict[str, Any]:
    """Options of either platform."""
    return {**OPTIONS[kind], "base_url": url, "retry_seconds": 0, **more}


def platform(kind: str) -> Google | Meta:
    """Its strict fake."""
    return Google() if kind == KINDS[0] else Meta()


def inside(fake: Google | Meta) -> str:
    """All that the platform holds, as text."""
    return " ".join(fake.members if isinstance(fake, Google) else fake.people)


def sha(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def upsert(key: str, known_as: str | None = None, **row: Any) -> Operation:
    """A member to add."""
    return Operation(key, known_as or key, "upsert", f"idem-{key}", json.dumps(row))


def send(kind: str, options: dict[str, Any], *operations: Operation) -> tuple[dict[str, Result], str | None]:
    """Send; results by key, and why it stopped."""
    destination = open_rows(kind, options, "sync_a")
    assert destination is not None
    results = destination.send(operations)
    destination.close()
    return {one.key: one for one in results}, destination.stopped


@pytest.mark.parametrize("kind", KINDS)
def test_withdrawal_and_a_new_address_take_out_what_was_uploaded(
    con: duckdb.DuckDBPyConnection, server: Loopback, kind: str
) -> None:
    """A removal has no payload: what was uploaded is in the ledger, as hashes. A change is the old out, the new in."""
    server.answer = fake = platform(kind)
    ads = {"ads": DestinationSpec("ads", kind, options_of(kind, server.url))}
    first = run(con, ads, SYNC)
    say(con, "c00003", "withdrawn")
    for table, column in (("activation.sync_hook_people", "email"), ("marts.consents", "contact_point")):
        con.execute(f"update {table} set {column} = 'new@example.com' where customer_id = 'c00004'")
    second = run(con, ads, SYNC, run_id="r2")
    server.calls.clear()
    third = run(con, ads, SYNC, run_id="r3")
    stored = str(con.execute("select * from exports.ledger").fetchall())

    assert (first.exit_code, first.syncs[0].acked, second.exit_code, second.syncs[0].acked) == (0, 12, 0, 2)
    assert (third.syncs[0].status, server.calls) == ("unchanged", [])
    held = inside(fake)
    assert [sha(f"p{n}@example.com") in held for n in range(6)] == [True, True, True, False, False, True]
    assert sha("new@example.com") in held
    assert "@" not in stored


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["export.pending", "export.sent"])
def test_a_withdrawal_after_a_kill_takes_out_what_may_have_arrived(
    con: duckdb.DuckDBPyConnection, server: Loopback, monkeypatch: pytest.MonkeyPatch, kind: str, point: str
) -> None:
    """Killed before the answer was noted, then everybody withdraws: nobody stays in the list."""
    server.answer = fake = platform(kind)
    ads = {"ads": DestinationSpec("ads", kind, options_of(kind, server.url))}
    with dying_at(monkeypatch, point):
        run(con, ads, SYNC)
    arrived = inside(fake)
    con.execute("update marts.consents set state = 'withdrawn'")
    result = run(con, ads, SYNC, run_id="r2")

    assert (arrived != "") == (point == "export.sent")
    assert result.exit_code == 0
    assert inside(fake) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_raw_goes_over_the_wire(server: Loopback, kind: str) -> None:
    """People with every column, added and removed again: only hashes, country codes and postal codes in any byte sent."""
    server.answer = fake = platform(kind)
    destination = open_rows(kind, options_of(kind, server.url, calling_code="84"), "sync_a")
    assert destination is not None
    added: list[Result] = []
    for start in range(0, PEOPLE, PART):
        added += destination.send([upsert(f"k{n}", **person(n)) for n in range(start, start + PART)])
    full = inside(fake)
    for start in range(0, PEOPLE, PART):
        part = [
            Operation(one.key, str(one.destination_key), "remove", "i", None)
            for one in added[start : start + PART]
        ]
        assert all(one.ok for one in destination.send(part))
    destination.close()

    assert all(one.ok for one in added)
    assert sha("zqy0@gmail.com" if kind == KINDS[0] else "zqy.0+x@gmail.com") in full
    assert sha("+84900000001" if kind == KINDS[0] else "84900000001") in full
    assert inside(fake) == ""
    assert len(server.calls) == 2 * PEOPLE // PART
    assert [raw for call in server.calls for raw in raw_in(call)] == []
    leak = replace(server.calls[0], body=server.calls[0].body + b"zq%407%5Cu0040")
    assert {"zq", "@"} <= set(raw_in(leak)), "the scan finds what it is there for"


def person(n: int) -> dict[str, Any]:
    """Somebody in every column; addresses and phones as people write them, each with something to recognise it by."""
    address = (f"Zqy.{n}+x@gmail.com", f" ZQ.{n}@Example.com ", f"zqü{n}@exämple.de")[n % 3]
    phone = (f"+8490{n:07d}", f"090 {n:07d}", f"(090) {n:07d}"[:20])[n % 3]
    return {
        "email": address,
        "phone": phone,
        "first_name": f"Zqgiven{chr(97 + n % 26)}",
        "last_name": f"Zqfamily{chr(97 + n % 26)}",
        "country": "VN",
        "postal_code": "70000",
        "city": "Zqhanoi City",
        "birth_date": "1990-02-03",
        "gender": "f",
        "customer_id": f"zqcust-{n}",
    }


def raw_in(call: Call) -> list[str]:
    """What of a request is neither hash nor vocabulary: of all its bytes, also as a form or a URL would encode them."""
    found = []
    for text in (call.wire, unquote_plus(call.wire), call.body.decode("unicode_escape")):
        rest = re.sub(r"[0-9a-f]{64}", "", text).lower()
        for own in (
            "1234567890",
            META_TOKEN.lower(),
            GOOGLE_TOKEN.lower(),
            str(len(call.body)),
            str(call.headers.get("Host")),
        ):
            rest = rest.replace(own, "")
        found += [raw for raw in ("@", "gmail", "example", "zq", "8490", "090", "1990") if raw in rest]
        found += re.findall(r"\d{7}", rest)
    return found


def test_google_refuses_one_member_by_name(server: Loopback) -> None:
    """The others go in with a second request."""
    server.answer = fake = Google(bad={sha("p1@example.com")})
    rows = [upsert(f"k{n}", email=f"p{n}@example.com") for n in range(4)]
    results, _ = send(
        KINDS[0], options_of(KINDS[0], server.url), *rows, upsert("k9", email="n/a", phone="090")
    )

    assert [results[f"k{n}"].ok for n in range(4)] == [True, False, True, True]
    assert "INVALID_SHA256_FORMAT" in str(results["k1"].reason)
    assert sha("p1@example.com") not in str(results)[: str(results).index("destination_key='[{")]
    assert "to hash" in str(results["k9"].reason)
    assert (len(fake.members), len(server.calls)) == (3, 2)


def test_google_takes_the_address_whole_or_not_at_all(server: Loopback) -> None:
    """Names hashed, country and postal code not; several addresses of one person are one member."""
    server.answer = Google()
    send(
        KINDS[0],
        options_of(KINDS[0], server.url, calling_code="84"),
        upsert(
            "k1",
            email=["a@x.io", "A@x.io", "b@x.io"],
            first_name="Mrs. Ana",
            last_name="Roe",
            country="vn",
            postal_code="70000",
        ),
        upsert("k2", phone="0901234567", first_name="Bo", last_name="Roe", country="VN"),
    )
    members = server.calls[0].json["audienceMembers"]

    assert members == [
        {
            "userData": {
                "userIdentifiers": [
                    {"emailAddress": sha("a@x.io")},
                    {"emailAddress": sha("b@x.io")},
                    {
                        "address": {
                            "givenName": sha("ana"),
                            "familyName": sha("roe"),
                            "regionCode": "VN",
                            "postalCode": "70000",
                        }
                    },
                ]
            }
        },
        {"userData": {"userIdentifiers": [{"phoneNumber": sha("+84901234567")}]}},
    ]


def test_google_needs_consent_and_terms() -> None:
    """Said by the configuration, or nothing can be sent; a single row may lack it."""
    options = options_of(KINDS[0], "https://x.example")
    for name in ("ad_user_data", "ad_personalization", "terms_accepted"):
        assert check_options(KINDS[0], {key: value for key, value in options.items() if key != name})
    results, _ = send(
        KINDS[0],
        {**options, "base_url": "http://127.0.0.1:9"},
        upsert("k1", email="a@x.io", ad_user_data=False),
    )

    assert "consent for `ad_user_data` is not granted" in str(results["k1"].reason)


def test_google_asks_for_its_token(server: Loopback) -> None:
    """By refresh token, once; what it is is in no message."""
    server.answer = Google()
    keys = {"client_id": "i", "client_secret": "GOCSPX-s3cr3t", "refresh_token": "1//s3cr3t"}
    options = {
        **options_of(KINDS[0], server.url, token_url=f"{server.url}/token", **keys),
        "access_token": None,
    }
    good, _ = send(KINDS[0], options, upsert("k1", email="a@x.io"))
    bad, stopped = send(
        KINDS[0], {**options, "refresh_token": "1//wr0ng-s3cr3t"}, upsert("k1", email="a@x.io")
    )

    assert good["k1"].ok
    assert (bad["k1"].ok, bad["k1"].final) == (False, False)
    assert "s3cr3t" not in f"{bad}{stopped}"


def test_meta_finds_an_invalid_entry_by_halving(server: Loopback) -> None:
    """Meta counts invalid entries and does not say whose they are."""
    server.answer = fake = Meta(invalid={sha("p5@example.com")})
    rows = [upsert(f"k{n}", email=f"p{n}@example.com") for n in range(16)]
    results, _ = send(KINDS[1], options_of(KINDS[1], server.url), *rows)

    assert [key for key, one in results.items() if not one.ok] == ["k5"]
    assert len(fake.people) == 15
    assert len(server.calls) <= 9


def test_meta_says_in_the_body_what_others_say_by_the_status(server: Loopback) -> None:
    """A limit is waited for (here: longer than the patience), a passing error tried again, a token stops at once."""
    usage = {
        "X-Business-Use-Case-Usage": '{"1": [{"type": "custom_audience", "estimated_time_to_regain_access": 19}]}'
    }
    row = upsert("k1", email="a@x.io")
    options = options_of(KINDS[1], server.url, retry_seconds=5)
    server.answer = fake = Meta(failure=(400, usage, {"error": {"code": 80003, "message": "too many calls"}}))
    limited, _ = send(KINDS[1], options, row)
    asked = len(server.calls)
    fake.failure = (
        400,
        {},
        {"error": {"code": 100, "error_subcode": 1713230, "message": "Audience Upload Blocked"}},
    )
    blocked, stopped = send(KINDS[1], options, row)
    fake.failure = (
        400,
        {"Retry-After": "0"},
        {"error": {"code": 2, "message": "Service temporarily unavailable"}},
    )
    passing, _ = send(KINDS[1], options, row)

    assert (limited["k1"].final, asked) == (False, 1)
    assert (blocked["k1"].final, blocked["k1"].is_whole) == (True, False)
    assert "Audience Upload Blocked" in str(stopped)
    assert (passing["k1"].final, len(server.calls)) == (False, 2 + 5)
