"""The record: schema, migrations, the store of raw traces, and the only code that writes rows.

Lowest of the packages: it imports none of the others and stores plain values, so an architecture is a
text, a hash and a mapping of parameters. Open it with `db.database.open_database`; write with the verbs of
`db.campaigns`, `db.sessions`, `db.tasks` and `db.windows`; read with `db.queries` and `db.results`.
The values that go in and come out are the dataclasses of `db.rows`; the kinds they name stand in `db.kinds`.
"""
