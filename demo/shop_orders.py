"""The shops' order exports: orders, their lines, refunds.

Shop  ->  data/shop_north/*.csv, data/shop_south/*.jsonl

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
from demo.shops import CURRENCY, Columns, Shop, draw_refunds, product_ids, write_table
from demo.world import HOUR, World, delivery_of

STORES = ("HN-01", "SG-01", "SG-02", "DN-01")


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
    write_table(world, shop, out, "order_lines", columns, delivery_of(shop.orders.ordered)[owner], spoils)


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
    write_table(world, shop, out, "refunds", columns, delivery_of(moment))


def order_ids(shops: tuple[Shop, Shop], orders: int) -> Text:
    """Return the order number of every order of the journey."""
    ids = pa.concat_arrays([shop.order_id for shop in shops])
    place = np.empty(orders, dtype=np.int64)
    place[np.concatenate([shop.row for shop in shops])] = np.arange(orders)
    return take(ids, place)
