"""The survey tool: invitations, and one wide row per response with open text in the person's language.

Answers of the journey  ->  data/survey/invitations*.csv, data/survey/responses*.csv

Previews of the questionnaire come as test rows; a few scores are off their scale, which spoils that
answer and not its row.
"""

import csv
from pathlib import Path

import numpy as np

from demo.columns import Ints, Text, join, local, number, pick, take, when
from demo.journey import DELIVERY, NEVER, SUPPORT, Journey
from demo.naming import LANGUAGES
from demo.output import Output
from demo.people import People
from demo.shop_orders import order_ids
from demo.shops import Shop, written_phone
from demo.world import World, delivery_of

SURVEYS = ("post_delivery", "post_support")
TOUCHPOINTS = ("delivery", "support")
TONES = ("negative", "neutral", "positive")
VARIANTS = 2


def comment_texts() -> list[str]:
    """Return the comments by language, survey, tone and variant, in that order."""
    with (Path(__file__).parent / "comments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        row["text"]
        for language in LANGUAGES
        for topic in TOUCHPOINTS
        for tone in TONES
        for row in rows
        if (row["language"], row["topic"], row["tone"]) == (language, topic, tone)
    ]


def comments(language: Ints, survey: Ints, nps: Ints, variant: Ints) -> Text:
    """Choose the words that fit a score."""
    tone = np.where(nps <= 6, 0, np.where(nps <= 8, 1, 2))
    return pick(comment_texts(), ((language * 2 + survey) * len(TONES) + tone) * VARIANTS + variant)


def contact_points(people: People, shops: tuple[Shop, Shop], journey: Journey) -> tuple[Text, Text]:
    """Return the address and telephone by which each order's buyer is reached."""
    orders = journey.orders
    south = orders.brand == 1
    email = when(south, take(people.shop_email(1), orders.person), take(people.email, orders.person))
    form = np.arange(orders.person.size) % 2
    return email, written_phone(take(people.phone, orders.person), form)


def write_survey(
    world: World, people: People, journey: Journey, shops: tuple[Shop, Shop], out: Output
) -> None:
    """Write both tables."""
    rng = world.rng("survey")
    answers = journey.answers
    size = answers.order.size
    email, phone = (take(column, answers.order) for column in contact_points(people, shops, journey))
    by_mail = people.has_email[journey.orders.person[answers.order]]
    key = join("I", number(np.full(size, world.block), 3), number(np.arange(size), 7))
    ids = {
        "order_id": take(order_ids(shops, journey.orders.person.size), answers.order),
        "ticket_id": when(answers.ticket != NEVER, ticket_ids(world, np.maximum(answers.ticket, 0))),
    }
    arrives = rng.random(size) < 0.97
    invitations = {
        "invitation_id": key,
        "survey": pick(SURVEYS, answers.survey),
        "touchpoint": pick(TOUCHPOINTS, answers.survey),
        "channel": when(by_mail, "email", "sms"),
        "sent_at": local(answers.invited),
        "delivered_at": local(np.where(arrives | (answers.answered != NEVER), answers.invited + 30, NEVER)),
        **ids,
        "email": email,
        "phone": when(~by_mail, phone),
    }
    out.csv(world, "data/survey/invitations", invitations, delivery_of(answers.invited))
    write_responses(world, people, journey, invitations, out)


def ticket_ids(world: World, ticket: Ints) -> Text:
    """Return the help desk's ticket numbers."""
    return join("T", number(np.full(ticket.size, world.block), 3), number(ticket, 7))


def write_responses(
    world: World, people: People, journey: Journey, invitations: dict[str, Text], out: Output
) -> None:
    """Write the answered invitations as wide rows, test rows among them."""
    rng = world.rng("responses")
    answers = journey.answers
    row = np.flatnonzero(answers.answered != NEVER)
    survey, nps = answers.survey[row], answers.nps[row]
    person = journey.orders.person[answers.order[row]]
    support = survey == SUPPORT
    said = rng.random(row.size) < 0.45
    language = people.language[person]
    words = comments(language, survey, nps, rng.integers(0, VARIANTS, row.size))
    is_test = rng.random(row.size) < 0.01
    columns = {
        "response_id": join("A", take(invitations["invitation_id"], row)),
        "invitation_id": take(invitations["invitation_id"], row),
        "survey": take(invitations["survey"], row),
        "touchpoint": take(invitations["touchpoint"], row),
        "channel": take(invitations["channel"], row),
        "answered_at": local(answers.answered[row]),
        "language": pick(LANGUAGES, language),
        "nps": off_scale(world, number(nps), out, answers.answered[row]),
        "csat_delivery": when(survey == DELIVERY, number(answers.csat[row])),
        "csat_support": when(support, number(answers.csat[row])),
        "ease_support": when(support & (rng.random(row.size) < 0.9), number(answers.ease[row])),
        "comment": when(said, words),
        "is_test": when(is_test, "true", "false"),
        "order_id": take(invitations["order_id"], row),
        "ticket_id": take(invitations["ticket_id"], row),
        "email": take(invitations["email"], row),
        "phone": take(invitations["phone"], row),
    }
    out.csv(world, "data/survey/responses", columns, delivery_of(answers.answered[row]))
    out.trap("test_responses", int(is_test.sum()))


def off_scale(world: World, scores: Text, out: Output, answered: Ints) -> Text:
    """Put an impossible score into a few answers of the first delivery."""
    first = np.flatnonzero(delivery_of(answered) == 0)
    rows = world.rng("off-scale").choice(first, min(first.size, 1 + first.size // 1000), replace=False)
    mask = np.zeros(len(scores), dtype=np.bool_)
    mask[rows] = True
    out.planted_in_first(world, "data/survey/responses", "score_out_of_scale", rows.size)
    return when(mask, "42", scores)
