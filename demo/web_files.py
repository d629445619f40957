"""The tracker's spool: Segment calls as JSON lines, one file per delivery, late and doubled ones included.

Visits  ->  up to eight calls each  ->  spool/web/events_<day>.jsonl

Every visit has the same eight places (three pages, view, identify, cart, checkout, order); a mask says
which happened. Some calls reach the collector days later and so stand in a later file; some arrive twice.
"""

import numpy as np

from demo.columns import (
    Ints,
    Text,
    hexes,
    iso,
    join,
    json_object,
    pick,
    quoted,
    take,
    when,
)
from demo.journey import NEVER, Journey
from demo.output import Output, Spoil
from demo.people import People
from demo.shops import Shop
from demo.web import Visits, user_ids
from demo.web_properties import ADDED, CHECKOUT, COMPLETED, LOGIN, VIEW, contexts, properties, traits
from demo.world import AS_OF, DAY, World, delivery_of

TYPES = ("page", "page", "page", "track", "identify", "track", "track", "track")
EVENTS = (None, None, None, "Product Viewed", None, "Product Added", "Checkout Started", "Order Completed")
LATE_SHARE = 0.015
DOUBLED_SHARE = 0.004


def write_web(
    world: World, people: People, journey: Journey, shops: tuple[Shop, Shop], visits: Visits, out: Output
) -> None:
    """Write the spool files."""
    rng = world.rng("events")
    visit, place, moment = draw_events(rng, visits)
    received = moment + rng.integers(0, 4, moment.size)
    late = rng.random(moment.size) < LATE_SHARE
    received = np.where(late, received + (rng.uniform(2, 20, moment.size) * DAY).astype(np.int64), received)
    received = np.minimum(received, AS_OF)
    lines = event_lines(rng, people, journey, shops, visits, visit, place, moment, received)
    order = np.argsort(received, kind="stable")
    doubled = np.sort(rng.choice(order.size, int(order.size * DOUBLED_SHARE), replace=False))
    rows = np.concatenate([order, order[doubled]])
    spoils = [
        Spoil("broken_json"),
        Spoil("missing_key", pattern='"messageId":"[^"]*",'),
        Spoil("unparseable_date", pattern='"timestamp":"[^"]*"', value='"timestamp":"yesterday"'),
    ]
    delivery = delivery_of(received)
    out.jsonl(world, "spool/web/events", take(lines, rows), delivery[rows], spoils)
    out.trap("late_events", int((delivery_of(moment) < delivery).sum()))
    out.trap("doubled_events", doubled.size)
    out.trap("live_carts", int(visits.cart.sum()))


def draw_events(rng: np.random.Generator, visits: Visits) -> tuple[Ints, Ints, Ints]:
    """Return visit, place and moment of every call, visit by visit in the order they happened."""
    size = visits.begin.size
    bought = visits.order != NEVER
    happens = np.zeros((size, 8), dtype=np.bool_)
    happens[:, 0] = True
    happens[:, 1:3] = rng.random((size, 2)) < 0.3
    happens[:, VIEW] = bought | visits.cart | (rng.random(size) < 0.8)
    happens[:, LOGIN] = visits.login
    happens[:, ADDED] = bought | visits.cart | (rng.random(size) < 0.25)
    happens[:, CHECKOUT] = bought | (happens[:, ADDED] & ~visits.cart & (rng.random(size) < 0.3))
    happens[:, COMPLETED] = bought
    gaps = rng.integers(8, 60, (size, 8)) * happens
    moment = visits.begin[:, None] + np.cumsum(gaps, axis=1)
    visit, place = np.nonzero(happens)
    return visit.astype(np.int64), place.astype(np.int64), moment[visit, place]


def event_lines(
    rng: np.random.Generator,
    people: People,
    journey: Journey,
    shops: tuple[Shop, Shop],
    visits: Visits,
    visit: Ints,
    place: Ints,
    moment: Ints,
    received: Ints,
) -> Text:
    """Return the finished JSON line of every call."""
    millis = rng.integers(0, 1000, visit.size)
    known = (place >= LOGIN) | ~visits.login[visit]
    return json_object(
        {
            "messageId": quoted(join("m-", hexes(rng, visit.size, 24))),
            "type": quoted(pick(TYPES, place)),
            "event": quoted(pick(EVENTS, place)),
            "name": quoted(when(place < VIEW, pick(("Home", "Category", "Search"), np.minimum(place, 2)))),
            "anonymousId": quoted(take(visits.device, visit)),
            "userId": quoted(when(known, take(user_ids(people, shops, visits), visit))),
            "timestamp": quoted(iso(moment, millis)),
            "receivedAt": quoted(iso(received, np.minimum(millis + 40, 999))),
            "properties": properties(journey, shops, visits, visit, place),
            "traits": traits(people, visits, visit, place),
            "context": take(contexts(visits), visit),
        }
    )
