"""The outbox: what the flow tells others, kept in the database until they have it, at least once."""
