"""Types of destinations: the name in cdp.yml -> the module of `pipelines/exports/destinations` with its `KIND`.

A company adds one of its own as a module in its folder, named by its path (`destinations/desk.py`).

Names only, so that checking cdp.yml loads neither DuckDB nor an HTTP client.
"""

from collections.abc import Mapping

OWN = r"^(?!.*\.\.)[\w-][\w./-]*\.py$"
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


def is_own(kind: str) -> bool:
    """Whether a type is a module of the company."""
    return kind.endswith(".py")


def is_known(kind: str) -> bool:
    """Whether a type is one of ours, or a module of the company, which is looked at when it is opened."""
    return kind in TYPES or is_own(kind)
