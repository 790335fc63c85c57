"""The clients under test: installation, execution and interpretation of their output."""
