-- Grain: one row per message that is not sent yet: when it is due by the clock of the person, and whether it is quiet there now.
-- Nobody tells us where a person is: the country of the address decides, else of the telephone, else the company's zone. Where
-- that has several zones, it is quiet as long as it is quiet in one of them. Hours that the person stated hold beside the step's.
with

messages as (
    select
        waiting.entry_id,
        waiting.customer_id,
        waiting.channel,
        waiting.waits_to,
        waiting.quiet_from,
        waiting.quiet_to,
        people.phone,
        {{ country_code('people.country') }} as country_code
    from {{ ref('int_triggers__open') }} as waiting
    left join {{ ref('golden_records') }} as people on waiting.customer_id = people.customer_id
    where waiting.waits_to is not null
),

country_zones as (
    select
        country_code,
        calling_code,
        timezone as zone
    from {{ ref('country_timezones') }}
    where is_distinct
),

by_address as (
    select distinct
        messages.entry_id,
        country_zones.zone
    from messages
    inner join country_zones on messages.country_code = country_zones.country_code
),

calling_codes as (
    select distinct
        calling_code,
        zone
    from country_zones
    where calling_code is not null
),

by_phone as (
    {% for digits in [1, 2, 3] %}
    select
        messages.entry_id,
        calling_codes.zone
    from messages
    inner join calling_codes on substr(messages.phone, 2, {{ digits }}) = calling_codes.calling_code
    where messages.entry_id not in (select entry_id from by_address)
    {{ 'union' if not loop.last }}
    {% endfor %}
),

known as (
    select * from by_address
    union all
    select * from by_phone
),

zones as (
    select
        messages.entry_id,
        coalesce(known.zone, '{{ env_var("CDP_TIMEZONE", "UTC") }}') as zone
    from messages
    left join known on messages.entry_id = known.entry_id
),

hours as (
    select
        entry_id,
        quiet_from,
        quiet_to
    from messages
    where quiet_from is not null
    union all
    select
        messages.entry_id,
        {{ quiet_second('preferences.quiet_hours', 'from') }} as quiet_from,
        {{ quiet_second('preferences.quiet_hours', 'to') }} as quiet_to
    from messages
    inner join {{ ref('preferences') }} as preferences on messages.customer_id = preferences.customer_id
    where {{ quiet_second('preferences.quiet_hours', 'from') }} is not null
),

stretches as (
    select
        zones.entry_id,
        zones.zone,
        hours.quiet_from,
        hours.quiet_to
    from zones
    inner join hours on zones.entry_id = hours.entry_id
),

-- the end of one zone's night may lie in another's: twice round reaches a moment that is quiet in none
{% for round in [1, 2] %}
{% set start = 'messages.waits_to' if round == 1 else 'moved_1.due_at' %}
moved_{{ round }} as (
    select
        messages.entry_id,
        max(
            coalesce(
                {{ after_quiet(start, 'stretches.zone', 'stretches.quiet_from', 'stretches.quiet_to') }}, {{ start }}
            )
        ) as due_at
    from messages
    {% if round == 2 %}inner join moved_1 on messages.entry_id = moved_1.entry_id{% endif %}
    left join stretches on messages.entry_id = stretches.entry_id
    group by messages.entry_id
),

{% endfor %}
now_quiet as (
    select
        stretches.entry_id,
        {{ bool_or(
            is_quiet('clock.as_of', 'stretches.zone', 'stretches.quiet_from', 'stretches.quiet_to')
        ) }} as is_quiet
    from stretches
    cross join {{ ref('run_clock') }} as clock
    group by stretches.entry_id
),

final as (
    select
        messages.entry_id,
        moved_2.due_at,
        coalesce(now_quiet.is_quiet, false) as is_quiet
    from messages
    inner join moved_2 on messages.entry_id = moved_2.entry_id
    left join now_quiet on messages.entry_id = now_quiet.entry_id
)

select * from final
