DELETE FROM _genai.usage_day d WHERE d.bucket = %(day)s
