"""Amazon Rekognition's operations in Amazon's terms: their requests, responses and errors."""
