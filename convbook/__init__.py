"""convbook: a course on convolutional networks."""
