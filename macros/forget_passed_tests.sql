{#- `on-run-start`: what is known of passed tests is nothing as soon as somebody else writes tables.
    `cdp run` does not ask a test again while nothing that it reads was written (cli/tested.py). It says itself what its builds
    write; of plain dbt nobody knows, so the next run asks all tests. -#}
{% macro forget_passed_tests() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot') and not env_var('CDP_KEEPS_EVIDENCE', '') -%}
        {%- set evidence = adapter.get_relation(database=target.database, schema='ops', identifier='passed_tests') -%}
        {%- if evidence -%} delete from {{ evidence }} {%- endif -%}
    {%- endif -%}
{%- endmacro %}
