"""The durable log that stands between the world and the database."""
