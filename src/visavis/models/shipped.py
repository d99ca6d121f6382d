"""The names of the embedders that ship with visavis."""

__all__ = ["DEFAULT_EMBEDDER", "SHIPPED_EMBEDDERS"]

DEFAULT_EMBEDDER = "robust-sface"

SHIPPED_EMBEDDERS = (DEFAULT_EMBEDDER, "sface")
"""The names in the manifest. Each embedder has a calibration for each accuracy in `calibrations/`."""
