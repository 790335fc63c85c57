"""Scenario files as tests of pytest: each case is an item, which is probed when it runs."""
