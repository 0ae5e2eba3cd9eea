"""CITATION.cff is a valid citation of this version, and the docs cite the same."""

from __future__ import annotations

from pathlib import Path

import yaml

import karel_gym

ROOT = Path(__file__).resolve().parents[2]
REFERENCE_TYPES = {"conference-paper", "article"}


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    # What the schema of the Citation File Format 1.2.0 demands.
    assert cited["cff-version"] == "1.2.0"
    assert cited["message"]
    assert cited["title"]
    assert all(author.get("name") or author.get("family-names") for author in cited["authors"])
    assert cited["version"] == karel_gym.__version__
    for reference in cited["references"]:
        assert reference["type"] in REFERENCE_TYPES
        assert {"title", "authors", "year"} <= reference.keys()


def test_the_docs_cite_the_same_version_and_papers() -> None:
    page = (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f"version = {{{karel_gym.__version__}}}" in page
    words = " ".join(page.split())
    for reference in cited["references"]:
        assert reference["title"] in words
        assert reference["url"].rpartition("/")[2] in words
