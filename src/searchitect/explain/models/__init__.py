"""What a trained model looks at, and whether such a map can be believed."""
