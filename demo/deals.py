"""Deals of companies' contacts as they stood at each delivery, and every stage they entered.

Contacts  ->  data/crm/deals*.csv, data/crm/deal_stages*.csv (which has no key)
"""

import numpy as np

from demo.columns import Ints, constant, join, local, money, number, pick, present, take, when
from demo.crm import Contacts
from demo.output import Output
from demo.shops import CURRENCY
from demo.world import AS_OF, DAY, START, World, daytime, delivery_of

STAGES = ("appointment", "qualified", "proposal", "contract", "won", "lost")


def write_deals(world: World, contacts: Contacts, out: Output) -> None:
    """Write deals of companies' contacts, as they stood at each delivery, and every stage entered."""
    rng = world.rng("deals")
    business = present(contacts.company)
    row = np.flatnonzero(business & (rng.random(contacts.person.size) < 0.5))
    size = row.size
    created = daytime(rng, np.maximum(contacts.created[row], START), AS_OF - 10 * DAY)
    steps = np.cumsum(rng.exponential(12, (size, 4)) * DAY, axis=1).astype(np.int64) + created[:, None]
    entered = np.column_stack([created, steps])
    reached = rng.choice((1, 2, 3, 4, 5), size, p=(0.15, 0.15, 0.15, 0.1, 0.45))
    won = rng.random(size) < 0.6
    happened = (np.arange(5) < reached[:, None]) & (entered <= AS_OF)
    key = join("D", number(np.full(size, world.block), 3), number(np.arange(size), 6))
    stage = np.where((np.arange(5) == 4) & ~won[:, None], 5, np.arange(5))
    amount = rng.integers(30, 900, size) * 10_000_000
    deal, step = np.nonzero(happened)
    moment, entry = entered[deal, step], delivery_of(entered[deal, step])
    # the last stage before each delivery is what that delivery shows
    last = np.append((deal[1:] != deal[:-1]) | (entry[1:] != entry[:-1]), True)[: deal.size]
    history = {
        "Deal ID": take(key, deal),
        "Stage": pick(STAGES, stage[deal, step]),
        "From Stage": when(step > 0, pick(STAGES, np.maximum(step - 1, 0))),
        "Entered At": local(moment),
    }
    shown, at = deal[last], step[last]
    closed = at == 4
    promised = promises(world, created)
    deals = {
        "Record ID": take(key, shown),
        "Deal Name": join(take(contacts.company, row[shown]), " gifts"),
        "Pipeline": constant("corporate", shown.size),
        "Deal Stage": pick(STAGES, stage[shown, at]),
        "Amount": money(amount[shown]),
        "Currency": constant(CURRENCY, shown.size),
        "Deal owner": pick(("Linh", "Somchai", "Maria"), shown % 3),
        "Create Date": local(created[shown]),
        "Close Date": local(np.where(closed, moment[last], np.maximum(promised[shown, at], moment[last]))),
        "Is Closed Won": when(closed & won[shown], "true", "false"),
        "Associated Email": take(contacts.email, row[shown]),
        "Last Modified Date": local(moment[last]),
    }
    out.csv(world, "data/crm/deals", deals, entry[last])
    out.csv(world, "data/crm/deal_stages", history, entry)


def promises(world: World, created: Ints) -> Ints:
    """Return the expected close of each deal while in each of its five stages: now and then it is put off."""
    rng = world.rng("deal promises")
    first = created + (rng.lognormal(4.1, 0.4, created.size) * DAY).astype(np.int64)
    put_off = rng.integers(7, 45, (created.size, 5)) * DAY * (rng.random((created.size, 5)) < 0.3)
    put_off[:, 0] = 0
    return first[:, None] + np.cumsum(put_off, axis=1)
