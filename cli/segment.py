"""The Segment spec as a column mapping: one JSON object per line -> entity `event`.

Source of the field names: Segment's public "Spec: Common Fields" and "Spec: Identify".
"""

from cli.config_sources import Source, Table

COLUMNS: dict[str, str | list[str]] = {
    "message_id": "messageId",
    "type": "type",
    "event_name": ["event", "name"],
    "occurred_at": ["timestamp", "originalTimestamp"],
    "received_at": "receivedAt",
    "anonymous_id": "anonymousId",
    "user_id": "userId",
    "email": ["traits.email", "context.traits.email"],
    "phone": ["traits.phone", "context.traits.phone"],
    "first_name": "traits.firstName",
    "last_name": "traits.lastName",
    "platform": ["context.device.type", "context.platform"],
    "page_url": ["context.page.url", "properties.url"],
    "page_path": ["context.page.path", "properties.path"],
    "referrer": ["context.page.referrer", "properties.referrer"],
    "utm_source": "context.campaign.source",
    "utm_medium": "context.campaign.medium",
    "utm_campaign": "context.campaign.name",
    "user_agent": "context.userAgent",
    "properties": "properties",
}


def with_tables(source: Source) -> Source:
    """Give a `segment` source its one table `events`; other sources pass unchanged."""
    if source.connector != "segment" or source.tables:
        return source
    table = Table(name="events", entity="event", path=source.path, key=["messageId"], columns=dict(COLUMNS))
    return source.model_copy(update={"tables": [table]})
