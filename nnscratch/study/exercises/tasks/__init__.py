"""The exercises: layers, and what training needs besides them."""
