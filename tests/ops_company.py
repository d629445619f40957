"""A company folder with a few small marts, for tests of what surrounds the models."""

import os
import subprocess
import sys
from pathlib import Path

from cli import runs, warehouse
from cli.config import Company, load_company

PROJECT = Path(__file__).resolve().parent.parent
CANARY = "canary.person@example.com"
CONFIG = """
sources:
  - name: crm
    connector: files
    tables: [{name: contacts, entity: contact, path: data/crm/*.csv, columns: {email: Email}}]
destinations:
  calls: {type: file, path: exports/out/calls.jsonl, format: jsonl}
quality: {max_quarantine: 0.01}
"""


def make_company(folder: Path, config: str = CONFIG) -> Company:
    """Write `cdp.yml` and read it back."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cdp.yml"
    path.write_text(config)
    return load_company(path)


def fill(company: Company, customers: int = 10) -> None:
    """Give the warehouse marts, a ledger and one load that is in balance."""
    with warehouse.connect(company) as con:
        runs.ensure(con)
        con.execute(
            f"""
            create schema if not exists staging;
            create schema if not exists marts;
            create schema if not exists exports;
            create schema if not exists raw_crm;
            create or replace table staging.people as
                select 'c' || range as customer_id, '{CANARY}' as email from range({customers});
            create or replace table marts.customer_360 as
                select
                    customer_id, 'lead' as profile_kind, 1 as orders, email,
                    timestamp '2026-01-01' as first_seen_at, timestamp '2026-02-01' as last_seen_at
                from staging.people;
            create or replace view marts.emails as select customer_id, email from staging.people;
            create or replace table marts."customers__dbt_backup" as select 1 as left_over;
            create or replace table exports.ledger as
                select 'calls' as sync, customer_id as key, email as destination_key, 'acked' as state
                from staging.people;
            create or replace table raw_crm.contacts as
                select email as "Email", null::varchar as _cdp_error from staging.people;
            create or replace table raw_crm._dlt_loads as
                select '1.5' as load_id, 0 as status, timestamptz '2026-01-05 10:00:00+00' as inserted_at;
            create or replace table ops.load_counts as
                select
                    'r' as run_id, 'crm' as source, 'contacts' as table_name, '1.5' as load_id, 1 as load_seq,
                    {customers} as received, {customers} as loaded, 0 as duplicates, 0 as quarantined,
                    0 as suppressed, 0 as corrected, false as is_replay;
            """
        )


def python(code: str, *arguments: object, **environment: str) -> "subprocess.Popen[str]":
    """Start a process that runs `code` in the checkout, its streams as pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=PROJECT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    """Wait until a process says that it is ready."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
