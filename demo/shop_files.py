"""The shops' exports: north as CSV with local day-first dates, south as nested JSON lines in UTC.

Shop  ->  data/shop_north/*.csv, data/shop_south/*.jsonl, and whose accounts they are

An order delivered after the export that first carries it comes a second time, with its delivery.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from demo.columns import (
    Bools,
    Ints,
    Text,
    constant,
    iso,
    join,
    json_object,
    json_texts,
    local,
    local_slashes,
    money,
    number,
    pick,
    quoted,
    take,
    when,
)
from demo.journey import CHANNELS, NEVER, STORE
from demo.output import Output, Spoil
from demo.people import People
from demo.shops import (
    CATEGORIES,
    CURRENCY,
    MAKERS,
    PRODUCTS,
    Shop,
    account_delivered,
    draw_refunds,
    prices,
)
from demo.world import BRANDS, DAY, HOUR, World, delivery_of

STORES = ("HN-01", "SG-01", "SG-02", "DN-01")
Columns = dict[str, Text]


def write_shop(world: World, people: People, shop: Shop, out: Output) -> None:
    """Write all tables of one shop and the truth about its accounts."""
    write_products(world, shop, out)
    write_accounts(world, people, shop, out)
    write_orders(world, shop, out)
    write_lines(world, shop, out)
    write_refunds(world, shop, out)
    if BRANDS[shop.brand] == "south":
        write_north_cards(world, people, shop, out)


def write_products(world: World, shop: Shop, out: Output) -> None:
    """Write the catalogue; the first delivery carries it, for the first block only."""
    if world.block:
        return
    steps = np.arange(PRODUCTS)
    kind = steps % len(CATEGORIES)
    name = join(
        pick([name for name, _, _ in CATEGORIES], kind), " no. ", number(steps // len(CATEGORIES) + 1)
    )
    columns = {
        "sku": product_ids(shop, steps),
        "name": name,
        "category": pick([name for name, _, _ in CATEGORIES], kind),
        "department": pick([name for _, name, _ in CATEGORIES], kind),
        "maker": pick(MAKERS, steps % len(MAKERS)),
        "price": money(prices(shop.brand)),
    }
    _write(world, shop, out, "products", columns, np.zeros(PRODUCTS, dtype=np.int64))


def product_ids(shop: Shop, product: Ints) -> Text:
    """Return the product numbers of a shop."""
    return join("NS"[shop.brand], "P", number(product + 1, 3))


def write_accounts(world: World, people: People, shop: Shop, out: Output) -> None:
    """Write the accounts; every one is a person record of the truth."""
    accounts = shop.accounts
    person = accounts.person
    names = (people.given_roman, people.family_roman) if shop.brand == 0 else (people.given, people.family)
    stamp = local if shop.brand == 0 else iso
    columns = {
        "account_id": accounts.number,
        "first_name": take(names[0], person),
        "last_name": take(names[1], person),
        "email": accounts.email,
        "phone": accounts.phone,
        "card_no": accounts.card,
        "street": take(people.street, person),
        "opened_at": stamp(accounts.created),
    }
    delivery = delivery_of(account_delivered(accounts))
    _write(world, shop, out, "accounts", columns, delivery)
    table = f"shop_{BRANDS[shop.brand]}.accounts"
    out.truth(table, accounts.number, person, delivery, world.start)


def write_north_cards(world: World, people: People, shop: Shop, out: Output) -> None:
    """Write the joint scheme: south accounts whose owners also registered a north card."""
    accounts = shop.accounts
    rng = world.rng("north-cards")
    both = people.uses[accounts.person, 0] & people.has_card[accounts.person, 0] & ~accounts.is_second
    row = np.flatnonzero(both & (rng.random(accounts.person.size) < 0.6))
    number_, moment = take(accounts.number, row), account_delivered(accounts)[row] + DAY // 24
    columns = {
        "account_id": number_,
        "north_card_no": take(people.loyalty[0], accounts.person[row]),
        "linked_at": iso(moment),
    }
    _write(world, shop, out, "north_cards", columns, delivery_of(moment))
    out.truth("shop_south.north_cards", number_, accounts.person[row], delivery_of(moment), world.start)


def write_orders(world: World, shop: Shop, out: Output) -> None:
    """Write the orders, and again those that were still on their way in their first export."""
    orders = shop.orders
    first = delivery_of(orders.ordered)
    arrived = delivery_of(orders.delivered)
    waiting = (orders.delivered != NEVER) & (arrived > first)
    again = np.flatnonzero(waiting)
    row = np.concatenate([np.arange(first.size), again])
    delivery = np.concatenate([first, arrived[again]])
    known = np.concatenate([~waiting, np.ones(again.size, dtype=np.bool_)]) & (orders.delivered[row] != NEVER)
    if shop.brand == 0:
        out.csv(
            world,
            "data/shop_north/orders",
            north_orders(shop, row, known),
            delivery,
            [Spoil("unparseable_date", column="placed_at", value="31/02/2026 25:61")],
        )
    else:
        lines = south_orders(shop, row, known)
        out.jsonl(world, "data/shop_south/orders", lines, delivery, [Spoil("broken_json")])


def _status(shop: Shop, row: Ints) -> Text:
    return when(shop.orders.cancelled[row], "cancelled", "paid")


def _updated(shop: Shop, row: Ints, known: Bools) -> Ints:
    changed = shop.orders.ordered[row] + np.where(shop.orders.cancelled[row], 2 * HOUR, 0)
    return np.where(known, shop.orders.delivered[row], changed)


def _account(shop: Shop, row: Ints) -> Text:
    account = shop.account[row]
    numbers = take(shop.accounts.number, np.maximum(account, 0)) if len(shop.accounts.number) else None
    return when(account != NEVER, numbers)


def _store(shop: Shop, row: Ints) -> Text:
    return when(shop.orders.channel[row] == STORE, pick(STORES, row % 2 + 2 * shop.brand))


def north_orders(shop: Shop, row: Ints, known: Bools) -> Columns:
    """Return the order columns of the north shop."""
    orders = shop.orders
    delivered = np.where(known, orders.delivered[row], NEVER)
    return {
        "order_no": take(shop.order_id, row),
        "placed_at": local_slashes(orders.ordered[row]),
        "status": _status(shop, row),
        "channel": pick(CHANNELS, orders.channel[row]),
        "store": _store(shop, row),
        "currency": constant(CURRENCY, row.size),
        "subtotal": money(shop.gross[row]),
        "discount": money(shop.discount[row]),
        "shipping": money(shop.shipping[row]),
        "vat": money(shop.tax[row]),
        "account_id": _account(shop, row),
        "card_no": take(shop.card, row),
        "email": take(shop.email, row),
        "phone": take(shop.phone, row),
        "promised_at": local_slashes(orders.promised[row]),
        "delivered_at": local_slashes(delivered),
        "updated_at": local(_updated(shop, row, known)),
    }


def south_orders(shop: Shop, row: Ints, known: Bools) -> Text:
    """Return the orders of the south shop as nested JSON."""
    orders = shop.orders
    customer = {
        "accountId": _account(shop, row),
        "card": take(shop.card, row),
        "email": take(shop.email, row),
        "phone": take(shop.phone, row),
    }
    amounts = {"gross": shop.gross, "discount": shop.discount, "shipping": shop.shipping, "tax": shop.tax}
    delivered = np.where(known, orders.delivered[row], NEVER)
    return json_object(
        {
            "id": quoted(take(shop.order_id, row)),
            "createdAt": quoted(iso(orders.ordered[row])),
            "updatedAt": quoted(iso(_updated(shop, row, known))),
            "state": quoted(_status(shop, row)),
            "channel": quoted(pick(CHANNELS, orders.channel[row])),
            "store": quoted(_store(shop, row)),
            "currency": quoted(constant(CURRENCY, row.size)),
            "customer": json_texts(customer, nulls=True),
            "amount": json_texts({name: money(cents[row]) for name, cents in amounts.items()}),
            "delivery": json_texts({"promisedAt": iso(orders.promised[row]), "deliveredAt": iso(delivered)}),
        }
    )


def write_lines(world: World, shop: Shop, out: Output) -> None:
    """Write the order lines; they never change."""
    owner = np.repeat(np.arange(shop.lines.size), shop.lines)
    place = np.arange(owner.size) - np.repeat(np.cumsum(shop.lines) - shop.lines, shop.lines) + 1
    order_no = take(shop.order_id, owner)
    columns = {
        "line_id": join(order_no, "-", number(place)),
        "order_no": order_no,
        "line": number(place),
        "sku": product_ids(shop, shop.line_product),
        "quantity": number(shop.line_quantity),
        "gross": money(shop.line_gross),
        "discount": money(shop.line_discount),
        "net": money(shop.line_gross - shop.line_discount),
    }
    spoils = [Spoil("ragged_line"), Spoil("missing_key", column="line_id")] if shop.brand == 0 else []
    _write(world, shop, out, "order_lines", columns, delivery_of(shop.orders.ordered)[owner], spoils)


def write_refunds(world: World, shop: Shop, out: Output) -> None:
    """Write what was paid back."""
    row, moment, amount, reason = draw_refunds(world, shop)
    stamp: Callable[[Ints], Text] = local_slashes if shop.brand == 0 else iso
    order_no = take(shop.order_id, row)
    columns = {
        "refund_no": join("R", order_no),
        "order_no": order_no,
        "refunded_at": stamp(moment),
        "amount": money(amount),
        "reason": reason,
    }
    _write(world, shop, out, "refunds", columns, delivery_of(moment))


def _write(
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


def order_ids(shops: tuple[Shop, Shop], orders: int) -> Text:
    """Return the order number of every order of the journey."""
    ids = pa.concat_arrays([shop.order_id for shop in shops])
    place = np.empty(orders, dtype=np.int64)
    place[np.concatenate([shop.row for shop in shops])] = np.arange(orders)
    return take(ids, place)
