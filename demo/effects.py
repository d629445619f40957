"""The planted effects: what is true of the simulated company because it was built so.

Effects (this dataclass)  ->  the generator draws from it  ->  truth/effects.yml is written from it

One place holds each number, so that the file which analyses are judged against cannot disagree
with the data. Shifts act on a latent score that is then rounded and cut to its scale; the
`observed` differences in the file are what such a shift is worth after rounding and cutting.
"""

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

HEADER = """\
# Simulated company: the effects planted by demo/generate.py, true by construction.
# Written from `Effects` in demo/effects.py on every run; it depends on neither seed nor size.
"""


@dataclass(frozen=True)
class Effects:
    """Parameters of the simulation; times in days unless the name says otherwise."""

    late_share: float = 0.15
    taste_sd: float = 0.6
    """Spread of a person's own satisfaction; added, times a loading, to every score."""

    csat_mean: float = 4.35
    csat_sd: float = 0.7
    late_csat_shift: float = -1.4

    nps_mean: float = 8.7
    nps_sd: float = 1.5
    nps_taste_loading: float = 1.4
    late_nps_shift: float = -2.4
    support_nps_shift: float = -1.8
    slow_reply_nps_shift: float = -1.2

    slow_reply_hours: float = 24.0
    support_csat_mean: float = 4.1
    slow_reply_csat_shift: float = -1.1
    ease_mean: float = 5.4
    ease_sd: float = 1.2
    slow_reply_ease_shift: float = -1.5

    call_within: int = 14
    called_share: float = 0.5
    uncalled_order_factor: float = 0.5
    """Orders of a detractor nobody called, from `call_within` days after the answer, as a share."""

    conversion_desktop: float = 0.40
    conversion_mobile: float = 0.25
    open_order_factor: float = 1.0
    """A null effect: people who open mail buy exactly as much as the others."""


def cut_mean(mean: float, sd: float, low: int, high: int) -> float:
    """Return the mean of a normal score after rounding and cutting to `low`..`high`."""
    steps = range(low + 1, high + 1)
    return low + sum(0.5 * math.erfc((step - 0.5 - mean) / (sd * math.sqrt(2))) for step in steps)


def below(mean: float, sd: float, score: int) -> float:
    """Return the share of rounded scores that are `score` or less."""
    return 1 - 0.5 * math.erfc((score + 0.5 - mean) / (sd * math.sqrt(2)))


def observed(effects: Effects) -> dict[str, float]:
    """Return the differences a large sample shows, from the parameters alone."""
    e = effects
    csat_sd = math.hypot(e.csat_sd, e.taste_sd)
    nps_sd = math.hypot(e.nps_sd, e.taste_sd * e.nps_taste_loading)
    ease_sd = math.hypot(e.ease_sd, e.taste_sd)

    def shift(mean: float, by: float, sd: float, low: int, high: int) -> float:
        return round(cut_mean(mean + by, sd, low, high) - cut_mean(mean, sd, low, high), 3)

    return {
        "late_minus_on_time_csat_delivery": shift(e.csat_mean, e.late_csat_shift, csat_sd, 1, 5),
        "late_minus_on_time_nps_score": shift(e.nps_mean, e.late_nps_shift, nps_sd, 0, 10),
        "support_minus_delivery_on_time_nps_score": shift(e.nps_mean, e.support_nps_shift, nps_sd, 0, 10),
        "slow_minus_fast_reply_csat_support": shift(
            e.support_csat_mean, e.slow_reply_csat_shift, csat_sd, 1, 5
        ),
        "slow_minus_fast_reply_ease_support": shift(e.ease_mean, e.slow_reply_ease_shift, ease_sd, 1, 7),
        "detractor_share_delivery_on_time": round(below(e.nps_mean, nps_sd, 6), 3),
        "detractor_share_support_fast_reply": round(below(e.nps_mean + e.support_nps_shift, nps_sd, 6), 3),
        "uncalled_over_called_orders_after": e.uncalled_order_factor,
        "mobile_minus_desktop_conversion": round(e.conversion_mobile - e.conversion_desktop, 3),
        "opened_over_not_opened_orders": e.open_order_factor,
    }


STATEMENTS = {
    "late_delivery_lowers_satisfaction": (
        "An order delivered after its promise lowers csat_delivery and nps_overall of its survey.",
        ("late_minus_on_time_csat_delivery", "late_minus_on_time_nps_score"),
    ),
    "support_drives_detractors": (
        "Answers at the touchpoint support have lower nps_overall than those about a punctual delivery.",
        (
            "support_minus_delivery_on_time_nps_score",
            "detractor_share_delivery_on_time",
            "detractor_share_support_fast_reply",
        ),
    ),
    "slow_first_reply_lowers_support_scores": (
        "A first reply after slow_reply_hours lowers csat_support, ease_support and nps_overall.",
        ("slow_minus_fast_reply_csat_support", "slow_minus_fast_reply_ease_support"),
    ),
    "detractor_not_called_buys_less": (
        "A detractor nobody calls within call_within days orders less afterwards; calls are drawn by lot.",
        ("uncalled_over_called_orders_after",),
    ),
    "mobile_converts_less": (
        "A web session on a mobile device ends in an order less often than one on a desktop.",
        ("mobile_minus_desktop_conversion",),
    ),
    "email_open_has_no_effect": (
        "Null effect: per mail, opening is independent of what the person buys afterwards.",
        ("opened_over_not_opened_orders",),
    ),
}


def effects_text(effects: Effects) -> str:
    """Return the text of truth/effects.yml."""
    values = observed(effects)
    content = {
        "simulated": True,
        "effects": {
            name: {"statement": statement, "observed": {key: values[key] for key in keys}}
            for name, (statement, keys) in STATEMENTS.items()
        },
        "parameters": asdict(effects),
        "family_phones": {"people_per_shared_phone": 2500, "records_each": 1},
    }
    return HEADER + yaml.safe_dump(content, sort_keys=False, width=100)


def write_effects(effects: Effects, path: Path) -> None:
    """Write truth/effects.yml, leaving it alone where it already says the same."""
    text = effects_text(effects)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def parameter_names() -> list[str]:
    """Return the names of all parameters, as they stand in truth/effects.yml."""
    return [field.name for field in fields(Effects)]
