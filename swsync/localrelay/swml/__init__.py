"""SWML: documents checked by the published schema's rules, and run on simulated calls."""
