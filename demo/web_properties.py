"""What a Segment call says besides who and when: context, traits, properties, products of an order.

Visits, Shops  ->  JSON text per visit or per call
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from demo.columns import (
    Ints,
    Text,
    join,
    json_array,
    json_object,
    json_texts,
    money,
    number,
    pick,
    quoted,
    take,
    when,
)
from demo.journey import Journey
from demo.people import People
from demo.shop_orders import order_ids
from demo.shops import CATEGORIES, CURRENCY, Shop, prices
from demo.web import Visits, order_values, product_skus
from demo.world import BRANDS

# the places of a visit's calls (web_files.py)
VIEW, LOGIN, ADDED, CHECKOUT, COMPLETED = range(3, 8)
CHANNELS = (
    ("google", "cpc", "brand-search"), ("facebook", "paid_social", "tet-gifts"),
    ("newsletter", "email", "monthly"), ("tiktok", "social", "makers"),
)  # fmt: skip
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; Mobile) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
)


def contexts(visits: Visits) -> Text:
    """Return the context of each visit: campaign, page, browser, device."""
    campaign = {
        name: pick([channel[part] for channel in CHANNELS], np.maximum(visits.channel, 0))
        for part, name in enumerate(("source", "medium", "name"))
    }
    sku = product_skus(visits.brand, visits.product)
    path = join("/p/", sku)
    site = join("https://www.", pick(BRANDS, visits.brand), ".example")
    page = {
        "url": join(site, path),
        "path": path,
        "referrer": when(visits.channel == 0, "https://google.example/"),
    }
    mobile = visits.mobile.astype(np.int64)
    return json_object(
        {
            "campaign": when(visits.channel >= 0, json_texts(campaign)),
            "page": json_texts(page),
            "userAgent": quoted(pick(AGENTS, mobile)),
            "device": json_texts({"type": pick(("desktop", "mobile"), mobile)}),
        }
    )


def traits(people: People, visits: Visits, visit: Ints, place: Ints) -> Text:
    """Return the traits of identify calls, the only ones that carry personal data."""
    rows = np.flatnonzero(place == LOGIN)
    owner = visits.person[visit[rows]]
    south = visits.brand[visit[rows]] == 1
    text = json_texts(
        {
            "email": when(south, take(people.shop_email(1), owner), take(people.email, owner)),
            "firstName": take(people.given_roman, owner),
            "lastName": take(people.family_roman, owner),
        }
    )
    return scatter(text, rows, place.size)


def scatter(values: Text, rows: Ints, size: int) -> Text:
    """Return a column with `values` at `rows` and null elsewhere."""
    index: npt.NDArray[np.int64] = np.full(size, len(values))
    index[rows] = np.arange(rows.size)
    return take(pa.concat_arrays([values, pa.array([None], pa.string())]), index)


def properties(journey: Journey, shops: tuple[Shop, Shop], visits: Visits, visit: Ints, place: Ints) -> Text:
    """Return the properties: product on views and carts, money and products on orders."""
    completed = np.flatnonzero(place == COMPLETED)
    orders = completed_orders(journey, shops, visits.order[visit[completed]])
    products = take(product_properties(visits), visit)
    about_product = (place == VIEW) | (place == ADDED) | (place == CHECKOUT)
    paths = when(place < VIEW, '{"path":"/"}', when(about_product, products))
    return pc.coalesce(scatter(orders, completed, place.size), paths)


def product_properties(visits: Visits) -> Text:
    """Return the product each visit is about."""
    table = np.stack([prices(brand) for brand in range(len(BRANDS))])
    return json_object(
        {
            "product_id": quoted(product_skus(visits.brand, visits.product)),
            "category": quoted(pick([name for name, _, _ in CATEGORIES], visits.product % len(CATEGORIES))),
            "price": money(table[visits.brand, visits.product]),
            "quantity": number(np.ones(visits.brand.size, dtype=np.int64)),
            "currency": quoted(join(CURRENCY, when(visits.brand >= 0, ""))),
        }
    )


def completed_orders(journey: Journey, shops: tuple[Shop, Shop], order: Ints) -> Text:
    """Return Segment's Order Completed properties of some orders, with their products."""
    values = {name: column[order] for name, column in order_values(journey, shops).items()}
    total = values["gross"] - values["discount"] + values["shipping"]
    ids = order_ids(shops, journey.orders.person.size)
    return json_object(
        {
            "order_id": quoted(take(ids, order)),
            "total": money(total),
            "revenue": money(values["gross"] - values["discount"]),
            "shipping": money(values["shipping"]),
            "tax": money(values["tax"]),
            "discount": money(values["discount"]),
            "currency": quoted(join(CURRENCY, when(order >= 0, ""))),
            "products": take(order_products(journey, shops), order),
        }
    )


def order_products(journey: Journey, shops: tuple[Shop, Shop]) -> Text:
    """Return the products of every order of the journey as JSON arrays."""
    arrays = []
    for shop in shops:
        brand = np.full(shop.line_product.size, shop.brand, dtype=np.int64)
        items = json_object(
            {
                "product_id": quoted(product_skus(brand, shop.line_product)),
                "price": money(prices(shop.brand)[shop.line_product]),
                "quantity": number(shop.line_quantity),
            }
        )
        arrays.append(json_array(items, shop.lines))
    place = np.empty(journey.orders.person.size, dtype=np.int64)
    place[np.concatenate([shop.row for shop in shops])] = np.arange(place.size)
    return take(pa.concat_arrays(arrays), place)
