"""What AWS JSON 1.1 services share: the wire format, signatures and policies. Nothing here is about faces."""
