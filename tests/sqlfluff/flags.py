"""What dbt's `flags` is to sqlfluff's jinja templater."""

FULL_REFRESH = False
