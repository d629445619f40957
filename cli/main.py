"""`cdp`: runs a command, and turns errors into a line, a hint and an exit code.

Commands that need the run lock ask for it before typer is imported (`cli/early.py`): of ten runs started at once, nine leave
before they cost anything. So nothing but the standard library is imported here at the top.
"""

import os
import sys

from cli import early
from cli.errors import CdpError, Interrupted


def main() -> None:
    """Run the app; every ending has its exit code, none of them is a traceback for a known cause."""
    # Whatever we or the libraries write holds personal data: readable by its owner only, unless said otherwise.
    os.umask(0o077)
    try:
        with early.claimed(sys.argv[1:]):
            code = _run()
        sys.exit(code)
    except CdpError as error:
        _tell(str(error), error.hint)
        sys.exit(error.exit_code)
    except Interrupted as stop:
        _tell(
            "interrupted; what was finished is kept",
            "run `cdp run` again: it takes up where this one stopped",
        )
        _leave(stop.exit_code)
    except KeyboardInterrupt:
        _leave(130)
    except Exception as error:
        from cli.warehouse import is_environment, lacking, translate

        known = translate(error) if is_environment(error) else None
        if known is None and os.environ.get("CDP_DEBUG"):
            raise
        if known := known or lacking(error):
            _tell(str(known), known.hint)
            sys.exit(known.exit_code)
        _tell(
            f"unexpected {type(error).__name__}",
            "run again with CDP_DEBUG=1 for the traceback, and report it",
        )
        sys.exit(1)


def _run() -> int:
    """The exit code of the command on the command line."""
    import logging

    import typer

    # a log file of a library on a full disk: who needed the room says so, and a traceback would show what was to be logged
    logging.raiseExceptions = bool(os.environ.get("CDP_DEBUG"))

    from cli.app import WrongArguments, app

    try:
        code = app(standalone_mode=False)
    except typer.Exit as leaving:
        return leaving.exit_code
    except WrongArguments as error:
        error.show()
        return 2
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _tell(message: str, hint: str | None) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"\nhint: {hint}", file=sys.stderr)


def _leave(code: int) -> None:
    # dbt and dlt may have threads that do not end by themselves; what is durable is on disk already.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
