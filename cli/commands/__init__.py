"""One file per `cdp` command; `cli/main.py` wires them."""
