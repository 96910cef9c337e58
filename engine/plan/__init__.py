"""What a program file would change: against the program that is live, and for the customers in the store."""
