"""What campaigns cost, and who was held out of them by lot.

Agreements and mails  ->  data/marketing/assignments*.csv, data/marketing/spend*.csv

Holding out has no effect here: mail sells nothing in this company (truth/effects.yml plants no such effect).
"""

import numpy as np

from demo.columns import Bools, Ints, constant, join, local, money, number, pick, take, when
from demo.columns import day as days
from demo.output import Output
from demo.people import People
from demo.shops import CURRENCY
from demo.world import AS_OF, DAY, MONTH, START, World, delivery_of

HELD_OUT = 0.2
ADS = ("search", "social")


def write_assignments(world: World, people: People, eligible: Bools, start: Ints, out: Output) -> None:
    """Write who was held out of which campaign: a part, drawn by lot, of those it could have gone to and did not.

    `eligible` has one row per campaign and one column per person.
    """
    rng = world.rng("held out")
    campaign, person = np.nonzero(eligible & (rng.random(eligible.shape) < HELD_OUT))
    moment = start[campaign]
    columns = {
        "assignment_id": join(
            "A", number(np.full(campaign.size, world.block), 3), number(np.arange(campaign.size), 8)
        ),
        "campaign_id": join("CP", number(campaign + 1, 3)),
        "arm": constant("holdout", campaign.size),
        "assigned_at": local(moment),
        "email": take(people.email, person),
    }
    out.csv(world, "data/marketing/assignments", columns, delivery_of(moment))


def write_spend(world: World, start: Ints, out: Output) -> None:
    """Write what each campaign cost on its day, and advertising by month; for the first block only."""
    if world.block:
        return
    rng = world.rng("spend")
    mails = start.size
    months = np.arange(START, AS_OF, MONTH)
    moment = np.concatenate([start, np.repeat(months, len(ADS))])
    ads = np.arange(months.size * len(ADS)) % len(ADS)
    channel = np.concatenate([np.zeros(mails, dtype=np.int64), ads + 1])
    index = np.arange(moment.size)
    amount = np.where(
        channel == 0,
        rng.integers(20, 60, moment.size) * 10_000_000,
        rng.integers(80, 200, moment.size) * 10_000_000,
    )
    columns = {
        "spend_id": join("SP", number(index + 1, 4)),
        "spent_on": days((moment + 7 * 3600) // DAY),
        "channel": pick(("email", *ADS), channel),
        # advertising belongs to no campaign
        "campaign_id": when(index < mails, join("CP", number(np.minimum(index, mails - 1) + 1, 3))),
        "amount": money(amount),
        "currency": constant(CURRENCY, moment.size),
    }
    out.csv(world, "data/marketing/spend", columns, delivery_of(moment))
