"""What networks are computed with: asked of processes of their own, since it is settled once in each."""

import os
import subprocess
import sys

from vision.network import INSTRUCTIONS

TOLD = """
from vision import detect, network, registry

graph = network.compiled(detect.read_network(registry.find("weld-pipe-int8")), 1).get_runtime_model()
print(network.instructions(), *{node.get_rt_info()["primitiveType"].astype(str) for node in graph.get_ops()})
"""


def told(**environment):
    """Return the instructions that a process names, and the kernels of its network's convolutions."""
    own = {name: value for name, value in os.environ.items() if name != INSTRUCTIONS}
    command = [sys.executable, "-c", TOLD]
    said = subprocess.run(command, env=own | environment, capture_output=True, text=True, check=True)
    instructions, *kernels = said.stdout.split()
    return instructions, [kernel for kernel in kernels if "conv" in kernel]


def test_networks_are_given_no_instructions_beyond_those_that_all_processors_answer_alike_with():
    instructions, kernels = told()
    assert instructions == "AVX512_CORE_VNNI"
    assert kernels
    assert not any("amx" in kernel for kernel in kernels)


def test_what_the_environment_names_stands():
    instructions, kernels = told(**{INSTRUCTIONS: "AVX2"})
    assert instructions == "AVX2"
    assert kernels
    assert not any("avx512" in kernel for kernel in kernels)
