"""Templates of requests: `{{column}}` in any text of a JSON body, and in the path of an address.

A body is a tree, not a text: values are put into its leaves and the whole is encoded as JSON afterwards, so no value
can end a string or add a member. A text that is one placeholder and nothing else takes the value with its type.
`{{column | slack}}` escapes what Slack reads as a command (`<!channel>`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pipelines.exports.destinations.exact import plain

PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w. ]*?)\s*(?:\|\s*(\w+)\s*)?\}\}")
FILTERS = ("slack",)


class TemplateError(ValueError):
    """A placeholder that cannot be filled; the message names it and no value."""


def names(node: Any) -> Iterator[str]:
    """The placeholders of a template.

    Raises TemplateError for braces that are none, and for an unknown filter.
    """
    if isinstance(node, Mapping):
        for value in node.values():
            yield from names(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from names(value)
    elif isinstance(node, str):
        if "{{" in PLACE.sub("", node) or "}}" in PLACE.sub("", node):
            raise TemplateError("has braces that are no placeholder; one is written {{column}}")
        for match in PLACE.finditer(node):
            if match[2] and match[2] not in FILTERS:
                raise TemplateError(f"has the unknown filter `{match[2]}`; filters: {', '.join(FILTERS)}")
            yield match[1]


def fill(node: Any, values: Mapping[str, Any]) -> Any:
    """The template with its values, still a tree.

    Raises TemplateError for a placeholder that has no value in this row.
    """
    if isinstance(node, Mapping):
        return {name: fill(value, values) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [fill(value, values) for value in node]
    if not isinstance(node, str):
        return node
    whole = PLACE.fullmatch(node)
    if whole and not whole[2]:
        return _value(whole[1], values)
    return PLACE.sub(lambda match: _filtered(_value(match[1], values), match[2]), node)


def fill_address(template: str, values: Mapping[str, Any]) -> str:
    """The address with its values percent-encoded, each within one part of the path or query.

    Raises TemplateError for a value that would lead to another path: nothing, `.` or `..`.
    """

    def one(match: re.Match[str]) -> str:
        value = plain(_value(match[1], values))
        if value in ("", ".", ".."):
            raise TemplateError(f"`{match[1]}` is empty or no part of an address")
        return quote(value, safe="")

    return PLACE.sub(one, template)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise TemplateError(f"the template names `{name}`, which the sync does not send")
    return values[name]


def _filtered(value: Any, filter_name: str | None) -> str:
    said = plain(value)
    if filter_name == "slack":
        # https://docs.slack.dev/messaging/formatting-message-text: these three, and no others
        said = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return said
