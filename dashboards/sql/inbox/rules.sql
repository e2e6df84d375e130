-- What became of the alerts of each rule, and how many deliveries needed no one.
SELECT r.rule, r.alerts, r.incidents, r.untouched, r.deliveries, r.repeated, r.cooled
FROM genai.panel_alert_rules(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode') r
