"""The console: live pages for people."""
