"""Rates of vendors against their strict fakes, which count: a declared rate is never refused, and a refusal is waited for.

The fakes let `LIMIT` requests through in any `WINDOW` and refuse the next in the vendor's own words.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipelines.exports.destinations import open_rows
from pipelines.exports.destinations.base import Operation, Result
from tests.loopback import Answer, Call, Loopback, loopback
from tests.vendors import hubspot, mailchimp, salesforce
from tests.vendors.ads import OPTIONS, Google, Meta

LIMIT, WINDOW = 20, 1.0
SENDS = 30
RETRY_SECONDS = 30


@dataclass(frozen=True)
class Vendor:
    """A vendor: its fake, the options it needs, what is sent, and how it says that it was asked too often."""

    fake: Callable[[], Callable[[Call], Answer]]
    options: dict[str, Any]
    row: Callable[[int], dict[str, str]]
    refusal: Answer
    key: Callable[[int], str] = str


def person(n: int) -> dict[str, str]:
    """A row with an address."""
    return {"email": f"p{n}@x.io"}


HUBSPOT: Answer = (
    429,
    {},
    {"status": "error", "policyName": "TEN_SECONDLY_ROLLING", "message": "You have reached your limit."},
)
GOOGLE: Answer = (
    429,
    {},
    {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded"}},
)
META: Answer = (
    400,
    {},
    {"error": {"code": 80003, "type": "OAuthException", "message": "There have been too many calls"}},
)
MAILCHIMP: Answer = (
    429,
    {},
    {"title": "TooManyRequests", "status": 429, "detail": "You have exceeded the limit"},
)
SALESFORCE: Answer = (
    503,
    {},
    [{"errorCode": "SERVER_UNAVAILABLE", "message": "Too many concurrent requests"}],
)
VENDORS = {
    "hubspot": Vendor(
        hubspot.Hubspot,
        {"token": hubspot.TOKEN},
        lambda n: {"cdp_id": str(n), **person(n)},
        HUBSPOT,
    ),
    "salesforce": Vendor(
        salesforce.Salesforce,
        {
            "client_id": "cl13nt-id",
            "client_secret": salesforce.SECRET,
            "external_id": "Cdp_Id__c",
            "fields": {"cdp_id": "Cdp_Id__c", "last_name": "LastName", "email": "Email"},
        },
        lambda n: {"cdp_id": str(n), "last_name": "Le", **person(n)},
        SALESFORCE,
    ),
    "google_customer_match": Vendor(Google, OPTIONS["google_customer_match"], person, GOOGLE),
    "meta_custom_audiences": Vendor(Meta, OPTIONS["meta_custom_audiences"], person, META),
    "mailchimp": Vendor(
        mailchimp.Mailchimp,
        {"api_key": mailchimp.KEY, "list_id": "abc123"},
        person,
        MAILCHIMP,
        lambda n: f"p{n}@x.io",
    ),
}


@dataclass
class Counting:
    """A fake that refuses what comes too fast."""

    vendor: Vendor
    seen: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fake = self.vendor.fake()

    def __call__(self, call: Call) -> Answer:
        """Answer a request, or refuse it; what was refused counts for nothing."""
        if sum(call.at - at < WINDOW for at in self.seen) >= LIMIT:
            self.refused.append(call.at)
            return self.vendor.refusal
        self.seen.append(call.at)
        return self.fake(call)


@pytest.fixture(params=VENDORS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each vendor."""
    return str(request.param)


@pytest.fixture
def server(kind: str) -> Iterator[Loopback]:
    """The vendor's fake, counting."""
    with loopback(Counting(VENDORS[kind])) as state:
        yield state


def send(server: Loopback, kind: str, **more: Any) -> tuple[list[Result], str | None]:
    """One row a request, one after the other; results, and why it stopped."""
    vendor = VENDORS[kind]
    address = "instance_url" if kind == "salesforce" else "base_url"
    options = {**vendor.options, address: server.url, "retry_seconds": RETRY_SECONDS, **more}
    destination = open_rows(kind, options, "sync_a")
    assert destination is not None
    results: list[Result] = []
    for n in range(SENDS):
        row = vendor.row(n)
        known_as = vendor.key(n)
        results += destination.send([Operation(str(n), known_as, "upsert", f"idem-{n}", json.dumps(row))])
    destination.close()
    return results, destination.stopped


def counting(server: Loopback) -> Counting:
    """The fake behind a server."""
    assert isinstance(server.answer, Counting)
    return server.answer


def test_a_declared_rate_is_never_refused(server: Loopback, kind: str) -> None:
    """As fast as it lets us, and not one request more; tokens count as well."""
    results, stopped = send(server, kind, rate_limit=f"{LIMIT}/s")

    assert [one.ok for one in results] == [True] * SENDS, (results[0], stopped)
    assert counting(server).refused == []
    assert len(server.calls) >= SENDS


def test_a_refusal_in_the_vendors_words_is_waited_for(server: Loopback, kind: str) -> None:
    """Without a declared rate the fake refuses some; they are asked again later, and nothing is given up."""
    results, stopped = send(server, kind, rate_limit=None)

    assert counting(server).refused, "nothing came too fast: this shows nothing"
    assert [one.ok for one in results] == [True] * SENDS, stopped
