from bench import ingest


def test_the_three_ways_land_the_same_rows(plain_dsn):
    found = ingest.measure(plain_dsn, rounds=1, size=20_000)
    assert found["rows"] == 20_000
    assert min(found["rows_per_s"], found["vs_copy"], found["vs_executemany"]) > 0
