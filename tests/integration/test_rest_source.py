"""Connector `rest` against an API on loopback: pages, throttling, failures half way, children, cursors, a changing schema."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import rest
from pipelines.errors import CdpError, UsageError
from tests.companies import BELOW_MARTS, TestCompany
from tests.rest_fake import TOKEN, Api, serve

CONTACTS: dict[str, Any] = {
    "name": "contacts",
    "entity": "contact",
    "key": ["id"],
    "updated_at": "updated_at",
    "endpoint": {
        "path": "contacts",
        "data_selector": "data.items",
        "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
    },
    "incremental": {"cursor_path": "updated_at", "start_param": "updated_since", "lag": 60},
    "columns": {"email": "profile.email", "first_name": "profile.name", "user_id": "id"},
}
ORDERS: dict[str, Any] = {
    "name": "orders",
    "entity": "order",
    "key": ["id"],
    "endpoint": {
        "path": "orders",
        "data_selector": "orders",
        "paginator": {"type": "offset", "limit": 2, "total_path": "total"},
    },
    "columns": {"order_id": "id", "ordered_at": "at", "gross_amount": "total"},
}
LINES: dict[str, Any] = {
    "name": "lines",
    "entity": "order_line",
    "key": ["_orders_id", "no"],
    "endpoint": {"path": "orders/{resources.orders.id}/lines", "paginator": "single_page"},
    "include_from_parent": ["id"],
    "columns": {"order_id": "_orders_id", "line_no": "no", "product_id": "sku"},
}
BEARER = {"type": "bearer", "token": "${API_TOKEN}"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API with five orders, and short waits."""
    monkeypatch.setenv("API_TOKEN", TOKEN)
    monkeypatch.setattr(rest, "BACKOFF_SECONDS", 0.01)
    with serve() as found:
        found.orders = [
            {"id": f"o{n}", "at": f"2026-03-0{n}T10:00:00Z", "total": n + 0.5} for n in range(1, 6)
        ]
        yield found


def contact(number: int, updated: str | None, name: str = "Ana", **more: Any) -> dict[str, Any]:
    """One contact as the API gives it."""
    return {
        "id": number,
        "updated_at": updated,
        "profile": {"email": f"p{number}@example.com", "name": name},
        **more,
    }


def company(tmp_path: Path, api: Api, *tables: dict[str, Any], **client: Any) -> TestCompany:
    """A company with one API."""
    source = {
        "name": "crm",
        "connector": "rest",
        "base_url": api.url,
        "auth": BEARER,
        **client,
        "tables": list(tables),
    }
    return TestCompany(tmp_path, [source])


def received(made: TestCompany) -> dict[str, int]:
    """Load, and rows received per table."""
    (load,) = made.load()
    if load.error:
        raise load.error
    return load.received


def test_pages_cursors_and_late_changes(tmp_path: Path, api: Api) -> None:
    """All pages once; then only what changed since the cursor less the lag, and nothing twice."""
    made = company(tmp_path, api, CONTACTS)
    api.contacts = [contact(n, f"2026-03-01T10:00:0{n}Z") for n in range(1, 6)]
    assert received(made) == {"contacts": 5}
    assert received(made) == {}
    assert api.requests[-1][1]["updated_since"] == "2026-03-01T09:59:05Z"

    api.contacts[0] = contact(1, "2026-03-02T10:00:00Z", "Bea")
    api.contacts.append(contact(6, None, "no date"))
    assert received(made) == {"contacts": 2}
    assert received(made) == {}
    rows = made.rows("select id, profile->>'name' from raw_crm.contacts where _cdp_load_seq = 2 order by 1")
    assert rows == [("1", "Bea"), ("6", "no date")]


def test_versions_of_one_key_in_one_answer_come_once(tmp_path: Path, api: Api) -> None:
    """An API that lists an object's versions gives them all; asked again it gives nothing new, until one is."""
    made = company(tmp_path, api, {name: value for name, value in CONTACTS.items() if name != "incremental"})
    api.contacts = [contact(1, "2026-03-01T10:00:00Z", "old"), contact(1, "2026-03-02T10:00:00Z", "new")]
    assert received(made) == {"contacts": 2}
    assert received(made) == {}
    api.contacts.insert(1, contact(1, "2026-03-01T12:00:00Z", "between"))
    assert received(made) == {"contacts": 1}
    api.contacts.append(contact(1, "2026-03-03T10:00:00Z", "newest"))
    assert received(made)["contacts"] >= 1
    assert received(made) == {}
    names = made.rows("select distinct profile->>'name' from raw_crm.contacts order by 1")
    assert names == [("between",), ("new",), ("newest",), ("old",)]


def test_children_are_asked_once_per_parent(tmp_path: Path, api: Api) -> None:
    """Each order's lines carry the order's id; the parents are not fetched again for them."""
    api.lines = {f"o{n}": [{"no": k, "sku": f"s{k}"} for k in range(n)] for n in range(1, 4)}
    made = company(tmp_path, api, ORDERS, LINES)

    assert received(made) == {"orders": 5, "lines": 6}
    assert api.paths().count("/orders") == 3
    assert [path for path in api.paths() if path.endswith("/lines")] == [
        f"/orders/o{n}/lines" for n in range(1, 6)
    ]
    assert made.rows("select _orders_id, count(*) from raw_crm.lines group by 1 order by 1") == [
        ("o1", 1),
        ("o2", 2),
        ("o3", 3),
    ]
    assert received(made) == {}


@pytest.mark.parametrize(
    ("path", "paginator"),
    [("by_page", {"type": "page_number", "base_page": 1, "total_path": None}), ("by_link", "header_link")],
)
def test_other_ways_to_page(tmp_path: Path, api: Api, path: str, paginator: Any) -> None:
    """Page numbers until a page is empty; links in the header."""
    made = company(tmp_path, api, {**ORDERS, "endpoint": {"path": path, "paginator": paginator}})

    assert received(made) == {"orders": 5}


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "api_key", "name": "X-Api-Key", "api_key": "${API_TOKEN}", "location": "header"},
        {
            "type": "oauth2_client_credentials",
            "access_token_url": "URL/token",
            "client_id": "me",
            "client_secret": "${API_TOKEN}",
        },
    ],
)
def test_other_ways_to_be_let_in(tmp_path: Path, api: Api, auth: dict[str, str]) -> None:
    """A key in a header; a token bought with client credentials."""
    auth = {name: value.replace("URL", api.url) for name, value in auth.items()}
    made = company(tmp_path, api, ORDERS, auth=auth)

    assert received(made) == {"orders": 5}
    assert api.tokens_given == (1 if "client_id" in auth else 0)


def test_a_throttled_request_waits_as_told(tmp_path: Path, api: Api) -> None:
    """429 with Retry-After is obeyed, and costs no row."""
    api.throttle = 1
    made = company(tmp_path, api, ORDERS)

    assert received(made) == {"orders": 5}
    assert api.paths() == ["/orders"] * 4


def test_a_failure_half_way_loads_nothing_and_is_taken_up(tmp_path: Path, api: Api) -> None:
    """Half a table would move the cursor past rows never seen."""
    made = company(tmp_path, api, CONTACTS)
    api.contacts = [contact(n, f"2026-03-01T10:00:0{n}Z") for n in range(1, 6)]
    api.fail_from = 2
    with pytest.raises(CdpError, match="/contacts answered 500"):
        received(made)
    assert not made.rows("select 1 from duckdb_tables() where table_name = 'contacts'")

    api.fail_from = None
    assert received(made) == {"contacts": 5}


def test_a_changed_schema_keeps_every_value(tmp_path: Path, api: Api) -> None:
    """A new field gets its column, one that is gone is null, a number that turns into words stays text."""
    made = company(tmp_path, api, CONTACTS)
    api.contacts = [contact(1, "2026-03-01T10:00:00Z", tier=3)]
    received(made)
    api.contacts = [
        contact(1, "2026-03-02T10:00:00Z", tier="gold", Tier="twin", added={"a": [1, 2]}),
        {"id": 2, "password": "geheim"},
    ]
    assert received(made) == {"contacts": 2}

    rows = made.rows(
        "select id, tier, added, updated_at from raw_crm.contacts where _cdp_load_seq = 2 order by id"
    )
    assert rows == [("1", "gold", '{"a":[1,2]}', "2026-03-02T10:00:00Z"), ("2", None, None, None)]
    columns = {
        row[0] for row in made.rows("select column_name from duckdb_columns() where table_name = 'contacts'")
    }
    assert "password" not in columns
    assert {"tier", "Tier__2"} <= columns


def test_refusals_name_the_place_and_no_secret(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong token, wrong path, no server, no secret in the environment."""
    made = company(tmp_path, api, ORDERS, auth={"type": "bearer", "token": "${WRONG_TOKEN}"})
    with pytest.raises(UsageError, match="WRONG_TOKEN"):
        received(made)
    monkeypatch.setenv("WRONG_TOKEN", "not-it")
    with pytest.raises(CdpError, match="/orders answered 401") as error:
        received(made)
    assert "not-it" not in f"{error.value} {error.value.hint}"
    with pytest.raises(CdpError, match="/nowhere answered 404"):
        received(company(tmp_path, api, {**ORDERS, "endpoint": {"path": "nowhere"}}))
    with pytest.raises(CdpError, match="no answer"):
        received(company(tmp_path, api, ORDERS, base_url="http://127.0.0.1:9"))


def test_an_api_that_has_nothing_yet_still_builds(tmp_path: Path, api: Api) -> None:
    """A new shop has no order: its table is there, empty, and staging reads it."""
    api.orders = []
    made = company(tmp_path, api, ORDERS, {**CONTACTS, "columns": {**CONTACTS["columns"], "phone": "mobile"}})
    api.contacts = [contact(1, "2026-03-01T10:00:00Z")]
    made.select = BELOW_MARTS
    made.load_and_build()

    assert made.rows("select count(*) from staging.stg_crm__orders") == [(0,)]
    assert made.rows("select first_name, phone from staging.stg_crm__contacts") == [("Ana", None)]
    assert received(made) == {}
