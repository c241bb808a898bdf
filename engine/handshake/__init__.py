"""The line's side of a station: a PLC asks for each part by signals and is answered within its time."""
