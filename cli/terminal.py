"""The console of commands that print tables: coloured on a terminal, plain and unwrapped in a pipe."""

from rich.console import Console

# Wide enough that no cell is cut or wrapped where nobody looks at columns (a file, `grep`, a test).
PIPE_WIDTH = 240


def console() -> Console:
    """A console on stdout; rich itself honours NO_COLOR and TERM=dumb."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PIPE_WIDTH)
