"""What people do: orders, tickets about them, surveys, calls to detractors, and what follows.

People  ->  orders  ->  tickets  ->  answers  ->  calls  ->  orders that did not happen, taken away

The feedback loop (a detractor nobody calls buys less) needs no walk through time: orders are drawn
as if nothing happened, then those after the first uncalled bad answer are thinned. That answer
belongs to an earlier order, which thinning never touches, so cause stays before effect.
"""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from demo.columns import Bools, Floats, Ints
from demo.people import People
from demo.world import AS_OF, DAY, HOUR, MONTH, START, World, daytime

WEB, APP, STORE, PHONE = range(4)
CHANNELS = ("web", "app", "store", "phone")
DELIVERY, SUPPORT = range(2)
NEVER = -1
FAR = np.iinfo(np.int64).max
PROMISE = 3 * DAY
Rows = TypeVar("Rows", "Orders", "Tickets", "Answers")


@dataclass(frozen=True)
class Orders:
    """One row per order; instants are `NEVER` where nothing happened (yet)."""

    person: Ints
    brand: Ints
    channel: Ints
    mobile: Bools
    ordered: Ints
    promised: Ints
    delivered: Ints
    late: Bools
    cancelled: Bools


@dataclass(frozen=True)
class Tickets:
    """One row per ticket; `order` is a row of Orders."""

    order: Ints
    opened: Ints
    replied: Ints
    solved: Ints
    slow: Bools


@dataclass(frozen=True)
class Answers:
    """One row per invitation; `answered` is `NEVER` without an answer, scores then mean nothing."""

    survey: Ints
    order: Ints
    ticket: Ints
    invited: Ints
    answered: Ints
    nps: Ints
    csat: Ints
    ease: Ints
    called: Ints


@dataclass(frozen=True)
class Journey:
    """All that happened in a block, with row numbers that agree."""

    orders: Orders
    tickets: Tickets
    answers: Answers


def make_journey(world: World, people: People) -> Journey:
    """Simulate the block and take away the orders that uncalled detractors did not place."""
    orders = draw_orders(world, people)
    tickets = draw_tickets(world, orders)
    answers = draw_answers(world, people, orders, tickets)
    placed = draw_placed(world, orders, answers)
    order_number = np.cumsum(placed) - 1
    orders = _keep(orders, placed)
    asked = placed[tickets.order]
    ticket_number = np.where(asked, np.cumsum(asked) - 1, NEVER)
    known = placed[answers.order]
    about = answers.ticket[known]
    answers = replace(
        _keep(answers, known),
        order=order_number[answers.order[known]],
        ticket=np.where(about == NEVER, NEVER, ticket_number[about]) if ticket_number.size else about,
    )
    tickets = _keep(tickets, asked)
    return Journey(orders, replace(tickets, order=order_number[tickets.order]), answers)


def _keep(rows: Rows, mask: Bools) -> Rows:
    return replace(rows, **{field.name: getattr(rows, field.name)[mask] for field in fields(rows)})


def draw_orders(world: World, people: People) -> Orders:
    """Draw orders as a Poisson process per person, oldest first."""
    rng = world.rng("orders")
    since = np.maximum(people.joined, START)
    count = rng.poisson(people.rate * (AS_OF - since) / MONTH)
    person = np.repeat(np.arange(people.size), count)
    ordered = daytime(rng, since[person], AS_OF)
    order = np.argsort(ordered, kind="stable")
    order = order[ordered[order] < AS_OF - HOUR]
    person, ordered = person[order], ordered[order]
    size = person.size
    both = people.uses[person].all(axis=1)
    brand = np.where(both, rng.integers(0, 2, size), people.uses[person, 1].astype(np.int64))
    channel = rng.choice(4, size, p=(0.42, 0.18, 0.32, 0.08))
    mobile = (channel == APP) | (rng.random(size) < 0.5)
    cancelled = rng.random(size) < 0.04
    late = rng.random(size) < world.effects.late_share
    sent = (channel != STORE) & ~cancelled
    promised = np.where(channel != STORE, ordered + PROMISE, NEVER)
    punctual = ordered + (rng.uniform(0.4, 2.9, size) * DAY).astype(np.int64)
    tardy = ordered + PROMISE + (rng.uniform(0.3, 6, size) * DAY).astype(np.int64)
    delivered = np.where(late, tardy, punctual)
    delivered = np.where(sent & (delivered <= AS_OF), delivered, NEVER)
    return Orders(
        person, brand, channel, mobile, ordered, promised, delivered, late & (delivered != NEVER), cancelled
    )


def draw_tickets(world: World, orders: Orders) -> Tickets:
    """Draw tickets about orders: late parcels bring most of them."""
    rng = world.rng("tickets")
    size = orders.ordered.size
    asks = rng.random(size) < np.where(orders.late, 0.30, 0.06)
    begin = np.where(orders.delivered != NEVER, orders.delivered, orders.ordered + DAY)
    opened = begin + (rng.exponential(1.2, size) * DAY).astype(np.int64) + HOUR
    order = np.flatnonzero(asks & (opened < AS_OF))
    opened = opened[order]
    replied = opened + (rng.lognormal(np.log(9), 1.3, order.size) * HOUR).astype(np.int64)
    solved = replied + (rng.lognormal(np.log(20), 1.0, order.size) * HOUR).astype(np.int64)
    slow = replied - opened > world.effects.slow_reply_hours * HOUR
    return Tickets(
        order,
        opened,
        np.where(replied <= AS_OF, replied, NEVER),
        np.where(solved <= AS_OF, solved, NEVER),
        slow,
    )


def draw_answers(world: World, people: People, orders: Orders, tickets: Tickets) -> Answers:
    """Invite after deliveries and solved tickets; some answer, and answers follow the effects."""
    rng = world.rng("answers")
    arrived = np.flatnonzero((orders.delivered != NEVER) & (rng.random(orders.ordered.size) < 0.75))
    solved = np.flatnonzero((tickets.solved != NEVER) & (rng.random(tickets.order.size) < 0.85))
    survey = np.repeat([DELIVERY, SUPPORT], [arrived.size, solved.size])
    order = np.concatenate([arrived, tickets.order[solved]])
    ticket = np.concatenate([np.full(arrived.size, NEVER), solved])
    end = np.concatenate([orders.delivered[arrived], tickets.solved[solved]])
    invited = end + rng.integers(2, 26, order.size) * HOUR
    answered = invited + (rng.exponential(0.8, order.size) * DAY).astype(np.int64) + 60
    answers_it = (rng.random(order.size) < np.where(survey == DELIVERY, 0.36, 0.45)) & (answered <= AS_OF)
    slow = np.concatenate([np.zeros(arrived.size, dtype=np.bool_), tickets.slow[solved]])
    late = orders.late[order] & (survey == DELIVERY)
    taste = people.taste[orders.person[order]]
    nps, csat, ease = draw_scores(world, rng, survey, late, slow, taste)
    answered = np.where(answers_it, answered, NEVER)
    called = draw_calls(world, rng, people.has_phone[orders.person[order]], answered, nps)
    result = Answers(survey, order, ticket, invited, answered, nps, csat, ease, called)
    return _keep(result, invited <= AS_OF)


def draw_scores(
    world: World, rng: np.random.Generator, survey: Ints, late: Bools, slow: Bools, taste: Floats
) -> tuple[Ints, Ints, Ints]:
    """Draw NPS, CSAT and ease of an answer from the planted effects."""
    e = world.effects
    support = survey == SUPPORT
    nps_mean = e.nps_mean + late * e.late_nps_shift + support * e.support_nps_shift
    nps_mean = nps_mean + slow * e.slow_reply_nps_shift + e.nps_taste_loading * taste
    csat_mean = np.where(support, e.support_csat_mean, e.csat_mean) + taste
    csat_mean = csat_mean + late * e.late_csat_shift + slow * e.slow_reply_csat_shift
    ease_mean = e.ease_mean + slow * e.slow_reply_ease_shift + taste
    return (
        _score(rng, nps_mean, e.nps_sd, 0, 10),
        _score(rng, csat_mean, e.csat_sd, 1, 5),
        _score(rng, ease_mean, e.ease_sd, 1, 7),
    )


def _score(rng: np.random.Generator, mean: Floats, sd: float, low: int, high: int) -> Ints:
    drawn = mean + rng.normal(0, sd, mean.size)
    return np.clip(np.floor(drawn + 0.5), low, high).astype(np.int64)


def draw_calls(world: World, rng: np.random.Generator, has_phone: Bools, answered: Ints, nps: Ints) -> Ints:
    """Draw when a detractor was called, at random among those with a telephone."""
    chosen = rng.random(answered.size) < world.effects.called_share
    moment = answered + (rng.uniform(0.1, world.effects.call_within - 1, answered.size) * DAY).astype(
        np.int64
    )
    happens = chosen & has_phone & (answered != NEVER) & (nps <= 6) & (moment <= AS_OF)
    return np.where(happens, moment, NEVER)


def draw_placed(world: World, orders: Orders, answers: Answers) -> Bools:
    """Tell which orders happen: uncalled detractors place only a part of theirs."""
    detractor = (answers.answered != NEVER) & (answers.nps <= 6) & (answers.called == NEVER)
    limit = np.full(int(orders.person.max(initial=0)) + 1, FAR)
    person = orders.person[answers.order[detractor]]
    np.minimum.at(limit, person, answers.answered[detractor] + world.effects.call_within * DAY)
    stays = world.rng("placed").random(orders.ordered.size) < world.effects.uncalled_order_factor
    return (orders.ordered < limit[orders.person]) | stays
