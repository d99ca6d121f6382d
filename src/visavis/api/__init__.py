"""CompareFaces in Amazon's words: what comes in, what goes out, and what each failure is called."""
