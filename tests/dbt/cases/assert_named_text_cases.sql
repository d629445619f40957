{{ config(tags=['cases']) }}
-- Fails for every row whose text differs from the expected one. The order of the columns says nothing, nor does a null one;
-- an empty text is a value, and a value that moved to another column makes another text.
with

cases as (
    select * from (
        values
        ('1', '2', 'x', 'B=1|a''b=2|c=x'),
        ('1', null, 'x', 'B=1|c=x'),
        ('1', '', 'x', 'B=1|a''b=|c=x'),
        (null, '1', 'x', 'a''b=1|c=x'),
        (null, null, 'x', 'c=x'),
        (null, null, null, '')
    ) as listed (upper_b, quoted, c, expected)
),

spelled as (
    select
        cases.*,
        replace({{ named_text({'c': 'c', "a'b": 'quoted', 'B': 'upper_b'}) }}, chr(31), '|') as text,
        {{ named_text({}) }} as nothing
    from cases
)

select * from spelled
where text is distinct from expected or nothing is distinct from ''
