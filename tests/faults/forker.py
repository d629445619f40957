"""Trials of `cdp run` or `cdp load` that are killed: forked from a process that has imported dbt, dlt and Great Expectations.

A trial is one JSON line on stdin: {"config": path, "env": {...}, "kill_after": seconds or null,
"command": "run"}; the answer is one line:
{"signal": number or null, "code": exit code or null}. This process itself never opens DuckDB, so that a fork is safe.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Answer trials until stdin ends."""
    import dbt.task.build
    import dbt.task.test  # noqa: F401 - all of it is paid once here, not in every trial
    import dlt.destinations.impl.duckdb.duck  # noqa: F401
    import great_expectations  # noqa: F401
    from dbt.adapters.factory import FACTORY
    from dbt.cli.main import dbtRunner  # noqa: F401

    import cli.main
    import cli.run  # noqa: F401
    from tests.parse_cache import IS_SHORT, shared_file, shared_reading
    from tests.quick_dbt import share_templates

    FACTORY.load_plugin("duckdb")
    with shared_reading():
        print("ready", flush=True)
        for line in sys.stdin:
            # what children have compiled
            if IS_SHORT and (templates := shared_file("templates")):
                share_templates(templates)
            print(json.dumps(trial(json.loads(line))), flush=True)


def trial(wanted: dict[str, object]) -> dict[str, int | None]:
    """Run once in a child; kill it when its time has come."""
    child = os.fork()
    if child == 0:
        _run(wanted)
    limit = wanted.get("kill_after")
    deadline = time.monotonic() + float(str(limit)) if limit is not None else None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            deadline = None
        time.sleep(0.002)
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status), "code": None}
    return {"signal": None, "code": os.WEXITSTATUS(status)}


def _run(wanted: dict[str, object]) -> None:
    log = os.open(str(wanted["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update({str(k): str(v) for k, v in dict(wanted["env"]).items()})  # type: ignore[call-overload]
    sys.argv = ["cdp", str(wanted.get("command", "run")), "--config", str(wanted["config"])]
    code = 1
    try:
        from cli.main import main as cdp

        cdp()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
