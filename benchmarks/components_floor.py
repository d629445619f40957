"""Bare connected components of a warehouse's identity links: the floor of `identity_speed`, and a process that only does this.

`python -m benchmarks.components_floor WAREHOUSE`
"""

import sys
import time
from pathlib import Path

import duckdb
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def scipy_seconds(warehouse: Path) -> float:
    """Seconds for the links as a graph, numbered by DuckDB, through Arrow into scipy; imports are not among them."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        started = time.perf_counter()
        table = con.execute(
            """
            with linking as (select node_id, value_key from identity.int_identity__linking),
            nodes as (select node_id, row_number() over () - 1 as n from (select distinct node_id from staging.stg_contacts)),
            keys as (select value_key, row_number() over () - 1 as k from (select distinct value_key from linking))
            select nodes.n, keys.k + (select count(*) from nodes) as k
            from linking inner join nodes using (node_id) inner join keys using (value_key)
            """
        ).to_arrow_table()
        a, b = (table.column(name).to_numpy() for name in ("n", "k"))
        size = int(max(a.max(), b.max())) + 1
        connected_components(
            coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size)), directed=False
        )
        return time.perf_counter() - started


if __name__ == "__main__":
    scipy_seconds(Path(sys.argv[1]))
