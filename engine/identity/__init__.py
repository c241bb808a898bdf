"""Who each part is: where its serial comes from, and how often it was inspected."""
