-- Grain: one row per audience of the company: its size, its limits, and whether they hold.
with

settings as (
    select * from {{ ref('config_audiences') }}
),

sizes as (
    select
        *,
        row_number() over (partition by audience order by size_seq desc) as age
    from {{ ref('audience_sizes') }}
),

held_out as (
    select
        audience,
        count(*) filter (where is_holdout) as held_out
    from {{ ref('audience_members') }}
    group by audience
),

final as (
    select
        settings.audience,
        sizes.members,
        cast(coalesce(held_out.held_out, 0) as bigint) as held_out,
        sizes.entered,
        sizes.departed,
        sizes.measured_at as changed_at,
        sizes.change_share,
        settings.min_members,
        settings.max_members,
        settings.max_change,
        settings.holdout as holdout_share,
        settings.severity,
        sizes.guard
    from settings
    inner join sizes on settings.audience = sizes.audience and sizes.age = 1
    left join held_out on settings.audience = held_out.audience
)

select * from final
