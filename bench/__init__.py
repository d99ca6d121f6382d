"""Speed and accuracy, measured. Nothing here is a test: figures are printed, and a person reads them."""
