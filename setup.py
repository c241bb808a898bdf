"""Compile the kernels; everything else about the package stands in pyproject.toml."""

import runpy
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# No -ffast-math and no fused multiply-add: the NumPy twins must agree bit for bit.
FLAGS = ["-O3", "-ffp-contract=off"]
SOURCES = runpy.run_path("kernels/_sources.py")


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


class Build(build_ext):
    """Compile, and note beside kernels that stay in the checkout what they were compiled from."""

    def run(self) -> None:
        """Write the C of all kernels in one thread, then compile it; metadata wait for neither."""
        written = {made.name: made.sources for made in cythonize(extensions(), language_level=3, force=stale)}
        for extension in self.extensions:
            extension.sources = written[extension.name]
        super().run()

    def copy_extensions_to_source(self) -> None:
        """Put the compiled kernels beside their sources."""
        super().copy_extensions_to_source()
        SOURCES["stamp"]()


stale = SOURCES["stale"]()  # by contents: the times that Cython and the compiler go by may tell otherwise
setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": Build},
    options={"build_ext": {"parallel": True, "force": stale}},  # one compiler a core
)
