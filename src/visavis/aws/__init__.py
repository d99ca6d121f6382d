"""What every AWS JSON 1.1 service has in common: the wire, signatures and policies. Nothing here knows of faces."""
