"""The web tracker: who visited when, on which device, signed in or not, and what came of it.

web orders  ->  sessions (converted, and the failures before them)  ->  events  ->  spool/web/*.jsonl

Conversion is planted by drawing, for each order, the number of fruitless sessions before it on the
same kind of device. A part of those are visitors nobody knows; the rest are on the person's own device.
"""

from dataclasses import dataclass

import numpy as np

from demo.columns import Bools, Ints, Text, hexes, join, number, take, when
from demo.journey import APP, NEVER, WEB, Journey
from demo.people import People
from demo.shops import PRODUCTS, Shop
from demo.world import AS_OF, HOUR, START, World, daytime

STRANGERS = 0.35
LOGINS_PER_DEVICE = 2
NO_CHANNEL = -1


@dataclass(frozen=True)
class Visits:
    """One row per session, oldest first; `order` is a row of the journey's orders."""

    person: Ints
    brand: Ints
    mobile: Bools
    begin: Ints
    order: Ints
    cart: Bools
    channel: Ints
    product: Ints
    device: Text
    stranger: Bools
    signed_in: Bools
    """The session belongs to a known user: signed in before it, or during it."""
    login: Bools
    """An identify call happens in the middle of this session."""


def make_visits(world: World, people: People, journey: Journey, shops: tuple[Shop, Shop]) -> Visits:
    """Draw all sessions, with device and login."""
    rng = world.rng("visits")
    person, brand, mobile, begin, order, cart = draw_sessions(world, rng, people, journey)
    size = person.size
    stranger = (order == NEVER) & ~cart & (rng.random(size) < STRANGERS)
    own = when(mobile, take(people.mobile, person), take(people.desktop, person))
    fresh = hexes(rng, size)
    # one stranger in five comes back on the device of the one before
    returns = np.arange(size) - (rng.random(size) < 0.2) * (np.arange(size) > 0) * stranger
    returns = np.where(stranger[returns], returns, np.arange(size))
    has_account = people.has_account[person, brand]
    wants = ~stranger & has_account & ((order != NEVER) | (rng.random(size) < 0.45))
    guest = ~stranger & ~has_account & (order != NEVER)
    rank = rank_within(person * 4 + mobile * 2 + brand, wants | guest)
    login = (wants | guest) & ((rank == 0) | ((rank < LOGINS_PER_DEVICE) & (rng.random(size) < 0.4)))
    channel = rng.choice(5, size, p=(0.30, 0.25, 0.2, 0.15, 0.1))
    return Visits(
        person=person,
        brand=brand,
        mobile=mobile,
        begin=begin,
        order=order,
        cart=cart,
        channel=np.where(channel == 0, NO_CHANNEL, channel - 1),
        product=first_products(rng, journey, shops, order),
        device=when(stranger, take(fresh, returns), own),
        stranger=stranger,
        signed_in=wants,
        login=login,
    )


def draw_sessions(
    world: World, rng: np.random.Generator, people: People, journey: Journey
) -> tuple[Ints, Ints, Bools, Ints, Ints, Bools]:
    """Return person, brand, mobile, begin, order and live cart of each session."""
    orders = journey.orders
    bought = np.flatnonzero((orders.channel == WEB) | (orders.channel == APP))
    rate = np.where(orders.mobile, world.effects.conversion_mobile, world.effects.conversion_desktop)[bought]
    failures = rng.geometric(rate) - 1
    tried = np.repeat(bought, failures)
    live = rng.choice(people.size, min(people.size, max(5, people.size // 100)), replace=False)
    person = np.concatenate([orders.person[bought], orders.person[tried], live])
    brand = np.concatenate([orders.brand[bought], orders.brand[tried], people.uses[live, 1].astype(np.int64)])
    mobile = np.concatenate([orders.mobile[bought], orders.mobile[tried], rng.random(live.size) < 0.6])
    since = np.maximum(people.joined[person[bought.size : bought.size + tried.size]], START)
    begin = np.concatenate(
        [
            orders.ordered[bought] - rng.integers(240, 900, bought.size),
            daytime(rng, since, AS_OF - HOUR),
            AS_OF - rng.integers(HOUR, 7 * HOUR, live.size),
        ]
    )
    order = np.concatenate([bought, np.full(tried.size + live.size, NEVER)])
    cart = np.arange(person.size) >= bought.size + tried.size
    sequence = np.argsort(begin, kind="stable")
    sequence = sequence[begin[sequence] < AS_OF - HOUR // 2]
    return (
        person[sequence],
        brand[sequence],
        mobile[sequence],
        begin[sequence],
        order[sequence],
        cart[sequence],
    )


def rank_within(group: Ints, counted: Bools) -> Ints:
    """Number the counted rows of each group from 0, in row order; the others get a large number."""
    rows = np.flatnonzero(counted)
    sequence = rows[np.argsort(group[rows], kind="stable")]
    ordered = group[sequence]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if rows.size else rows
    lengths = np.diff(np.append(starts, rows.size))
    rank = np.full(group.size, np.iinfo(np.int64).max)
    rank[sequence] = np.arange(rows.size) - np.repeat(starts, lengths)
    return rank


def first_products(rng: np.random.Generator, journey: Journey, shops: tuple[Shop, Shop], order: Ints) -> Ints:
    """Return what each session looked at: the first line of its order, or anything."""
    first = np.zeros(journey.orders.person.size + 1, dtype=np.int64)
    for shop in shops:
        first[shop.row] = shop.line_product[np.cumsum(shop.lines) - shop.lines]
    return np.where(order != NEVER, first[order], rng.integers(0, PRODUCTS, order.size))


def user_ids(people: People, shops: tuple[Shop, Shop], visits: Visits) -> Text:
    """Return the account number of each signed-in visit's person in its brand."""
    result = None
    for brand, shop in enumerate(shops):
        account_of = np.zeros(people.size, dtype=np.int64)
        rows = np.flatnonzero(~shop.accounts.is_second)
        account_of[shop.accounts.person[rows]] = rows
        numbers = take(shop.accounts.number, account_of[visits.person])
        mine = when((visits.brand == brand) & visits.signed_in, numbers)
        result = mine if result is None else when(visits.brand == brand, mine, result)
    return result


def order_values(journey: Journey, shops: tuple[Shop, Shop]) -> dict[str, Ints]:
    """Return money and line counts of every order of the journey, whichever shop it is in."""
    names = ("gross", "discount", "shipping", "tax", "lines")
    values = {name: np.zeros(journey.orders.person.size + 1, dtype=np.int64) for name in names}
    for shop in shops:
        for name, column in values.items():
            column[shop.row] = getattr(shop, name)
    return values


def product_skus(brand: Ints, product: Ints) -> Text:
    """Return product numbers as both shops write them."""
    return join(when(brand == 0, "N", "S"), "P", number(product + 1, 3))
