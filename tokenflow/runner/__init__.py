"""What is run: scenarios played through the real engine and HTTP, and the keeper that keeps tokens alive."""
