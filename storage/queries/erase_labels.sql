-- Parameters: kind, forms.
DELETE FROM _genai.identity_label l WHERE l.kind = %(kind)s AND l.value = ANY(%(forms)s)
