"""Data in (files and spools into raw, through dlt) and data out (exports with their ledger)."""
