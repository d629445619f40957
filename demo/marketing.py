"""Marketing: campaigns, what became of each mail, consents and preferences.

People  ->  consents  ->  mails to those who agreed  ->  data/marketing/*.csv

Opening is drawn apart from everything else a person does: the null effect of truth/effects.yml.
"""

from dataclasses import dataclass

import numpy as np

from demo.campaign_costs import write_assignments, write_spend
from demo.columns import (
    Bools,
    Ints,
    constant,
    hexes,
    join,
    local,
    number,
    pick,
    take,
    when,
)
from demo.journey import FAR
from demo.naming import LANGUAGES
from demo.output import Output, Spoil
from demo.people import People
from demo.shops import written_phone
from demo.world import AS_OF, BRANDS, DAY, HOUR, MONTH, START, World, delivery_of, epoch

CAMPAIGNS = 18
REACH = 0.3
COUPONS = 200
KINDS = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")
TOPICS = ("tea;coffee", "home", "pantry", "tea;home")


@dataclass(frozen=True)
class Grants:
    """One row per person who agreed to mail; `until` is when they took it back, if they did."""

    person: Ints
    agreed: Ints
    until: Ints


@dataclass(frozen=True)
class Mails:
    """One row per mail sent and what happened to it."""

    person: Ints
    campaign: Ints
    moment: Ints
    bounced: Bools
    hard: Bools
    opened: Bools
    machine: Bools
    clicked: Bools
    complained: Bools
    left: Bools


def write_marketing(world: World, people: People, out: Output) -> None:
    """Write all its tables."""
    write_campaigns(world, out)
    write_coupons(world, out)
    grants = draw_grants(world, people)
    mails = draw_mails(world, people, grants)
    write_messages(world, people, mails, out)
    write_consents(world, people, grants, mails, out)
    write_preferences(world, people, out)
    write_assignments(world, people, could_get(people, grants, mails), campaign_start(), out)
    write_spend(world, campaign_start(), out)


def draw_grants(world: World, people: People) -> Grants:
    """Draw who agreed to mail: a few so long ago that it has run out, a few changed their mind."""
    rng = world.rng("grants")
    agrees = (rng.random(people.size) < 0.6) & people.has_email
    old = rng.random(people.size) < 0.03
    moment = np.where(old, epoch(2023, 6, 1) + rng.integers(0, 300, people.size) * DAY, people.joined + HOUR)
    person = np.flatnonzero(agrees)
    agreed = moment[person]
    withdraws = rng.random(person.size) < 0.06
    return Grants(person, agreed, np.where(withdraws, between(rng, agreed), FAR))


def between(rng: np.random.Generator, since: Ints) -> Ints:
    """Draw a later moment than `since`, before the data end."""
    return since + (rng.uniform(0.1, 0.99, since.size) * (AS_OF - since)).astype(np.int64)


def campaign_start() -> Ints:
    """Return when each campaign went out: one a month, the brands in turn."""
    return START + np.arange(CAMPAIGNS) * MONTH + 9 * DAY + 10 * HOUR


def write_campaigns(world: World, out: Output) -> None:
    """Write the campaigns, for the first block only."""
    if world.block:
        return
    index = np.arange(CAMPAIGNS)
    columns = {
        "campaign_id": join("CP", number(index + 1, 3)),
        "name": join(pick(BRANDS, index % 2), " newsletter ", number(index + 1)),
        "kind": constant("newsletter", CAMPAIGNS),
        "channel": constant("email", CAMPAIGNS),
        "started_at": local(campaign_start()),
        "ended_at": local(campaign_start() + 7 * DAY),
    }
    out.csv(world, "data/marketing/campaigns", columns, delivery_of(campaign_start()))


def write_coupons(world: World, out: Output) -> None:
    """Write the codes that left carts are given, for the first block only."""
    if world.block:
        return
    columns = {
        "code": join("TEA", hexes(world.rng("coupons"), COUPONS, 8)),
        "pool": constant("left_cart", COUPONS),
        "discount_percent": constant("10", COUPONS),
        "valid_until": constant("2026-12-31 23:59:59", COUPONS),
    }
    out.csv(world, "data/marketing/coupons", columns, np.zeros(COUPONS, dtype=np.int64))


def draw_mails(world: World, people: People, grants: Grants) -> Mails:
    """Send each campaign to a part of those whose agreement then stood."""
    rng = world.rng("mails")
    start = campaign_start()
    sent = rng.random((CAMPAIGNS, grants.person.size)) < REACH
    sent &= agreed_to(people, grants)
    campaign, place = np.nonzero(sent)
    size = campaign.size
    bounced = rng.random(size) < 0.015
    machine = ~bounced & (rng.random(size) < 0.12)
    opened = ~bounced & (machine | (rng.random(size) < 0.32))
    mails = Mails(
        person=grants.person[place],
        campaign=campaign.astype(np.int64),
        moment=start[campaign] + rng.integers(0, 2 * HOUR, size),
        bounced=bounced,
        hard=bounced & (rng.random(size) < 0.4),
        opened=opened,
        machine=machine,
        clicked=opened & ~machine & (rng.random(size) < 0.15),
        complained=~bounced & (rng.random(size) < 0.001),
        left=opened & ~machine & (rng.random(size) < 0.012),
    )
    return only_before_leaving(people, mails)


def agreed_to(people: People, grants: Grants) -> Bools:
    """Tell per campaign and grant whether the mail was allowed: agreement stands, and they use the brand."""
    start = campaign_start()[:, None]
    stands = (grants.agreed < start) & (grants.until > start + DAY)
    return np.asarray(stands & people.uses[grants.person].T[np.arange(CAMPAIGNS) % 2], dtype=np.bool_)


def could_get(people: People, grants: Grants, mails: Mails) -> Bools:
    """Tell per campaign and person who could have got it by lot and did not."""
    could = np.zeros((CAMPAIGNS, people.size), dtype=np.bool_)
    could[:, grants.person] = agreed_to(people, grants)
    could[mails.campaign, mails.person] = False
    return could & (campaign_start()[:, None] <= left_at(people, mails))


def left_at(people: People, mails: Mails) -> Ints:
    """Return when each person unsubscribed by a mail; FAR for those who did not."""
    gone = np.full(people.size, FAR)
    np.minimum.at(gone, mails.person[mails.left], mails.moment[mails.left])
    return gone


def only_before_leaving(people: People, mails: Mails) -> Mails:
    """Take away mails to people who had unsubscribed before."""
    keep = mails.moment <= left_at(people, mails)[mails.person]
    return Mails(**{name: values[keep] for name, values in vars(mails).items()})


def write_messages(world: World, people: People, mails: Mails, out: Output) -> None:
    """Write one row per thing that happened to a mail."""
    rng = world.rng("messages")
    always = np.ones(mails.person.size, dtype=np.bool_)
    happened = np.column_stack(
        [always, ~mails.bounced, mails.opened, mails.clicked, mails.bounced, mails.complained, mails.left]
    )
    mail, kind = np.nonzero(happened)
    # a machine opens at once, people when they find the time
    wait = rng.integers(600, 2 * DAY, mail.size)
    wait = np.where(kind >= 2, np.where(mails.machine[mail], 5, wait) + 60, kind * 20)
    moment = np.minimum(mails.moment[mail] + wait + np.where(kind > 2, 120, 0), AS_OF - 1)
    mail_id = join("M", number(np.full(mail.size, world.block), 3), number(mail, 8))
    columns = {
        "event_id": join(mail_id, "-", number(kind)),
        "message_id": mail_id,
        "campaign_id": join("CP", number(mails.campaign[mail] + 1, 3)),
        "variant": when(mails.person[mail] % 2 == 0, "a", "b"),
        "event": pick(KINDS, kind),
        "hard_bounce": when(kind == 4, when(mails.hard[mail], "true", "false")),
        "by_machine": when(kind == 2, when(mails.machine[mail], "true", "false")),
        "channel": constant("email", mail.size),
        "happened_at": local(moment),
        "email": take(people.email, mails.person[mail]),
    }
    spoils = [
        Spoil("unparseable_date", column="happened_at", value="soon"),
        Spoil("missing_key", column="event_id"),
        Spoil("ragged_line"),
    ]
    out.csv(world, "data/marketing/messages", columns, delivery_of(moment), spoils)


def write_consents(world: World, people: People, grants: Grants, mails: Mails, out: Output) -> None:
    """Write what people said about being written to or called."""
    rng = world.rng("consents")
    denies = np.setdiff1d(np.flatnonzero(people.has_email), grants.person)
    denies = denies[rng.random(denies.size) < 0.3]
    changes = np.flatnonzero(grants.until != FAR)
    no_calls = np.flatnonzero(people.has_phone & (rng.random(people.size) < 0.03))
    no_surveys = np.flatnonzero(people.has_email & (rng.random(people.size) < 0.02))
    left = np.flatnonzero(mails.left)
    texters = np.flatnonzero(people.has_phone[grants.person])
    texters = texters[world.rng("texters").random(texters.size) < 0.5]
    groups = (
        ("email_marketing", "granted", grants.person, grants.agreed),
        ("email_marketing", "denied", denies, people.joined[denies] + HOUR),
        ("email_marketing", "withdrawn", grants.person[changes], grants.until[changes]),
        ("email_marketing", "withdrawn", mails.person[left], mails.moment[left] + 2 * DAY),
        ("service_recovery", "objected", no_calls, between(rng, people.joined[no_calls])),
        ("survey_invites", "objected", no_surveys, between(rng, people.joined[no_surveys])),
        ("sms_marketing", "granted", grants.person[texters], grants.agreed[texters]),
    )
    person = np.concatenate([rows for _, _, rows, _ in groups])
    moment = np.minimum(np.concatenate([when_ for *_, when_ in groups]), AS_OF - 60)
    group = np.repeat(np.arange(len(groups)), [rows.size for _, _, rows, _ in groups])
    calls, texts = group == 4, group == 6
    size = person.size
    columns = {
        "consent_id": join("K", number(np.full(size, world.block), 3), number(np.arange(size), 8)),
        "channel": when(texts, "sms", when(calls, "phone", "email")),
        "purpose": pick([purpose for purpose, *_ in groups], group),
        "state": pick([state for _, state, *_ in groups], group),
        "said_at": local(moment),
        "policy": when(moment < START, "2023-01", "2025-01"),
        "proof": when((group < 2) | texts, "web form", "service desk"),
        "email": when(~calls & ~texts, take(people.email, person)),
        "phone": when(calls | texts, written_phone(take(people.phone, person), person)),
    }
    out.csv(world, "data/marketing/consents", columns, delivery_of(np.maximum(moment, START)))


def write_preferences(world: World, people: People, out: Output) -> None:
    """Write what a quarter of the people like to get."""
    rng = world.rng("preferences")
    known = people.has_email | people.has_phone
    person = np.flatnonzero(known & (rng.random(people.size) < 0.25))
    size = person.size
    columns = {
        "preference_id": join("F", number(np.full(size, world.block), 3), number(np.arange(size), 7)),
        "channel": when(rng.random(size) < 0.7, "email", "phone"),
        "language": pick(LANGUAGES, people.language[person]),
        "topics": pick(TOPICS, rng.integers(0, len(TOPICS), size)),
        "frequency": pick(("weekly", "monthly"), rng.integers(0, 2, size)),
        "quiet_hours": when(rng.random(size) < 0.5, "21:00-08:00"),
        "email": take(people.email, person),
        "phone": written_phone(take(people.phone, person), person),
    }
    since = np.maximum(people.joined[person], START)
    out.csv(world, "data/marketing/preferences", columns, delivery_of(since))
