"""Batches and the server on a Ray cluster. It needs the extra `ray`."""
