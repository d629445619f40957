{{ config(schema='customer') }}
-- Grain: one row per known profile: where its clock stands at as_of, and whether its quiet hours are on.
-- Somebody in a country of several zones is quiet while any of them is: nobody is woken by a guess.
with

people as (
    select
        customer_id,
        country
    from {{ ref('golden_records') }}
),

preferences as (
    select
        customer_id,
        timezone,
        {{ hours_minute('quiet_hours', 'from') }} as quiet_from,
        {{ hours_minute('quiet_hours', 'to') }} as quiet_to
    from {{ ref('preferences') }}
),

settings as (
    select
        config.*,
        clock.as_of
    from {{ ref('config_sending') }} as config
    cross join {{ ref('run_clock') }} as clock
),

zones as (
    select * from {{ ref('country_timezones') }}
),

-- one zone a person, of those their records name
told as (
    select
        owners.customer_id,
        max(contacts.timezone) as timezone
    from {{ ref('stg_contacts') }} as contacts
    inner join {{ ref('node_customers') }} as owners on contacts.node_id = owners.node_id
    where contacts.timezone in (select timezone from zones)
    group by owners.customer_id
),

named as (
    select distinct country from people
    where country is not null
),

countries as (
    select
        country,
        {{ country_code('country') }} as country_code
    from named
),

placed as (
    select
        people.customer_id,
        coalesce(
            case when preferences.timezone in (select timezone from zones) then preferences.timezone end,
            told.timezone
        ) as timezone,
        countries.country_code,
        preferences.quiet_from is not null and preferences.quiet_to is not null as is_personal,
        coalesce(preferences.quiet_from + 0 * preferences.quiet_to, settings.quiet_from) as quiet_from,
        coalesce(preferences.quiet_to + 0 * preferences.quiet_from, settings.quiet_to) as quiet_to
    from people
    cross join settings
    left join preferences on people.customer_id = preferences.customer_id
    left join told on people.customer_id = told.customer_id
    left join countries on people.country = countries.country
),

-- few places and hours, many people: clocks are read once for each
kinds as (
    select distinct
        timezone,
        country_code,
        quiet_from,
        quiet_to
    from placed
),

zoned as (
    select
        kinds.*,
        kinds.timezone as zone,
        'person' as zone_by
    from kinds
    where kinds.timezone is not null
    union all
    select
        kinds.*,
        zones.timezone as zone,
        'country' as zone_by
    from kinds
    inner join zones on kinds.country_code = zones.country_code and zones.is_distinct
    where kinds.timezone is null
    union all
    select
        kinds.*,
        settings.timezone as zone,
        'company' as zone_by
    from kinds
    cross join settings
    where
        kinds.timezone is null
        and (kinds.country_code is null or kinds.country_code not in (select country_code from zones))
),

timed as (
    select
        zoned.*,
        settings.as_of,
        extract(hour from {{ local_time_in('settings.as_of', 'zoned.zone') }}) * 60
        + extract(minute from {{ local_time_in('settings.as_of', 'zoned.zone') }}) as minute_now
    from zoned
    cross join settings
),

judged as (
    select
        *,
        coalesce(
            case
                when quiet_from < quiet_to then minute_now >= quiet_from and minute_now < quiet_to
                when quiet_from > quiet_to then minute_now >= quiet_from or minute_now < quiet_to
            end,
            false
        ) as is_quiet_there
    from timed
),

clocks as (
    select
        timezone,
        country_code,
        quiet_from,
        quiet_to,
        min(zone_by) as zone_by,
        case when count(*) = 1 then min(zone) end as zone,
        {{ bool_or('is_quiet_there') }} as is_quiet,
        max(case when is_quiet_there then mod(cast(quiet_to - minute_now + 1440 as int), 1440) end) as minutes_left,
        min(as_of) as as_of
    from judged
    group by timezone, country_code, quiet_from, quiet_to
),

final as (
    select
        placed.customer_id,
        clocks.zone as timezone,
        clocks.zone_by as timezone_by,
        placed.quiet_from,
        placed.quiet_to,
        case when placed.is_personal then 'person' when placed.quiet_from is not null then 'company' end as quiet_by,
        clocks.is_quiet,
        clocks.as_of + clocks.minutes_left * interval 1 minute as quiet_until
    from placed
    inner join clocks
        on
            coalesce(placed.timezone, '') = coalesce(clocks.timezone, '')
            and coalesce(placed.country_code, '') = coalesce(clocks.country_code, '')
            and coalesce(placed.quiet_from, -1) = coalesce(clocks.quiet_from, -1)
            and coalesce(placed.quiet_to, -1) = coalesce(clocks.quiet_to, -1)
)

select * from final
