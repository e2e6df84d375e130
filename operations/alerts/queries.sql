-- Evaluating rules and keeping their states (docs/alerts.md).

-- rule_rows --
-- What a rule answers; its function takes the place of THE_RULE.
SELECT (a).* FROM THE_RULE(%(now)s, %(place)s) a

-- detail --
-- The sentence of a row and the parameters of its link.
SELECT d.sentence, d.class, d.query
FROM genai.alert_detail(%(rule)s, ROW(%(env)s, %(data_mode)s, %(service)s, %(endpoint)s, %(prompt_version)s, %(tenant)s,
    %(user)s, %(model)s, %(scope)s, %(owner)s, %(score)s, %(value)s, %(threshold)s, %(baseline)s, %(window_from)s,
    %(window_to)s)::genai.alert_row) d
