"""Imported by a fork server at its start, before the modules that the program asked it to preload."""

from __future__ import annotations

from . import install

install()
