"""Types of destinations: the name in cdp.yml -> the module of `pipelines/exports/destinations` with its `KIND`.

Names only, so that checking cdp.yml loads neither DuckDB nor an HTTP client.
"""

from collections.abc import Mapping

TYPES: Mapping[str, str] = {
    "file": "file",
    "http": "generic_http",
    "hubspot": "hubspot",
    "salesforce": "salesforce",
}
