"""What an incremental build need not run: reading the rows of sources that delivered nothing, the unions, and the seeds.

A source's own models (`rows_*`, `prep_*`, `stg_<source>__*`) read its raw rows and the loads to take in, nothing else. The unions
over them are views, and views and seeds change with the rules only: a build after changed rules, or after one that did not
end, is a full one and runs everything.
"""

import duckdb

from cli.config import Company
from cli.generate import GENERATED_MODELS


def idle(company: Company, con: duckdb.DuckDBPyConnection) -> list[str]:
    """Selections (in dbt's words) of what has nothing to do. Needs the raw tables of every source."""
    return [
        "resource_type:seed",
        f"path:{GENERATED_MODELS}/staging/entities,config.materialized:view",
        *(
            f"path:{GENERATED_MODELS}/staging/{source.name}"
            for source in company.sources
            if not _has_work(con, source.name)
        ),
    ]


def _has_work(con: duckdb.DuckDBPyConnection, source: str) -> bool:
    """Is there a complete load that no finished build has taken in? As `work_loads` sees it."""
    found = con.execute(
        f"""select 1 from raw_{source}._cdp_files as files
            inner join raw_{source}._dlt_loads as loads on files._dlt_load_id = loads.load_id and loads.status = 0
            where files._dlt_load_id not in (select load_id from ops.built_loads where source = ?) limit 1""",
        [source],
    ).fetchone()
    return found is not None
