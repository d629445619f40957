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
VARIANTS = ("a", "b")
# as the visits that they bring call them (web_properties.py)
AD_CAMPAIGNS = ("brand-search", "tet-gifts")


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
    """Write what each variant of a campaign cost on its day, and advertising by month; for the first block only."""
    if world.block:
        return
    rng = world.rng("spend")
    months = np.arange(START, AS_OF, MONTH)
    mails = start.size * len(VARIANTS)
    moment = np.concatenate([np.repeat(start, len(VARIANTS)), np.repeat(months, len(ADS))])
    index = np.arange(moment.size)
    is_mail = index < mails
    ad = np.where(is_mail, 0, (index - mails) % len(ADS))
    amount = np.where(
        is_mail,
        rng.integers(10, 30, moment.size) * 10_000_000,
        rng.integers(80, 200, moment.size) * 10_000_000,
    )
    newsletter = join("CP", number(np.minimum(index // len(VARIANTS), start.size - 1) + 1, 3))
    columns = {
        "spend_id": join("SP", number(index + 1, 4)),
        "spent_on": days((moment + 7 * 3600) // DAY),
        "channel": when(is_mail, "email", pick(ADS, ad)),
        "campaign_id": when(is_mail, newsletter, pick(AD_CAMPAIGNS, ad)),
        "variant": when(is_mail, pick(VARIANTS, index % len(VARIANTS))),
        "amount": money(amount),
        "currency": constant(CURRENCY, moment.size),
    }
    out.csv(world, "data/marketing/spend", columns, delivery_of(moment))
