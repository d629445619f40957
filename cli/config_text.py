"""Section `text` of cdp.yml: a company's own rules of topics."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cli.config_sources import Part

Pattern = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=80)]
TopicName = Annotated[str, StringConstraints(pattern=r"^[^,:]{1,60}$")]


class Text(Part):
    """`topics`: name -> words and phrases of any language (`deliver*`: the beginning of a word), beside those of
    seeds/text_topics.csv.
    """

    topics: dict[TopicName, Annotated[list[Pattern], Field(min_length=1)]] = Field(default_factory=dict)
