-- Grain: one row per fit and language: what was learnt from the company's own texts and scores, what it was measured to be worth, and
-- what is used. The newest fit decides what text_signals says.
with

fits as (
    select * from {{ ref('text_fits') }}
),

topics as (
    select
        fit_seq,
        language,
        count(*) as topics
    from fits
    where kind = 'topic'
    group by fit_seq, language
),

newest as (
    select max(fit_seq) as fit_seq from fits
),

final as (
    select
        cast(fits.fit_seq as {{ sql_type('string') }}) || '|' || fits.language as text_model_id,
        fits.fit_seq,
        fits.fit_seq = newest.fit_seq as is_current,
        fits.week_start,
        fits.fitted_at,
        fits.language,
        fits.texts,
        fits.n,
        fits.negatives,
        fits.neutrals,
        fits.positives,
        fits.chosen,
        fits.refused_because,
        fits.learnt_accuracy,
        fits.learnt_macro_f1,
        fits.shipped_accuracy,
        fits.shipped_macro_f1,
        fits.majority_accuracy,
        fits.majority_macro_f1,
        fits.lead,
        fits.lead_ci_low,
        fits.lead_ci_high,
        coalesce(topics.topics, 0) as topics
    from fits
    cross join newest
    left join topics on fits.fit_seq = topics.fit_seq and fits.language = topics.language
    where fits.kind = 'sentiment'
)

select * from final
