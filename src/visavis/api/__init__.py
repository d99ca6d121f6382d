"""Amazon Rekognition's operations in its own terms: what comes in, what goes out, and the name of each failure."""
