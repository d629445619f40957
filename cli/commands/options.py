"""Options that every command shares."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.config import Company

Config = Annotated[
    Path,
    typer.Option("--config", envvar="CDP_CONFIG", help="The company's cdp.yml", show_default="cdp.yml here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object")]
CONFIG = Path("cdp.yml")


def company(path: Path) -> "Company":
    """Read and check the configuration (exit 2 with every problem)."""
    from cli.config import load_company

    return load_company(path)
