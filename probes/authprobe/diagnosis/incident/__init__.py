"""Incidents: several texts about one failure, and the facts that decide between its causes."""
