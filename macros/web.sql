{#- What web models share: names of events, parts of addresses, one definition of a share's interval. -#}

{#- The name of an event as names are compared: `add_to_cart` and `Add To Cart` are one. -#}
{% macro event_word(column) -%} lower(replace({{ column }}, '_', ' ')) {%- endmacro %}

{#- A parameter of a web address in lower case, decoded; null where it has none or an empty one. Most addresses have none: looking for
    its name first costs a tenth of the expression. -#}
{% macro url_parameter(url, name) -%}
    case
        when instr({{ url }}, '{{ name }}=') > 0
            then nullif(lower(trim(url_decode(replace(regexp_extract({{ url }}, '[?&]{{ name }}=([^&#]*)', 1), '+', ' ')))), '')
    end
{%- endmacro %}

{#- The label of a host before its public ending: google of `www.google.co.uk`, facebook of `m.facebook.com`. -#}
{% macro host_label(host) -%}
    nullif(regexp_extract({{ host }}, '([^.]+)[.](?:(?:com?|org|net|gov|edu|ac|or|ne|go|in)[.][a-z]{2}|[a-z]+)$', 1), '')
{%- endmacro %}

{#- Several values of an object of JSON text in one reading, as a list; `nth` takes one out. -#}
{% macro json_list(column, paths) -%} {{ return(adapter.dispatch('json_list')(column, paths)) }} {%- endmacro %}
{% macro duckdb__json_list(column, paths) -%}
    {{ return("json_extract_string(try_cast(" ~ column ~ " as json), ['$." ~ paths | join("', '$.") ~ "'])") }}
{%- endmacro %}
{% macro default__json_list(column, paths) -%}
    {%- set parts = [] -%}
    {%- for path in paths -%} {%- do parts.append('get_json_object(' ~ column ~ ", '$." ~ path ~ "')") -%} {%- endfor -%}
    {{ return('array(' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}
{% macro nth(list, place) -%} {{ return(adapter.dispatch('nth')(list, place)) }} {%- endmacro %}
{% macro duckdb__nth(list, place) -%} {{ return(list ~ '[' ~ place ~ ']') }} {%- endmacro %}
{% macro default__nth(list, place) -%} {{ return(list ~ '[' ~ (place - 1) ~ ']') }} {%- endmacro %}

{#- One row per record of the list at a key of JSON text, as JSON text; no rows where there is none. -#}
{% macro json_each(column, key) -%} {{ return(adapter.dispatch('json_each')(column, key)) }} {%- endmacro %}
{% macro duckdb__json_each(column, key) -%}
    {{ return('cast(unnest(json_extract(try_cast(' ~ column ~ " as json), '$." ~ key ~ "[*]')) as varchar)") }}
{%- endmacro %}
{% macro default__json_each(column, key) -%}
    {{ return("explode(from_json(get_json_object(" ~ column ~ ", '$." ~ key ~ "'), 'array<string>'))") }}
{%- endmacro %}

{#- An amount that an event gives as text; exponents go through double, what is no amount is null. -#}
{% macro said_amount(text) -%} {{ try_to(try_to(text, 'double'), 'decimal(18, 2)') }} {%- endmacro %}

{#- A share of an amount, in cents. -#}
{% macro part_of(amount, share) -%} cast(cast({{ amount }} as double) * {{ share }} as decimal(18, 2)) {%- endmacro %}

{#- A UTC timestamp so many seconds later. -#}
{% macro plus_seconds(column, seconds) -%} {{ return(adapter.dispatch('plus_seconds')(column, seconds)) }} {%- endmacro %}
{% macro duckdb__plus_seconds(column, seconds) -%} {{ return(column ~ ' + to_seconds(' ~ seconds ~ ')') }} {%- endmacro %}
{% macro default__plus_seconds(column, seconds) -%} {{ return('timestampadd(second, ' ~ seconds ~ ', ' ~ column ~ ')') }} {%- endmacro %}

{#- The page a path or, without one, an address names: no host, query or fragment, no slash at the end, one in a row. Capitals
    stay: servers tell them apart. -#}
{% macro page_of(path, url) -%}
    {%- set bare = regexp_replace_all('coalesce(' ~ path ~ ', ' ~ url ~ ')', '^[A-Za-z]+://[^/?#]*|[?#].*$', '') -%}
    {%- set page = regexp_replace_all(regexp_replace_all(bare, '//+', '/'), '/$', '') -%}
    case when coalesce({{ path }}, {{ url }}) is null then '(no page)' else coalesce(nullif({{ page }}, ''), '/') end
{%- endmacro %}

{#- Visitors whose carts a build replaces, by name: it is also what an incremental model deletes by. A late rate touches nobody, so
    carts with foreign money are counted anew each time. -#}
{% macro touched_visitors_sql() -%}
    select touch_key from staging.touched
    union
    select customer_id from staging.touched_conversions where customer_id is not null
    union
    select former_customer_id from staging.touched_conversions where former_customer_id is not null
    union
    select coalesce(customer_id, device_id) from customer.web_actions where currency <> {{ reporting_currency() }}
{%- endmacro %}
