"""The shops' exports: north as CSV with local day-first dates, south as JSON lines in UTC.

Shop  ->  data/shop_north/*.csv, data/shop_south/*.jsonl, and whose accounts they are
"""

import numpy as np

from demo.columns import iso, join, local, money, number, pick, take
from demo.output import Output
from demo.people import People
from demo.shop_orders import write_lines, write_orders, write_refunds
from demo.shops import (
    CATEGORIES,
    MAKERS,
    PRODUCTS,
    Shop,
    account_delivered,
    prices,
    product_ids,
    write_table,
)
from demo.world import BRANDS, DAY, World, delivery_of


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
    write_table(world, shop, out, "products", columns, np.zeros(PRODUCTS, dtype=np.int64))


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
    write_table(world, shop, out, "accounts", columns, delivery)
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
    write_table(world, shop, out, "north_cards", columns, delivery_of(moment))
    out.truth("shop_south.north_cards", number_, accounts.person[row], delivery_of(moment), world.start)
