"""Web marts of a small company: sessions, conversions and credit against a second computation in plain Python.

Visits of 12 people and of strangers on 14 devices, some shared, come in three deliveries in no order; orders come a
delivery later than the events that report them.
"""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from cli import dbt
from tests import web_oracle
from tests.companies import BELOW_MARTS, EVENTS, TestCompany

BEGIN = datetime(2026, 4, 1, tzinfo=UTC)
SETTINGS = {
    "identity": {
        "salt": "t",
        "identifiers": {"user_id": {"scope": "global"}, "anonymous_id": {"kind": "device"}},
    },
    "web": {"events": {"put_in_basket": "product_added"}},
}
ORDERS = {
    "name": "orders",
    "entity": "order",
    "path": "data/orders*.csv",
    "key": ["order"],
    "columns": {
        "order_id": "order",
        "ordered_at": "at",
        "gross_amount": "amount",
        "status": "status",
        "channel": "channel",
        "user_id": "contact",
    },
}
SELECT = (*BELOW_MARTS, "+path:models/marts/web")
AGENTS = ("Mozilla (Windows NT 10.0)", "Mozilla (Linux; Android 14; Mobile)", "Examplebot/1.0")
PAGES: tuple[dict[str, str], ...] = (
    {"url": "https://shop.example/", "path": "/"},
    {"url": "https://www.shop.example/tea/?q=a/b", "path": "/tea/"},
    {"url": "https://shop.example//tea?q=1#top"},
    {"url": "https://shop.example?q=2"},
    {"path": "/Tea"},
)
STEPS = ("Product Viewed", "put_in_basket", "Checkout Started", "Order Completed")


def draw_events(rng: random.Random) -> list[dict[str, Any]]:
    """Events of sessions with logins, shared devices, robots by name and by speed, and pauses around the timeout."""
    out: list[dict[str, Any]] = []
    number = 0
    for _ in range(150):
        device = f"d{rng.randrange(14)}"
        # devices 0 to 4 never see a login, 5 to 7 are shared
        user = None if device in ("d0", "d1", "d2", "d3", "d4") else f"u{rng.randrange(12)}"
        moment = rng.randrange(80 * 86400)
        agent, medium = rng.choices(AGENTS, (5, 5, 1))[0], rng.choice((None, "cpc", "email"))
        speedy = rng.random() < 0.04
        for place in range(40 if speedy else rng.randrange(1, 7)):
            step = rng.choice(STEPS) if place and not speedy else None
            out.append({
                "id": f"m{rng.randrange(10**9):09d}{number}", "device": device, "t": moment, "agent": agent,
                "medium": medium, "name": step, "type": "track" if step else "page",
                "user": user if user and rng.random() < 0.4 else None,
                "order": f"o{number}" if step == "Order Completed" else None,
            })  # fmt: skip
            number += 1
            moment += 0 if speedy else rng.choice((0, 5, 60, 1799, 1800, 1801, 4000))
    return out


def message(one: dict[str, Any]) -> dict[str, Any]:
    """The event as Segment sends it."""
    campaign = {"source": "google", "medium": one["medium"]} if one["medium"] else {}
    page = PAGES[one["t"] % len(PAGES)]
    return {
        "messageId": one["id"],
        "type": one["type"],
        "anonymousId": one["device"],
        "userId": one["user"],
        "timestamp": (BEGIN + timedelta(seconds=one["t"])).isoformat(),
        "event": one["name"],
        "context": {"userAgent": one["agent"], "campaign": campaign, "page": page},
        "properties": {"order_id": one["order"], "product_id": "p1", "price": 2.5, "quantity": 1},
    }


Built = tuple[TestCompany, list[dict[str, Any]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Three deliveries; the order records of a delivery's purchases come with the next one."""
    rng = random.Random(5)
    company = TestCompany(
        tmp_path_factory.mktemp("web"),
        [{"name": "shop", "connector": "files", "tables": [ORDERS]}, EVENTS],
        SETTINGS,
        select=SELECT,
    )
    events = draw_events(rng)
    rng.shuffle(events)
    by_id = {one["order"]: one for one in events if one["order"]}
    web_oracle.visits(events)
    orders = [
        {"order": number, "t": one["t"] - 30, "amount": rng.randrange(1, 9000) / 100, "channel": "web",
         "status": rng.choice(("paid", "paid", "cancelled")), "contact": one["owner"] if one["owner"][0] == "u" else ""}
        for number, one in sorted(by_id.items()) if rng.random() < 0.8
    ]  # fmt: skip
    orders += [
        {"order": f"till{place}", "t": rng.randrange(80 * 86400), "amount": 5.0, "channel": "store",
         "status": "paid", "contact": f"u{rng.randrange(12)}" if place % 3 else ""}
        for place in range(30)
    ]  # fmt: skip
    third = len(events) // 3
    header = "order,at,amount,status,channel,contact"
    for place in range(3):
        company.jsonl(
            f"spool/e{place}.jsonl", *map(message, events[place * third : place * third + third + 2])
        )
        if place:
            company.csv(
                f"data/orders{place}.csv",
                header,
                *(
                    f"{one['order']},{(BEGIN + timedelta(seconds=one['t'])).isoformat()},{one['amount']},"
                    f"{one['status']},{one['channel']},{one['contact']}"
                    for one in orders[place - 1 :: 2]
                ),
            )
        if not place:
            company.csv("data/orders.csv", header)
        company.load_and_build()
    return company, events, orders


def utc(seconds: int) -> datetime:
    """A moment as the warehouse shows it."""
    return (BEGIN + timedelta(seconds=seconds)).replace(tzinfo=None)


def owners(company: TestCompany) -> dict[str, str]:
    """customer_id -> the user it stands for."""
    return dict(
        company.rows(
            "select distinct customer_id, values.identifier_value from staging.stg_identifiers as values"
            " inner join identity.node_customers using (node_id) where identifier_type = 'user_id'"
        )
    )


def test_sessions_equal_the_oracle(built: Built) -> None:
    """Owner, device, bounds, events, channel and robots of every session."""
    company, events, _ = built
    users = owners(company)

    found = Counter(
        (anonymous, users.get(customer, anonymous), started, ended, size, channel, is_bot)
        for anonymous, customer, started, ended, size, channel, is_bot in company.rows(
            "select anonymous_id, customer_id, started_at, ended_at, events, channel, is_bot from marts.sessions"
        )
    )
    expected = Counter(
        (
            one.device,
            one.owner,
            utc(one.start),
            utc(one.events[-1]["t"]),
            len(one.events),
            one.channel,
            one.is_bot,
        )
        for one in web_oracle.visits(events)
    )

    assert expected == found
    assert {one.is_bot for one in web_oracle.visits(events)} == {True, False}


def conversions_of(
    sessions: list[web_oracle.Visit], events: list[dict[str, Any]], orders: list[dict[str, Any]]
) -> list[tuple[str, set[str], int]]:
    """Every paid order, with the time and the visitor of the event that reported it."""
    robots = {one["id"] for visit in sessions if visit.is_bot for one in visit.events}
    reports = {one["order"]: one for one in events if one["order"] and one["id"] not in robots}
    conversions = []
    for one in orders:
        event = reports.get(one["order"])
        whose = {one["contact"]} - {""} | ({event["owner"]} if event else set())
        if one["status"] == "paid":
            conversions.append((one["order"], whose, event["t"] if event else one["t"]))
    return conversions


def test_landing_pages_equal_the_oracle(built: Built) -> None:
    """Per period, site and page: sessions, robots, purchases inside, orders after, credit; Wilson's intervals by scipy."""
    company, events, orders = built
    sessions = web_oracle.visits(events)
    paths = web_oracle.paths(sessions, conversions_of(sessions, events, orders))
    led = {id(visit) for path in paths.values() for visit in path}
    credited = Counter(id(web_oracle.last_non_direct(path)) for path in paths.values() if path)
    as_of = int((datetime(2026, 6, 30, tzinfo=UTC) - BEGIN).total_seconds())
    expected: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for visit in sessions:
        page, day = PAGES[visit.events[0]["t"] % len(PAGES)], utc(visit.start).date()
        address = urlsplit(page.get("url", ""))
        path = page.get("path", address.path.replace("//", "/"))
        site, path = (address.hostname or "").removeprefix("www."), path.rstrip("/") or "/"
        mature = visit.start + web_oracle.LOOKBACK <= as_of
        facts = {
            "n": 1,
            "converted": any(one["name"] == "Order Completed" for one in visit.events),
            "mature_n": mature,
            "led_to_order": mature and id(visit) in led,
            "credited_orders": credited[id(visit)],
        }
        starts = {"all": None, "month": day.replace(day=1), "week": day - timedelta(days=day.weekday())}
        for period, start in starts.items():
            cell = expected[period, start, site, path]
            cell.update({"bot_sessions": 1} if visit.is_bot else facts)

    names = ("bot_sessions", "n", "converted", "mature_n", "led_to_order", "credited_orders")
    found = company.rows(
        f"select period, period_start, site, landing_page, {', '.join(names)}, rate, ci_low, ci_high, order_rate,"
        " order_low, order_high, enough_n, enough_mature_n from marts.landing_pages"
    )

    assert {row[:4]: tuple(map(int, row[4:10])) for row in found} == {
        key: tuple(cell[name] for name in names) for key, cell in expected.items()
    }
    assert {row[3] for row in found} == {"/", "/tea", "/Tea"}
    for _, _, _, _, _, n, converted, mature_n, led_to_order, _, *rates, enough, enough_mature in found:
        assert rates == pytest.approx(wilson(converted, n) + wilson(led_to_order, mature_n), abs=1e-12)
        assert (enough, enough_mature) == (n >= 30, mature_n >= 30)


def wilson(count: int, n: int) -> list[float | None]:
    """The share and its interval by scipy; nothing of nobody."""
    if not n:
        return [None] * 3
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return [count / n, interval.low, interval.high]


def test_credit_equals_the_oracle(built: Built) -> None:
    """Every conversion, model and channel; a purchase event without a record is none, for this company records orders."""
    company, events, orders = built
    sessions = web_oracle.visits(events)
    expected = web_oracle.credit(sessions, conversions_of(sessions, events, orders))
    found: dict[str, dict[str, dict[str, Decimal]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(Decimal))
    )
    for order, channel, *weights in company.rows(
        "select order_key, channel, first_weight, last_non_direct_weight, linear_weight from marts.attribution"
    ):
        for model, weight in zip(("first", "last_non_direct", "linear"), weights, strict=True):
            if weight:
                found[order.removeprefix("shop:")][model][channel] += weight

    assert set(found) == set(expected)
    for number, models in expected.items():
        for model, shares in models.items():
            assert {channel: float(weight) for channel, weight in shares.items()} == pytest.approx(
                {channel: float(weight) for channel, weight in found[number][model].items()}, abs=1e-11
            ), (number, model)
    assert any("unattributed" in one["first"] for one in expected.values())


def test_late_events_and_orders_leave_what_a_full_build_gives(built: Built) -> None:
    """Law 2 for the web: sessions re-sliced, purchases taken in by their orders, carts, funnel and affinity."""
    company = built[0]
    before = company.marts()
    company.build(full_refresh=True)

    after = company.marts()
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []
    assert {"attribution", "carts", "customer_affinity", "web_funnel"} <= before.keys()


def test_funnel_and_conversion_count_the_sessions_of_the_oracle(built: Built) -> None:
    """Numerators and denominators; Wilson's interval as scipy computes it."""
    company, events, _ = built
    done = [
        {one["name"] for one in visit.events if one["name"]}
        for visit in web_oracle.visits(events)
        if not visit.is_bot
    ]
    passed = [sum(set(STEPS[:place]) <= names for names in done) for place in range(5)]

    funnel = company.rows("select sum(passed) from marts.web_funnel group by step_no order by step_no")
    rates = company.rows("select n, converted, rate, ci_low, ci_high from marts.web_conversion")

    assert [int(row[0]) for row in funnel] == passed
    assert (len(done), sum("Order Completed" in names for names in done)) in {row[:2] for row in rates}
    for n, converted, rate, low, high in rates:
        wilson = binomtest(converted, n).proportion_ci(method="wilson")
        assert (rate, low, high) == pytest.approx((converted / n, wilson.low, wilson.high), abs=1e-12)


def test_carts_equal_a_walk_through_the_events(built: Built) -> None:
    """Adds, checkouts and purchases of each visitor in order: what was bought at once, after a pause, or left."""
    company, events, orders = built
    sessions = web_oracle.visits(events)
    acts: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for visit in sessions:
        for one in visit.events if not visit.is_bot else ():
            if one["name"] in STEPS[1:]:
                acts[visit.owner].append((one["t"], one["id"], one["name"]))
    reported = {
        one["order"] for visit in sessions if not visit.is_bot for one in visit.events if one["order"]
    }
    for one in orders:
        silent = one["order"] not in reported and one["channel"] == "web" and one["status"] == "paid"
        if silent and one["contact"]:
            acts[one["contact"]].append((one["t"], "", STEPS[3]))
    as_of = int((datetime(2026, 6, 30, tzinfo=UTC) - BEGIN).total_seconds())
    expected = Counter(state for mine in acts.values() for state in walk(sorted(mine), as_of))

    found = Counter(row[0] for row in company.rows("select state from marts.carts"))

    assert expected == found
    assert {"bought", "recovered", "lost"} <= found.keys()


def walk(acts: list[tuple[int, str, str]], as_of: int) -> list[str]:
    """State of each cart of one visitor."""
    out: list[str] = []
    last: int | None = None
    paused = False
    for moment, _, name in acts:
        if last is not None and moment - last > 30 * 86400:
            out.append("lost")
            last, paused = None, False
        if last is not None and moment - last > 3600:
            paused = True
        if name != STEPS[3]:
            last = moment
        elif last is not None:
            out.append("recovered" if paused else "bought")
            last, paused = None, False
    if last is not None:
        idle = as_of - last
        out.append("lost" if idle > 30 * 86400 else "abandoned" if idle > 3600 else "open")
    return out


@pytest.fixture(scope="module")
def attribution_sql(built: Built) -> str:
    """The model as dbt compiles it for a full build, whatever was built last."""
    company = built[0].company
    done = dbt.invoke(company, ["compile", "--full-refresh", "--select", "attribution"])
    assert done.success, done.error
    return next((company.dot / "target" / "compiled").rglob("attribution.sql")).read_text(encoding="utf-8")


Path_ = list[tuple[int, str | None]]


@settings(max_examples=30, deadline=None)
@given(
    paths=st.lists(
        st.tuples(
            st.decimals(0, 10**13, places=2),
            st.lists(
                st.tuples(st.integers(-86400, 31 * 86400), st.sampled_from((None, "direct", "email"))),
                max_size=23,
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_the_path_weights_sum_to_one_and_revenue_is_kept(
    attribution_sql: str, paths: list[tuple[Decimal, Path_]]
) -> None:
    """Property of the model's own SQL: exact, per conversion and model."""
    with duckdb.connect() as con:
        con.execute(
            "attach ':memory:' as cdp; create schema cdp.staging; create schema cdp.customer; create schema cdp.marts"
        )
        con.execute(
            f"create table cdp.staging.config_web as select {web_oracle.LOOKBACK} as lookback_seconds"
        )
        con.execute(
            """create table cdp.customer.conversions as select conversion_id, 'order' as kind, 'k' as order_key, 's' as source,
            'b' as brand, 'web' as order_channel, conversion_id as customer_id, null::varchar as visitor_id,
            timestamp '2026-06-01' as converted_at, true as is_first, revenue::decimal(18, 2) as revenue
            from (select unnest(?::varchar[]) as conversion_id, unnest(?::decimal(18, 2)[]) as revenue)""",
            [[f"c{place}" for place in range(len(paths))], [one[0] for one in paths]],
        )
        touches = [(f"c{place}", *touch) for place, one in enumerate(paths) for touch in one[1]]
        con.execute(
            """create table cdp.marts.sessions as select customer_id || '-' || row_number() over () as session_id, customer_id,
            'd' as device_id, timestamp '2026-06-01' - to_seconds(ago) as started_at, channel, null::varchar as utm_source,
            null::varchar as utm_medium, null::varchar as utm_campaign, 'mobile' as device_type, false as is_bot
            from (select unnest(?::varchar[]) as customer_id, unnest(?::bigint[]) as ago, unnest(?::varchar[]) as channel)""",
            [[one[0] for one in touches], [one[1] for one in touches], [one[2] for one in touches]],
        )
        rows = con.execute(
            f"""select revenue, sum(first_weight), sum(last_non_direct_weight), sum(linear_weight), sum(first_revenue),
            sum(last_non_direct_revenue), sum(linear_revenue), min(linear_weight), count(*), max(touches)
            from ({attribution_sql}) group by conversion_id, revenue order by conversion_id"""
        ).fetchall()

    assert len(rows) == len(paths)
    for revenue, *sums, least, size, touches_told in rows:
        assert sums == [1, 1, 1, revenue, revenue, revenue]
        assert least > 0
        assert size == max(touches_told, 1)
    counted = [sum(0 <= ago <= web_oracle.LOOKBACK for ago, _ in one[1]) for one in paths]
    assert [row[-1] for row in rows] == counted


def test_settings_of_the_web_are_checked(tmp_path: Path) -> None:
    """A wrong act and a wrong number are told with their line, and nothing is done."""
    from cli.config import load_company
    from pipelines.errors import UsageError

    company = TestCompany(
        tmp_path, [EVENTS], {"web": {"events": {"x": "bought"}, "session_timeout_minutes": 0}}
    )
    with pytest.raises(UsageError) as told:
        load_company(company.root / "cdp.yml")

    assert "web.events.x" in str(told.value)
    assert "web.session_timeout_minutes" in str(told.value)
