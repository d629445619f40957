{#- md5 of a row as it was delivered: its columns that are not null, named, in the order of their names, or the line itself
    where it is no row. A column that comes later is null in the rows before it and leaves their hash as it is.
    `relation` is what the row is selected from: the table of raw, or what is prepared from it. A row that was compared
    with raw before it was loaded (a database's, an API's) has its hash from there. -#}
{% macro row_hash(relation) -%}
    {%- set texts = {} -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) if not column.name.lower().startswith(('_cdp_', '_dlt_')) -%}
            {%- set quoted = adapter.quote(column.name) -%}
            {%- do texts.update({column.name: quoted if column.is_string() else 'cast(' ~ quoted ~ ' as ' ~ sql_type('string') ~ ')'}) -%}
        {%- endfor -%}
    {%- endif -%}
    coalesce(_cdp_hash, md5(coalesce(_cdp_raw, {{ named_text(texts) }})))
{%- endmacro %}

{#- One text of texts by name, in the order of the names; those that are null are left out. A row without nulls takes one copy,
    not two. -#}
{% macro named_text(texts) -%}
    {%- set named = texts | dictsort(case_sensitive=true) -%}
    {%- if not named -%} '' {%- else -%}
    case
        when {% for _, text in named %}{{ text }} is not null{{ ' and ' if not loop.last }}{% endfor %}
            then concat(
                {%- for name, text in named %}
                {{ 'chr(31), ' if not loop.first }}'{{ name | replace("'", "''") }}=', {{ text }}{{ ',' if not loop.last }}
                {%- endfor %}
            )
        else concat_ws(
            chr(31)
            {%- for name, text in named %},
            '{{ name | replace("'", "''") }}=' || {{ text }}
            {%- endfor %}
        )
    end
    {%- endif -%}
{%- endmacro %}
