"""Several digits in one picture: the cells of grids and boxes, the order of reading, digits that touch."""
