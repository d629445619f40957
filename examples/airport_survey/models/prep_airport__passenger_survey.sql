-- Grain: one row per delivered answer sheet, with its date and the field guide's words for codes we cut by.
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_airport', 'passenger_survey') }}
),

-- INTDATE is a day of May 2017, which began on a Monday
weekdays as (
    select
        *,
        case mod(try_cast(INTDATE as integer) - 1, 7)
            when 0 then 'MON'
            when 1 then 'TUE'
            when 2 then 'WED'
            when 3 then 'THUR'
            when 4 then 'FRI'
            when 5 then 'SAT'
            when 6 then 'SUN'
        end as weekday_of_intdate
    from source
),

final as (
    select
        *,
        -- two sheets contradict themselves: which of the two is wrong cannot be known, so they have no date
        case when weekday_of_intdate = DAY then '2017-05-' || lpad(INTDATE, 2, '0') end as interview_date,
        case METHOD when '1' then 'gate' when '2' then 'mail' when '3' then 'online' end as collection_method,
        case LANG when '1' then 'en' when '2' then 'es' when '3' then 'zh' when '4' then 'ja' end as language,
        case Q15PROBLEM when '1' then 'yes' when '2' then 'no' when '3' then 'unsure' end as problem_met,
        case Q5FIRSTTIME when '1' then 'no' when '2' then 'yes' end as first_time,
        case PEAK when '3' then 'international' when '1' then 'domestic' when '2' then 'domestic' end
            as flight_market,
        case STRATA when '1' then 'before_11' when '2' then '11_to_17' when '3' then 'after_17' end
            as departure_band
    from weekdays
)

select * from final
