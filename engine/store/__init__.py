"""The database: which one, its tables, and the rows that land in it."""
