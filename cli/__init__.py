"""The `cdp` command and the run, publish, quality and status logic behind it."""
