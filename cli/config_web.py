"""Section `web:` of `cdp.yml`: sessions, robots, what events and media are called, attribution, carts, affinity."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cli.config_sources import Part
from cli.config_values import Name

Action = Literal[
    "product_viewed",
    "product_added",
    "product_removed",
    "wishlist_added",
    "cart_viewed",
    "checkout_started",
    "purchased",
    "ignored",
]


def _word(value: str) -> str:
    found = " ".join(value.lower().replace("_", " ").split())
    if not found:
        raise ValueError("an empty name")
    return found


def _code(value: str) -> str:
    found = value.lower().strip()
    if not found:
        raise ValueError("an empty name")
    return found


# as the models compare them: `add_to_cart`, `Add To Cart` and `add to cart` are one name
EventName = Annotated[str, AfterValidator(_word)]
Code = Annotated[str, AfterValidator(_code)]


class Bots(Part):
    """What gives a robot away, beside the words of seed `web_agents` in its user agent."""

    user_agents: list[Code] = Field([])
    min_events: int = Field(30, ge=2)
    seconds_per_event: float = Field(0.5, ge=0)
    longest_hours: float = Field(24, gt=0)


class Attribution(Part):
    """How far back a touch counts, and which web purchases count where there are order records too."""

    lookback_days: int = Field(30, ge=1, le=365)
    purchase_events: Literal["auto", "unmatched", "never"] = "auto"


class Carts(Part):
    """When a cart is abandoned, when it is lost, and which orders can end it."""

    abandoned_after_minutes: int = Field(60, ge=1)
    lost_after_days: int = Field(30, ge=1)
    order_channels: list[Code] = Field(["web", "app", "online", "website", "ecommerce"])


class AffinityWeights(Part):
    """Worth of one act, before decay."""

    product_viewed: float = Field(1, ge=0)
    wishlist_added: float = Field(2, ge=0)
    product_added: float = Field(3, ge=0)
    purchased: float = Field(10, ge=0)


class Affinity(Part):
    """Decay and worth of what a person looked at, put into a cart and bought."""

    half_life_days: float = Field(30, gt=0)
    weights: AffinityWeights = AffinityWeights()
    top: int = Field(20, ge=1)


class Web(Part):
    """The website and the app: everything under `web:`; nothing has to be said."""

    session_timeout_minutes: int = Field(30, ge=1, le=1440)
    events: dict[EventName, Action] = Field({})
    mediums: dict[Code, Name] = Field({})
    bots: Bots = Bots()
    attribution: Attribution = Attribution()
    carts: Carts = Carts()
    affinity: Affinity = Affinity()
