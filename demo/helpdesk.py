"""The help desk: tickets, replies to them, and telephone calls, recovery calls to detractors included.

Tickets and calls of the journey  ->  data/helpdesk/{tickets,calls}*.csv, replies*.jsonl

A ticket that is still open at a delivery comes again, solved, in a later one.
"""

import numpy as np

from demo.columns import (
    Ints,
    Text,
    constant,
    iso,
    join,
    json_texts,
    local,
    number,
    pick,
    take,
    when,
)
from demo.journey import NEVER, SUPPORT, Journey
from demo.output import Output
from demo.people import People
from demo.shop_orders import order_ids
from demo.shops import Shop
from demo.survey import comments, contact_points, ticket_ids
from demo.world import HOUR, World, delivery_of

CATEGORIES = ("delivery", "damaged", "invoice", "product_question", "account")
TOUCHPOINTS = ("delivery", "delivery", "payment", "product", "account")
SUBJECTS = ("Where is my order?", "Parcel damaged", "Invoice wanted", "About a product", "Cannot sign in")
CHANNELS = ("email", "chat", "phone", "web")
PRIORITIES = ("low", "normal", "high", "urgent")


def write_helpdesk(
    world: World, people: People, journey: Journey, shops: tuple[Shop, Shop], out: Output
) -> None:
    """Write all three tables."""
    points = contact_points(people, shops, journey)
    write_tickets(world, people, journey, shops, points, out)
    write_replies(world, people, journey, points, out)
    write_calls(world, journey, points, out)


def write_tickets(
    world: World,
    people: People,
    journey: Journey,
    shops: tuple[Shop, Shop],
    points: tuple[Text, Text],
    out: Output,
) -> None:
    """Write tickets as they stood at each delivery."""
    rng = world.rng("ticket-words")
    tickets, orders = journey.tickets, journey.orders
    size = tickets.order.size
    late = orders.late[tickets.order]
    category = np.where(late & (rng.random(size) < 0.8), 0, rng.integers(0, len(CATEGORIES), size))
    names_order = rng.random(size) < 0.85
    by_phone, variant = rng.random(size) < 0.3, rng.integers(0, 2, size)
    drawn = rng.choice(4, size, p=(0.2, 0.55, 0.2, 0.05)), rng.integers(0, len(CHANNELS), size)
    first, last = delivery_of(tickets.opened), delivery_of(tickets.solved)
    again = np.flatnonzero((tickets.solved != NEVER) & (last > first))
    row = np.concatenate([np.arange(size), again])
    delivery = np.concatenate([first, last[again]])
    seen = _seen(tickets.solved[row], delivery)
    replied = _seen(tickets.replied[row], delivery)
    person = orders.person[tickets.order]
    words = comments(people.language[person], np.full(size, SUPPORT), np.zeros(size, np.int64), variant)
    about = take(order_ids(shops, orders.person.size), tickets.order)
    columns = {
        "ticket_id": ticket_ids(world, row),
        "created_at": local(tickets.opened[row]),
        "first_reply_at": local(replied),
        "solved_at": local(seen),
        "updated_at": local(np.maximum(tickets.opened[row], np.maximum(seen, replied))),
        "status": when(seen != NEVER, "solved", when(replied != NEVER, "pending", "open")),
        "priority": take(pick(PRIORITIES, drawn[0]), row),
        "channel": take(pick(CHANNELS, drawn[1]), row),
        "category": pick(CATEGORIES, category[row]),
        "touchpoint": pick(TOUCHPOINTS, category[row]),
        "subject": pick(SUBJECTS, category[row]),
        "body": take(words, row),
        "order_ref": take(when(names_order, about), row),
        "requester_email": take(take(points[0], tickets.order), row),
        "requester_phone": take(when(by_phone, take(points[1], tickets.order)), row),
    }
    out.csv(world, "data/helpdesk/tickets", columns, delivery)


def _seen(moment: Ints, delivery: Ints) -> Ints:
    """Return an instant as far as a delivery can know it."""
    return np.where((moment != NEVER) & (delivery_of(moment) <= delivery), moment, NEVER)


def write_replies(
    world: World, people: People, journey: Journey, points: tuple[Text, Text], out: Output
) -> None:
    """Write what was said in tickets: our first reply, and often a word back."""
    rng = world.rng("replies")
    tickets = journey.tickets
    ours = np.flatnonzero(tickets.replied != NEVER)
    theirs = ours[(rng.random(ours.size) < 0.6) & (tickets.solved[ours] != NEVER)]
    row = np.concatenate([ours, theirs])
    inbound = np.arange(row.size) >= ours.size
    moment = np.where(inbound, (tickets.replied[row] + tickets.solved[row]) // 2, tickets.replied[row])
    person = journey.orders.person[tickets.order[row]]
    mood = np.where(tickets.slow[row], 3, 8)
    words = comments(people.language[person], np.full(row.size, SUPPORT), mood, rng.integers(0, 2, row.size))
    columns = {
        "id": join("R", number(np.full(row.size, world.block), 3), number(np.arange(row.size), 7)),
        "ticket": ticket_ids(world, row),
        "kind": when(row % 3 == 0, "chat", "mail"),
        "direction": when(inbound, "inbound", "outbound"),
        "sentAt": iso(moment),
        "body": when(inbound, words, "Thank you for writing to us, we are looking into it."),
        "customerEmail": take(points[0], tickets.order[row]),
    }
    out.jsonl(world, "data/helpdesk/replies", json_texts(columns, nulls=True), delivery_of(moment))


def write_calls(world: World, journey: Journey, points: tuple[Text, Text], out: Output) -> None:
    """Write recovery calls to detractors, and some calls that tickets brought."""
    rng = world.rng("calls")
    answers, tickets = journey.answers, journey.tickets
    called = np.flatnonzero(answers.called != NEVER)
    rang = np.flatnonzero((rng.random(tickets.order.size) < 0.25) & (tickets.replied != NEVER))
    order = np.concatenate([answers.order[called], tickets.order[rang]])
    recovery = np.arange(order.size) < called.size
    moment = np.concatenate([answers.called[called], tickets.replied[rang] - HOUR // 6])
    ticket = np.concatenate([answers.ticket[called], rang])
    outcome = when(rng.random(order.size) < 0.9, "reached", "voicemail")
    columns = {
        "call_id": join("C", number(np.full(order.size, world.block), 3), number(np.arange(order.size), 7)),
        "kind": constant("call", order.size),
        "direction": when(recovery, "outbound", "inbound"),
        "started_at": local(moment),
        "seconds": number(rng.integers(40, 900, order.size)),
        "outcome": when(recovery, "reached", outcome),
        "purpose": when(recovery, "service recovery", "ticket"),
        "ticket_id": when(ticket != NEVER, ticket_ids(world, np.maximum(ticket, 0))),
        "phone": take(points[1], order),
        "email": when(recovery, take(points[0], order)),
    }
    out.csv(world, "data/helpdesk/calls", columns, delivery_of(moment))
