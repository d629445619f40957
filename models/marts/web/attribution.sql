{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    on_schema_change='append_new_columns',
    touch_column='conversion_id',
    touched_sql='select conversion_id from staging.touched_conversions',
) }}
-- Grain: one row per conversion and touch: the sessions of the buyer in the time before that counts (look-back), the session of
-- the purchase included; one row without a session where there was none, so that nothing is lost when rows are summed.
-- depends_on: {{ ref('touched_conversions') }} {{ ref('int_web__carts') }}
with

settings as (
    select lookback_seconds from {{ ref('config_web') }}
),

conversions as (
    select * from {{ ref('conversions') }}
    {% if is_incremental() %}
    where conversion_id in (select conversion_id from {{ ref('touched_conversions') }})
    {% endif %}
),

sessions as (
    select
        session_id,
        coalesce(customer_id, device_id) as visitor_id,
        started_at,
        channel,
        utm_source,
        utm_medium,
        utm_campaign,
        device_type,
        -- a visit whose origin nobody knows says no more than a direct one
        coalesce(channel, 'direct') = 'direct' as is_direct
    from {{ ref('sessions') }}
    where not is_bot
),

-- the buyer, and where the purchase was made on a device nobody is known on, or another's, that too
visitors as (
    select
        conversion_id,
        converted_at,
        customer_id as visitor_id
    from conversions
    where customer_id is not null
    union all
    select
        conversion_id,
        converted_at,
        visitor_id
    from conversions
    where visitor_id is not null and (visitor_id is distinct from customer_id)
),

touches as (
    select
        visitors.conversion_id,
        sessions.*
    from visitors
    inner join sessions
        on visitors.visitor_id = sessions.visitor_id and visitors.converted_at >= sessions.started_at
    cross join settings
    where {{ seconds_between('sessions.started_at', 'visitors.converted_at') }} <= settings.lookback_seconds
),

numbered as (
    select
        *,
        row_number() over (partition by conversion_id order by started_at, session_id) as touch_no,
        count(*) over (partition by conversion_id) as touches
    from touches
),

credited as (
    select
        *,
        coalesce(
            max(case when not is_direct then touch_no end) over (partition by conversion_id), touches
        ) as credited_no
    from numbered
),

-- of a whole that is split into n parts, part k is what k parts make less what k - 1 made: rounded parts sum to the whole
weighed as (
    select
        conversions.*,
        credited.session_id,
        credited.started_at as touched_at,
        case
            when credited.session_id is null then 'unattributed'
            else coalesce(credited.channel, 'unknown')
        end as channel,
        credited.utm_source,
        credited.utm_medium,
        credited.utm_campaign,
        credited.device_type,
        credited.is_direct,
        coalesce(credited.touches, 0) as touches,
        coalesce(credited.touch_no, 0) as touch_no,
        cast(coalesce(credited.touch_no, 1) = 1 as integer) as is_first_touch,
        cast(coalesce(credited.touch_no = credited.credited_no, true) as integer) as is_credited,
        coalesce(credited.touch_no, 1) * 1e0 / coalesce(credited.touches, 1) as upto,
        (coalesce(credited.touch_no, 1) - 1) * 1e0 / coalesce(credited.touches, 1) as before
    from conversions
    left join credited on conversions.conversion_id = credited.conversion_id
),

final as (
    select
        conversion_id || '/' || cast(touch_no as {{ sql_type('string') }}) as attribution_id,
        conversion_id,
        kind,
        order_key,
        source,
        brand,
        order_channel,
        customer_id,
        visitor_id,
        converted_at,
        {{ local_date('converted_at') }} as converted_on,
        is_first,
        revenue,
        touches,
        touch_no,
        session_id,
        touched_at,
        channel,
        utm_source,
        utm_medium,
        utm_campaign,
        device_type,
        is_direct,
        cast(is_first_touch as decimal(18, 12)) as first_weight,
        cast(is_credited as decimal(18, 12)) as last_non_direct_weight,
        cast(cast(upto as decimal(18, 12)) - cast(before as decimal(18, 12)) as decimal(18, 12)) as linear_weight,
        cast(revenue * is_first_touch as decimal(18, 2)) as first_revenue,
        cast(revenue * is_credited as decimal(18, 2)) as last_non_direct_revenue,
        -- the last part takes what is left: exact whatever the size of the amount
        cast(
            case when touch_no = touches or touches = 0 then revenue else {{ part_of('revenue', 'upto') }} end
            - {{ part_of('revenue', 'before') }} as decimal(18, 2)
        ) as linear_revenue
    from weighed
)

select * from final
