"""What may leave the warehouse: only a finished build whose checks have passed.

`cdp run` stops by itself when the gate closes; this is for `cdp publish` and `cdp export` called by hand, and after a kill.
"""

import duckdb

from cli.errors import BlockedError
from cli.warehouse import has_table


def refuse_unvalidated(con: duckdb.DuckDBPyConnection, doing: str) -> None:
    """Let nothing out that the gate has held back, or has not seen.

    Raises BlockedError (exit 3) for a cut-off build, a build without checks after it, or failed critical checks.
    """
    rows = con.execute(
        "select table_name || ' ' || check_name from ops.quality_results"
        " where not passed and severity = 'critical'"
        " and run_id = (select arg_max(run_id, checked_at) from ops.quality_results) order by 1"
    ).fetchall()
    if rows:
        names = "; ".join(name for (name,) in rows[:5])
        raise BlockedError(
            f"not {doing}: {len(rows)} critical checks failed ({names})",
            hint="`cdp status` lists them; correct the cause and run `cdp run`",
        )
    if not has_table(con, "ops", "build_state"):
        return
    state = con.execute("select run_id, finished from ops.build_state").fetchall()
    if not state or not state[0][1]:
        raise BlockedError(
            f"not {doing}: the last build was cut short", hint="run `cdp run`: it takes up the build"
        )
    checked = con.execute("select coalesce(max(run_id), '') from ops.quality_results").fetchall()
    if checked[0][0] < state[0][0]:
        raise BlockedError(
            f"not {doing}: nothing has been checked since the build of run {state[0][0]}",
            hint="run `cdp validate` first, or `cdp run`",
        )
