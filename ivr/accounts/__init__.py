"""Who may use the page and the API: people with a password and a role, programs with a token."""
