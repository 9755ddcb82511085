"""How an MMAR is read, checked and copied."""
