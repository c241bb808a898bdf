"""Who said that a model may decide: people with keys, and a file of what they signed that only grows.

Every line of ``SEAMLINE_HOME/models/approvals.jsonl`` is signed by the key of the person that it names
(`keys`) and holds the hash of the line before it (`entry`, `chain`). What follows from all lines together,
which models are signed and which one a station has in use, is computed and stored nowhere else (`ledger`).
The models that ship are signed for part numbers of the demo alone (`shipped`).
"""
