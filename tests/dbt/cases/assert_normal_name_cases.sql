{{ config(tags=['cases']) }}
-- Fails for every name whose form to compare by differs from the expected one: titles, scripts, order, and what must be left alone.
with

whole as (
    select 'name' as kind, raw_name, {{ normal_name('raw_name') }} as actual, expected from (
        values
        ('Mr. John Smith Jr.', 'john smith'), ('Dr. Jean-Pierre O’Brien', 'jean pierre obrien'), ('d''Arcy', 'darcy'),
        ('Smith, John', 'john smith'), ('Smith, John, Jr.', 'john smith'), ('Sra. María José', 'maria jose'),
        ('ＪＯＨＮ　Ｓｍｉｔｈ', 'john smith'), ('Bob (Robert) Smith', 'bob smith'), ('Đặng Thị Bé', 'dang thi be'),
        ('Ông Nguyễn Văn A', 'nguyen van a'), ('chị Lan Anh', 'lan anh'), ('Bà Triệu', 'ba trieu'), ('Anh Tuấn', 'anh tuan'),
        ('Anh Nguyễn Văn Tuấn', 'nguyen van tuan'), ('คุณสมชาย ใจดี', 'สมชาย ใจดี'), ('นางสาว สมหญิง', 'สมหญิง'), ('คุณากร', 'คุณากร'),
        ('آقای علي رضائي', 'علی رضایی'), ('علی‌رضا', 'علیرضا'), ('李明先生', '李明'), ('王女士', '王'), ('がく', 'がく'),
        ('Miss', null), ('-', null), ('', null)
    ) as names (raw_name, expected)
),

parts as (
    select
        'given VN' as kind, raw_name, {{ name_part('raw_name', 'whole_name', 'VN', 2) }} as actual, expected
    from (
        select *, {{ normal_name('raw_name') }} as whole_name from (
            values
            ('Nguyễn Văn An', 'an'), ('Phạm Thị Minh Châu', 'chau'), ('Trần, Minh', 'minh'), ('Linh Nguyen', null), ('Lê Trần', null), ('Nguyễn', null)
        ) as vn (raw_name, expected)
    ) as vietnamese
    union all
    select 'family CN', raw_name, {{ name_part('raw_name', 'whole_name', 'CN', 1) }}, expected
    from (
        select *, {{ normal_name('raw_name') }} as whole_name from (
            values ('王小明', '王'), ('欧阳修', '欧阳'), ('田中太郎', null), ('John Li', null)
        ) as cn (raw_name, expected)
    ) as chinese
    union all
    select 'given', raw_name, {{ name_part('raw_name', 'whole_name', '', 2) }}, expected
    from (
        select *, {{ normal_name('raw_name') }} as whole_name from (
            values ('Lovelace, Ada', 'ada'), ('Ada Lovelace', null), ('Nguyễn Văn An', null)
        ) as anywhere (raw_name, expected)
    ) as undeclared
),

roots as (
    select 'root' as kind, raw_name, {{ given_name_root('raw_name') }} as actual, expected
    from (values ('bob', 'robert'), ('liz', 'elizabeth'), ('al', 'al'), ('ada', 'ada'), (null, null)) as listed (raw_name, expected)
)

select * from whole
where actual is distinct from expected
union all
select * from parts
where actual is distinct from expected
union all
select * from roots
where actual is distinct from expected
