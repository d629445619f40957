{#- Engine-specific SQL, dispatched: models and generated staging call these and stay portable. -#}

{% macro sql_type(name) -%} {{ return(adapter.dispatch('sql_type')(name)) }} {%- endmacro %}
{% macro default__sql_type(name) -%} {{ return({'int': 'integer'}.get(name, name)) }} {%- endmacro %}
{% macro duckdb__sql_type(name) -%} {{ return({'string': 'varchar', 'int': 'integer'}.get(name, name)) }} {%- endmacro %}

{% macro try_to(expression, type) -%} {{ return(adapter.dispatch('try_to')(expression, type)) }} {%- endmacro %}
{% macro default__try_to(expression, type) -%} {{ return('try_cast(' ~ expression ~ ' as ' ~ type ~ ')') }} {%- endmacro %}

{% macro try_strptime(expression, pattern) -%} {{ return(adapter.dispatch('try_strptime')(expression, pattern)) }} {%- endmacro %}
{% macro default__try_strptime(expression, pattern) -%}
    {{ return('try_strptime(' ~ expression ~ ", '" ~ pattern | replace("'", "''") ~ "')") }}
{%- endmacro %}

{#- Text with an offset as a UTC timestamp. -#}
{% macro try_instant(expression) -%} {{ return(adapter.dispatch('try_instant')(expression)) }} {%- endmacro %}
{% macro duckdb__try_instant(expression) -%}
    {{ return("timezone('UTC', try_cast(" ~ expression ~ ' as timestamptz))') }}
{%- endmacro %}
{% macro default__try_instant(expression) -%} {{ return('try_cast(' ~ expression ~ ' as timestamp)') }} {%- endmacro %}

{% macro to_utc(expression, timezone) -%} {{ return(adapter.dispatch('to_utc')(expression, timezone)) }} {%- endmacro %}
{% macro duckdb__to_utc(expression, timezone) -%}
    {{ return("timezone('UTC', timezone('" ~ timezone ~ "', " ~ expression ~ '))') }}
{%- endmacro %}
{% macro default__to_utc(expression, timezone) -%}
    {{ return('to_utc_timestamp(' ~ expression ~ ", '" ~ timezone ~ "')") }}
{%- endmacro %}

{#- Wall time of a UTC timestamp in the reporting zone; periods (day, month) are cut in it. -#}
{% macro local_time(expression) -%}
    {{ return(adapter.dispatch('local_time')(expression, env_var('CDP_TIMEZONE', 'UTC'))) }}
{%- endmacro %}
{% macro duckdb__local_time(expression, timezone) -%}
    {{ return(expression if timezone == 'UTC' else "timezone('" ~ timezone ~ "', timezone('UTC', " ~ expression ~ '))') }}
{%- endmacro %}
{% macro default__local_time(expression, timezone) -%}
    {{ return('from_utc_timestamp(' ~ expression ~ ", '" ~ timezone ~ "')") }}
{%- endmacro %}
{% macro local_date(expression) -%} cast({{ local_time(expression) }} as date) {%- endmacro %}

{% macro seconds_between(start, finish) -%} {{ return(adapter.dispatch('seconds_between')(start, finish)) }} {%- endmacro %}
{% macro duckdb__seconds_between(start, finish) -%}
    {{ return('(epoch_us(' ~ finish ~ ') - epoch_us(' ~ start ~ ')) / 1000000.0') }}
{%- endmacro %}
{% macro default__seconds_between(start, finish) -%}
    {{ return('(unix_micros(' ~ finish ~ ') - unix_micros(' ~ start ~ ')) / 1000000.0') }}
{%- endmacro %}

{% macro matches(expression, pattern) -%} {{ return(adapter.dispatch('matches')(expression, pattern)) }} {%- endmacro %}
{% macro duckdb__matches(expression, pattern) -%}
    {{ return('regexp_matches(' ~ expression ~ ", '" ~ pattern ~ "')") }}
{%- endmacro %}
{% macro default__matches(expression, pattern) -%}
    {{ return('(' ~ expression ~ " rlike '" ~ pattern | replace('\\', '\\\\') ~ "')") }}
{%- endmacro %}

{% macro regexp_replace_all(expression, pattern, with) -%}
    {{ return(adapter.dispatch('regexp_replace_all')(expression, pattern, with)) }}
{%- endmacro %}
{% macro duckdb__regexp_replace_all(expression, pattern, with) -%}
    {{ return('regexp_replace(' ~ expression ~ ", '" ~ pattern ~ "', '" ~ with ~ "', 'g')") }}
{%- endmacro %}
{% macro default__regexp_replace_all(expression, pattern, with) -%}
    {{ return(
        'regexp_replace(' ~ expression ~ ", '" ~ pattern | replace('\\', '\\\\') ~ "', '" ~ with | replace('\\', '$') ~ "')"
    ) }}
{%- endmacro %}

{#- Digits of other scripts as 0-9: Arabic, Persian, Indian scripts, Thai, Lao, Burmese, Khmer, full-width (and its plus). -#}
{% macro latin_digits(expression) -%}
    translate(
        {{ expression }},
        '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯੦੧੨੩੪੫੬੭੮੯૦૧૨૩૪૫૬૭૮૯௦௧௨௩௪௫௬௭௮௯౦౧౨౩౪౫౬౭౮౯೦೧೨೩೪೫೬೭೮೯൦൧൨൩൪൫൬൭൮൯๐๑๒๓๔๕๖๗๘๙໐໑໒໓໔໕໖໗໘໙၀၁၂၃၄၅၆၇၈၉០១២៣៤៥៦៧៨៩０１２３４５６７８９＋',
        '{{ '0123456789' * 15 }}+'
    )
{%- endmacro %}

{#- The first match replaced; `\\1` is the first group. Replacing leaves alone what does not match. -#}
{% macro regexp_sub(expression, pattern, to) -%} {{ return(adapter.dispatch('regexp_sub')(expression, pattern, to)) }} {%- endmacro %}
{% macro duckdb__regexp_sub(expression, pattern, to) -%}
    {{ return('regexp_replace(' ~ expression ~ ", '" ~ pattern ~ "', '" ~ to ~ "')") }}
{%- endmacro %}
{% macro default__regexp_sub(expression, pattern, to) -%}
    {{ return('regexp_replace(' ~ expression ~ ", '" ~ pattern | replace('\\', '\\\\') ~ "', '" ~ to | replace('\\', '$') ~ "', 1)") }}
{%- endmacro %}

{#- The first match, '' where there is none. -#}
{% macro regexp_find(expression, pattern) -%} {{ return(adapter.dispatch('regexp_find')(expression, pattern)) }} {%- endmacro %}
{% macro duckdb__regexp_find(expression, pattern) -%} {{ return('regexp_extract(' ~ expression ~ ", '" ~ pattern ~ "')") }} {%- endmacro %}
{% macro default__regexp_find(expression, pattern) -%}
    {{ return('regexp_extract(' ~ expression ~ ", '" ~ pattern | replace('\\', '\\\\') ~ "', 0)") }}
{%- endmacro %}

{% macro unicode_nfc(expression) -%} {{ return(adapter.dispatch('unicode_nfc')(expression)) }} {%- endmacro %}
{% macro duckdb__unicode_nfc(expression) -%} {{ return('nfc_normalize(' ~ expression ~ ')') }} {%- endmacro %}
{% macro default__unicode_nfc(expression) -%} {{ return(expression) }} {%- endmacro %}

{% macro max_by(value, order) -%} {{ return(adapter.dispatch('max_by')(value, order)) }} {%- endmacro %}
{% macro default__max_by(value, order) -%} {{ return('max_by(' ~ value ~ ', ' ~ order ~ ')') }} {%- endmacro %}
{% macro min_by(value, order) -%} {{ return(adapter.dispatch('min_by')(value, order)) }} {%- endmacro %}
{% macro default__min_by(value, order) -%} {{ return('min_by(' ~ value ~ ', ' ~ order ~ ')') }} {%- endmacro %}

{#- Values that are compared one after the other: each breaks ties of those before it. -#}
{% macro ordered_values(values) -%} {{ return(adapter.dispatch('ordered_values')(values)) }} {%- endmacro %}
{% macro duckdb__ordered_values(values) -%} {{ return('row(' ~ values | join(', ') ~ ')') }} {%- endmacro %}
{% macro default__ordered_values(values) -%} {{ return('struct(' ~ values | join(', ') ~ ')') }} {%- endmacro %}

{#- A moment as a number that is smaller the later it is, and greatest where there is none. -#}
{% macro latest_first(moment) -%} {{ return(adapter.dispatch('latest_first')(moment)) }} {%- endmacro %}
{% macro duckdb__latest_first(moment) -%} {{ return('coalesce(-epoch_us(' ~ moment ~ '), 9223372036854775807)') }} {%- endmacro %}
{% macro default__latest_first(moment) -%} {{ return('coalesce(-unix_micros(' ~ moment ~ '), 9223372036854775807)') }} {%- endmacro %}

{#- Columns as one value with a part for each. -#}
{% macro struct_of(columns) -%} {{ return(adapter.dispatch('struct_of')(columns)) }} {%- endmacro %}
{% macro duckdb__struct_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}{%- do parts.append(column ~ ' := ' ~ column) -%}{%- endfor -%}
    {{ return('struct_pack(' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}
{% macro default__struct_of(columns) -%} {{ return('struct(' ~ columns | join(', ') ~ ')') }} {%- endmacro %}

{#- The order of versions of one key: updated_at if declared, then delivery. -#}
{% macro version_order() -%} {{ return(adapter.dispatch('version_order')()) }} {%- endmacro %}
{% macro duckdb__version_order() -%}
    {{ return("row(coalesce(updated_at, timestamp '0001-01-01'), load_seq, file, position)") }}
{%- endmacro %}
{% macro default__version_order() -%}
    {{ return("struct(coalesce(updated_at, timestamp '0001-01-01'), load_seq, file, position)") }}
{%- endmacro %}

{% macro row_as_json(relation_alias) -%} {{ return(adapter.dispatch('row_as_json')(relation_alias)) }} {%- endmacro %}
{% macro duckdb__row_as_json(relation_alias) -%} {{ return('cast(to_json(' ~ relation_alias ~ ') as varchar)') }} {%- endmacro %}
{% macro default__row_as_json(relation_alias) -%} {{ return('to_json(struct(' ~ relation_alias ~ '.*))') }} {%- endmacro %}

{#- Extra mapped columns of a row as one JSON text; pairs of name and SQL. -#}
{% macro attributes_json(pairs) -%}
    {%- if not pairs -%} cast(null as {{ sql_type('string') }})
    {%- else -%} {{ return(adapter.dispatch('attributes_json')(pairs)) }} {%- endif -%}
{%- endmacro %}
{% macro duckdb__attributes_json(pairs) -%}
    cast(json_object({% for name, column in pairs %}'{{ name }}', {{ clean_text(column) }}{{ ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}
{% macro default__attributes_json(pairs) -%}
    to_json(named_struct({% for name, column in pairs %}'{{ name }}', {{ clean_text(column) }}{{ ', ' if not loop.last }}{% endfor %}))
{%- endmacro %}

{#- One attribute out of `attributes`. -#}
{% macro attribute(column, name) -%} {{ return(adapter.dispatch('attribute')(column, name)) }} {%- endmacro %}
{% macro duckdb__attribute(column, name) -%} {{ return('json_extract_string(' ~ column ~ ", '$." ~ name ~ "')") }} {%- endmacro %}
{% macro default__attribute(column, name) -%} {{ return('get_json_object(' ~ column ~ ", '$." ~ name ~ "')") }} {%- endmacro %}
