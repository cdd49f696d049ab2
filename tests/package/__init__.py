"""Tests of the packages as they are built."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
