"""What a result is filed under: code, values, files and the recipe that joins them."""
