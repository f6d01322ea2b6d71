"""Builds the C module. Everything else about the package is in pyproject.toml."""

import sysconfig

from setuptools import setup

# One wheel serves CPython 3.10 and later; a free-threaded interpreter has no limited API.
limited = not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    cffi_modules=["csrc/build_media.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if limited else {},
)
