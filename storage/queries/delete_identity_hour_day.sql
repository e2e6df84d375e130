DELETE FROM _genai.usage_person_day d WHERE d.bucket = %(day)s
