"""Tests of translation and memory."""
