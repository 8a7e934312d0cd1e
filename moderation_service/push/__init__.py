"""From notifications to what appears on a phone: short texts, and Apprise, which knows the services of push."""
