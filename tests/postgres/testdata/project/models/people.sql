-- Names as people have them, and as attackers write them.
select
    person_id,
    name,
    date '2025-01-01' + person_id as joined_on,
    10.0 * person_id as score
from (
    values
    (1, 'Ada'), (2, 'O''Brien'), (3, 'back\slash'), (4, 'two\\slashes'), (5, '''; drop table marts.people; --'),
    (6, 'per%cent'), (7, 'under_score'), (8, '"quoted"'), (9, '$$dollar$$'), (10, 'E''\x27'), (11, '{% raw %}{{ braces }} {% if %}{% endraw %}'),
    (12, 'Zoë ☃ 東京'), (13, 'space at the end '), (14, '%s :name ?'), (15, '')
) as p (person_id, name)
