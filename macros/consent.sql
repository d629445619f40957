{#- Channels with a contact point of their own: mail addresses and telephone numbers. -#}
{% macro mail_channels() -%} 'email', 'mail', 'newsletter' {%- endmacro %}
{% macro telephone_channels() -%} 'phone', 'call', 'sms', 'mms', 'rcs', 'whatsapp', 'viber', 'zalo' {%- endmacro %}

{#- The contact point that a statement on a channel is about. On any other channel (ads, push, letter) null: the caller
    takes every point that is named. -#}
{% macro contact_point_of(channel, email, phone) -%}
    case
        when {{ channel }} in ({{ mail_channels() }}) then {{ email }}
        when {{ channel }} in ({{ telephone_channels() }}) then {{ phone }}
    end
{%- endmacro %}

{% macro has_own_contact_point(channel) -%}
    ({{ channel }} in ({{ mail_channels() }}, {{ telephone_channels() }}))
{%- endmacro %}

{#- The channel of a message event; where the tool does not say, the kind of address it went to tells. -#}
{% macro message_channel() -%}
    coalesce(channel, case when email is not null then 'email' when phone is not null then 'sms' end)
{%- endmacro %}

{#- Channels that reach a person by one medium, under one word: who unsubscribes from the newsletter, or whose address
    bounced it, is no reader of our mail. A complaint about a text message is none about a call. -#}
{% macro channel_family(channel) -%}
    case
        when {{ channel }} in ({{ mail_channels() }}) then 'email'
        when {{ channel }} in ('phone', 'call') then 'phone'
        else {{ channel }}
    end
{%- endmacro %}

{% macro add_days(moment, days) -%} {{ return(adapter.dispatch('add_days')(moment, days)) }} {%- endmacro %}
{% macro duckdb__add_days(moment, days) -%} {{ return('(' ~ moment ~ ' + to_days(' ~ days ~ '))') }} {%- endmacro %}
{% macro default__add_days(moment, days) -%}
    {{ return('(' ~ moment ~ ' + make_dt_interval(' ~ days ~ ', 0, 0, 0))') }}
{%- endmacro %}

{#- A number in [0, 1) that is as good as drawn by lot, and always the same for one text. -#}
{% macro uniform_draw(expression) -%} {{ return(adapter.dispatch('uniform_draw')(expression)) }} {%- endmacro %}
{% macro duckdb__uniform_draw(expression) -%}
    {{ return("(cast('0x' || substr(md5(" ~ expression ~ "), 1, 13) as bigint) / 4503599627370496e0)") }}
{%- endmacro %}
{% macro default__uniform_draw(expression) -%}
    {{ return('(cast(conv(substr(md5(' ~ expression ~ '), 1, 13), 16, 10) as bigint) / 4503599627370496e0)') }}
{%- endmacro %}

{#- Wall time of a UTC timestamp in a zone that a column names; the name must be one of the seed country_timezones. -#}
{% macro local_time_in(expression, zone) -%} {{ return(adapter.dispatch('local_time_in')(expression, zone)) }} {%- endmacro %}
{% macro duckdb__local_time_in(expression, zone) -%}
    {{ return('timezone(' ~ zone ~ ", timezone('UTC', " ~ expression ~ '))') }}
{%- endmacro %}
{% macro default__local_time_in(expression, zone) -%}
    {{ return('from_utc_timestamp(' ~ expression ~ ', ' ~ zone ~ ')') }}
{%- endmacro %}

{#- Minute of the day in one half of `21:00-08:00` (also `9.30 - 8`); null for anything else. -#}
{% macro hours_minute(hours, half) -%}
    {%- set pattern = '^([01]?[0-9]|2[0-3])([:.h]([0-5][0-9]))?[ ]*[-–][ ]*([01]?[0-9]|2[0-3])([:.h]([0-5][0-9]))?$' -%}
    {%- set group = 1 if half == 'from' else 4 -%}
    (
        cast(nullif(regexp_extract(trim({{ hours }}), '{{ pattern }}', {{ group }}), '') as integer) * 60
        + coalesce(cast(nullif(regexp_extract(trim({{ hours }}), '{{ pattern }}', {{ group + 2 }}), '') as integer), 0)
    )
{%- endmacro %}

{#- Is a word in a list that people wrote with commas, semicolons or bars? Null where there is no list. -#}
{% macro has_word(list, word) -%}
    (';' || {{ regexp_replace_all('lower(trim(' ~ list ~ '))', ' *[,;|] *', ';') }} || ';' like '%;' || {{ word }} || ';%')
{%- endmacro %}

{#- Purposes that one may object to and that a channel carries: what manners are about. -#}
{% macro is_optional(purposes) -%}
    ({{ purposes }}.basis in ('consent', 'legitimate_interest') and {{ purposes }}.channel is not null)
{%- endmacro %}

{#- What a JSON object holds under the name in another column, as text. -#}
{% macro json_named(column, name) -%} {{ return(adapter.dispatch('json_named')(column, name)) }} {%- endmacro %}
{% macro duckdb__json_named(column, name) -%}
    {{ return('json_extract_string(try_cast(' ~ column ~ " as json), '$.\"' || replace(" ~ name ~ ", '\"', '') || '\"')") }}
{%- endmacro %}
{% macro default__json_named(column, name) -%}
    {{ return('element_at(from_json(' ~ column ~ ", 'map<string, string>'), " ~ name ~ ')') }}
{%- endmacro %}

{#- Birthdays that a person born on a date has had. -#}
{% macro full_years(born, moment) -%}
    floor((
        (extract(year from {{ moment }}) - extract(year from {{ born }})) * 10000
        + (extract(month from {{ moment }}) - extract(month from {{ born }})) * 100
        + extract(day from {{ moment }}) - extract(day from {{ born }})
    ) / 10000.0)
{%- endmacro %}
