-- put_setting: a setting that views and panels need.
INSERT INTO _genai.setting (key, value) VALUES (%(key)s, %(value)s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()
WHERE setting.value IS DISTINCT FROM excluded.value
