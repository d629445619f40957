"""The operations part of `cdp.yml`: further published files (`publish:`), how fresh a source must be, who is told (`alerts:`)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from cli.config_sources import Part
from cli.config_values import Name

if TYPE_CHECKING:
    from cli.config import Company
    from cli.source_checks import Problem

Text = Annotated[str, Field(min_length=1, max_length=2000)]
ColumnName = Annotated[str, Field(pattern=r"^([A-Za-z_]\w*\.)?[A-Za-z_]\w*$")]
TableName = Annotated[str, Field(pattern=r"^((marts|ops|exports)\.)?[A-Za-z_]\w*$")]


class PublishedFile(Part):
    """A further published file. DuckDB has no users: what a reader may not see is left out of the file.

    `mask: pii` takes away what the column declarations call personal. `where` (SQL on the columns of each table) keeps rows;
    a table that lacks a column of it is left out, unless it is `shared`. `columns` and `tables` list what is allowed in.
    """

    name: Name
    path: str | None = Field(None, pattern=r"\.duckdb$")
    mask: Literal["pii"] | None = None
    where: Text | None = None
    columns: list[ColumnName] = Field([])
    tables: list[TableName] = Field([])
    shared: list[TableName] = Field([])
    mode: str | None = Field(None, pattern=r"^0[0-7]{3}$")
    group: str | None = Field(None, pattern=r"^[A-Za-z_][\w.-]{0,31}$")

    @model_validator(mode="after")
    def _narrower(self) -> "PublishedFile":
        if not (self.mask or self.where or self.columns or self.tables):
            raise ValueError("say what is different in it: `mask`, `where`, `columns` or `tables`")
        if self.shared and not self.where:
            raise ValueError("`shared` is about tables that `where` cannot filter; there is no `where`")
        if self.mode and int(self.mode, 8) & 0o022:
            raise ValueError("`mode` lets others write the file; readers need 0640 or 0644")
        return self


class AlertChannel(Part):
    """Where a change of state is told: a webhook, Slack's incoming webhook, or mail. Secrets by reference (`${NAME}`)."""

    name: Name
    type: Literal["webhook", "slack", "email"]
    only: list[Literal["failed", "blocked", "partial", "stale"]] = Field([])
    """States to be told of; all of them when empty. That one of these has passed is told too."""
    url: str | None = None
    headers: dict[str, str] = Field({})
    host: str | None = None
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = None
    sender: str | None = Field(None, alias="from")
    to: list[str] = Field([])

    @model_validator(mode="after")
    def _whole(self) -> "AlertChannel":
        if self.type == "email":
            if not (self.host and self.sender and self.to):
                raise ValueError("an email channel needs `host`, `from` and `to`")
            if self.password and "${" not in self.password:
                raise ValueError("`password` must be a reference: ${SMTP_PASSWORD}")
        elif not self.url:
            raise ValueError(f"a {self.type} channel needs `url`")
        return self


def operations_problems(company: "Company") -> Iterator["Problem"]:
    """Contradictions between the published files, and between the channels of alerts."""
    names = [channel.name for channel in company.file.alerts]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield ("alerts", number, "name"), f"there are two channels `{name}`"
    taken = {company.warehouse.resolve(): "`warehouse.path`", company.published.resolve(): "`published`"}
    for number, file in enumerate(company.file.publish):
        path = company.published_file(file).resolve()
        if path in taken:
            yield ("publish", number, "name"), f"{path.name} is also the file of {taken[path]}"
        taken[path] = f"`{file.name}`"
