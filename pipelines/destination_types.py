"""Types of destinations: the name in cdp.yml -> the module of `pipelines/exports/destinations` with its `KIND`.

Names only, so that checking cdp.yml loads neither DuckDB nor an HTTP client.
"""

from collections.abc import Mapping

TYPES: Mapping[str, str] = {
    "file": "file",
    "google_customer_match": "google_customer_match",
    "http": "generic_http",
    "hubspot": "hubspot",
    "mailchimp": "mailchimp",
    "meta_custom_audiences": "meta_custom_audiences",
    "postgres": "postgres",
    "salesforce": "salesforce",
}
