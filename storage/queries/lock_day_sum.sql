-- Wait for changes of the day's hours that are under way, and let further ones wait. Parameters: day.
SELECT pg_advisory_xact_lock(hashtext('spanledger.day_sum'), (extract(epoch FROM %(day)s::timestamptz) / 86400)::integer)
