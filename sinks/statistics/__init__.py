"""What statisticians get: published figures, protected before anybody sees them."""
