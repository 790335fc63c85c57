"""Diagnosis: name the cause of a rejection or failure, from a run or from text that a user has."""
