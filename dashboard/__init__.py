"""A dashboard for Superset on the published file: `python -m dashboard --config demo/cdp.yml` writes what it imports."""
