"""A thousand broken messages for each decoder: refused with a reason, or taken; never an exception."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz.mutate import mutated
from bench.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_an_example_is_taken(name):
    target = TARGETS[name]
    for example in target.examples[:1]:
        target.decode(example)


@pytest.mark.parametrize("name", TARGETS)
def test_a_decoder_survives_whatever_it_is_sent(name):
    target = TARGETS[name]

    @settings(max_examples=1000)
    @given(st.integers(0, 2**64 - 1))
    def survives(seed):
        target(mutated(target.examples, random.Random(seed)))

    survives()


@pytest.mark.parametrize("name", TARGETS)
def test_noise_is_survived_too(name):
    @settings(max_examples=100)
    @given(st.binary(max_size=300))
    def survives(data):
        TARGETS[name](data)

    survives()
