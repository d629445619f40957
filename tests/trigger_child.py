"""One export of a company in a process of its own, to be killed: arguments cdp.yml, address, moment, run id."""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb

from cli.config import load_company
from cli.syncs import purpose_specs, sync_specs
from pipelines.exports import run_syncs
from tests.exports_fake import hook


def export(config: Path, url: str, moment: str, run_id: str) -> int:
    """Send every sync of the company to `url`, two rows a request; returns the exit code."""
    company = load_company(config)
    syncs = [replace(sync, destination="hook") for sync in sync_specs(company)]
    now = datetime.fromisoformat(moment)
    with duckdb.connect(str(company.warehouse)) as con:
        result = run_syncs(
            con, syncs, purpose_specs(company), hook(url, batch_size=2), run_id=run_id, as_of=now, now=now
        )
    return result.exit_code


if __name__ == "__main__":
    sys.exit(export(Path(sys.argv[1]), *sys.argv[2:]))
