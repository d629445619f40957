"""`connector: segment`: one JSON object per line -> entity `event`, mapped as preset `segment` says."""

from cli import presets
from cli.config_sources import Source


def with_tables(source: Source) -> Source:
    """Give a `segment` source its one table `events`; other sources pass unchanged."""
    if source.connector != "segment" or source.tables:
        return source
    [events] = presets.preset("segment").tables
    return source.model_copy(update={"tables": [events.model_copy(update={"path": source.path})]})
