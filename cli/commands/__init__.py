"""One file per `cdp` command; `cli/app.py` wires them."""
