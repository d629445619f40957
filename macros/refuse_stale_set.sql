{#- `on-run-start`: refuse to build generated models that no longer say what cdp.yml says.
    `cdp` generates before each of its builds; plain dbt in a shell that took in `cdp env` some edits ago would build yesterday's
    rules. dbt reads no files, so DuckDB reads them; elsewhere, and without `cdp env`, nothing is known and nothing refused. -#}
{% macro refuse_stale_set() -%}
    {%- if execute and env_var('CDP_INPUTS_HASH', '') -%} {%- do adapter.dispatch('refuse_stale_set')() -%} {%- endif -%}
{%- endmacro %}

{% macro duckdb__refuse_stale_set() -%}
    {%- set inputs = fromjson(env_var('CDP_INPUTS')) -%}
    {%- set parts -%}
        select md5(content) as part from read_blob([
        {%- for path in inputs['files'] %}'{{ path | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor -%}
        ])
        {%- for pattern in inputs['globs'] %}
        union all
        select parse_filename(file) from glob('{{ pattern | replace("'", "''") }}')
        {%- endfor -%}
    {%- endset -%}
    {%- set found = run_query("select md5(coalesce(string_agg(part, ',' order by part), '')) from (" ~ parts ~ ')') -%}
    {%- if found.columns[0].values()[0] != env_var('CDP_INPUTS_HASH') -%}
        {%- do exceptions.raise_compiler_error(
            'the generated models are stale: cdp.yml, an audience or a prep_ model was changed since `cdp env` printed the variables'
            ~ ' of this shell; run: eval "$(cdp env --config ' ~ inputs['config'] ~ ')" and then dbt again'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__refuse_stale_set() -%} {%- endmacro %}
