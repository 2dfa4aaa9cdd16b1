"""What rules, actions and channels lack, found without waiting for the night that shows it."""
