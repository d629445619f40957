"""The two shops: accounts, cards, products, orders with lines, refunds.

People, Journey  ->  Shop (one per brand)  ->  data/shop_north/*.csv, data/shop_south/*.jsonl

The north shop exports CSV with local day-first dates, the south shop nested JSON lines in UTC: the
same facts in two dialects, because no two systems of one company agree.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.columns import Bools, Ints, Text, join, json_texts, number, pick, take, when
from demo.journey import NEVER, STORE, Orders
from demo.output import Output, Spoil
from demo.people import People
from demo.world import AS_OF, BRANDS, DAY, START, World

CATEGORIES = (
    ("Tea", "Drinks", 65_000), ("Coffee", "Drinks", 89_000), ("Honey", "Pantry", 120_000),
    ("Rice", "Pantry", 95_000), ("Ceramics", "Home", 240_000), ("Linen", "Home", 310_000),
)  # fmt: skip
MAKERS = ("An Nam", "Ban Mai", "Co Do", "Dong Que")
PRODUCTS = 60
CURRENCY = "VND"
REASONS = ("damaged", "late", "wrong_item", "changed_mind")
PHONE_FORMS = 5
Columns = dict[str, Text]


@dataclass(frozen=True)
class Accounts:
    """One row per shop account; the first rows of a person come before second accounts."""

    person: Ints
    number: Text
    created: Ints
    email: Text
    phone: Text
    card: Text
    is_second: Bools


@dataclass(frozen=True)
class Shop:
    """What one brand exports; money in hundredths of the currency."""

    brand: int
    accounts: Accounts
    orders: Orders
    row: Ints
    """Row of the order in the journey: what tickets, answers and events refer to."""
    order_id: Text
    account: Ints
    card: Text
    email: Text
    phone: Text
    lines: Ints
    line_product: Ints
    line_quantity: Ints
    line_gross: Ints
    line_discount: Ints
    gross: Ints
    discount: Ints
    shipping: Ints
    tax: Ints


def written_phone(national: Text, form: Ints) -> Text:
    """Write a national number the way clerks, forms and telephones do."""
    parts = [pc.utf8_slice_codeunits(national, start, start + 3) for start in (0, 3, 6)]
    spaced = join(parts[0], " ", parts[1], " ", parts[2])
    forms = (
        join("0", national), join("+84 ", spaced), join("0", spaced),
        join("+84", national), join("0", pc.replace_substring(spaced, " ", ".")),
    )  # fmt: skip
    return pc.choose(pa.array(form % PHONE_FORMS), *forms)


def written_email(email: Text, rng: np.random.Generator) -> Text:
    """Write one address in ten in capitals."""
    return when(rng.random(len(email)) < 0.1, pc.utf8_upper(email), email)


def prices(brand: int) -> Ints:
    """Return the price of each product in hundredths."""
    steps = np.arange(PRODUCTS)
    base = np.array([price for _, _, price in CATEGORIES])[steps % len(CATEGORIES)]
    result: Ints = base * 100 * (8 + (steps * 7 + brand * 3) % 13) // 10
    return result


def make_accounts(world: World, people: People, brand: int) -> Accounts:
    """Open accounts; one owner in twenty opens a second one and forgets the first."""
    rng = world.rng(f"accounts-{brand}")
    first = np.flatnonzero(people.has_account[:, brand])
    second = first[rng.random(first.size) < 0.05]
    person = np.concatenate([first, second])
    is_second = np.arange(person.size) >= first.size
    # what a second account shares with the first: the card, the telephone, or nothing
    shares = rng.random(person.size)
    given = rng.random(person.size)
    has_card, has_phone = (~is_second | (shares < 0.5)), np.where(is_second, shares > 0.6, given < 0.8)
    email = when(is_second, take(people.second_email, person), take(people.shop_email(brand), person))
    phone = written_phone(take(people.phone, person), rng.integers(0, PHONE_FORMS, person.size))
    card = take(people.loyalty[brand], person)
    later = np.where(is_second, (AS_OF - people.joined[person]) * rng.uniform(0.3, 0.9, person.size), 0)
    return Accounts(
        person=person,
        number=join("NS"[brand], number(np.arange(person.size) + 10_000 + world.start * 3)),
        created=people.joined[person] + later.astype(np.int64),
        email=written_email(email, rng),
        phone=when(has_phone & ~(is_second & (shares > 0.9)), phone),
        card=when(has_card, card),
        is_second=is_second,
    )


def make_shop(world: World, people: People, orders: Orders, brand: int) -> Shop:
    """Work out everything one brand knows about its orders."""
    rng = world.rng(f"shop-{brand}")
    accounts = make_accounts(world, people, brand)
    row = np.flatnonzero(orders.brand == brand)
    mine = Orders(**{name: values[row] for name, values in vars(orders).items()})
    size, person = row.size, mine.person
    account_of = np.full(people.size, NEVER)
    owned = np.flatnonzero(~accounts.is_second)
    account_of[accounts.person[owned]] = owned
    in_store = mine.channel == STORE
    signed_in = (account_of[person] != NEVER) & ~in_store & (rng.random(size) < 0.88)
    lines = 1 + np.minimum(rng.poisson(1.1, size), 7)
    product = rng.integers(0, PRODUCTS, int(lines.sum()))
    quantity = rng.choice((1, 2, 3), product.size, p=(0.7, 0.2, 0.1))
    owner = np.repeat(np.arange(size), lines)
    free = rng.random(size) < 0.005
    line_gross = np.where(free[owner], 0, prices(brand)[product] * quantity)
    percent = rng.choice((0, 5, 10, 15), size, p=(0.7, 0.1, 0.15, 0.05))
    line_discount = line_gross * percent[owner] // 100
    gross, discount = _sums(line_gross, lines), _sums(line_discount, lines)
    shipping = np.where(in_store | free | (gross > 50_000_000), 0, 2_500_000)
    email = written_email(take(people.shop_email(brand), person), rng)
    phone = written_phone(take(people.phone, person), rng.integers(0, PHONE_FORMS, size))
    talks = rng.random((2, size))
    return Shop(
        brand=brand,
        accounts=accounts,
        orders=mine,
        row=row,
        order_id=join("NS"[brand], number(np.full(size, world.block), 3), number(np.arange(size), 7)),
        account=np.where(signed_in, account_of[person], NEVER),
        card=when((signed_in & (talks[0] < 0.5)) | in_store, take(people.loyalty[brand], person)),
        email=when(~in_store & (talks[0] < 0.9), email),
        phone=when(np.where(in_store, talks[1] < 0.3, talks[1] < 0.6), phone),
        lines=lines,
        line_product=product,
        line_quantity=quantity,
        line_gross=line_gross,
        line_discount=line_discount,
        gross=gross,
        discount=discount,
        shipping=shipping,
        tax=(gross - discount + shipping) * 8 // 108,
    )


def _sums(values: Ints, counts: Ints) -> Ints:
    edges: Ints = np.concatenate([[0], np.cumsum(values)])
    ends = np.cumsum(counts)
    sums: Ints = edges[ends] - edges[ends - counts]
    return sums


def draw_refunds(world: World, shop: Shop) -> tuple[Ints, Ints, Ints, Text]:
    """Return (order row, moment, amount, reason): whole orders or half of them."""
    rng = world.rng(f"refunds-{shop.brand}")
    orders = shop.orders
    moment = orders.delivered + (rng.uniform(1, 12, orders.person.size) * DAY).astype(np.int64)
    likely = rng.random(orders.person.size) < np.where(orders.late, 0.08, 0.025)
    paid = shop.gross - shop.discount
    row = np.flatnonzero(likely & (orders.delivered != NEVER) & (moment <= AS_OF) & (paid > 0))
    half = rng.random(row.size) < 0.4
    amount = np.where(half, paid[row] // 2, paid[row])
    reason = pick(REASONS, np.where(orders.late[row], 1, rng.choice((0, 2, 3), row.size)))
    return row, moment[row], amount, reason


def account_delivered(accounts: Accounts) -> Ints:
    """Return when an account first stands in an export: those from before the data in the first."""
    return np.maximum(accounts.created, START)


def product_ids(shop: Shop, product: Ints) -> Text:
    """Return the product numbers of a shop."""
    return join("NS"[shop.brand], "P", number(product + 1, 3))


def write_table(
    world: World,
    shop: Shop,
    out: Output,
    table: str,
    columns: Columns,
    delivery: Ints,
    spoils: list[Spoil] | None = None,
) -> None:
    """Write a flat table in the dialect of the shop."""
    stem = f"data/shop_{BRANDS[shop.brand]}/{table}"
    if shop.brand == 0:
        out.csv(world, stem, columns, delivery, spoils or [])
    else:
        out.jsonl(world, stem, json_texts(columns, nulls=True), delivery)
