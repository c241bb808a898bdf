"""Compile the kernels; everything else about the package stands in pyproject.toml."""

from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

# No -ffast-math and no fused multiply-add: the NumPy twins must agree bit for bit.
FLAGS = ["-O3", "-ffp-contract=off"]


def extensions() -> list[Extension]:
    """Return one extension module for each Cython file of ``kernels``."""
    return [
        Extension(
            f"kernels.{path.stem}",
            [str(path)],
            include_dirs=[np.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
            extra_compile_args=FLAGS,
        )
        for path in sorted(Path("kernels").glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(extensions(), language_level=3),
    options={"build_ext": {"parallel": True}},  # one compiler a core
)
