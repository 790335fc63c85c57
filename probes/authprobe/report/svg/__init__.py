"""A run as a picture: the badge and the card."""
