"""SQL of the models that hold section `web:` of cdp.yml: `config_web` (one row) and `config_web_words`."""

from collections.abc import Callable, Mapping, Sequence

from cli.config_web import Web

Columns = Sequence[tuple[str, str]]
Values = Callable[[Columns, Sequence[Sequence[object]], str], str]
WORDS = (("kind", "string"), ("word", "string"), ("meaning", "string"))


def config_web_models(web: Web, spend_channels: Mapping[str, str], values: Values) -> dict[str, str]:
    """Numbers in one row; names of events, media and channels of spend, words of robots and channels of orders one a row."""
    weights = web.affinity.weights
    numbers = {
        "session_timeout_seconds": ("int", web.session_timeout_minutes * 60),
        "bot_min_events": ("int", web.bots.min_events),
        "bot_seconds_per_event": ("double", web.bots.seconds_per_event),
        "bot_longest_seconds": ("double", web.bots.longest_hours * 3600),
        "lookback_seconds": ("int", web.attribution.lookback_days * 86400),
        "purchase_events": ("string", web.attribution.purchase_events),
        "abandoned_after_seconds": ("int", web.carts.abandoned_after_minutes * 60),
        "lost_after_seconds": ("int", web.carts.lost_after_days * 86400),
        "half_life_seconds": ("double", web.affinity.half_life_days * 86400),
        "weight_viewed": ("double", weights.product_viewed),
        "weight_wished": ("double", weights.wishlist_added),
        "weight_added": ("double", weights.product_added),
        "weight_purchased": ("double", weights.purchased),
        "affinity_top": ("int", web.affinity.top),
    }
    columns = [(name, sql_type) for name, (sql_type, _) in numbers.items()]
    words: list[tuple[str, str, str | None]] = [
        *(("event", name, action) for name, action in web.events.items()),
        *(("medium", name, channel) for name, channel in web.mediums.items()),
        *(("spend_channel", name, channel) for name, channel in spend_channels.items()),
        *(("bot", word, None) for word in dict.fromkeys(web.bots.user_agents)),
        *(("order_channel", word, None) for word in dict.fromkeys(web.carts.order_channels)),
    ]
    return {
        "config_web": values(columns, [[value for _, value in numbers.values()]], "setting of section web"),
        "config_web_words": values(WORDS, words, "name of section web and what it stands for"),
    }
