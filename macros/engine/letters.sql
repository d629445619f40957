{#- Letters of many scripts, engine by engine. -#}

{#- Full-width letters, digits and marks of East Asian keyboards as plain ones, and the wide space. -#}
{% macro half_width(expression) -%}
    case
        when {{ matches(expression, '[！-～　]') }}
            then translate({{ expression }}, '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～　', '!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~ ')
        else {{ expression }}
    end
{%- endmacro %}

{#- What is written but not seen: zero-width marks, direction marks, the soft hyphen, the byte order mark. -#}
{% macro without_invisible(expression) -%}
    {{ regexp_replace_all(expression, '[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]', '') }}
{%- endmacro %}

{#- Lower case without diacritics, as a form to compare by and never to show. Marks that make another letter stay (Thai,
    Japanese, Indian scripts); Arabic letters take their Persian shape, so that one keyboard equals the other. -#}
{% macro folded(expression) -%} {{ return(adapter.dispatch('folded')(expression)) }} {%- endmacro %}
{% macro duckdb__folded(expression) -%}
    case
        when regexp_matches({{ expression }}, '^[ -~]*$') then lower({{ expression }})
        when regexp_matches({{ expression }}, '^[ -~\x{C0}-\x{24F}\x{300}-\x{36F}\x{1E00}-\x{1EFF}]*$')
            then {{ letters_of_their_own('strip_accents(lower(' ~ expression ~ '))') }}
        -- only letters and marks decide: digits and signs of another script are replaced or taken out, here or later
        when regexp_matches(
            {{ regexp_replace_all(expression, '[^\\pL\\pM]', '') }}, '^[\p{Latin}\p{Greek}\p{Cyrillic}\p{Common}\p{Inherited}]*$'
        )
            then {{ letters_of_their_own('strip_accents(lower(' ~ half_width(latin_digits(without_invisible(expression))) ~ '))') }}
        when regexp_matches({{ expression }}, '[\x{C0}-\x{24F}\x{300}-\x{36F}\x{1E00}-\x{1EFF}]')
            then {{ persian_letters(letters_of_their_own(base_letters(
                'lower(nfc_normalize(' ~ half_width(latin_digits(without_invisible(expression))) ~ '))'
            ))) }}
        else {{ persian_letters('lower(nfc_normalize(' ~ half_width(latin_digits(without_invisible(expression))) ~ '))') }}
    end
{%- endmacro %}
{% macro default__folded(expression) -%}
    {{ persian_letters(letters_of_their_own(base_letters(
        'lower(' ~ half_width(latin_digits(without_invisible(expression))) ~ ')'
    ))) }}
{%- endmacro %}

{#- Latin letters with marks as those without, where no function strips marks or must not, because others stand beside them. -#}
{% macro base_letters(expression) -%}
    translate(
        {{ regexp_replace_all(expression, '[\u0300-\u036f]', '') }},
        'àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžơưǎǐǒǔǖǘǚǜǟǡǧǩǫǭǰǵǹǻȁȃȅȇȉȋȍȏȑȓȕȗșțȟȧȩȫȭȯȱȳḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕẖẗẘẙạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ',
        'aaaaaaceeeeiiiinooooouuuuyyaaaccccdeeeeegggghiiiijklllnnnooorrrssssttuuuuuuwyzzzouaiouuuuuaagkoojgnaaaeeiioorruusthaeooooyabbbcdddddeeeeefghhhhhiikkkllllmmmnnnnoooopprrrrsssssttttuuuuuvvwwwwwxxyzzzhtwyaaaaaaaaaaaaeeeeeeeeiioooooooooooouuuuuuuyyyy'
    )
{%- endmacro %}

{#- Letters that are no base with a mark. -#}
{% macro letters_of_their_own(expression) -%}
    replace(replace(replace(translate({{ expression }}, 'đłøħıŧðþŀ', 'dlohitdtl'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')
{%- endmacro %}

{% macro persian_letters(expression) -%}
    {{ regexp_replace_all(
        'translate(' ~ expression ~ ", 'يىئكةۀأإآٱؤ', 'یییکههااااو')", '[ًٌٍَُِّْٰـ]', ''
    ) }}
{%- endmacro %}
