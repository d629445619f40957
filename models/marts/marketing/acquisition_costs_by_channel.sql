-- Grain: one row per model of attribution, level (channel, campaign), month (reporting zone) and channel or campaign that had
-- spend or won a customer in it. Rows of one model, level and month add up to its spend and, channels, to its new customers.
{% set models = ['last_non_direct', 'first', 'linear'] %}
{% set levels = {'channel': 'channel', 'campaign': 'utm_campaign'} %}
with

clock as (
    select
        as_of,
        {{ local_month('as_of') }} as as_of_month
    from {{ ref('run_clock') }}
),

-- whom nobody knows is a first purchase, but no customer
touches as (
    select
        {{ local_month('attribution.converted_at') }} as month_start,
        attribution.channel,
        attribution.utm_campaign,
        {% for model in models -%}
        attribution.{{ model }}_weight,
        {% endfor -%}
        attribution.conversion_id
    from {{ ref('attribution') }} as attribution
    cross join clock
    where attribution.is_first and attribution.customer_id is not null and attribution.converted_at <= clock.as_of
),

won as (
    {% for model in models %}
    {%- set last = loop.last %}
    {%- for level, column in levels.items() %}
    select
        '{{ model }}' as model,
        '{{ level }}' as level,
        {{ column }} as value,
        month_start,
        sum({{ model }}_weight) as new_customers
    from touches
    where {{ column }} is not null and {{ model }}_weight > 0
    group by {{ column }}, month_start
    {{ 'union all' if not (last and loop.last) }}
    {%- endfor %}
    {%- endfor %}
),

visited as (
    select distinct utm_campaign as word
    from {{ ref('sessions') }}
    where utm_campaign is not null
),

-- visits name a campaign by its number or by its name
titles as (
    select
        campaign_id,
        min(lower(name)) as word
    from {{ ref('stg_campaigns') }}
    where name is not null
    group by campaign_id
    having count(distinct lower(name)) = 1
),

spends as (
    select
        spends.month_start,
        spends.channel,
        coalesce(by_number.word, by_title.word, lower(spends.campaign_id)) as utm_campaign,
        spends.cost
    from {{ ref('int_marketing__spends') }} as spends
    left join titles on spends.campaign_id = titles.campaign_id
    left join visited as by_number on lower(spends.campaign_id) = by_number.word
    left join visited as by_title on titles.word = by_title.word
),

paid as (
    {% for level, column in levels.items() %}
    select
        '{{ level }}' as level,
        {{ column }} as value,
        month_start,
        count(*) as spend_rows,
        -- a sum with a gap is no sum
        case when count(cost) = count(*) then sum(cost) end as spend
    from spends
    where {{ column }} is not null
    group by {{ column }}, month_start
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

cells as (
    select
        model,
        level,
        value,
        month_start
    from won
    {%- for model in models %}
    union
    select
        '{{ model }}' as model,
        level,
        value,
        month_start
    from paid
    {%- endfor %}
),

joined as (
    select
        cells.*,
        coalesce(paid.spend_rows, 0) as spend_rows,
        paid.spend,
        cast(coalesce(won.new_customers, 0) as decimal(28, 12)) as new_customers
    from cells
    left join paid
        on cells.level = paid.level and cells.value = paid.value and cells.month_start = paid.month_start
    left join won
        on
            cells.model = won.model
            and cells.level = won.level
            and cells.value = won.value
            and cells.month_start = won.month_start
),

final as (
    select
        joined.model,
        joined.level,
        joined.value,
        joined.month_start,
        joined.month_start < clock.as_of_month as is_complete,
        cast(joined.spend_rows as bigint) as spend_rows,
        cast(joined.spend as decimal(18, 2)) as spend,
        joined.new_customers,
        cast(joined.spend / nullif(joined.new_customers, 0) as decimal(18, 2)) as cost_per_new_customer,
        case
            when joined.spend_rows = 0 then 'no spend'
            when joined.spend is null then 'no rate'
            when joined.new_customers = 0 then 'no new customer'
        end as missing_because,
        joined.new_customers >= {{ var('min_sample') }} as enough_n
    from joined
    cross join clock
)

select * from final
